"""Two sides timed in turn, a few milliseconds each, so that whatever the machine does hits both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

ROUND_SECONDS = 0.0015
"""Longer rounds let the machine drift in between the two sides; shorter ones measure the switch."""
UNTIMED_CALLS = 3
UNTIMED_SECONDS = 0.003
"""A longer call fills the caches by itself, so that one untimed call does after a switch."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one side does when it is its turn."""

    calls: int
    """Timed together."""
    untimed: int
    """Calls before them, which bring the caches back."""
    stretches: int = 1
    """How often they are timed, of the same inputs; the fastest counts."""


def round_of(seconds_per_call: float, concurrency: int = 1) -> Round:
    """The round for calls of this length, each of ``concurrency`` calls in flight: fewer would be no such load."""
    calls = max(concurrency, round(ROUND_SECONDS / seconds_per_call))
    return Round(calls, concurrency * min(UNTIMED_CALLS, math.ceil(UNTIMED_SECONDS / seconds_per_call)))


def turn_of(seconds_per_call: float, concurrency: int = 1) -> Round:
    """The same for a process that takes turns with another: of the calls that bring its caches back, most are timed.

    The first stretch after a switch is the slower one, unless the second is interrupted. Where a round holds many
    calls, a second stretch would take longer than the calls that it stands for.
    """
    usual = round_of(seconds_per_call, concurrency)
    if concurrency > 1 or usual.calls > UNTIMED_CALLS:
        return usual
    return Round(usual.calls, min(1, usual.untimed - 1), stretches=2)


@dataclass(frozen=True, slots=True)
class Turns:
    """What the quads of one process pair, or of one process, came to."""

    difference: float
    """Median over quads of log(first/second) of the faster of a side's two rounds."""
    within: float
    """Standard deviation of a quad, from the median absolute deviation."""


def take_turns(take: Callable[[int, int], float], quads: int) -> Turns:
    """Time the sides 0 and 1 in ABBA and BAAB quads; ``take(side, quad)`` times one round and gives its seconds.

    Of the two rounds that a side has in a quad the faster counts, for an interruption only ever adds time. On a shared
    machine that takes a fifth off the variance between launches that means leave (docs/verdict.md). Both of a side's
    rounds in a quad must be of the same inputs: otherwise the faster would be that of the easier ones.
    """
    differences = []
    for quad in range(quads):
        fastest = [math.inf, math.inf]
        for side in (0, 1, 1, 0) if quad % 2 == 0 else (1, 0, 0, 1):
            fastest[side] = min(fastest[side], take(side, quad))
        differences.append(math.log(fastest[0] / fastest[1]))
    middle = statistics.median(differences)
    return Turns(middle, 1.4826 * statistics.median(abs(difference - middle) for difference in differences))
