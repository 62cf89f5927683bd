"""A number is what a user gave as one, and nothing is made one of what is not."""

from __future__ import annotations

import math
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.numbers import read_numbers

MASKED = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])


class Unready:
    dtype = "float64"

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("still on its device")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (3, 3.0),
        (np.float32(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (np.array(3), 3.0),
        ([1, 2.5, Decimal(3)], [1.0, 2.5, 3.0]),
        ((np.int8(1), np.array(2), Fraction(3)), [1.0, 2.0, 3.0]),
        (range(3), [0.0, 1.0, 2.0]),
        (np.array([1, 2, 3], dtype=np.uint8), [1.0, 2.0, 3.0]),
        (np.array([1, 2.5, 3], dtype=object), [1.0, 2.5, 3.0]),
        (np.ma.masked_array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
    ],
)
def test_numbers_are_read(value: Any, read: Any) -> None:
    numbers = read_numbers(value, 3, "it is")
    assert (numbers.dtype, numbers.tolist()) == (np.float64, read)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1j, "1j, which is no number."),
        (np.complex64(1), "(1+0j), which is no number."),
        (np.bool_(True), "True, which is no number."),
        (True, "True, which is no number."),
        ("3", "'3', which is no number."),
        (np.str_("3"), "'3', which is no number."),
        (b"3", "b'3', which is no number."),
        (np.timedelta64(3, "s"), "datetime.timedelta(seconds=3), which is no number."),
        ({"energy": 3}, "{'energy': 3}, which is no number."),
        (Unready(), "<*Unready object at *>, which is no number."),
        (math.inf, "inf, which is no finite number."),
        (np.longdouble("1e4000"), "*, which is no finite number."),
        (10**400, f"1{'0' * 59}... (cut, of 401 characters), which is no finite number."),
        pytest.param(
            10**5000,
            "<int that cannot be shown: its __repr__ raised ValueError>, which is no finite number.",
            id="10**5000",
        ),
        (np.ma.masked, "a masked array, and what is masked has no number: give one for each sample."),
        (MASKED, "a masked array, and what is masked has no number: give one for each sample."),
        ([1.0, np.ma.masked, 2.0], "3 values, 1 of them wrong. The first is [1]: masked, which is no number."),
        ([1.0, 2j, 3j], "3 values, 2 of them wrong. The first is [1]: 2j, which is no number."),
        (np.array([1j, 2, 3]), "3 values, 3 of them wrong. The first is [0]: 1j, which is no number."),
        ([1.0, 2.0, True], "3 values, 1 of them wrong. The first is [2]: True, which is no number."),
        ([np.True_, np.array(False), 2], "3 values, 2 of them wrong. The first is [0]: *, which is no number."),
        (np.array([True, False, True]), "3 values, 3 of them wrong. The first is [0]: True, which is no number."),
        (["1", "2", "3"], "3 values, 3 of them wrong. The first is [0]: '1', which is no number."),
        (np.array(["1", "2", "3"]), "3 values, 3 of them wrong. The first is [0]: '1', which is no number."),
        ([1.0, None, 3.0], "3 values, 1 of them wrong. The first is [1]: None, which is no number."),
        ([1.0, 10**400, math.nan], "3 values, 2 of them wrong. The first is [1]: 1000*, which is no finite number."),
        (
            np.array([1.0, 2.0, math.nan]),
            "3 values, 1 of them wrong. The first is [2]: nan, which is no finite number.",
        ),
        (np.array([1, 2, 3], "m8[s]"), "3 values, 3 of them wrong. The first is [0]: *, which is no number."),
        ([[1], [1, 2], [3]], "3 values, 3 of them wrong. The first is [0]: [1], which is no number."),
        ([1.0] * 4, "an array of shape (4,): give a number, or one for each of 3 samples."),
        ([[1.0] * 3], "an array of shape (1, 3): give a number, or one for each of 3 samples."),
    ],
)
def test_what_is_no_finite_number_is_refused_in_a_sentence(value: Any, said: str) -> None:
    with pytest.raises(GateError) as refused:
        read_numbers(value, 3, "metrics['energy'] is")
    assert fnmatchcase(str(refused.value), f"metrics[[]'energy'] is {said.replace('[', '[[]')}")


def test_a_long_list_with_one_that_is_wrong_is_not_printed() -> None:
    many = [0.5] * 99_999 + ["x" * 1000]
    with pytest.raises(GateError) as refused:
        read_numbers(many, 100_000, "metrics['energy'] is")
    assert str(refused.value) == (
        f"metrics['energy'] is 100,000 values, 1 of them wrong. The first is [99999]: '{'x' * 59}... "
        "(cut, of 1,002 characters), which is no number."
    )


def test_tensors_are_read_as_arrays_are() -> None:
    torch = pytest.importorskip("torch")
    learned = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    assert read_numbers(learned, 3, "it is").tolist() == [1.0, 1.0, 1.0]
    assert read_numbers(list(torch.ones(3) * 2), 3, "it is").tolist() == [2.0, 2.0, 2.0]
    for wrong in (torch.tensor(True), torch.ones(3, dtype=torch.complex64), [1.0, torch.tensor(True), 2.0]):
        with pytest.raises(GateError, match=r"which is no (finite )?number\.$"):
            read_numbers(wrong, 3, "it is")


def test_a_column_of_pandas_is_read_where_nothing_is_missing() -> None:
    pandas = pytest.importorskip("pandas")
    assert read_numbers(pandas.Series([1, 2, 3], dtype="Int64"), 3, "it is").tolist() == [1.0, 2.0, 3.0]
    for wrong in (pandas.Series([1, None, 3], dtype="Int64"), pandas.Series([True, False, True], dtype="boolean")):
        with pytest.raises(GateError, match=r"which is no (finite )?number\.$"):
            read_numbers(wrong, 3, "it is")
