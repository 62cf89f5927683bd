"""A speed-up that is asked for: shown by launches, or by one process with the room that its times need."""

from __future__ import annotations

import math

import pytest

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.trades import parse_gain
from pytest_speedacc.judge.speedup import judge_speedup
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.report.sentences import said

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
TWICE = parse_gain("latency", "2 x", "min_speedup")


def launches(ratio, count=8, spread=0.01):
    return tuple(
        PairTimes(math.log(ratio) + (spread if place % 2 else -spread), 0.01, None, 0, 0.001, 0.002, 0.1)
        for place in range(count)
    )


@pytest.mark.parametrize(
    ("ratio", "outcome", "says"),
    [
        (0.4, PASSED, "2.5 times the speed of the other; 8 fresh processes"),
        (0.6, FAILED, "1.67 times the speed of the other; 8 fresh processes"),
        (0.5, INCONCLUSIVE, "2 times the speed of the other; 8 fresh processes: too close to call; raise launches="),
        (2.0, FAILED, "0.5 times the speed of the other; 8 fresh processes"),
    ],
)
def test_launches_show_it_or_rule_it_out(ratio, outcome, says):
    check = judge_speedup(TWICE, 0.0, launches(ratio))
    assert (check.outcome, said(check.reason)) == (outcome, says)
    assert check.observed == pytest.approx(ratio - 1)
    low, high = check.interval
    assert low < check.observed < high
    # As far on either side of the estimate, as ratios.
    assert (1 + low) * (1 + high) == pytest.approx(ratio**2)


def test_few_launches_show_nothing():
    check = judge_speedup(TWICE, 0.0, launches(0.1, 1))
    assert (check.outcome, check.interval) == (INCONCLUSIVE, None)


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [(0.399, PASSED), (0.401, INCONCLUSIVE), (0.5, INCONCLUSIVE), (0.624, INCONCLUSIVE), (0.626, FAILED)],
)
def test_one_process_may_be_a_quarter_off(ratio, outcome):
    check = judge_speedup(TWICE, math.log(ratio), ())
    assert check.outcome is outcome
    assert check.interval is None
    says = f"{1 / ratio:.3g} times the speed of the other; one process, whose times may be a quarter off"
    assert said(check.reason) == says + (": too close to call; pass launches=8" if outcome is INCONCLUSIVE else "")


def test_it_is_a_check_like_any_other():
    check = judge_speedup(TWICE, math.log(0.4), ())
    assert (check.setting, check.metric, check.statistic, check.slice) == ("min_speedup", "latency", "median", "")
    assert (check.kind, check.limit, check.reference, said(check.allowed)) == (
        Kind.CHANGE,
        None,
        None,
        "faster by at least 2 x",
    )
    assert check.observed == pytest.approx(-0.6)
