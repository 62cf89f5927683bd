"""What is promised of a whole run, and of a trade for time, simulated: docs/verdict.md says what each promise is of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.live_increase import SUITE_ALPHA, live_alpha
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES, half_width, judge_launches, launch_gain

GATES, MOST = 10, 24
STRICT = parse_bound("max_latency_increase", "0 %", "test")
KEYS = [(f"test_model.py::test_{place}", "") for place in range(GATES)]


def alarms(differences: Any, alpha: float) -> Any:
    """Which gates fail a tolerance of nothing at any look: shape (runs, gates) of (runs, gates, launches)."""
    failed = np.zeros(differences.shape[:2], dtype=bool)
    for k in range(FEWEST_LAUNCHES, differences.shape[2] + 1):
        seen = differences[:, :, :k]
        failed |= seen.mean(axis=2) > half_width(1, k, alpha) * np.maximum(seen.std(axis=2, ddof=1), 0.003)
    return failed


def test_the_simulation_is_of_the_rule() -> None:
    draws = np.random.default_rng(2).normal(0.01, 0.02, (3, GATES, MOST))
    found = alarms(draws, 0.05)
    for run in range(3):
        for gate in range(GATES):
            looks = [judge_launches(draws[run, gate, :k].tolist(), 0.0, 0.05, k < MOST) for k in range(1, MOST + 1)]
            # It ends at the first verdict, which is a pass where the mean is below nothing.
            first = next((each for each in looks if each in ("passed", "failed")), "")
            assert found[run, gate] or first != "failed"
            assert not found[run, gate] or "failed" in looks


@pytest.mark.parametrize("heavy", [False, True])
def test_one_run_in_a_hundred_calls_an_unchanged_model_slower_however_many_gates_it_has(heavy: bool) -> None:
    """At a tolerance of nothing, where errors are likeliest: by 3 % an unchanged model never is."""
    random, runs = np.random.default_rng(9), 3000
    shape = (runs, GATES, MOST)
    noise = random.standard_t(5, shape) / math.sqrt(5 / 3) if heavy else random.standard_normal(shape)
    alpha = live_alpha(KEYS, {test: (STRICT,) for test, _ in KEYS})
    assert alpha == SUITE_ALPHA / GATES
    assert alarms(0.02 * noise, alpha).any(axis=1).mean() <= SUITE_ALPHA
    if not heavy:
        # With one per cent for each gate, several runs in a hundred would, and the simulation sees it.
        assert alarms(0.02 * noise, SUITE_ALPHA).any(axis=1).mean() > 2 * SUITE_ALPHA


@pytest.mark.parametrize("heavy", [False, True])
def test_a_trade_rarely_takes_a_gain_of_time_that_is_not_there(heavy: bool) -> None:
    """A model that is 29.9 % faster, and a trade that wants 30 %, looked at after every launch."""
    random, runs, level = np.random.default_rng(9), 1000, 0.05
    noise = random.standard_t(5, (runs, MOST)) if heavy else random.standard_normal((runs, MOST))
    wanted, shown, estimated = math.log(0.7), 0, 0
    for row in (math.log(0.701) + 0.02 * noise).tolist():
        looks = [launch_gain(row[:k], wanted, level).is_shown for k in range(1, MOST + 1)]
        shown += any(looks)
        # As estimated, half of them would be there.
        estimated += sum(row) / MOST <= wanted
    assert shown <= level * runs
    assert estimated > 0.2 * runs
