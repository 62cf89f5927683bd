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

_STEPS, _VALUES, _BYTES = 4000, 1 << 15, 1 << 22


@dataclass(frozen=True, slots=True)
class Ratio:
    """A model's time as a multiple of the yardstick's, in one launch."""

    log_ratio: float
    """Median over quads of log(model/yardstick)."""
    seconds: float
    """What one run of the yardstick took, the median over its rounds."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """log(model/yardstick) over the launches of one run."""

    mean: float
    spread: float
    """Standard deviation between launches."""
    launches: int


def ratios_of(log_ratios: Sequence[float]) -> Ratios:
    """What the launches of one run come to, to a hundredth of a per cent, as it is stored."""
    return Ratios(round(statistics.fmean(log_ratios), 4), round(statistics.stdev(log_ratios), 4), len(log_ratios))


def yardstick() -> Callable[[], None]:
    """About a millisecond of what models spend their time on: interpreted Python, array arithmetic, and memory.

    On one thread whatever is configured: no part of it is one that a library would share among cores.
    """
    values = np.linspace(0.5, 1.5, _VALUES)
    roots = np.empty_like(values)
    block = np.ones(_BYTES, dtype=np.uint8)
    copy = np.empty_like(block)

    def run() -> None:
        counts: dict[int, int] = {}
        for number in range(_STEPS):
            key = number * 7919 % 61
            counts[key] = counts.get(key, 0) + 1
        for _ in range(6):
            np.sqrt(values, out=roots)
        np.copyto(copy, block)

    return run


def measure_ratio(work: Workload, seconds_per_call: float, quads: int = QUADS) -> Ratio:
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

    turns = take_turns(take, quads)
    return Ratio(turns.difference, float(np.median(lengths)))
