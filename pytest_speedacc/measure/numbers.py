"""Numbers as a user gives them, or the sentence that says what is none: nothing is made a number of that is not one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError, briefly
from pytest_speedacc.measure.accuracy import to_numpy
from pytest_speedacc.measure.raised import RAISED


def read_numbers(value: Any, samples: int, said: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A number, shape (), or one for each of the ``samples``, shape (samples,).

    ``said`` begins the sentence, as in ``metrics['energy'] is``. Raises GateError for all that is no finite number: for
    text, truth values, complex numbers and masked ones too.
    """
    if np.ma.is_masked(value):
        raise GateError(f"{said} a masked array, and what is masked has no number: give one for each sample.")
    try:
        # As objects, before numpy makes numbers of the truth values in a list.
        given = to_numpy(value) if hasattr(value, "dtype") else np.asarray(value, dtype=object)
    except RAISED:
        raise GateError(f"{said} {briefly(value)}, which is no number.") from None
    if given.ndim and given.shape != (samples,):
        raise GateError(f"{said} an array of shape {given.shape}: give a number, or one for each of {samples} samples.")
    if given.dtype.kind in "iuf":
        with np.errstate(over="ignore"):  # a longer float than ours, refused below
            numbers = given.astype(np.float64)
        if np.isfinite(numbers).all():
            return numbers
    values = given.ravel().tolist()
    read = [_number(each) for each in values]
    wrong = [position for position, number in enumerate(read) if number is None or not math.isfinite(number)]
    if not wrong:
        return np.array(read, dtype=np.float64).reshape(given.shape)
    first = wrong[0]
    which = f"{briefly(values[first])}, which is {'no number' if read[first] is None else 'no finite number'}."
    if not given.ndim:
        raise GateError(f"{said} {which}")
    raise GateError(f"{said} {samples:,} values, {len(wrong):,} of them wrong. The first is [{first}]: {which}")


def _number(value: Any) -> float | None:
    """None for what is no number, infinite for one that is too large."""
    try:
        if isinstance(value, np.ma.MaskedArray):
            return None
        if hasattr(value, "dtype"):  # one number of a framework's, which may be a truth value
            value = to_numpy(value).tolist()
        return None if isinstance(value, bool | str | bytes | bytearray) else float(value)
    except OverflowError:
        return math.inf
    except RAISED:
        return None
