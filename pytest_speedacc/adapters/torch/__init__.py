"""PyTorch modules, on the processor and on accelerators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, to_array
from pytest_speedacc.adapters.labels import ranking_scores
from pytest_speedacc.adapters.torch.counting import count_parameters
from pytest_speedacc.adapters.torch.hidden import refuse_hidden_weights
from pytest_speedacc.adapters.torch.serialising import distinct, pieces, serialise
from pytest_speedacc.errors import GateError

if TYPE_CHECKING:
    import torch


class TorchAdapter(Adapter):
    """Modules are called as they are, in evaluation and inference mode."""

    framework = "PyTorch"
    counted = (
        "The elements of model.parameters(), trainable or not, tensors that share their storage once, of sparse ones "
        "those that are stored; how many are trainable is said beside the total. Buffers are not counted. A weight of "
        "PyTorch's own quantised modules is the one number that it stands for, without scales and zero points, and how "
        "many have 8 bits or fewer is said too. What other libraries quantise or pack is refused, and so are weights "
        "that PyTorch does not see."
    )
    serialisation = (
        "The safetensors layout of state_dict(): eight bytes, a JSON header sorted by name, and each "
        "distinct tensor's bytes once."
    )
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return "torch.nn.modules.module.Module" in names

    def check_usable(self, model: Any) -> None:
        from torch.nn.parameter import is_lazy

        for name, tensor in _named_tensors(model):
            if is_lazy(tensor):
                raise GateError(
                    f"{class_name(model)}.{name} has no shape yet, for it is lazy. "
                    "Call the model on one batch before the check."
                )
            if tensor.is_meta:
                raise GateError(
                    f"{class_name(model)}.{name} is on the meta device and has no values. Load its weights first."
                )

    def responses(self, model: Any) -> tuple[str, ...]:
        """Whatever the module returns: as predictions, or as the scores that a ranking score takes."""
        return ("predict", "decision_function")

    def is_untyped(self, model: Any) -> bool:
        return True

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        predict: Callable[[Any], Any] = by_name(model) if _is_of_transformers(model) else model
        return predict

    @contextmanager
    def running(self, model: Any) -> Iterator[None]:
        """Evaluation and inference mode; each submodule gets its own training flag back."""
        import torch

        # A frozen script module has no flag, and no mode to leave.
        flags = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
        was_training = getattr(model, "training", False)
        try:
            # An exported program has the mode that it was exported in, and says so.
            with suppress(NotImplementedError):
                model.eval()
            with torch.inference_mode():
                yield
        finally:
            # Some modules act on a change of mode, so it is announced before each flag is put back.
            if was_training:
                with suppress(NotImplementedError):
                    model.train()
            for module, training in flags:
                module.training = training

    def inputs(self, model: Any, inputs: Any) -> Any:
        """Tensors on the model's device; floats of arrays take the model's type, integers keep theirs."""
        import torch

        if isinstance(inputs, torch.Tensor):
            if inputs.layout is not torch.strided:
                raise GateError("a sparse tensor cannot be cut into samples: pass its to_dense().")
            return inputs.to(_device(model))
        if isinstance(inputs, Mapping):
            return {name: self.inputs(model, value) for name, value in inputs.items()}
        if isinstance(inputs, tuple):
            return tuple(self.inputs(model, value) for value in inputs)
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], torch.Tensor):
            shapes = {tuple(each.shape) for each in inputs}
            if len(shapes) > 1:
                raise GateError(
                    f"{class_name(model)} takes tensors, and samples of {len(shapes)} different shapes cannot become "
                    "one: pad them, or pass predict= with a function that takes a list of them."
                )
            return torch.stack(inputs).to(_device(model))
        array = np.asarray(inputs)
        if array.dtype.kind not in "fiub":
            raise GateError(
                f"{class_name(model)} takes tensors, and inputs of type {array.dtype} cannot become one. "
                "Pass numbers, or tensors."
            )
        # A copy, so that a model that writes into its input does not change the user's.
        dtype = _floating_dtype(model) if array.dtype.kind == "f" else None
        return torch.from_numpy(array.copy()).to(_device(model), dtype)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """The output, or its `logits`, as an array; of two class scores a ranking takes the difference."""
        import torch

        output = raw["logits"] if isinstance(raw, Mapping) and "logits" in raw else getattr(raw, "logits", raw)
        if not isinstance(output, torch.Tensor):
            raise GateError(
                f"{class_name(model)} returned a {type(output).__name__}, not a tensor. "
                "Pass predict= with a function that returns the predictions as one array."
            )
        output = output.detach().cpu()
        array: np.ndarray = to_array(output.float() if output.dtype == torch.bfloat16 else output, response)
        return ranking_scores(array) if response == "decision_function" else array

    def count_parameters(self, model: Any) -> ParameterCount:
        return count_parameters(model)

    def serialise(self, model: Any) -> bytes:
        refuse_hidden_weights(model)
        # torch.compile wraps the module and renames its tensors, which changes no byte of the model.
        return serialise(getattr(model, "_orig_mod", model).state_dict())

    def weights_bytes(self, model: Any) -> int | None:
        """Parameters and buffers, tensors that share their storage once."""
        tensors = distinct(tensor for _, tensor in _named_tensors(model))
        return sum(int(piece.nbytes) for tensor in tensors for piece in pieces(tensor).values())

    def synchronise(self, model: Any) -> Callable[[], None] | None:
        waits = [_wait_for(device) for device in _accelerators(model)]
        if len(waits) == 1:
            return waits[0]
        return partial(_call_all, waits) if waits else None

    def device_memory(self, model: Any) -> CudaMemory | None:
        devices = _accelerators(model)
        if others := sorted({device.type for device in devices} - {"cuda"}):
            raise GateError(f"memory on {' and '.join(others)} is not measured: PyTorch keeps no peak of it there")
        return CudaMemory(devices) if devices else None

    def device_name(self, model: Any) -> str:
        """The names of its CUDA devices, each once; of any other device, its type, such as ``mps``."""
        import torch

        devices = _accelerators(model)
        names = {torch.cuda.get_device_name(each) if each.type == "cuda" else each.type for each in devices}
        return ", ".join(sorted(names))


def by_name(model: Any) -> Callable[[Any], Any]:
    """A model of transformers as it is called: with a tokenizer's mapping unpacked, and with anything else as it is."""

    def call(batch: Any) -> Any:
        return model(**batch) if isinstance(batch, Mapping) else model(batch)

    return call


def _is_of_transformers(model: Any) -> bool:
    """Whether this is one, or wraps one: as `torch.compile`, peft and data parallelism do."""
    while True:
        names = {f"{base.__module__}.{base.__qualname__}" for base in type(model).__mro__}
        if "transformers.modeling_utils.PreTrainedModel" in names:
            return True
        if "torch._dynamo.eval_frame.OptimizedModule" in names:
            model = model._orig_mod
        elif "peft.peft_model.PeftModel" in names:
            model = model.get_base_model()
        elif names & {
            "torch.nn.parallel.data_parallel.DataParallel",
            "torch.nn.parallel.distributed.DistributedDataParallel",
        }:
            model = model.module
        else:
            return False


class CudaMemory:
    """The allocator statistics of the CUDA devices that a model is on, added up."""

    def __init__(self, devices: list[torch.device]) -> None:
        self._devices = devices
        self._live = dict.fromkeys(devices, 0)

    def reset(self) -> None:
        """Take what is live now as the zero of the next peak."""
        import torch

        for device in self._devices:
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            self._live[device] = torch.cuda.memory_allocated(device)

    def peak(self) -> int:
        """The most bytes that were live since `reset`, beyond what was live then."""
        import torch

        for device in self._devices:
            torch.cuda.synchronize(device)
        return sum(torch.cuda.max_memory_allocated(device) - live for device, live in self._live.items())


def _wait_for(device: torch.device) -> Callable[[], None]:
    """What waits until a device has finished. Raises GateError for one that has no such thing."""
    import torch

    wait: Callable[..., None] | None = getattr(getattr(torch, device.type, None), "synchronize", None)
    if wait is None:
        raise GateError(
            f"nothing is known that waits for PyTorch's device {device}, so that no call there can be timed: pass "
            "a function that moves the model's answer to the processor."
        )
    return wait if device.type == "mps" else partial(wait, device)  # of which there is one


def _call_all(functions: list[Callable[[], None]]) -> None:
    for function in functions:
        function()


def _named_tensors(model: Any) -> Iterator[tuple[str, Any]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _device(model: Any) -> torch.device:
    """Where the model's first tensor is; a module without tensors runs on the processor."""
    import torch

    return next((tensor.device for _, tensor in _named_tensors(model)), torch.device("cpu"))


def _floating_dtype(model: Any) -> torch.dtype:
    import torch

    dtypes = (tensor.dtype for _, tensor in _named_tensors(model))
    return next((dtype for dtype in dtypes if dtype.is_floating_point), torch.get_default_dtype())


def _accelerators(model: Any) -> list[torch.device]:
    """The devices that its tensors are on, besides the processor; the meta device is none, and computes nothing."""
    devices = {tensor.device for _, tensor in _named_tensors(model)}
    return sorted((each for each in devices if each.type not in ("cpu", "meta")), key=str)
