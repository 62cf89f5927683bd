"""Whether an answer is there: what does its work only when it is looked at would leave that out of the timed call."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.samples import HELD

LATER = {"cupy", "cudf", "jax", "jaxlib", "mlx", "modin"}
"""Packages whose values may be under way when they are returned."""
ARRAY = ("toarray", "detach", "__array_struct__", "__array_interface__", "__array__", "__getitem__")
"""What an array is made by, the first of these that a type has."""
WAITS = ("add_done_callback", "__await__", "__next__", "__call__")
"""What futures, coroutines, iterators and functions have, whose value comes when it is asked for."""
MOST_ELEMENTS = 1000
"""Of a list or an array of objects, whose elements are looked at."""


def check_concrete(answer: Any, *, is_waited_for: bool) -> None:
    """Raises GateError for an answer that may do its work when it is looked at, or that holds such a thing.

    ``is_waited_for`` says that a timed call ends when the accelerator has finished.
    """
    for value in _parts(answer):
        if _is_lazy(value) or not (is_waited_for or _is_there(value)):
            raise _refusal(type(value))


def check_finished(outputs: Any, *, is_waited_for: bool) -> None:
    """The same of the outputs of a step, which may be anything: only what others compute, or may still compute."""
    for value in _parts(outputs):
        if _is_planned(value) or not (is_waited_for or _is_there(value)):
            raise _refusal(type(value))


def _refusal(kind: type) -> GateError:
    return GateError(
        f"the model answers with {_package(kind)}'s {kind.__name__}, which may do its work only when it is "
        "looked at, so that no timed call would hold it: have the call give what is computed, as "
        "predict=lambda model, batch: np.asarray(model(batch)) does."
    )


def _parts(answer: Any) -> Iterator[Any]:
    """The answer and what it holds, one of each type."""
    yield answer
    inside: Iterable[Any] = ()
    if isinstance(answer, dict):
        inside = dict.values(answer)
    elif isinstance(answer, Mapping):
        inside = answer.values()
    elif isinstance(answer, list | tuple):
        # As numpy takes them, whatever a class of the model's own makes of it.
        inside = islice(list.__iter__(answer) if isinstance(answer, list) else tuple.__iter__(answer), MOST_ELEMENTS)
    elif isinstance(answer, np.ndarray) and answer.dtype.kind == "O":
        inside = answer.ravel()[:MOST_ELEMENTS].tolist()
    for value in {type(value): value for value in inside}.values():
        yield from _parts(value)


def _is_there(value: Any) -> bool:
    """Whether no accelerator or thread may still compute it."""
    device = getattr(getattr(value, "device", None), "type", "cpu")  # of a tensor; others name theirs otherwise
    return _package(type(value)) not in LATER and device == "cpu"


def _is_lazy(value: Any) -> bool:
    kind = type(value)
    if _is_planned(value):
        return True
    if isinstance(value, list | tuple | dict | np.ndarray):
        return False  # numpy takes these as they are
    if _package(kind) in HELD:
        return kind.__name__ == "LazyFrame"
    if any(_owners(kind, WAITS)):
        return True
    owner = next(_owners(kind, ARRAY), None)
    return owner is not None and _package(owner) not in HELD and _package(owner) not in sys.stdlib_module_names


def _is_planned(value: Any) -> bool:
    graph = getattr(value, "__dask_graph__", None)
    return callable(graph) and graph() is not None


def _owners(kind: type, names: Iterable[str]) -> Iterator[type]:
    """The classes that give a type's instances attributes of these names."""
    return (base for name in names for base in kind.__mro__ if name in vars(base))


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
