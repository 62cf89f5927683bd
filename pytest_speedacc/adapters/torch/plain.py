"""Whether numbers that stand in no state dict were learned: those that a person wrote or a formula gave were not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_SEEN = 4096
"""Numbers that are looked at of a longer array."""
_STEPS, _LINES = 64, 32
"""How far along an axis a table is followed, and on how many lines."""


def may_be_learned(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array of more than one number is neither written down nor computed from positions.

    Constants, masks, means of three digits, anchors, strides and grids are written; frequencies, waves, schedules and
    windows follow from the numbers before them. What is learned or drawn at random does neither. Integers count things.
    """
    if array.size < 2 or array.dtype.kind not in "fc":
        return False
    flat = array.reshape(-1)
    return not (_is_written(flat[:: -(-flat.size // _SEEN)]) or _is_computed(array))


def _is_written(numbers: np.ndarray[Any, Any]) -> bool:
    """Whether each number has four digits or fewer, or all of them are one number, zeros and infinities aside."""
    numbers = np.concatenate([numbers.real, numbers.imag]) if numbers.dtype.kind == "c" else numbers
    # A mask holds the lowest number that there is, which stands for minus infinity.
    found = np.unique(numbers[np.isfinite(numbers) & (numbers != 0) & (np.abs(numbers) < np.finfo(numbers.dtype).max)])
    if len(found) < 2:
        return True
    epsilon = float(np.finfo(numbers.dtype).eps)
    wide = found.astype(np.float64)
    if epsilon > 1e-6:  # half precision has no more than four digits, whatever they say
        return bool((wide == np.round(wide)).all())
    unit = 10.0 ** (np.floor(np.log10(np.abs(wide))) - 3)
    return bool((np.abs(wide - np.round(wide / unit) * unit) <= 2 * epsilon * np.abs(wide)).all())


def _is_computed(table: np.ndarray[Any, Any]) -> bool:
    """Whether along one of its axes each number is the same sum of multiples of the (at most three) before it."""
    for axis, length in enumerate(table.shape):
        lines = np.moveaxis(table, axis, -1).reshape(-1, length)
        some = lines[:: -(-len(lines) // _LINES), :_STEPS].astype(np.result_type(table.dtype, np.float64))
        if np.isfinite(some).all() and all(map(_recurs, some)):
            return True
    return False


def _recurs(line: np.ndarray[Any, Any]) -> bool:
    for order in (1, 2, 3):
        if len(line) < 3 * order + 1:  # too few to show a rule
            return False
        windows = sliding_window_view(line, order + 1)
        before, here = windows[:, :-1], windows[:, -1]
        multiples = np.linalg.lstsq(before, here, rcond=None)[0]
        if np.abs(before @ multiples - here).max() <= 1e-4 * np.abs(here).max():
            return True
    return False
