"""Cyclic garbage that piles up while the collector is off: collected between timed calls, and remarked on."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from dataclasses import dataclass, field
from functools import cache

from pytest_speedacc.axes.units import format_bytes
from pytest_speedacc.measure.this_process import resident

ENOUGH = 2**26
"""Bytes by which resident memory grows before anything is collected: less is the allocator's own to and fro."""
STRETCH = 0.01
"""Seconds of calls between two looks at resident memory, each of which takes about ten microseconds: a process cannot
fill more than some tens of megabytes in that time."""
FIRST, MOST = 8, 4096
"""The same in calls, at first and at most."""
SEEN = 2**23
"""Bytes by which it moves though nothing is kept that anybody would look for."""
GROWN = 2**23
"""Bytes by which it grows from one gate to another before everything is collected."""
_held = 0
"""Resident bytes after the last collection of everything."""


@dataclass(slots=True)
class Garbage:
    """What one model leaves behind while it is timed with the collector off.

    Without this a model that leaves a cycle of ten megabytes a call would take all of the machine's memory.
    """

    stretch: int = FIRST
    """Calls until the next look."""
    freed: int = 0
    """Bytes that collections gave back."""
    calls: int = 0
    """Calls that had left them."""
    _least: int = field(default_factory=lambda: resident())
    """Resident bytes, the least since the last collection."""
    _since: int = 0
    """Calls since then."""

    def look(self, calls: int, seconds: float) -> None:
        """Collect where memory has grown, after ``calls`` more calls that took ``seconds``. For between timed calls."""
        now = resident()
        self._since += calls
        grown = now - self._least
        if grown >= ENOUGH:
            # What the allocator had only kept, of whatever was freed before, is not this model's garbage.
            held = at_rest()
            gc.collect()
            after = at_rest()
            # What does not come back is a cache or a leak, which the memory pass tells of.
            if held - after >= grown / 2:
                self.freed += held - after
                self.calls += self._since
            self._least, self._since = after, 0
        self._least = min(self._least, now)
        self.stretch = max(1, min(MOST, int(calls * min(STRETCH / max(seconds, 1e-9), ENOUGH / max(grown, 1)))))

    def remarks(self) -> tuple[str, ...]:
        """A sentence about a model that leaves cycles behind."""
        if not self.freed:
            return ()
        return (
            f"the model leaves about {format_bytes(self.freed / self.calls)} of cyclic garbage behind with each call, "
            "which is collected between the timed calls and costs them nothing here: where nobody collects it, it is "
            "memory that grows, and where Python does, it is time. Break the cycle (weakref, or no reference back)",
        )


def stayed(before: int, expected: int) -> int:
    """Bytes by which resident memory has grown since it was ``before``, as ``at_rest`` gave it, without those that
    were expected; 0 for less than SEEN, and where it cannot be read."""
    if not before or resident() - before - expected < SEEN:
        return 0
    gc.collect()
    kept = at_rest() - before - expected
    return kept if kept >= SEEN else 0


def settled() -> int:
    """As ``at_rest``, with all garbage collected where memory has grown since that was last done.

    Python does not by itself in a run of gates: whatever a gate leaves behind is set aside in the memory pass of the
    next, and each collection there puts off Python's own of everything.
    """
    global _held
    now = at_rest()
    if now - _held >= GROWN:
        gc.collect()
        now = _held = at_rest()
    return now


def at_rest() -> int:
    """Resident bytes without what the allocator has kept of what was freed, where that can be told."""
    with contextlib.suppress(OSError, AttributeError):  # of glibc alone
        _c_library().malloc_trim(0)
    return resident()


@cache
def _c_library() -> ctypes.CDLL:
    # Each one is a class of its own, and cyclic garbage afterwards.
    return ctypes.CDLL(None)
