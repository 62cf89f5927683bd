"""What the code of functions and of a module's `forward` reads that no attribute holds: closures, defaults, globals."""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from typing import Any

import numpy as np


def of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The defaults and the closure of a function, and what its code reads of its module's globals."""
    yield from closed_over(function)
    values = {name: function.__globals__.get(name) for name in _names(function.__code__)}
    if held := {name: value for name, value in values.items() if _may_lead_to_weights(value, function)}:
        read = _globals(function.__code__)
        yield from ((f".{name}", value) for name, value in held.items() if name in read)


def closed_over(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The defaults and the closure of a function."""
    yield from ((".__defaults__", function.__defaults__), (".__kwdefaults__", function.__kwdefaults__))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".{name}", cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def of_forward(kind: type) -> Iterator[tuple[str, types.FunctionType]]:
    """The `forward` of a class of modules, what that calls of its own class, and so on; of torch's classes nothing.

    Not all methods: those that train, load or plot read data that are no part of the model.
    """
    waiting, met = ["forward"], set()
    for name in waiting:
        found = next((vars(base)[name] for base in _own_bases(kind) if name in vars(base)), None)
        found = getattr(found, "fget", getattr(found, "__func__", found))  # of a property, or a static or class method
        while isinstance(found, types.FunctionType) and found not in met:
            met.add(found)
            yield name, found
            waiting += _names(found.__code__)
            found = vars(found).get("__wrapped__")


def _own_bases(kind: type) -> Iterator[type]:
    return (base for base in kind.__mro__ if base.__module__.split(".")[0] not in ("torch", "builtins"))


def _may_lead_to_weights(value: Any, reader: types.FunctionType) -> bool:
    """Whether a global is one of these, holds some, or is a function of the same module, which may read some."""
    import torch

    if isinstance(value, types.FunctionType):
        return value.__module__ == reader.__module__
    return isinstance(value, torch.Tensor | torch.nn.Module | np.ndarray) or type(value) in (dict, list, tuple)


def _names(code: types.CodeType) -> list[str]:
    """Of globals and attributes alike, those of functions within it included."""
    return [*code.co_names, *(name for inner in _inner(code) for name in _names(inner))]


def _globals(code: types.CodeType) -> set[str]:
    read = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return read.union(*map(_globals, _inner(code)))


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]
