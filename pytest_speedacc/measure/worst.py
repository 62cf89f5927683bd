"""Which batches memory is measured on: the largest, where samples differ in size, and some spread over the set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.measure.samples import take

BATCHES = 8
"""In the memory pass: enough for inputs that differ, few enough to cost milliseconds."""
LARGEST = 4
"""Of these by size, where there is one; size does not tell all, so that the others are spread over the set."""
DEEPEST = 4
"""Levels of lists in lists that are counted: a sentence of words of letters has three."""

Sizes = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Worst:
    """Batches, and how they were chosen."""

    batches: tuple[Any, ...]
    how: str
    """In words, for the report."""


def choose(inputs: Any, samples: int, batch_size: int) -> Worst:
    """The batches of ``batch_size`` samples that memory is measured on, as the type of ``inputs``."""
    full = samples // batch_size
    measure, sizes = ("", None) if full <= BATCHES else _sizes(inputs)
    parts = None if sizes is None else sizes[: full * batch_size].reshape(full, batch_size)
    places, how = _places(full, measure, parts)
    starts = [place * batch_size for place in places]
    return Worst(tuple(take(inputs, start, start + batch_size) for start in starts), how)


def choose_among(batches: Sequence[Any]) -> Worst:
    """Those of a stream, of which only its first batches are held."""
    found = [_sizes(batch) for batch in batches]
    known = [sizes for _, sizes in found if sizes is not None]
    parts = np.stack(known) if len(known) == len(batches) > BATCHES else None
    measure = next((measure for measure, _ in found), "")
    places, how = _places(len(batches), measure, parts)
    return Worst(tuple(batches[place] for place in places), f"{how} of the stream's beginning")


def _places(full: int, measure: str, parts: Sizes | None) -> tuple[list[int], str]:
    """Which of so many batches, by the sizes of their samples, shape (batches, samples of one)."""
    if full <= BATCHES:
        return list(range(full)), f"all {full} batches" if full > 1 else "the only batch"
    spread = np.linspace(0, full - 1, BATCHES).astype(int).tolist()
    if parts is None or parts.min() == parts.max():
        return spread, f"{BATCHES} batches spread over the set"
    # Of a batch that is padded its largest sample counts, and of one that is not, all of them together.
    longest, total = parts.max(axis=1), parts.sum(axis=1)
    orders = zip(np.lexsort((-total, -longest)).tolist(), np.lexsort((-longest, -total)).tolist(), strict=True)
    largest = list(dict.fromkeys(place for pair in orders for place in pair))[:LARGEST]
    others = [place for place in spread if place not in largest]
    kept = others[:: max(1, len(others) // (BATCHES - LARGEST))][: BATCHES - LARGEST]
    how = f"the {LARGEST} largest batches by {measure} and {len(kept)} spread over the set"
    return sorted([*largest, *kept]), how


def _sizes(inputs: Any) -> tuple[str, Sizes | None]:
    """What the samples are measured in, and how large each is, shape (samples,); None where they do not differ."""
    if isinstance(inputs, Mapping):
        return _together(map(_sizes, inputs.values()))
    if hasattr(inputs, "tocsr"):
        return "values", np.diff(inputs.tocsr().indptr)
    if hasattr(inputs, "columns"):
        return _together(_sizes(inputs[name]) for name in inputs.columns)
    # Objects, texts and lists, by numpy's letters or the first of polars' names; numbers are a rectangle.
    dtype = getattr(inputs, "dtype", None)
    kind = getattr(dtype, "kind", None) or str(dtype)[:1]
    if not isinstance(inputs, list) and kind not in "OUSTL":
        return "", None
    measured = [_size(value) for value in inputs]
    measure = next((kind for kind, _ in measured if kind), "")
    return measure, np.array([size for _, size in measured]) if measure else None


def _together(parts: Iterable[tuple[str, Sizes | None]]) -> tuple[str, Sizes | None]:
    known = [(measure, sizes) for measure, sizes in parts if sizes is not None]
    return (known[0][0], np.sum([sizes for _, sizes in known], axis=0)) if known else ("", None)


def _size(value: Any, depth: int = 0) -> tuple[str, int]:
    """What a sample is measured in, and how large it is; nothing for what has no size that is known."""
    if isinstance(value, str):
        return "length", len(value)
    if isinstance(value, bytes | bytearray):
        return "bytes", len(value)
    if isinstance(size := getattr(value, "nbytes", None), int):
        return "bytes", size
    # A picture has its width and height as its size.
    shape = getattr(value, "shape", None) or getattr(value, "size", None)
    if isinstance(shape, tuple) and all(isinstance(side, int) for side in shape):
        return "shape", int(np.prod(shape))
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple) and depth < DEEPEST:
        inner = sum(size for _, size in (_size(each, depth + 1) for each in value))
        return "length", inner or len(value)
    return "", 0
