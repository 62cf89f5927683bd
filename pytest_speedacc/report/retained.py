"""What is shown of memory beside its peak: what stays."""

from __future__ import annotations

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.verdict import Observation
from pytest_speedacc.measure.measurement import Statics
from pytest_speedacc.measure.memory import MemoryPeak


def observe_retained(statics: Statics) -> list[Observation]:
    """What stays, where anything does: after the first pass over the set, and after each further call."""
    memory, rows = statics.memory, []
    if statics.retained:
        note = "stays after the set was first predicted: caches, pools, and what was loaded"
        rows.append(Observation("memory", "retained", Kind.SIZE, statics.retained, None, None, note))
    if isinstance(memory, MemoryPeak) and memory.retained:
        note = "stays after each call, and is no part of the peak of the next"
        rows.append(Observation("memory", "retained a call", Kind.SIZE, memory.retained, None, None, note))
    return rows
