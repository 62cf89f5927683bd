"""The fingerprint changes with the samples, and with nothing else."""

from __future__ import annotations

import datetime
import decimal
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.fingerprint import fingerprint

GRID = np.arange(24.0).reshape(4, 6)


def of(value: Any) -> str:
    return fingerprint(value, [0, 1])


def test_it_is_a_sha256_digest() -> None:
    assert of(GRID).startswith("sha256:")
    assert len(of(GRID)) == len("sha256:") + 64


SAME = {
    "Fortran order": (GRID, np.asfortranarray(GRID)),
    "strides": (GRID, np.repeat(GRID, 2, axis=1)[:, ::2]),
    "reversed twice": (GRID, GRID[::-1].copy()[::-1]),
    "byte order": (GRID, GRID.astype(">f8")),
    "read only": (GRID, np.frombuffer(GRID.tobytes()).reshape(4, 6)),
    "subclass": (GRID, GRID.view(np.recarray)),
    "key order": ({"a": [1], "b": GRID}, {"b": GRID, "a": [1]}),
    "list and tuple": ([1, 2, "x"], (1, 2, "x")),
    "under the mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 3], mask=[0, 1])),
    "padding of fields": (
        np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True)),
        np.zeros(2, dtype=[("a", "u1"), ("b", "f8")]),
    ),
}

DIFFERENT = {
    "value": (GRID, GRID + (GRID == 5)),
    "order of samples": (GRID, GRID[::-1]),
    "shape": (GRID, GRID.reshape(6, 4)),
    "dtype": (GRID, GRID.astype(np.float32)),
    "sign of an integer": (np.ones(3, np.int8), np.ones(3, np.uint8)),
    "list and array": ([1.0, 2.0], np.array([1.0, 2.0])),
    "number and text": ([1], ["1"]),
    "number and truth": ([1], [True]),
    "int and float": ([1], [1.0]),
    "split of texts": (["ab", "c"], ["a", "bc"]),
    "nesting": ([[1], [2]], [[1, 2]]),
    "empty and none": ([], [None]),
    "key": ({"a": 1}, {"b": 1}),
    "the mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
    "text": (np.array(["cat", "dog"]), np.array(["cat", "dot"])),
    "objects": (np.array(["cat", 1], dtype=object), np.array(["cat", 2], dtype=object)),
    "fields": (np.zeros(2, dtype=[("a", "f8")]), np.zeros(2, dtype=[("b", "f8")])),
    "moment": ([datetime.datetime(2026, 1, 1)], [datetime.date(2026, 1, 1)]),
    "decimal": ([decimal.Decimal("1.0")], [decimal.Decimal("1.00")]),
    "complex": ([1 + 2j], [1 - 2j]),
    "bytes": ([b"a"], ["a"]),
    "zero samples of another width": (np.zeros((0, 3)), np.zeros((0, 4))),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_does_not_count(one: Any, other: Any) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_counts(one: Any, other: Any) -> None:
    assert of(one) != of(other)


def test_targets_count_and_are_not_the_inputs() -> None:
    assert fingerprint([1], [2]) != fingerprint([1], [3])
    assert fingerprint([1], [2]) != fingerprint([2], [1])


def test_not_a_number_is_itself() -> None:
    assert of([float("nan")]) == of([-float("nan")])


def test_it_is_the_same_in_another_process_and_in_every_release() -> None:
    program = """
import numpy as np
from pytest_speedacc.measure.fingerprint import fingerprint

inputs = {"pixels": np.arange(6, dtype=np.float32).reshape(2, 3), "words": ["a", "b"], "empty": None}
print(fingerprint(inputs, np.array([True, False])))
"""
    written = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert written == {"sha256:7f00163d33c3703edb35df5b5ce62fb9d18d3ed9eb5b704fbffd091dd5cea970"}


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "number": [1.5, None, 3.0],
            "text": ["a", "b", None],
            "kind": pandas.Categorical(["x", "y", "x"]),
            "count": pandas.array([1, None, 3], dtype="Int64"),
            "when": pandas.to_datetime(["2026-01-01", "2026-01-02", None], utc=True),
        }
    )
    assert of(frame) == of(frame.copy())
    assert of(frame) == of(frame.set_axis([7, 8, 9]))
    assert of(frame) == of(pandas.concat([frame[["number"]], frame.drop(columns="number")], axis=1))
    changed = [
        frame.rename(columns={"text": "word"}),
        frame[frame.columns[::-1]],
        frame[::-1],
        frame.assign(number=[1.5, 2.0, 3.0]),
        frame.assign(text=["a", "c", None]),
        frame.assign(kind=pandas.Categorical(["x", "y", "x"], categories=["y", "x"])),
        frame.assign(count=pandas.array([1, 2, 3], dtype="Int64")),
        frame.assign(count=frame["count"].astype("Int32")),
        frame.assign(when=frame["when"].dt.tz_convert("Asia/Tokyo")),
    ]
    assert len({of(frame), *map(of, changed)}) == len(changed) + 1
    assert of(frame["number"]) == of(frame["number"].to_numpy())
    assert of(frame.columns) == of(pandas.Index(list(frame.columns)))


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    grid = torch.arange(24.0).reshape(4, 6)
    assert of(grid) == of(grid.t().contiguous().t())
    assert of(grid) == of(torch.nn.Parameter(grid))
    halves = [grid.to(kind) for kind in (torch.float16, torch.bfloat16, torch.float64)]
    assert len({of(grid), of(grid.reshape(6, 4)), of(grid + 1), *map(of, halves)}) == 6
    assert of(torch.tensor(1.0)) != of(torch.ones(1))
    assert of(torch.zeros(0, 3)) != of(torch.zeros(0, 4))
    imaginary = torch.tensor([1 + 2j])
    assert of(imaginary.conj()) == of(torch.tensor([1 - 2j]))
    with pytest.raises(GateError, match=r"sparse or quantised tensor of torch\.float32"):
        of(grid.to_sparse())


def test_scipy_sparse() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random_array((5, 7), density=0.4, rng=np.random.default_rng(0), format="csr")
    assert len({of(matrix.asformat(name)) for name in ("csr", "csc", "coo", "lil")}) == 1
    assert of(matrix) != of(matrix * 2)
    assert of(matrix) != of(matrix.T)
    assert of(matrix) != of(matrix.toarray())


def test_a_path_counts_by_the_bytes_of_its_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    one.write_bytes(b"pixels")
    other.write_bytes(b"pixels")
    assert of([one]) == of([other])
    other.write_bytes(b"others")
    assert of([one]) != of([other])
    with pytest.raises(GateError, match=r"the inputs name a file that cannot be read: .*missing\.png"):
        of([tmp_path / "missing.png"])


def test_anything_that_numpy_can_read_is_taken() -> None:
    class Image:
        def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
            self.__array_interface__ = pixels.__array_interface__

    assert of([Image(GRID)]) == of([GRID])


class Unknown:
    pass


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ([Unknown()], [1], r"the inputs hold a .*\.Unknown, of which no fingerprint can be taken"),
        ([1], {1, 2}, r"the targets hold a builtins\.set"),
        (iter([1]), [1], r"list_iterator"),
        (np.array([Unknown()], dtype=object), [1], r"Unknown"),
    ],
    ids=["object", "set", "iterator", "object array"],
)
def test_what_cannot_be_fingerprinted_is_named(inputs: Any, targets: Any, message: str) -> None:
    with pytest.raises(GateError, match=message):
        fingerprint(inputs, targets)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is double here")
def test_a_long_double_differs_between_machines() -> None:
    with pytest.raises(GateError, match="differs from machine to machine"):
        of(np.ones(2, np.longdouble))


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(GateError, match="contain themselves"):
        of(endless)
