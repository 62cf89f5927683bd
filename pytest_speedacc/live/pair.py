"""One gate in one launch: rounds of both sides timed in turn."""

from __future__ import annotations

import math
import statistics

import numpy as np

from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.worker_process import WorkerProcess
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.turns import Round, round_of, take_turns, turn_of

TAIL = 0.95
FEWEST_TAIL_CALLS = 150
"""Calls a side and launch where a tail is compared: four launches then have the 600 that p95 needs."""


def time_pair(
    candidate: WorkerProcess,
    base: WorkerProcess,
    ready: tuple[Ready, Ready],
    *,
    rounds: int,
    tail: bool,
    stopping: bool,
) -> PairTimes:
    """Time ``rounds`` rounds a side in ABBA order. Both workers stand in ``check``. Raises WorkerLost.

    ``stopping`` stops the side that is not timed, which is needed where its threads may spin.
    """
    sides = (candidate, base)
    size = round_of if tail else turn_of
    turn = size(max(side.seconds_per_call for side in ready), ready[0].concurrency)
    quads = max(rounds, math.ceil(FEWEST_TAIL_CALLS / turn.calls) if tail else 0) // 2
    seconds: tuple[list[float], list[float]] = ([], [])

    def take(side: int, quad: int) -> float:
        # The same batches in all four rounds, new ones in the next quad.
        taken = _round(sides[side], turn, quad, tail, stopping)
        seconds[side].extend(taken)
        return statistics.fmean(taken)

    if stopping:
        for worker in sides:
            worker.stop()
    turns = take_turns(take, quads)
    if stopping:
        for worker in sides:
            worker.resume()
    return PairTimes(
        difference=turns.difference,
        within=turns.within,
        tail_difference=math.log(_tail(seconds[0]) / _tail(seconds[1])) if tail else None,
        tail_calls=len(seconds[1]) if tail else 0,
        candidate_seconds=statistics.median(seconds[0]),
        base_seconds=statistics.median(seconds[1]),
        setup_seconds=max(side.setup_seconds for side in ready),
        costliest=ready[0].costliest,
    )


def _round(worker: WorkerProcess, turn: Round, number: int, single: bool, stopping: bool) -> list[float]:
    if stopping:
        worker.resume()
    order = {"calls": turn.calls, "untimed": turn.untimed, "stretches": turn.stretches}
    worker.send("time", number=number, single=single, **order)
    seconds: list[float] = worker.receive()["seconds"]
    if stopping:
        worker.stop()
    return seconds


def _tail(seconds: list[float]) -> float:
    return float(np.quantile(seconds, TAIL))
