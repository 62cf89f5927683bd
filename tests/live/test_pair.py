from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_speedacc.live.pair import FEWEST_TAIL_CALLS, time_pair
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.measure.launches import PairTimes


@dataclass
class Timed:
    """A worker whose calls take exactly as long as they are said to take."""

    name: str
    log: list[str]
    """What happens to all workers, in order."""
    seconds: float
    orders: list[dict[str, Any]] = field(default_factory=list)
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True
        self.log.append(f"stop {self.name}")

    def resume(self) -> None:
        self.is_stopped = False
        self.log.append(f"resume {self.name}")

    def send(self, kind: str, **content: Any) -> None:
        assert kind == "time"
        self.orders.append(content)
        self.log.append(f"time {self.name}")

    def receive(self) -> dict[str, Any]:
        assert not self.is_stopped, "a stopped worker never answers"
        order = self.orders[-1]
        return {"seconds": [self.seconds] * (order["calls"] if order["single"] else 1)}

    def ready(self) -> Ready:
        return Ready("test", "", self.seconds, 1, 2.0, None)


def run(candidate: float, base: float, **options: Any) -> tuple[PairTimes, Timed, Timed, list[str]]:
    """A pair timed between workers with these times of a call."""
    log: list[str] = []
    ours, theirs = Timed("candidate", log, candidate), Timed("base", log, base)
    options = {"rounds": 4, "tail": False, "stopping": False, **options}
    result = time_pair(ours, theirs, (ours.ready(), theirs.ready()), **options)  # type: ignore[arg-type]
    return result, ours, theirs, log


def test_the_difference_is_the_logarithm_of_the_ratio() -> None:
    result, *_ = run(1.1e-3, 1e-3)
    assert result.difference == pytest.approx(math.log(1.1))
    assert result.within == 0
    assert (result.candidate_seconds, result.base_seconds) == (1.1e-3, 1e-3)
    assert (result.tail_difference, result.tail_calls) == (None, 0)


def test_the_sides_take_turns_so_that_a_drift_favours_neither() -> None:
    *_, log = run(1e-3, 1e-3)
    turns = "".join(entry[5] for entry in log)
    assert turns == "cbbc" + "bccb"


def test_both_sides_get_the_same_batches_and_all_rounds_of_a_quad_do() -> None:
    _, ours, theirs, _ = run(1e-4, 1e-4)
    assert ours.orders == theirs.orders
    assert [order["number"] for order in ours.orders] == [0, 0, 1, 1]


def test_a_round_fits_the_slower_side() -> None:
    _, ours, theirs, _ = run(1e-3, 4e-3)
    sizes = {(order["calls"], order["untimed"], order["stretches"]) for order in ours.orders + theirs.orders}
    assert sizes == {(1, 0, 2)}


def test_a_tail_is_taken_from_single_calls_and_from_enough_of_them() -> None:
    result, ours, *_ = run(2e-3, 1e-3, tail=True)
    assert all(order["single"] for order in ours.orders)
    assert result.tail_calls >= FEWEST_TAIL_CALLS
    assert result.tail_difference == pytest.approx(math.log(2))


def test_only_the_side_that_is_timed_runs_and_both_go_on_in_the_end() -> None:
    _, ours, theirs, log = run(1e-3, 1e-3, stopping=True)
    running = {"candidate": True, "base": True}
    for entry in log:
        verb, _, name = entry.partition(" ")
        if verb == "time":
            assert [side for side, runs in running.items() if runs] == [name]
        else:
            running[name] = verb == "resume"
    assert not ours.is_stopped
    assert not theirs.is_stopped
