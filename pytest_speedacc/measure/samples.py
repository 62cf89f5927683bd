"""An indexable evaluation set, cut into batches that keep the type the user passed."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError

MOST_DISTINCT = 256
"""Distinct batches that timing cycles through: enough to defeat caches of one answer, few enough to hold."""


def count_samples(data: Any, what: str) -> int:
    """Number of samples along the first axis. Raises GateError for data without one, or with none in it."""
    shape = getattr(data, "shape", None)
    if shape is not None and len(shape) > 0:
        count = int(shape[0])
    elif shape is None and isinstance(data, list | tuple):
        count = len(data)
    else:
        kind = f"a {type(data).__name__}" + (" without an axis" if shape is not None else "")
        raise GateError(f"{what} must be an array, a DataFrame, a tensor or a list of samples, not {kind}.")
    if count == 0:
        raise GateError(f"{what} are empty: nothing can be measured on 0 samples.")
    return count


def take(inputs: Any, start: int, stop: int) -> Any:
    """Samples ``start`` to ``stop`` as the type of ``inputs``: a DataFrame stays one, so do tensors and lists."""
    return inputs.iloc[start:stop] if hasattr(inputs, "iloc") else inputs[start:stop]


def batches(inputs: Any, samples: int, batch_size: int) -> list[Any]:
    """At most MOST_DISTINCT batches of ``batch_size`` samples, spread evenly over the set."""
    full = samples // batch_size
    chosen = np.unique(np.linspace(0, full - 1, min(full, MOST_DISTINCT)).astype(int))
    return [take(inputs, index * batch_size, (index + 1) * batch_size) for index in chosen.tolist()]
