"""Whether a model remembers its answers: timed calls meet the same batches again, and only new ones make it compute.

A new batch is a known one with parts of another one's samples, or with their words in another order: of the same type,
shape and length, so that nothing is compiled for it, and with values of its own, which no cache can have.
"""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.latency import Workload, time_calls

FACTOR = 5
"""By which every new batch must take longer: a model that computes each answer anew takes as long for them."""
SHORTEST = 50e-6
"""Seconds by which it must take longer as well: a single call finds colder caches than one in a row does."""
LONGEST = 0.05
"""Seconds that looking an answer up takes at most, with what it takes to tell a large batch by its content. A slower
model is not called again for this."""
MOST_CALLS, FEWEST_CALLS, ENOUGH = 8, 5, 1.0
"""New batches that are called, and fewer once they have taken so many seconds; one that is quick settles it."""
LARGER_THAN_CACHES = 2**26
"""Bytes that drive everything else out of most processors' caches."""
MOST_ROUNDS = 3
"""Of so many calls of new and known ones: on a busy machine too many of them may be interrupted."""
PAUSE = 0.001
"""Seconds between that and a call."""


def remembers(work: Workload, median: float) -> str:
    """What is wrong with timed calls that took ``median`` seconds, where the model remembers its answers; else empty.

    Most models are called once for it. One that raises on new batches is not found out.
    """
    if median > LONGEST:
        return ""
    new = _new_batches(work.batches)
    slow: list[float] = []
    try:
        for batch in new:
            slow.append(_seconds(work, batch))
            if not _is_slower(slow[-1], median):
                return ""
            if _is_enough(slow):
                break
        if len(slow) < FEWEST_CALLS or not _is_slower_once_more(work, new):
            return ""
    except GateError:
        return ""
    known, unknown = (format_value(seconds, Kind.TIME) for seconds in (median, statistics.median(slow)))
    return (
        f"the model remembers its answers: a batch that it has met takes {known} and a new one {unknown}, and the "
        "timed calls met the same batches again. Gate what computes the answers: the function below the cache, or a "
        "predict= that goes around it or clears it"
    )


def _is_slower_once_more(work: Workload, new: Iterator[Any]) -> bool:
    """Beside known batches that are called in the same way: one at a time, and from cold caches of the processor.

    By itself a call of a model of many threads, or one of much memory, may be far slower than in a row.
    """
    cold = np.empty(LARGER_THAN_CACHES, np.uint8)
    for _ in range(MOST_ROUNDS):
        known: list[float] = []
        slow: list[float] = []
        for batch, other in zip(itertools.cycle(work.batches), new):
            # It may have been forgotten for the new ones.
            _seconds(work, batch)
            known.append(_seconds_from(cold, work, batch))
            slow.append(_seconds_from(cold, work, other))
            if len(known) > 2 and not _is_slower(slow[-1], min(known)):
                return False
            if _is_enough(slow):
                break
        if len(slow) < FEWEST_CALLS:
            return False
        uninterrupted = sorted(known)[: len(known) - len(known) // 4]
        if _is_slower(min(slow), max(uninterrupted)):
            return True
        # Too many of the known ones were interrupted, or both are as slow.
        if sum(known) + sum(slow) > ENOUGH:
            return False
    return False


def _seconds_from(cold: np.ndarray[Any, np.dtype[np.uint8]], work: Workload, batch: Any) -> float:
    cold.fill(1)
    # Whoever has worked for so long is interrupted next, unless it rests.
    time.sleep(PAUSE)
    return _seconds(work, batch)


def _is_slower(seconds: float, known: float) -> bool:
    return seconds > FACTOR * known and seconds - known > SHORTEST


def _is_enough(seconds: list[float]) -> bool:
    return len(seconds) == MOST_CALLS or (len(seconds) >= FEWEST_CALLS and sum(seconds) > ENOUGH)


def _seconds(work: Workload, batch: Any) -> float:
    return float(time_calls(replace(work, batches=(batch,), concurrency=1, answers=None), 1, 1).seconds[0])


def _new_batches(batches: Sequence[Any]) -> Iterator[Any]:
    """Batches with values of their own; none of samples that cannot be taken apart."""
    met: set[str] = set()
    for number in range(8 * MOST_CALLS):
        one = batches[number % len(batches)]
        try:
            other = _turned(batches[(number + 1 + number // len(batches)) % len(batches)], number + 1)
            new = _mixed(one, other, number)
            if new is None:
                return
            met |= {fingerprint(one, None), fingerprint(other, None)}
            digest = fingerprint(new, None)
        except Exception:
            # Of whatever type the samples are: what cannot be mixed shows nothing.
            return
        if digest not in met:
            met.add(digest)
            yield new


def _mixed(one: Any, other: Any, number: int) -> Any:
    """A batch as ``one``, with parts of ``other``; None of what has no parts."""
    if isinstance(one, Mapping):
        parts = {name: _mixed(value, other[name], number) for name, value in one.items()}
        return None if any(part is None for part in parts.values()) else parts
    if isinstance(one, str):
        words = one.split(" ")
        random.Random(number).shuffle(words)
        return " ".join(words)
    if isinstance(one, list):
        parts_of = [_mixed(*pair, number) for pair in zip(one, other, strict=True)]
        return None if any(part is None for part in parts_of) else parts_of
    shape = getattr(one, "shape", ())
    if not shape or shape[-1] < 2 or getattr(other, "shape", None) != shape:
        return None
    cut = _cut(shape[-1], number)
    if hasattr(one, "with_columns"):
        return one.with_columns(other.get_columns()[cut:])
    if hasattr(one, "tocsr"):
        from scipy import sparse

        return sparse.hstack([one[:, :cut], other[:, cut:]], format=one.format, dtype=one.dtype)
    copy = one.clone() if hasattr(one, "clone") else one.copy()
    if hasattr(one, "iloc"):
        for name in one.columns[cut:]:
            copy[name] = other[name].array
    else:
        copy[..., cut:] = other[..., cut:]
    return copy


def _turned(batch: Any, by: int) -> Any:
    """The samples of a batch in another order."""
    if isinstance(batch, Mapping):
        return {name: _turned(value, by) for name, value in batch.items()}
    size = batch.shape[0] if hasattr(batch, "shape") else len(batch)
    order = [(place + by) % size for place in range(size)]
    if isinstance(batch, list):
        return [batch[place] for place in order]
    return batch.iloc[order] if hasattr(batch, "iloc") else batch[order]


def _cut(width: int, number: int) -> int:
    """Where a sample of so many features is taken apart, another place each time."""
    return 1 + (width // 2 - 1 + number) % (width - 1)
