"""An indexable evaluation set, cut into batches that keep the type the user passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError

HELD = {
    *("awkward", "cudf", "cupy", "jax", "jaxlib", "keras", "lightgbm", "mlx", "modin", "numpy", "paddle", "pandas"),
    *("polars", "pyarrow", "scipy", "sparse", "tensorflow", "torch", "xarray", "xgboost"),
}
"""Packages whose types hold their values, and do no work when they are looked at."""
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


def held(inputs: Any) -> Any:
    """Inputs whose values are all there: what would do its work when a model looks at it has done it, as an array or a
    list. Raises GateError for what can only be asked to by its own means."""
    if isinstance(inputs, Mapping):
        values = {name: held(value) for name, value in inputs.items()}
        return inputs if all(value is inputs[name] for name, value in values.items()) else values
    if isinstance(inputs, list | tuple):
        return inputs if type(inputs) in (list, tuple) else list(inputs)
    graph = getattr(inputs, "__dask_graph__", None)
    if callable(graph) and graph() is not None:
        raise GateError(
            f"the inputs are dask's {type(inputs).__name__}, which does its work when it is looked at, so that the "
            "model would be timed with it: pass inputs.compute()."
        )
    packages = {base.__module__.partition(".")[0] for base in type(inputs).__mro__}
    return np.asarray(inputs) if hasattr(inputs, "__array__") and not packages & HELD else inputs


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
