"""How much a process grows while a model is called: a coarse figure, for where nothing tracks allocations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from pytest_speedacc.axes.units import format_bytes
from pytest_speedacc.measure.this_process import resident

EVERY = 0.001
"""Seconds between two looks."""
RESOLUTION = 1 << 20
"""Bytes that a process grows and shrinks by when a model allocates nothing."""


def growth(call: Callable[[Any], Any], batches: Sequence[Any]) -> int:
    """Bytes by which the process grew at most while the model was called on every batch once."""
    before, done = resident(), threading.Event()
    largest = before

    def look() -> None:
        nonlocal largest
        while not done.wait(EVERY):
            largest = max(largest, resident())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        for batch in batches:
            output = call(batch)  # still there when it is looked at
            largest = max(largest, resident())
            del output
    finally:
        done.set()
        watcher.join()
    return largest - before


def growth_note(found: int) -> str:
    """The figure in words, with what it is worth."""
    grew = f"grew by {format_bytes(found)}" if found > RESOLUTION else f"did not grow by {format_bytes(RESOLUTION)}"
    return (
        f"As a coarse figure, the process {grew} while the model was called, looked at a thousand times a second "
        f"(psutil): the peak is no less than that, within {format_bytes(RESOLUTION)}, and may be more, for memory that "
        "was freed before and is taken again is not seen. No limit is judged by it."
    )
