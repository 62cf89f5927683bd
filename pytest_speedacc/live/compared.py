"""Two models of one test, timed in turn in fresh processes: what ``compare(launches=...)`` rests on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from pytest_speedacc.errors import GateError
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import started
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.launches import Key, PairTimes
from pytest_speedacc.measure.lock import timing_lock


def run_paired(
    side: Side,
    key: Key,
    launches: int,
    arguments: tuple[str, ...],
    *,
    scratch: Path,
    timeout: float,
    say: Callable[[str], None],
) -> tuple[PairTimes, ...]:
    """A launch each of the ``compare`` that ``key`` names. Raises GateError when a launch does not come to it."""
    found = []
    for launch in range(launches):
        seed = random.SystemRandom().randrange(2**32)
        start = Start(arguments, seed, False, scratch, timeout, compares=True)
        say(f"launch {launch + 1} of {launches}")
        try:
            with timing_lock(say), started([(side, key[:1])], start) as (worker,):
                worker.receive_gates()
                while (ready := worker.next_check(key[0])) and (not ready.compares or ready.name != key[1]):
                    worker.send("return")
                if ready is None:
                    why = worker.failure(key[0]) or "the test ended before"
                    raise GateError(f"launch {launch + 1} did not come to compare(): {why}")
                worker.send("compare")
                said = worker.receive()
                found.append(
                    PairTimes(
                        difference=said["difference"],
                        within=said["within"],
                        tail_difference=None,
                        tail_calls=0,
                        candidate_seconds=said["seconds"],
                        base_seconds=said["other_seconds"],
                        setup_seconds=ready.setup_seconds,
                    )
                )
        except WorkerLost as error:
            raise GateError(f"launch {launch + 1} came to nothing: {error}") from None
    return tuple(found)
