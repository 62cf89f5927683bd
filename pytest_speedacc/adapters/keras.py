"""Keras 3 models, on any of its backends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, DeviceMemory, ParameterCount, class_name, to_array
from pytest_speedacc.adapters.hidden_in_keras import refuse_hidden_weights
from pytest_speedacc.adapters.labels import from_probabilities, ranking_scores
from pytest_speedacc.adapters.torch import TorchAdapter
from pytest_speedacc.errors import GateError


class KerasAdapter(Adapter):
    """Models are called as functions, `model(batch, training=False)`, which `model.predict` wraps for large sets."""

    framework = "Keras"
    counted = (
        "The elements of model.weights, trainable or not, shared ones once, as model.count_params() gives them: with "
        "the moving statistics of batch normalisation and what normalisation has adapted to (its count of batches "
        "included), without the optimizer's state, seeds and metrics. Quantised layers are refused, and so are weights "
        "that Keras does not see."
    )
    serialisation = (
        "Eight bytes, a JSON header with each weight's shape and type, and each weight's bytes once, in the order of "
        "model.weights. Without names: Keras numbers layers by what the process has built before."
    )
    own_format = True
    finishes = True

    def recognises(self, names: frozenset[str]) -> bool:
        return "keras.src.models.model.Model" in names

    def check_usable(self, model: Any) -> None:
        for layer in [model, *model._flatten_layers(include_self=False)]:
            if not layer.built:
                raise GateError(
                    f"{class_name(model)} is not built: the layer {layer.name} has no weights yet. "
                    "Call the model on one batch before the check."
                )

    def responses(self, model: Any) -> tuple[str, ...]:
        """Probabilities where the last layer's activation says so, else scores; and predictions from either."""
        return ("predict", "predict_proba") if _gives_probabilities(model) else ("predict", "decision_function")

    def classes(self, model: Any) -> Any:
        """Numbers, where the output is probabilities."""
        if not _gives_probabilities(model):
            return None
        shape = getattr(model, "output_shape", None)
        columns = shape[-1] if isinstance(shape, tuple) else getattr(model.layers[-1], "units", None)
        return None if columns is None else range(max(2, columns))

    def is_untyped(self, model: Any) -> bool:
        return not _gives_probabilities(model)

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        def call(batch: Any) -> Any:
            return model(batch, training=False)

        def finished(batch: Any) -> Any:
            import jax

            return jax.block_until_ready(call(batch))

        return finished if _backend() == "jax" else call

    @contextmanager
    def running(self, model: Any) -> Iterator[None]:
        """Without gradients, which only the torch backend would keep."""
        if not _on_torch(model):
            yield
            return
        import torch

        with torch.no_grad():
            yield

    def inputs(self, model: Any, inputs: Any) -> Any:
        """Tensors of the backend; floats take the type that Keras computes in, integers and text keep theirs."""
        import keras

        if isinstance(inputs, Mapping):
            return {name: self.inputs(model, value) for name, value in inputs.items()}
        if isinstance(inputs, tuple):
            return tuple(self.inputs(model, value) for value in inputs)
        if keras.ops.is_tensor(inputs):
            return inputs
        array = np.asarray(inputs)
        if array.dtype.kind not in "fiub":
            raise GateError(
                f"{class_name(model)} takes tensors, and inputs of type {array.dtype} cannot become one. "
                "Pass numbers, or tensors."
            )
        return keras.ops.convert_to_tensor(array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """Labels where the output is probabilities, else scores, of which a ranking of two takes the difference."""
        import keras

        if not keras.ops.is_tensor(raw):
            raise GateError(
                f"{class_name(model)} returned a {type(raw).__name__}, not a tensor. "
                "Pass predict= with a function that returns the predictions as one array."
            )
        array = to_array(keras.ops.convert_to_numpy(raw), response)
        if _gives_probabilities(model):
            return from_probabilities(array[:, 0] if array.shape[1:] == (1,) else array, response)
        return ranking_scores(array) if response == "decision_function" else array

    def count_parameters(self, model: Any) -> ParameterCount:
        weights = _weights(model)
        for weight in weights:
            if _is_narrow(weight):
                raise GateError(
                    f"{class_name(model)} keeps {weight.path} as {weight.dtype}: its weights are quantised or packed, "
                    "and several may be in one element. Count the model before that, or gate its size instead "
                    "(max_model_size)."
                )
        _refuse_unseen_weights(model)
        trainable = sum(_elements(weight) for weight in weights if weight.trainable)
        return ParameterCount(sum(map(_elements, weights)), {"weights": len(weights), "trainable": trainable})

    def serialise(self, model: Any) -> bytes:
        _refuse_unseen_weights(model)
        weights = _weights(model)
        header = json.dumps([[list(weight.shape), str(weight.dtype)] for weight in weights], separators=(",", ":"))
        return b"".join([len(header).to_bytes(8, "little"), header.encode(), *map(_bytes, weights)])

    def weights_bytes(self, model: Any) -> int | None:
        """Of all weights, shared ones once."""
        return sum(len(_bytes(weight)) for weight in _weights(model))

    def synchronise(self, model: Any) -> Callable[[], None] | None:
        """As PyTorch's; the calls of JAX wait by themselves, and nothing waits for TensorFlow's accelerators."""
        if _on_torch(model):
            return TorchAdapter().synchronise(model)
        if _backend() == "tensorflow" and (name := self.device_name(model)):
            raise GateError(
                f"nothing is known that waits for TensorFlow's {name}, so that no call there can be timed: run Keras "
                "on PyTorch or JAX there, or hide the device."
            )
        return None

    def device_memory(self, model: Any) -> DeviceMemory | None:
        if _on_torch(model):
            return TorchAdapter().device_memory(model)
        if name := self.device_name(model):
            raise GateError(f"memory on {name} is not measured: {_backend()} keeps no peak that can be set back")
        return None

    def device_name(self, model: Any) -> str:
        """As PyTorch's; on JAX as JAX names it, and on TensorFlow its type."""
        if _on_torch(model):
            return TorchAdapter().device_name(model)
        values = [weight.value for weight in _weights(model)]
        names: set[str] = set()
        if _backend() == "jax":
            names = {each.device_kind for value in values for each in value.devices() if each.platform != "cpu"}
        elif _backend() == "tensorflow":
            # As in "/job:localhost/replica:0/task:0/device:GPU:0".
            names = {value.device.rpartition("device:")[2].partition(":")[0] for value in values} - {"", "CPU"}
        return ", ".join(sorted(names))


def _backend() -> str:
    import keras

    return str(keras.backend.backend())


def _gives_probabilities(model: Any) -> bool:
    """Whether the last layer is a softmax, or a single sigmoid: of several each stands for a label of its own."""
    last = (getattr(model, "layers", None) or [None])[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    return activation == "softmax" or (activation == "sigmoid" and getattr(last, "units", None) == 1)


def _weights(model: Any) -> list[Any]:
    """Every weight once, in the model's order."""
    return list({id(weight): weight for weight in model.weights}.values())


def _elements(weight: Any) -> int:
    return int(np.prod(weight.shape, dtype=np.int64))


def _is_narrow(weight: Any) -> bool:
    """Whether its elements have eight bits or fewer, as quantised ones have; wider integers are counts and steps."""
    return str(weight.dtype).removeprefix("u").startswith(("int8", "int4", "float8"))


def _bytes(weight: Any) -> bytes:
    import keras

    data: bytes = keras.ops.convert_to_numpy(weight.value).tobytes()
    return data


def _on_torch(model: Any) -> bool:
    return any(base.__module__.startswith("torch.nn.") for base in type(model).__mro__)


def _refuse_unseen_weights(model: Any) -> None:
    """Raise `GateError` for weights that are hidden, or the backend's own and not the model's."""
    refuse_hidden_weights(model)
    if not _on_torch(model):
        return
    known = {weight.value.data_ptr() for weight in model.variables}
    for name, parameter in model.named_parameters():
        # Quantisation leaves the weights that it replaced behind among Keras's own.
        if parameter.data_ptr() not in known and "_torch_params" not in name:
            raise GateError(
                f"{class_name(model)}.{name} is a torch.nn.Parameter that Keras does not count among the model's "
                "weights. Make it with self.add_weight."
            )
