"""An indexable evaluation set, cut into batches that keep the type the user passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError

MOST_DISTINCT = 256
"""Distinct batches that timing cycles through: enough to defeat caches of one answer, few enough to hold."""


def count_samples(data: Any, what: str) -> int:
    """Number of samples along the first axis. Raises GateError for data without one, or with none in it."""
    if isinstance(data, Mapping):
        return _count_in_all(data, what)
    shape = getattr(data, "shape", None)
    if shape is not None and len(shape) > 0:
        count = int(shape[0])
    elif shape is None and isinstance(data, list | tuple):
        count = len(data)
    else:
        kind = f"a {type(data).__name__}" + (" without an axis" if shape is not None else "")
        raise GateError(
            f"{what} must be an array, a DataFrame, a tensor, a list of samples or a mapping of these, not {kind}."
        )
    if count == 0:
        raise GateError(f"{what} are empty: nothing can be measured on 0 samples.")
    return count


def _count_in_all(data: Mapping[Any, Any], what: str) -> int:
    """Of a mapping of inputs by name, such as a tokenizer's, all of which have the same samples."""
    counts = {name: count_samples(value, f"{what} {name!r}") for name, value in data.items()}
    if len(set(counts.values())) != 1:
        each = ", ".join(f"{count} of {name!r}" for name, count in counts.items()) or "nothing in it"
        raise GateError(f"{what} are a mapping with {each}: all must be of the same samples.")
    return next(iter(counts.values()))


def take(inputs: Any, start: int, stop: int) -> Any:
    """Samples ``start`` to ``stop`` as the type of ``inputs``: a DataFrame stays one, so do tensors and lists."""
    if isinstance(inputs, Mapping):
        return {name: take(value, start, stop) for name, value in inputs.items()}
    return inputs.iloc[start:stop] if hasattr(inputs, "iloc") else inputs[start:stop]


def batches(inputs: Any, samples: int, batch_size: int) -> dict[int, Any]:
    """At most MOST_DISTINCT batches of ``batch_size`` samples by their first one, spread evenly over the set."""
    full = samples // batch_size
    chosen = np.unique(np.linspace(0, full - 1, min(full, MOST_DISTINCT)).astype(int))
    return {start: take(inputs, start, start + batch_size) for start in (chosen * batch_size).tolist()}
