"""A latency tolerance against stored ratios to the yardstick."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.config.trades import parse_gain
from pytest_speedacc.judge.stored import DAY_TO_DAY, gain_of_ratios, judge_stored_increase, moved_apart
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.yardstick import PARTS, Ratio, Ratios, ratios_of
from pytest_speedacc.report.sentences import said

TOLERANCE = parse_bound("max_latency_increase", "15 %", "test")
EVEN = (0.1, -0.3, 0.2)
THEN = Ratios(mean=1.0, spread=0.01, launches=5, parts=EVEN, parts_spread=0.01)
ALPHA = 0.001


def now(slower: float, spread: float = 0.01) -> Ratios:
    """A run in which the model is slower by this fraction."""
    return Ratios(1.0 + math.log1p(slower), spread, 5, EVEN, 0.01)


def launches(log_ratios: list[float]) -> Ratios:
    return ratios_of([Ratio(each, 1e-3, EVEN) for each in log_ratios])


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
    assert "5 launches now and 5 in the baseline" in said(check.reason)
    assert "shows slow-downs from 35%" in said(check.reason)
    assert "--speedacc-against=REF measures both revisions now" in said(check.reason)
    # What it says it could see, it sees; and a little less it does not.
    assert judge_stored_increase(TOLERANCE, now(0.36), THEN, ALPHA).outcome is Outcome.FAILED
    assert judge_stored_increase(TOLERANCE, now(0.34), THEN, ALPHA).outcome is Outcome.INCONCLUSIVE


def test_a_baseline_just_written_is_not_held_against_itself() -> None:
    check = judge_stored_increase(parse_bound("max_latency_increase", "1 %", "test"), THEN, THEN, ALPHA)
    assert (check.outcome, check.observed) == (Outcome.PASSED, 0)
    assert "the baseline is written from" in said(check.reason)


@pytest.mark.parametrize("spread", [0.01, 0.04])
def test_unchanged_models_fail_no_more_often_than_promised(spread: float) -> None:
    """Days and launches drawn as the rule takes them to be, at the tolerance itself, where errors are likeliest."""
    random = np.random.default_rng(3)
    alpha, failed, runs = 0.01, 0, 2000
    for _ in range(runs):
        then = launches((random.normal(0, spread, 5)).tolist())
        here = math.log1p(0.15) + random.normal(0, DAY_TO_DAY) + random.normal(0, spread, 5)
        failed += judge_stored_increase(TOLERANCE, launches(here.tolist()), then, alpha).outcome is Outcome.FAILED
    assert failed <= runs * alpha + 3 * math.sqrt(runs * alpha)
    assert failed > 0


@pytest.mark.parametrize(
    ("parts", "spread", "apart"),
    [
        (EVEN, 0.01, 0.0),
        # 4 % apart, 6 % and 20 %.
        ((0.12, -0.32, 0.2), 0.01, 0.0),
        ((0.13, -0.33, 0.2), 0.01, 0.06),
        ((0.2, -0.4, 0.2), 0.01, 0.2),
        # By which launches that differ as much from each other may be apart by chance.
        ((0.2, -0.4, 0.2), 0.08, 0.0),
        ((0.15, -0.35, 0.2), 0.04, 0.0),
        ((0.155, -0.355, 0.2), 0.04, 0.11),
        ((0.25, -0.3, 0.15), 0.01, 0.2),
    ],
)
def test_what_the_parts_of_the_yardstick_moved_apart_is_open(
    parts: tuple[float, ...], spread: float, apart: float
) -> None:
    here = replace(now(0.45), parts=parts, parts_spread=spread)
    check, as_before = (judge_stored_increase(TOLERANCE, each, THEN, ALPHA) for each in (here, now(0.45)))
    assert moved_apart(here, THEN) == pytest.approx(apart)
    assert as_before.outcome is Outcome.FAILED
    assert check.outcome is (Outcome.INCONCLUSIVE if apart > 0.1 else Outcome.FAILED)
    for end, sign in ((0, -1), (1, 1)):
        assert math.log1p(check.interval[end]) == pytest.approx(math.log1p(as_before.interval[end]) + sign * apart)
    faster = PARTS[1] if parts[1] < EVEN[1] else PARTS[2]
    words = (
        f"; beside {faster}, {PARTS[0]} takes {math.expm1(apart):.0%} longer than when the baseline was written, so "
        "this is not the machine that it was, and as much is open"
    )
    assert said(check.reason).startswith("ratio to the yardstick, 5 launches now and 5 in the baseline")
    assert said(check.reason).endswith(words) is (apart > 0)
    # Neither is an unchanged one shown to be as fast, nor a faster one to be faster, where that much is open.
    unchanged = judge_stored_increase(TOLERANCE, replace(here, mean=1.0), THEN, ALPHA)
    assert unchanged.outcome is (Outcome.INCONCLUSIVE if apart else Outcome.PASSED)
    wanted = parse_gain("latency", "2 x", "test")
    assert gain_of_ratios(wanted, replace(here, mean=0.0), THEN, ALPHA).is_shown is (apart < 0.15)


def another_day(random: np.random.Generator, drift: float) -> tuple[Ratios, Ratios]:
    """An unchanged model in two runs, on machines whose three kinds of work have slowed down each by itself.

    The model is a mixture of these kinds, and the yardstick a third of each.
    """
    slower, shares = random.normal(0, drift, 3), random.dirichlet(np.ones(3))
    model, whole = (math.log(np.dot(weights, np.exp(slower))) for weights in (shares, np.full(3, 1 / 3)))
    parts = slower - slower.mean()
    runs = []
    for moved, apart in ((0.0, np.zeros(3)), (model - whole, parts)):
        noise = random.normal(0, 0.01, (5, 4))
        runs.append(ratios_of([Ratio(moved + each[3], 1e-3, tuple(apart + each[:3])) for each in noise]))
    return runs[1], runs[0]


@pytest.mark.parametrize("drift", [0.05, 0.1, 0.3])
def test_an_unchanged_model_on_another_machine_is_not_called_slower(drift: float) -> None:
    """With the yardstick as a whole, 9 % were, on a machine that was another one under the same name."""
    random, runs, failed, blind = np.random.default_rng(6), 800, 0, 0
    strict = parse_bound("max_latency_increase", "3 %", "test")
    for _ in range(runs):
        here, then = another_day(random, drift)
        failed += judge_stored_increase(strict, here, then, 0.01).outcome is Outcome.FAILED
        blind += judge_stored_increase(strict, replace(here, parts=then.parts), then, 0.01).outcome is Outcome.FAILED
    assert failed <= 0.01 * runs
    if drift == 0.3:
        assert blind > 0.05 * runs, "the simulation could not have caught it"


def test_a_machine_that_is_slower_at_everything_is_compared() -> None:
    """The yardstick is slowed down as the model is; that is what it is for."""
    assert moved_apart(now(0.0), THEN) == 0
    random, refused = np.random.default_rng(6), 0
    for _ in range(500):
        here, then = another_day(random, 0.0)
        refused += bool(moved_apart(here, then))
    assert refused <= 5
