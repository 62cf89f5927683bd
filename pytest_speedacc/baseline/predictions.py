"""Per-sample predictions as a small array file, without pickle."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from pytest_speedacc.baseline.archive import LARGEST, LARGEST_FILE, MEMBER, Predictions, is_text
from pytest_speedacc.errors import GateError


def encode_predictions(predictions: Predictions) -> bytes:
    """An ``.npz`` file with the array in its most compact type; the same array gives the same bytes.

    Raises GateError for predictions that cannot be kept without pickle, or are too large.
    """
    compact = _compact(np.asarray(predictions))
    # As they are read back: integers at full width.
    taken = compact.size * max(8, compact.itemsize) if compact.dtype.kind in "iu" else compact.nbytes
    if taken > LARGEST:
        raise _too_large(taken, LARGEST)
    if compact.dtype.kind == "U" and not is_text(compact):
        raise GateError("a prediction is a text that is not Unicode: let the model return one that can be written.")
    file = io.BytesIO()
    # What numpy's savez_compressed writes; it would take allow_pickle for the name of an array before numpy 2.2.
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(MEMBER, "w", force_zip64=True) as one,
    ):
        np.lib.format.write_array(one, compact, allow_pickle=False)
    if file.tell() > LARGEST_FILE:
        raise _too_large(file.tell(), LARGEST_FILE)
    return file.getvalue()


def _too_large(taken: int, most: int) -> GateError:
    return GateError(
        f"the predictions are {taken / 2**20:.0f} MiB, and a baseline holds at most {most / 2**20:.0f} MiB of them: "
        "use fewer samples."
    )


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
