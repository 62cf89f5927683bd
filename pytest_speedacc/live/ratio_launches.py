"""The candidate alone, launch after launch, against the yardstick: what is stored, and what is held against it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import started
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.launches import Key
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.yardstick import Ratio

LAUNCHES = 5
"""Of which each pays imports and fixtures again; between them lies most of what a prediction is uncertain by."""


@dataclass(frozen=True, slots=True)
class SoloRun:
    """What the launches showed."""

    ratios: Mapping[Key, tuple[Ratio, ...]]
    """Of every check, a launch each."""
    lost: str
    """Why there are none; empty when there are."""


def run_solo(
    side: Side,
    tests: tuple[str, ...],
    arguments: tuple[str, ...],
    *,
    scratch: Path,
    timeout: float,
    say: Callable[[str], None],
) -> SoloRun:
    """Time every check of ``tests`` and the yardstick in turn, in LAUNCHES fresh processes.

    A check that some launch did not come to is left out. A lost worker leaves nothing.
    """
    ratios: dict[Key, list[Ratio]] = {}
    for launch in range(LAUNCHES):
        seed = random.SystemRandom().randrange(2**32)
        start = Start(arguments, seed, False, scratch, timeout)
        try:
            with timing_lock(say), started([(side, tests)], start) as (worker,):
                worker.receive_gates()
                for test in tests:
                    say(f"launch {launch + 1} of {LAUNCHES}: {test}")
                    while ready := worker.next_check(test):
                        worker.send("ratio", seconds_per_call=ready.seconds_per_call)
                        said = worker.receive()
                        ratio = Ratio(said["log_ratio"], said["seconds"], tuple(said["parts"]))
                        if problem := worker.answers_problem():
                            return SoloRun({}, f"launch {launch + 1} came to nothing: {problem}")
                        ratios.setdefault((test, ready.name), []).append(ratio)
                        worker.send("return")
        except WorkerLost as error:
            return SoloRun({}, f"launch {launch + 1} came to nothing: {error}")
    return SoloRun({key: tuple(found) for key, found in ratios.items() if len(found) == LAUNCHES}, "")
