"""Parts of an evaluation set that have a score of their own: night scenes, long texts, one customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.score import Mask


def resolve_slices(slices: object, inputs: Any, targets: Any, samples: int) -> dict[str, Mask]:
    """Which samples each slice has, shape (samples,), by name.

    A slice is a mask, a list of positions, or a function of inputs and targets that gives either. Raises GateError.
    """
    return {
        name: mask_of(name, chosen(inputs, targets) if callable(chosen) else chosen, samples)
        for name, chosen in _named(slices).items()
    }


def stream_slices(slices: object) -> dict[str, Any]:
    """The functions that choose each slice's samples from a batch. Raises GateError for a mask."""
    named = _named(slices)
    for name, chosen in named.items():
        if not callable(chosen):
            raise GateError(
                f"the slice {name!r} of a stream must be a function of a batch's inputs and targets that gives a mask."
            )
    return named


def check_not_empty(masks: Mapping[str, Mask]) -> None:
    """Raises GateError for a slice without a sample, which no limit could be held against."""
    for name, mask in masks.items():
        if not mask.any():
            raise GateError(f"the slice {name!r} is empty: none of the {len(mask)} samples is in it.")


def mask_of(name: str, chosen: object, samples: int) -> Mask:
    """A mask, or positions, as a mask of shape (samples,). Raises GateError."""
    array = np.asarray(chosen)
    if array.dtype.kind == "b":
        if array.shape != (samples,):
            raise GateError(f"the slice {name!r} is a mask of shape {array.shape}, and there are {samples} samples.")
        return array
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise GateError(f"the slice {name!r} must be a mask of booleans or a list of positions, one dimension of it.")
    positions = array.astype(np.int64)
    if array.size and not (positions.min() >= 0 and positions.max() < samples):
        raise GateError(f"the slice {name!r} has the positions {positions.min()} to {positions.max()} of {samples}.")
    mask = np.zeros(samples, dtype=bool)
    mask[positions] = True
    return mask


def _named(slices: object) -> dict[str, Any]:
    if slices is None:
        return {}
    if not isinstance(slices, Mapping) or not all(isinstance(name, str) and name for name in slices):
        raise GateError('slices= must be a mapping of names to masks, such as {"night": mask}.')
    return dict(slices)
