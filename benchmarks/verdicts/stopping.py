"""How soon a verdict comes by each of the plugin's rules, and how often it is wrong, all on the same launches."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .record import Suite
from .replay import Stop, by_itself, by_others, ends, late, slowed
from .rules import TOLERANCE
from .tally import SMALL_SPREAD

STOPS: Mapping[str, Stop] = {
    "a failure at the error rate of unchanged models": late,
    "each gate by its own launches": by_itself,
    "with the spread of the other gates (now)": by_others,
}
SLOWER = (0.0, 0.02, 0.05, 0.1)
"""Slow-downs that unchanged suites are shifted by."""
FINE = 0.01
"""A tolerance that asks for much more than is usual."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What one rule came to, on the gates of unchanged suites shifted by one slow-down."""

    slower: float
    """Fraction."""
    rule: str
    gates: int
    passed: int
    failed: int
    launches: float
    """Median over the gates."""
    mean_launches: float


def stopped(
    runs: Sequence[Suite],
    tolerance: float = TOLERANCE.value,
    stops: Mapping[str, Stop] = STOPS,
    slower: Sequence[float] = SLOWER,
) -> list[Stopped]:
    """Each rule on every one of these runs, which no rule has stopped; ``tolerance`` is a fraction."""
    found = []
    for slow in slower:
        for name, stop in stops.items():
            own = [end for run in runs for end in ends(slowed(run, slow), stop, math.log1p(tolerance)).values()]
            found.append(
                Stopped(
                    slow,
                    name,
                    len(own),
                    sum(end.verdict == "passed" for end in own),
                    sum(end.verdict == "failed" for end in own),
                    statistics.median(end.launches for end in own),
                    statistics.fmean(end.launches for end in own),
                )
            )
    return found


def narrow(suites: Sequence[Suite]) -> list[Suite]:
    """The same suites with those gates alone whose launches spread by little, each suite's error rate its own."""
    return [
        Suite(**{name: getattr(suite, name) for name in suite.__slots__} | {"launches": kept})
        for suite in suites
        if (
            kept := {
                gate: launches
                for gate, launches in suite.launches.items()
                if statistics.stdev(launch.difference for launch in launches) <= SMALL_SPREAD
            }
        )
    ]
