"""One gate in one launch: rounds of both sides timed in turn."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from pytest_speedacc.live.handle import Worker
from pytest_speedacc.live.protocol import Ready
from pytest_speedacc.stats.quantiles import quantile

ROUND_SECONDS = 0.0015
"""Longer rounds let the machine drift in between the two sides; shorter ones measure the switch."""
UNTIMED_CALLS = 3
SLOW_CALL = 0.02
"""Seconds: a call this long fills the caches by itself, so that one untimed call does after a switch."""
TAIL = 0.95
FEWEST_TAIL_CALLS = 150
"""Calls a side and launch where a tail is compared: four launches then have the 600 that p95 needs."""


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """What one launch showed of one gate."""

    difference: float
    """Median over ABBA quads of log(candidate/base) of a round's time."""
    within: float
    """Standard deviation of a quad, from the median absolute deviation."""
    tail_difference: float | None
    """log(candidate/base) of p95 over the calls of the launch; None where no tail is compared."""
    tail_calls: int
    """Calls a side behind the tail."""
    candidate_seconds: float
    """Median time of a call."""
    base_seconds: float
    """Median time of a call."""
    setup_seconds: float
    """From the start of the test to its ``check``, on the slower side."""


def duel(
    candidate: Worker, base: Worker, ready: tuple[Ready, Ready], *, rounds: int, tail: bool, stopping: bool
) -> LaunchResult:
    """Time ``rounds`` rounds a side in ABBA order. Both workers stand in ``check``. Raises WorkerLost.

    ``stopping`` stops the side that is not timed, which is needed where its threads may spin.
    """
    sides = (candidate, base)
    slower = max(side.seconds_per_call for side in ready)
    calls = max(1, round(ROUND_SECONDS / slower))
    untimed = 1 if slower > SLOW_CALL else UNTIMED_CALLS
    quads = max(rounds, math.ceil(FEWEST_TAIL_CALLS / calls) if tail else 0) // 2
    seconds: tuple[list[float], list[float]] = ([], [])
    differences = []
    if stopping:
        for worker in sides:
            worker.stop()
    for quad in range(quads):
        means = [0.0, 0.0]
        for place, side in enumerate((0, 1, 1, 0) if quad % 2 == 0 else (1, 0, 0, 1)):
            # Both sides get the same batches in the same order.
            start = (2 * quad + place // 2) * calls
            taken = _round(sides[side], calls, untimed, start, tail, stopping)
            means[side] += sum(taken) / len(taken)
            seconds[side].extend(taken)
        differences.append(math.log(means[0] / means[1]))
    if stopping:
        for worker in sides:
            worker.resume()
    middle = statistics.median(differences)
    return LaunchResult(
        difference=middle,
        within=1.4826 * statistics.median(abs(difference - middle) for difference in differences),
        tail_difference=math.log(_tail(seconds[0]) / _tail(seconds[1])) if tail else None,
        tail_calls=len(seconds[1]) if tail else 0,
        candidate_seconds=statistics.median(seconds[0]),
        base_seconds=statistics.median(seconds[1]),
        setup_seconds=max(side.setup_seconds for side in ready),
    )


def _round(worker: Worker, calls: int, untimed: int, start: int, single: bool, stopping: bool) -> list[float]:
    if stopping:
        worker.resume()
    worker.send("time", calls=calls, untimed=untimed, start=start, single=single)
    seconds: list[float] = worker.receive()["seconds"]
    if stopping:
        worker.stop()
    return seconds


def _tail(seconds: list[float]) -> float:
    return quantile(sorted(seconds), TAIL)
