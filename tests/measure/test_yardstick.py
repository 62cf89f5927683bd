"""The yardstick against itself, where the answer is known."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure import yardstick as module
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.yardstick import PARTS, Ratio, Ratios, measure_ratio, ratios_of, yardstick


@pytest.fixture(autouse=True)
def time_of_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what this thread computes counts: on a busy machine, a model of three waits more often than a yardstick."""
    monkeypatch.setattr(clocks, "CLOCKS", clocks.Clocks(time.thread_time_ns, time.thread_time_ns, 1))


def work(runs: int) -> Workload:
    """A model whose call is so many runs of the yardstick."""
    run = yardstick()

    def call(batch: Any) -> None:
        for _ in range(runs):
            run()

    return Workload(call, (None,), 1, None)


def test_a_model_of_three_yardsticks_is_three_yardsticks_long() -> None:
    assert math.exp(measure_ratio(work(3), 2.5e-3).log_ratio) == pytest.approx(3, rel=0.25)


def test_the_yardsticks_own_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ratio = measure_ratio(work(1), 1e-3)
    # Nanoseconds or minutes would be another unit.
    assert 1e-5 < ratio.seconds < 1
    monkeypatch.setattr(module, "yardstick", lambda: lambda: yardstick()())
    assert measure_ratio(work(1), 1e-3).log_ratio < ratio.log_ratio


def test_its_parts_are_told_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ratio = measure_ratio(work(1), 1e-3)
    assert len(ratio.parts) == len(PARTS)
    assert sum(ratio.parts) == pytest.approx(0, abs=1e-9)
    whole = module._parts
    # One part that takes as long as four of it moves away from the others, by less than the log of four of its own.
    monkeypatch.setattr(module, "_parts", lambda: (*whole()[:2], lambda: [whole_copy() for _ in range(4)]))
    whole_copy = whole()[2]
    slower = measure_ratio(work(1), 1e-3)
    moved = [there - here for here, there in zip(ratio.parts, slower.parts, strict=True)]
    assert moved[2] - max(moved[:2]) > math.log(2)


def test_launches_come_down_to_means_and_spreads() -> None:
    found = [
        Ratio(0.1, 1e-3, (0.1, -0.2, 0.1)),
        Ratio(0.2, 1e-3, (0.1, -0.2, 0.1)),
        Ratio(0.300002, 1e-3, (0.4, -0.2, -0.2)),
    ]
    assert ratios_of(found) == Ratios(0.2, 0.1, 3, (0.2, -0.2, 0.0), 0.1732)
