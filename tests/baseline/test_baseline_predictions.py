"""Predictions on disk: compact, equal bytes for equal content, nothing unpickled."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pytest_speedacc.baseline import predictions as module
from pytest_speedacc.baseline.archive import decode_predictions
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.errors import GateError


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (np.array([0, 9]), np.uint8),
        (np.array([-1, 1]), np.int8),
        (np.array([-1, 200]), np.int16),
        (np.array([0, 70_000], dtype=np.uint64), np.uint32),
        (np.array([True, False]), np.bool_),
        (np.array([0.5, 1.5]), np.float64),
        (np.array([0.5, 1.5], dtype=np.float32), np.float32),
        (np.array(["cat", "horse"]), np.dtype("<U5")),
        (np.array(["cat", "horse"], dtype=object), np.dtype("<U5")),
        (np.array([1, 2], dtype=object), np.uint8),
        (np.array([1, 2.5], dtype=object), np.float64),
        (np.array([True, False], dtype=object), np.bool_),
        (np.zeros((3, 0), dtype=int), np.int64),
    ],
    ids=lambda value: f"{value.dtype}{value.tolist()}" if isinstance(value, np.ndarray) else str(value),
)
def test_the_smallest_type_that_holds_them(given: np.ndarray[Any, Any], stored: Any) -> None:
    data = encode_predictions(given)
    assert np.load(io.BytesIO(data))["predictions"].dtype == stored
    assert decode_predictions(data, len(given)).tolist() == given.tolist()


def test_integers_come_back_at_full_width() -> None:
    small, large = (decode_predictions(encode_predictions(np.array([value])), 1) for value in (200, 2**64 - 1))
    assert (small - 201).tolist() == [-1]
    assert large.tolist() == [2**64 - 1]


@given(
    arrays.arrays(
        st.sampled_from([np.int64, np.uint64, np.float32, np.float64, np.bool_, np.dtype("<U3")]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0),
        elements={"allow_nan": False},
    )
)
def test_every_array_survives_the_round_trip(array: np.ndarray[Any, Any]) -> None:
    # Halves of characters are refused.
    assume(not any("\ud800" <= char <= "\udfff" for text in array.ravel().tolist() for char in str(text)))
    decoded = decode_predictions(encode_predictions(array), len(array))
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)


@pytest.mark.parametrize("items", [3, 3_000_000])
def test_the_bytes_are_those_of_numpy_s_own_function(items: int) -> None:
    array, file = np.arange(items) % 251, io.BytesIO()
    np.savez_compressed(file, predictions=array.astype(np.uint8))
    assert encode_predictions(array) == file.getvalue()


def test_the_bytes_hold_no_time() -> None:
    with zipfile.ZipFile(io.BytesIO(encode_predictions(np.arange(3)))) as archive:
        assert [info.date_time for info in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)]


@pytest.mark.parametrize(
    ("predictions", "kind"),
    [
        (np.array(["cat", 1], dtype=object), "int and str"),
        (np.array([{}], dtype=object), "dict"),
        (np.array([10**30], dtype=object), "int"),
        (np.zeros(2, dtype=[("a", int)]), r"\[\('a', '<i8'\)\]"),
    ],
    ids=["mixed", "objects", "large", "fields"],
)
def test_what_needs_pickle_is_refused(predictions: np.ndarray[Any, Any], kind: str) -> None:
    with pytest.raises(GateError, match=rf"predictions of {kind} cannot be kept in a baseline"):
        encode_predictions(predictions)


def test_too_many_predictions_are_refused_before_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 10 * 2**20)
    with pytest.raises(GateError, match="the predictions are 16 MiB, and a baseline holds at most 10 MiB"):
        encode_predictions(np.zeros(2 * 2**20))
