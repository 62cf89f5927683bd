"""The yardstick: a fixed small workload, timed in turn with a model, so that a stored time can be a ratio to it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.latency import Workload, run_untimed, time_calls
from pytest_speedacc.measure.quiet import quietly
from pytest_speedacc.measure.turns import round_of, take_turns

VERSION = 1
"""Of the work below: ratios to different versions are never compared, so any change to it needs a new one."""
QUADS = 10
"""Of rounds in a launch."""

PARTS = ("interpreted Python", "array arithmetic", "copying memory")
"""What the yardstick is made of, and models are; timed by themselves as well."""

_STEPS, _VALUES, _BYTES = 4000, 1 << 15, 1 << 22


@dataclass(frozen=True, slots=True)
class Ratio:
    """A model's time as a multiple of the yardstick's, in one launch."""

    log_ratio: float
    """Median over quads of log(model/yardstick)."""
    seconds: float
    """What one run of the yardstick took, the median over its rounds."""
    parts: tuple[float, ...]
    """The logarithm of what each of PARTS takes by itself, less the mean of the three: what the machine is good at."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """log(model/yardstick) over the launches of one run."""

    mean: float
    spread: float
    """Standard deviation between launches."""
    launches: int
    parts: tuple[float, ...]
    """Of PARTS, the mean over launches."""
    parts_spread: float
    """Standard deviation between launches of one of them, the largest of the three."""


def ratios_of(found: Sequence[Ratio]) -> Ratios:
    """What the launches of one run come to, to a hundredth of a per cent, as it is stored."""
    log_ratios = [each.log_ratio for each in found]
    parts = list(zip(*(each.parts for each in found), strict=True))
    return Ratios(
        round(statistics.fmean(log_ratios), 4),
        round(statistics.stdev(log_ratios), 4),
        len(found),
        tuple(round(statistics.fmean(part), 4) for part in parts),
        round(max(map(statistics.stdev, parts)), 4),
    )


def yardstick() -> Callable[[], None]:
    """About a millisecond of what models spend their time on: all of PARTS, one after the other.

    On one thread whatever is configured: no part of it is one that a library would share among cores.
    """
    parts = _parts()

    def run() -> None:
        for part in parts:
            part()

    return run


def _parts() -> tuple[Callable[[], None], ...]:
    values = np.linspace(0.5, 1.5, _VALUES)
    roots = np.empty_like(values)
    block = np.ones(_BYTES, dtype=np.uint8)
    copy = np.empty_like(block)

    def interpreted() -> None:
        counts: dict[int, int] = {}
        for number in range(_STEPS):
            key = number * 7919 % 61
            counts[key] = counts.get(key, 0) + 1

    def arithmetic() -> None:
        for _ in range(6):
            np.sqrt(values, out=roots)

    return interpreted, arithmetic, lambda: np.copyto(copy, block)


def measure_ratio(work: Workload, seconds_per_call: float) -> Ratio:
    """Time ``work``, whose call takes about ``seconds_per_call``, and the yardstick in turn, in this process.

    Raises GateError when the model raises or the clock cannot be trusted.
    """
    run = yardstick()
    runs = Workload(lambda _: run(), (None,), 1, None)
    began = clocks.seconds()
    quietly(run_untimed, runs, 8)
    sides = ((work, round_of(seconds_per_call, work.concurrency)), (runs, round_of((clocks.seconds() - began) / 8)))
    lengths = []

    def take(side: int, quad: int) -> float:
        timed, turn = sides[side]
        run_untimed(timed, turn.untimed)
        seconds = float(time_calls(timed, turn.calls, 1, start=quad).seconds[0])
        if side == 1:
            lengths.append(seconds)
        return seconds

    turns = take_turns(take, QUADS)
    return Ratio(turns.difference, float(np.median(lengths)), quietly(_times_of_parts, 2 * QUADS))


def _times_of_parts(rounds: int) -> tuple[float, ...]:
    parts = _parts()
    seconds = np.empty((rounds, len(parts)))
    for times in (np.empty(len(parts)), *seconds):  # once more, before any of them counts
        for place, part in enumerate(parts):
            began = clocks.seconds()
            part()
            times[place] = clocks.seconds() - began
    # A clock that stands still is refused elsewhere.
    logs = np.log(np.maximum(np.median(seconds, axis=0), 1e-9))
    return tuple((logs - logs.mean()).tolist())
