"""Weights that a Keras model holds and that `model.weights` does not list."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import class_name
from pytest_speedacc.adapters.torch.code import closed_over
from pytest_speedacc.adapters.torch.plain import may_be_learned
from pytest_speedacc.errors import GateError

_OF_TORCH = ("_buffers", "_modules", "_parameters")
"""Where a layer on the torch backend has its variables once more."""


def refuse_hidden_weights(model: Any) -> None:
    """Raise `GateError` for arrays, tensors, variables and layers that a model's own layers hold out of Keras's sight.

    Looked at are the attributes of layers whose classes are not Keras's own, the containers among these, and the
    closures and defaults of functions, those of `Lambda` included.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    known = {id(each) for each in (*layers, *model.variables)}
    for layer in layers:
        for path, value in _held(layer):
            if reason := _why_weights(value, known):
                where = class_name(model) if layer is model else f"{class_name(model)}.{layer.name}"
                raise GateError(f"{where}{path} {reason}")


def _held(layer: Any) -> Iterator[tuple[str, Any]]:
    import keras

    if isinstance(layer, keras.layers.Lambda):
        held = {"function": layer.function}
    else:
        held = {} if type(layer).__module__.startswith("keras.") else vars(layer)
    waiting: list[tuple[str, Any]] = [(f".{name}", value) for name, value in held.items() if name not in _OF_TORCH]
    met: dict[int, Any] = {}
    for path, value in waiting:
        if id(value) in met:
            continue
        met[id(value)] = value
        if isinstance(value, dict):
            waiting += [(f"{path}[{key!r:.40}]", inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple | set):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
        elif isinstance(value, types.FunctionType):
            waiting += [(f"{path}{name}", inner) for name, inner in closed_over(value)]
        else:
            yield path, value


def _why_weights(value: Any, known: set[int]) -> str:
    import keras

    if isinstance(value, keras.Layer):
        is_hidden = id(value) not in known and any(id(weight) not in known for weight in value.weights)
        return (
            f"is a {class_name(value)} with weights, and Keras does not see them there: assign it plainly" * is_hidden
        )
    if isinstance(value, keras.Variable):
        is_hidden = id(value) not in known and value.trainable
        return "is a variable that Keras does not see there: make it with self.add_weight" * is_hidden
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    if not isinstance(value, np.ndarray) or not may_be_learned(value):
        return ""
    return (
        f"holds {value.size:,} numbers that may be learned, and Keras does not see them there: make them a weight with "
        "self.add_weight, which takes trainable=False"
    )
