"""An evaluation set that is read once, a batch at a time: what does not fit in memory, or on one machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.raised import guarded
from pytest_speedacc.measure.samples import held

Pair = tuple[Any, Any]
Source = Any
"""A pair of inputs and targets, a mapping with ``labels``, or a function without arguments that loads either."""

BATCH = 256
"""Samples of a dataset that are collated into one batch."""
_END = object()


def sources(data: Any) -> Iterator[Source]:
    """The batches of what ``check`` was given without targets. Raises GateError for what has none."""
    if _is_dataset(data):
        from torch.utils.data import DataLoader

        return _given(DataLoader(data, batch_size=BATCH))
    if not isinstance(data, Iterable) or isinstance(data, str | Mapping) or hasattr(data, "shape"):
        raise GateError(
            f"without targets the inputs must be an iterable of batches, each a pair (inputs, targets), not a "
            f"{type(data).__name__}: pass the targets, or a data loader."
        )
    return _given(data)


def load(source: Source) -> Pair:
    """The inputs and targets of one batch. Raises GateError for what is no batch."""
    if callable(source) and not isinstance(source, Mapping):
        source = guarded("when it was called", source, who="the loader of a batch")
    if isinstance(source, Mapping) and "labels" in source:
        return held({name: value for name, value in source.items() if name != "labels"}), source["labels"]
    if isinstance(source, tuple | list) and len(source) == 2:
        return held(source[0]), source[1]
    raise GateError(
        "each batch of a stream must be a pair (inputs, targets), a mapping with 'labels', or a function without "
        f"arguments that loads one, not a {type(source).__name__}."
    )


def _given(data: Iterable[Source]) -> Iterator[Source]:
    batches = guarded("before its first batch", iter, data, who="the stream")
    number = 0
    while (batch := guarded(f"instead of batch {number}", next, batches, _END, who="the stream")) is not _END:
        yield batch
        number += 1


def _is_dataset(data: Any) -> bool:
    """Whether this is a map-style dataset of PyTorch, whose items are single samples."""
    if "torch" not in sys.modules:
        return False
    from torch.utils.data import Dataset, IterableDataset

    return isinstance(data, Dataset) and not isinstance(data, IterableDataset)
