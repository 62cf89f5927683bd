"""The bounds for launches that are looked at once: what they promise, and what they resolve beside a sequence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from pytest_speedacc.config.trades import parse_gain
from pytest_speedacc.judge.speedup import FAIL_LEVEL, PASS_LEVEL, judge_speedup
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.stats.sequence import half_width, half_width_once, judge_launches, launch_bounds, resolution

TOLERANCE = math.log(1.05)
RUNS = 2000


def drawn(ratio: float, sd: float, launches: int, *, heavy: bool = False) -> Any:
    """Differences of RUNS comparisons, shape (RUNS, launches), of models whose times have this ratio."""
    random = np.random.default_rng(7)
    shape = (RUNS, launches)
    noise = random.standard_t(5, shape) / math.sqrt(5 / 3) if heavy else random.standard_normal(shape)
    return math.log(ratio) + sd * noise


def verdicts(differences: Any, alpha: float, once: bool = True) -> dict[str, float]:
    found = [judge_launches(row, TOLERANCE, alpha, budget_left=False, once=once) for row in differences.tolist()]
    return {each: found.count(each) / len(found) for each in ("passed", "failed", "inconclusive")}


def speedups(differences: Any) -> dict[Outcome, float]:
    """What ``compare(min_speedup="5 %")`` makes of these launches."""
    wanted = parse_gain("latency", "5 %", "test")
    found = [
        judge_speedup(wanted, 0.0, [PairTimes(each, 0.01, None, 0, 1.0, 1.0, 0.1) for each in row]).outcome
        for row in differences.tolist()
    ]
    return {each: found.count(each) / len(found) for each in Outcome}


def at_most(promised: float) -> float:
    """What a simulation of RUNS may show of an error rate that is as promised: three standard errors more."""
    return promised + 3 * math.sqrt(promised * (1 - promised) / RUNS)


@pytest.mark.parametrize(("launches", "level"), [(2, 0.05), (4, 0.01), (8, 0.05), (9, 0.001), (30, 0.05)])
def test_the_bound_is_students(launches: int, level: float) -> None:
    expected = t.isf(level, launches - 1) * 0.02 / math.sqrt(launches)
    assert half_width_once(0.02, launches, level) == pytest.approx(expected, rel=1e-9)


def test_one_launch_bounds_nothing_and_a_spread_below_the_floor_is_not_believed() -> None:
    assert half_width_once(0.02, 1, 0.05) == math.inf
    assert half_width_once(0.0, 8, 0.05) == half_width_once(0.003, 8, 0.05)
    for launches, level in ((8, 0.5), (8, 0.0), (0, 0.05)):
        with pytest.raises(ValueError, match="a bound needs k >= 1"):
            half_width_once(0.02, launches, level)


def test_eight_launches_show_eight_per_cent_where_five_are_wanted() -> None:
    """At a spread of 2 %. With the bounds for any number of looks, 77 % of these would pass."""
    differences = drawn(0.92, 0.02, 8)
    assert speedups(differences)[Outcome.PASSED] > 0.98
    sequence = [launch_bounds(row, 0.01, 0.05).upper <= math.log(0.95) for row in differences.tolist()]
    assert np.mean(sequence) < 0.8


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("launches", [4, 8])
def test_a_speed_up_at_what_is_wanted_errs_no_more_often_than_promised(launches: int, heavy: bool) -> None:
    shares = speedups(drawn(0.95, 0.02, launches, heavy=heavy))
    assert shares[Outcome.PASSED] <= at_most(PASS_LEVEL)
    assert shares[Outcome.FAILED] <= at_most(FAIL_LEVEL)
    assert shares[Outcome.PASSED] > PASS_LEVEL / 2, "a bound that never errs resolves nothing"


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("launches", [4, 8, 16])
def test_a_tolerance_errs_no_more_often_than_promised(launches: int, heavy: bool) -> None:
    assert verdicts(drawn(1.0, 0.05, launches, heavy=heavy), 0.01)["failed"] <= at_most(0.01)
    assert verdicts(drawn(1.05, 0.02, launches, heavy=heavy), 0.01)["passed"] <= at_most(0.05)


def test_a_tolerance_resolves_more_than_after_many_looks() -> None:
    faster = drawn(1.02, 0.02, 8)
    assert verdicts(faster, 0.01)["passed"] > verdicts(faster, 0.01, once=False)["passed"] + 0.1


def test_the_resolution_is_where_the_verdict_turns() -> None:
    around = [-0.02, 0.02] * 4
    seen = resolution(around, 0.01, 0.01, once=True)
    assert seen < resolution(around, 0.01, 0.01)
    for step, verdict in ((1e-6, "failed"), (-1e-6, "inconclusive")):
        assert judge_launches([each + seen + step for each in around], 0.01, 0.01, False, once=True) == verdict


def test_what_is_looked_at_often_keeps_the_wider_bound() -> None:
    """Student's bound at each of many looks errs far more often than it says; that is why a live run has another."""
    looks = np.array([[half_width(1, k, 0.05), half_width_once(1, k, 0.05)] for k in range(4, 25)])
    draws = np.random.default_rng(3).standard_normal((RUNS, 24))
    seen = [draws[:, :k] for k in range(4, 25)]
    heights = np.array([each.mean(axis=1) / each.std(axis=1, ddof=1) for each in seen])
    sequence, once = ((heights > looks[:, [side]]).any(axis=0).mean() for side in (0, 1))
    assert sequence <= 0.05 < 0.1 < once
