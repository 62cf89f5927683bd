"""A latency tolerance against stored ratios to the yardstick."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.config.units import Kind
from pytest_speedacc.judge.stored import DAY_TO_DAY, judge_stored_increase
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.yardstick import Ratios, ratios_of

TOLERANCE = parse_bound("max_latency_increase", "15 %", "test")
THEN = Ratios(mean=1.0, spread=0.01, launches=5)
ALPHA = 0.001


def now(slower: float, spread: float = 0.01) -> Ratios:
    """A run in which the model is slower by this fraction."""
    return Ratios(1.0 + math.log1p(slower), spread, 5)


@pytest.mark.parametrize(
    ("slower", "outcome"),
    [(0.001, Outcome.PASSED), (-0.3, Outcome.PASSED), (0.12, Outcome.INCONCLUSIVE), (0.2, Outcome.INCONCLUSIVE),
     (0.4, Outcome.FAILED)],
)  # fmt: skip
def test_outcomes(slower: float, outcome: Outcome) -> None:
    check = judge_stored_increase(TOLERANCE, now(slower), THEN, ALPHA)
    assert check.outcome is outcome
    assert check.kind is Kind.CHANGE
    assert check.observed == pytest.approx(slower)
    assert check.interval is not None
    assert check.interval[0] < slower < check.interval[1]


def test_the_day_is_in_the_interval_however_quiet_the_launches() -> None:
    check = judge_stored_increase(TOLERANCE, now(0.001, spread=0.0), THEN, ALPHA)
    assert check.interval is not None
    assert check.interval[1] > math.expm1(1.64 * DAY_TO_DAY)


def test_too_close_to_call_says_what_could_be_seen_and_how_to_see_finer() -> None:
    check = judge_stored_increase(TOLERANCE, now(0.2), THEN, ALPHA)
    assert "5 launches now and 5 in the baseline" in check.reason
    assert "shows slow-downs from 35%" in check.reason
    assert "--speedacc-against=REF measures both revisions now" in check.reason
    # What it says it could see, it sees; and a little less it does not.
    assert judge_stored_increase(TOLERANCE, now(0.36), THEN, ALPHA).outcome is Outcome.FAILED
    assert judge_stored_increase(TOLERANCE, now(0.34), THEN, ALPHA).outcome is Outcome.INCONCLUSIVE


def test_a_baseline_just_written_is_not_held_against_itself() -> None:
    check = judge_stored_increase(parse_bound("max_latency_increase", "1 %", "test"), THEN, THEN, ALPHA)
    assert (check.outcome, check.observed) == (Outcome.PASSED, 0)
    assert "the baseline is written from" in check.reason


def test_launches_come_down_to_mean_spread_and_number() -> None:
    assert ratios_of([0.1, 0.2, 0.300002]) == Ratios(0.2, 0.1, 3)


@pytest.mark.parametrize("spread", [0.01, 0.04])
def test_unchanged_models_fail_no_more_often_than_promised(spread: float) -> None:
    """Days and launches drawn as the rule takes them to be, at the tolerance itself, where errors are likeliest."""
    random = np.random.default_rng(3)
    alpha, failed, runs = 0.01, 0, 4000
    for _ in range(runs):
        then = ratios_of((random.normal(0, spread, 5)).tolist())
        here = math.log1p(0.15) + random.normal(0, DAY_TO_DAY) + random.normal(0, spread, 5)
        failed += judge_stored_increase(TOLERANCE, ratios_of(here.tolist()), then, alpha).outcome is Outcome.FAILED
    assert failed <= runs * alpha + 3 * math.sqrt(runs * alpha)
    assert failed > 0
