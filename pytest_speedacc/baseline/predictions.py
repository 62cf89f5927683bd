"""Per-sample predictions as a small array file, without pickle."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError

LARGEST = 1 << 30
"""Bytes of an array that are read back: beyond that a file is hostile, or not fit for a repository."""
MEMBER = "predictions"

Predictions = np.ndarray[Any, Any]


def encode_predictions(predictions: Predictions) -> bytes:
    """An ``.npz`` file with the array in its most compact type; the same array gives the same bytes.

    Raises GateError for predictions that cannot be kept without pickle, or are too large.
    """
    compact = _compact(np.asarray(predictions))
    if compact.nbytes > LARGEST:
        raise GateError(
            f"the predictions are {compact.nbytes / 2**20:.0f} MiB, and a baseline holds at most "
            f"{LARGEST / 2**20:.0f} MiB of them: use fewer samples."
        )
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{MEMBER: compact})
    return file.getvalue()


def decode_predictions(data: bytes) -> Predictions:
    """The array of such a file, integers at full width. Raises ValueError, with the reason, for any other."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, info.file_size <= LARGEST) for info in archive.infolist()]
        if members != [(f"{MEMBER}.npy", True)]:
            raise ValueError(f"it does not hold one array of at most {LARGEST} bytes named {MEMBER}")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            array = np.asarray(arrays[MEMBER])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    # A score may subtract them, and small integers wrap around.
    return array.astype(np.int64) if array.dtype.kind in "iu" and array.dtype.itemsize < 8 else array


def _compact(array: Predictions) -> Predictions:
    if array.dtype.kind in "OT":
        array = _typed(array)
    if array.dtype.kind in "iu" and array.size:
        low, high = int(array.min()), int(array.max())
        kinds = (np.uint8, np.uint16, np.uint32, np.uint64) if low >= 0 else (np.int8, np.int16, np.int32, np.int64)
        return array.astype(next(it for it in kinds if np.iinfo(it).min <= low and high <= np.iinfo(it).max))
    if array.dtype.kind in "biufcUSMm":
        return array
    raise _refusal(f"{array.dtype}")


def _typed(array: Predictions) -> Predictions:
    """An array of objects as one of numbers or texts, where all of them are."""
    values = array.ravel().tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=str).reshape(array.shape)
    if all(isinstance(value, bool | int | float) for value in values):
        numbers = np.array(values)
        if numbers.dtype.kind in "biuf" and numbers.tolist() == values:
            return numbers.reshape(array.shape)
    raise _refusal(" and ".join(sorted({type(value).__name__ for value in values})))


def _refusal(kind: str) -> GateError:
    return GateError(
        f"predictions of {kind} cannot be kept in a baseline: let the model return numbers, or texts only."
    )
