"""Two clocks of this machine, taken before any user code runs: what one says over a timed part, the other must confirm.

The plugin imports this module as it is loaded, so that what a test does to ``time`` (freezegun, a patch) comes too late
to move a measurement. It imports nothing heavy.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from pytest_speedacc.errors import GateError

AGREEMENT = 0.01
"""By how much two sound clocks may differ: a time server turns one of them by 0.05 % at most."""
MOST_READS = 2**20
"""After which a clock that still says the same stands still: 50 ms, and more than the coarsest clock's tick."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Functions of C, kept in a place where no tool that sets clocks looks for them."""

    read: Callable[[], int]
    """Nanoseconds, of the clock that times the model."""
    witness: Callable[[], int]
    """Nanoseconds, of another one."""
    tick: int
    """Nanoseconds by which the witness moves at a time."""


def _own() -> Clocks:
    if sys.platform == "linux":
        # Unlike the other's, its pace is that of the hardware alone.
        raw = time.CLOCK_MONOTONIC_RAW
        return Clocks(time.perf_counter_ns, partial(time.clock_gettime_ns, raw), round(1e9 * time.clock_getres(raw)))
    return Clocks(time.perf_counter_ns, time.monotonic_ns, round(1e9 * time.get_clock_info("monotonic").resolution))


CLOCKS = _own()
_RESOLUTION = time.get_clock_info("perf_counter").resolution


def seconds() -> float:
    """The clock that times models, in seconds from a moment that means nothing."""
    return CLOCKS.read() * 1e-9


@contextmanager
def agreeing(when: str) -> Iterator[None]:
    """Have the witness confirm how long the part within takes; ``when`` ends the sentence.

    Raises GateError for a clock that stands still, goes backwards or keeps another pace.
    """
    clocks = CLOCKS
    began = _both(clocks)
    yield
    ended = _both(clocks)
    # Whatever comes between two reads, such as another process, widens the room and never contradicts.
    least, most = ended[0] - began[2], ended[2] - began[0]
    witnessed = ended[1] - began[1]
    room = 2 * clocks.tick
    if most <= 0 and witnessed > room:
        if most < 0:
            raise GateError(f"the clock went backwards {when}: no time from this run can be trusted.")
        raise stood_still(when)
    if witnessed < least * (1 - AGREEMENT) - room or witnessed > most * (1 + AGREEMENT) + room:
        raise GateError(
            f"two clocks of this machine disagree: {when} one counted {most / 1e9:.3g} s and the other "
            f"{witnessed / 1e9:.3g} s, so no time from this run can be trusted. Something sets a clock (freezegun, "
            "libfaketime, a patched time module): load it after pytest-speedacc, or run the gates without it."
        )


def read_seconds() -> float:
    """What reading the clock usually takes. Raises GateError, within a moment, for one that stands still."""
    read = CLOCKS.read
    reads = [read() for _ in range(2000)]
    steps = sorted(after - before for before, after in pairwise(reads))
    if steps[-1] == 0 and all(read() == reads[0] for _ in range(MOST_READS)):
        raise stood_still("before the model was timed")
    # A clock with coarse ticks mostly reads the same twice.
    return max(steps[len(steps) // 2] * 1e-9, _RESOLUTION)


def stood_still(when: str) -> GateError:
    """The refusal of a clock that does not move."""
    return GateError(f"the clock stood still {when}, as under freezegun: call check() outside of it.")


def _both(clocks: Clocks) -> tuple[int, int, int]:
    """The witness between two reads of the other clock."""
    return clocks.read(), clocks.witness(), clocks.read()
