"""Answers that are there, and those that may do their work when they are looked at."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
from collections import OrderedDict, UserDict, deque, namedtuple
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.concrete import check_concrete, check_finished

ROWS = np.arange(6.0).reshape(3, 2)


class Colour(enum.Enum):
    RED = 1


class Own(list[int]):
    """A list, which numpy takes as it is."""

    def __getitem__(self, place: Any) -> Any:
        raise AssertionError


class Lazy:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return ROWS


class Sequence:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int) -> int:
        return place


class Delayed:
    def __dask_graph__(self) -> dict[str, int]:
        return {}


def frame() -> Any:
    return pytest.importorskip("pandas").DataFrame(ROWS)


def lazy_frame() -> Any:
    class Lazily(type(frame())):  # type: ignore[misc]
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return ROWS

    return Lazily(ROWS)


THERE = {
    "none": lambda: None,
    "array": lambda: ROWS,
    "subclass": lambda: ROWS.view(np.recarray),
    "scalar": lambda: np.float32(1),
    "texts": lambda: ["yes", "no"],
    "numbers": lambda: (1, 2.5, True, 3j),
    "nested": lambda: [[1, [2, np.ones(2)]], [3]],
    "mapping": lambda: [OrderedDict(no=0.2, yes=0.8)],
    "standard": lambda: deque([1, 2]),
    "plain objects": lambda: [decimal.Decimal(1), datetime.date(2026, 1, 1), Colour.RED, None, SimpleNamespace()],
    "named": lambda: namedtuple("Out", "a b")(ROWS, 1),
    "own list": lambda: Own([1, 2]),
    "objects": lambda: np.array(["a", None], dtype=object),
    "frame": frame,
    "series": lambda: frame()[0],
    "categories": lambda: pytest.importorskip("pandas").Categorical(["a", "b"]),
    "polars": lambda: pytest.importorskip("polars").DataFrame({"a": [1]}),
    "sparse": lambda: pytest.importorskip("scipy.sparse").csr_matrix(ROWS),
    "tensor": lambda: pytest.importorskip("torch").ones(3),
}
NOT_YET = {
    "own array": (Lazy, "test_concrete's Lazy"),
    "own sequence": (Sequence, "test_concrete's Sequence"),
    "in a list": (lambda: [ROWS, Lazy()], "test_concrete's Lazy"),
    "deep": (lambda: {"a": [(1, Lazy())]}, "test_concrete's Lazy"),
    "in an array": (lambda: np.array([1, Future()], dtype=object), "concurrent's Future"),
    "future": (Future, "concurrent's Future"),
    "own future": (lambda: asyncio.Future(loop=asyncio.new_event_loop()), "_asyncio's Future"),
    "iterator": (lambda: iter([1]), "builtins's list_iterator"),
    "generator": (lambda: (each for each in "ab"), "builtins's generator"),
    "functions": (lambda: [lambda: 1], "builtins's function"),
    "delayed": (lambda: [Delayed()], "test_concrete's Delayed"),
    "own frame": (lazy_frame, "test_concrete's Lazily"),
    "polars": (lambda: pytest.importorskip("polars").LazyFrame({"a": [1]}), "polars's LazyFrame"),
    "dask": (lambda: pytest.importorskip("dask").delayed(sum)([1]), "dask's Delayed"),
}


@pytest.mark.parametrize("answer", THERE.values(), ids=THERE)
def test_what_is_there_is_taken(answer: Any) -> None:
    check_concrete(answer(), is_waited_for=False)


@pytest.mark.parametrize(("answer", "named"), NOT_YET.values(), ids=NOT_YET)
def test_what_may_be_computed_later_is_refused_by_name(answer: Any, named: str) -> None:
    with pytest.raises(
        GateError, match=f"^the model answers with {named}, which may do its work only when it is looked"
    ):
        check_concrete(answer(), is_waited_for=True)


def test_what_an_accelerator_computes_is_there_where_it_is_waited_for() -> None:
    array = type("Array", (), {"__module__": "jaxlib.array", "__array__": None})()
    tensor = SimpleNamespace(device=SimpleNamespace(type="cuda"))
    for answer in (array, tensor, [tensor]):
        check_concrete(answer, is_waited_for=True)
        with pytest.raises(GateError, match=r"'s (Array|SimpleNamespace), which may do its work only when"):
            check_concrete(answer, is_waited_for=False)


@pytest.mark.parametrize("answer", [*THERE.values(), Lazy, Sequence], ids=[*THERE, "own array", "own sequence"])
def test_a_step_may_answer_with_anything_that_is_there(answer: Any) -> None:
    check_finished(answer(), is_waited_for=False)


def test_what_a_step_leaves_to_others_is_refused_by_name() -> None:
    array = type("Array", (), {"__module__": "jaxlib.array", "__array__": None})()
    tensor = SimpleNamespace(device=SimpleNamespace(type="mps"))
    for outputs in (array, {"ids": [1], "hidden": tensor}, UserDict(hidden=tensor), (ROWS, [array])):
        check_finished(outputs, is_waited_for=True)
        with pytest.raises(GateError, match=r"'s (Array|SimpleNamespace), which may do its work only when"):
            check_finished(outputs, is_waited_for=False)
    with pytest.raises(GateError, match="test_concrete's Delayed, which may do its work only when"):
        check_finished([Delayed()], is_waited_for=True)
