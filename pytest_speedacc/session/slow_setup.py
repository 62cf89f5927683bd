"""The setup that a live run spends most of its time on, since every launch pays for it again."""

from __future__ import annotations

from collections import Counter, defaultdict

from pytest_speedacc.axes.units import format_seconds
from pytest_speedacc.measure.launches import LiveRun

SHARE = 0.2
"""Of the run's time, from which a setup is worth a line,"""
LEAST = 5.0
"""and from so many seconds."""


def slow_setup(run: LiveRun) -> str:
    """A sentence about the fixture, or the test, that costs most; empty where none costs much."""
    seconds: defaultdict[str, float] = defaultdict(float)
    launches: Counter[str] = Counter()
    paid: set[tuple[str, int]] = set()
    for (test, _), gate in run.gates.items():
        for number, launch in enumerate(gate.launches):
            # Each check of a test tells what all of them waited for.
            if (test, number) not in paid:
                paid.add((test, number))
                fixture, took = launch.costliest
                what = f"the fixture {fixture}" if fixture else f"what {test} does before its check"
                seconds[what] += took
                launches[what] = max(launches[what], number + 1)
    if not seconds:
        return ""
    what, total = max(seconds.items(), key=lambda each: each[1])
    if total < LEAST or total < SHARE * run.seconds:
        return ""
    return (
        f"{what} takes {format_seconds(total / launches[what])} in each of {launches[what]} launches, {total:.0f} s of "
        f"this run's {run.seconds:.0f} s: a model that speedacc.fit(train) trains is trained once a side"
    )
