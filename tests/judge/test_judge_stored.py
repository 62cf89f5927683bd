"""The rule against a stored base, by its boundaries and by its promise."""

import math

import numpy as np
import pytest

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.stored import DAY_TO_DAY, StoredLaunches, judge_stored_increase
from pytest_speedacc.judge.verdict import Outcome

ALPHA = 0.001


def judge(now, tolerance="25 %", log_ratio=0.0, spread=0.005, launches=5):
    bound = parse_bound("max_latency_increase", tolerance, "marker")
    return judge_stored_increase(bound, now, StoredLaunches(log_ratio, spread, launches), ALPHA)


def around(middle):
    return [middle - 0.005, middle, middle + 0.005, middle - 0.002, middle + 0.002]


@pytest.mark.parametrize(
    ("slower", "outcome"),
    [(0.0, Outcome.PASSED), (0.10, Outcome.PASSED), (0.25, Outcome.INCONCLUSIVE), (0.60, Outcome.FAILED)],
)
def test_only_what_lies_well_clear_of_the_tolerance_is_decided(slower, outcome):
    assert judge(around(math.log1p(slower))).outcome is outcome


def test_the_model_is_compared_with_what_the_baseline_was_and_not_with_the_yardstick():
    check = judge(around(2.0), log_ratio=2.0)
    assert check.outcome is Outcome.PASSED
    assert check.observed == pytest.approx(0, abs=1e-12)


def test_a_fine_tolerance_is_never_decided_by_a_stored_time():
    check = judge(around(math.log1p(0.05)), tolerance="3 %")
    assert check.outcome is Outcome.INCONCLUSIVE
    assert "a live run (--speedacc-against=REF) sees finer" in check.reason


def test_the_resolution_is_told_and_grows_with_the_spread():
    steady, loose = (judge(around(0.0), spread=spread).reason for spread in (0.005, 0.2))
    assert "this comparison can show a slow-down of 37% or more" in steady
    assert steady != loose


@pytest.mark.parametrize("spread", [0.005, 0.03, 0.08])
def test_an_unchanged_model_is_hardly_ever_failed_whatever_day_it_is(spread):
    random = np.random.default_rng(7)
    failed = 0
    for _ in range(2000):
        day = random.normal(0, DAY_TO_DAY)
        base, now = random.normal(0, spread, 5), random.normal(day, spread, 5)
        stored = StoredLaunches(float(base.mean()), float(base.std(ddof=1)), 5)
        bound = parse_bound("max_latency_increase", "3 %", "marker")
        failed += judge_stored_increase(bound, now.tolist(), stored, ALPHA).outcome is Outcome.FAILED
    # At a level of 0.1 % and a tolerance to spare, two in two thousand would already be many.
    assert failed <= 4
