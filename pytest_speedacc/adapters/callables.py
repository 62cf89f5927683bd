"""Models of no known framework: whatever can be called on a batch, or has a `predict` method."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name
from pytest_speedacc.adapters.pickling import canonical_pickle
from pytest_speedacc.errors import GateError


class PredictorAdapter(Adapter):
    """Objects with a `predict` method, whose insides are not known."""

    framework = "any object with predict"
    counted = "Nothing: what such an object has learned cannot be told from outside."
    serialisation = (
        "Pickle protocol 5 of the object after one pass through pickle, without what `functools.cached_property` has "
        "kept and how far random numbers are drawn."
    )

    def recognises(self, names: frozenset[str]) -> bool:
        """Never by name: it serves what no other adapter recognises."""
        return False

    def count_parameters(self, model: Any) -> ParameterCount:
        raise GateError(
            f"the parameters of {_described(model)} cannot be counted: it belongs to no known framework. "
            "Pass the framework's own model, register an adapter (pytest_speedacc.adapters.register), "
            "or drop the limit."
        )

    def serialise(self, model: Any) -> bytes:
        return canonical_pickle(model)


class CallableAdapter(PredictorAdapter):
    """Functions, methods and callable objects, called with a batch of inputs."""

    framework = "any callable"
    serialisation = "Pickle protocol 5 of a callable object after one pass through pickle; functions have no size."

    def check_usable(self, model: Any) -> None:
        if isinstance(model, type):
            raise GateError(f"{model.__name__} is a class, not a model. Pass an instance of it, fitted.")

    def responses(self, model: Any) -> tuple[str, ...]:
        return ("predict",)

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        predict: Callable[[Any], Any] = model
        return predict

    def is_untyped(self, model: Any) -> bool:
        return True

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """The output as it is. Raises `GateError` for labels where the samples are to be ranked."""
        array = super().predictions(model, raw, response)
        if response != "decision_function":
            return array
        if array.dtype.kind not in "iuf" or (array.dtype.kind != "f" and np.isin(array, (0, 1)).all()):
            raise GateError(
                f"{_described(model)} returned labels, and the score ranks the samples: return a probability or a "
                "score for each, or choose another score."
            )
        return array

    def serialise(self, model: Any) -> bytes:
        if _is_code(model):
            raise GateError(
                f"{_described(model)} has no size: pickle keeps a function by its name, not by what it uses. "
                "Pass the model itself, or drop the limit."
            )
        return super().serialise(model)


def _is_code(model: Any) -> bool:
    """Whether a callable is code, which carries whatever it has learned out of sight."""
    return isinstance(model, functools.partial) or inspect.isroutine(model)


def _described(model: Any) -> str:
    if isinstance(model, functools.partial):
        return f"a partial of {_described(model.func)}"
    name = getattr(model, "__qualname__", None)
    return f"the function {name}" if name else class_name(model)
