"""The yardstick against itself, where the answer is known."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_speedacc.measure import yardstick as module
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.yardstick import measure_ratio, yardstick


def work(runs: int) -> Workload:
    """A model whose call is so many runs of the yardstick."""
    run = yardstick()

    def call(batch: Any) -> None:
        for _ in range(runs):
            run()

    return Workload(call, (None,), 1, None)


def test_a_model_of_three_yardsticks_is_three_yardsticks_long() -> None:
    ratio = measure_ratio(work(3), 2.5e-3)
    # An unpinned process on a busy machine: not a claim about precision, but two or four would be seen.
    assert math.exp(ratio.log_ratio) == pytest.approx(3, rel=0.25)


def test_the_yardsticks_own_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ratio = measure_ratio(work(1), 1e-3)
    # Nanoseconds or minutes would be another unit.
    assert 1e-5 < ratio.seconds < 1
    monkeypatch.setattr(module, "yardstick", lambda: lambda: yardstick()())
    assert measure_ratio(work(1), 1e-3).log_ratio < ratio.log_ratio
