"""Latency limits: when to look, what a look decides, how often that is wrong, and what to measure next."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from judge_examples import bound, timed

from pytest_speedacc.judge.latency import (
    DESCRIPTIVE_CALLS,
    LAUNCH_SPREAD,
    Progress,
    decide,
    judge_increase,
    judge_limit,
    next_action,
    plan_looks,
)
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.sentences import said
from pytest_speedacc.stats.binomial import at_least, at_most
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
ALPHA = 0.01
MEDIAN = bound("max_latency", "1 s")
P95 = bound("max_latency_p95", "1 s")
PLAN = (64, 128, 256, 512, 1024)


def calls(over, count, calls_per_round=1):
    """``count`` calls of which ``over`` took longer than the limit of a second, spread evenly over them."""
    seconds = np.full(count, 0.5)
    seconds[np.linspace(0, count - 1, over).astype(int)] = 2.0
    return timed(seconds, calls_per_round)


@pytest.mark.parametrize(
    ("budget", "seconds", "plan"),
    [
        (10.0, 0.01, (64, 128, 256, 512)),
        (10.24, 0.01, (64, 128, 256, 512, 1024)),
        (0.64, 0.01, (64,)),
        (0.63, 0.01, (63,)),  # too slow for the first usual look: one at all that fit
        (10.0, 1.0, (10,)),
        (10.0, 5.0, (8,)),  # no fewer than can decide
    ],
)
def test_the_looks_follow_from_budget_and_warm_up(budget, seconds, plan):
    assert plan_looks(budget, seconds, ALPHA) == plan


@pytest.mark.parametrize("alpha", [0.01, 0.001, 0.0001])
def test_the_slowest_model_can_still_pass_and_fail_its_median(alpha):
    (fewest,) = plan_looks(1.0, 60.0, alpha)
    plan = (fewest,)
    assert decide(calls(fewest, fewest), MEDIAN, plan, alpha)[0] == "failed"
    assert decide(calls(0, fewest), MEDIAN, plan, alpha)[0] == "passed"
    assert decide(calls(fewest - 1, fewest - 1), MEDIAN, (fewest - 1,), alpha)[0] == "undecided"


@pytest.mark.parametrize(("limit", "q"), [(MEDIAN, 0.5), (P95, 0.95), (bound("max_latency_p99", "1 s"), 0.99)])
@pytest.mark.parametrize("size", [64, 512, 1024])
def test_a_single_look_is_exact_one_below_at_and_above_its_bounds(limit, q, size):
    fewest_to_fail = next(over for over in range(size + 1) if at_least(over, size, 1 - q) < ALPHA / 2)
    assert decide(calls(fewest_to_fail, size), limit, (size,), ALPHA) == ("failed", size, fewest_to_fail)
    assert decide(calls(fewest_to_fail - 1, size), limit, (size,), ALPHA)[0] == "undecided"
    most_to_pass = max((over for over in range(size) if at_most(over, size, 1 - q) <= 0.025), default=None)
    if most_to_pass is None:
        assert decide(calls(0, size), limit, (size,), ALPHA)[0] == "undecided"
    else:
        assert decide(calls(most_to_pass, size), limit, (size,), ALPHA) == ("passed", size, most_to_pass)
        assert decide(calls(most_to_pass + 1, size), limit, (size,), ALPHA)[0] == "undecided"


def test_the_first_look_that_decides_stands_whatever_comes_after():
    slow_later = timed([0.5] * 64 + [2.0] * 192)
    assert decide(slow_later, MEDIAN, PLAN, ALPHA) == ("passed", 64, 0)
    # 192 of 256 over it, but all in one stretch.
    check = judge_limit(slow_later, MEDIAN, (256,), ALPHA)
    assert check.outcome is INCONCLUSIVE
    assert "neighbours are so alike that 222 of them tell as much as one would alone: too close" in said(check.reason)


def test_a_call_of_exactly_the_limit_is_not_over_it():
    assert decide(timed([1.0] * 64), MEDIAN, PLAN, ALPHA) == ("passed", 64, 0)


@pytest.mark.parametrize("limit", [MEDIAN, P95])
def test_error_rates_of_the_whole_procedure(limit):
    """At the limit itself, where both errors are most likely, each stays below its level over all looks."""
    random, runs, alpha = np.random.default_rng(1), 1500, 0.05
    on_the_limit = 1 - limit.setting.quantile
    verdicts = [
        decide(timed(np.where(random.random(PLAN[-1]) < on_the_limit, 2.0, 0.5)), limit, PLAN, alpha)[0]
        for _ in range(runs)
    ]
    margin = 3 * (0.05 * 0.95 / runs) ** 0.5
    false_fails, false_passes = verdicts.count("failed") / runs, verdicts.count("passed") / runs
    assert false_fails <= alpha + margin
    assert false_passes <= 0.05 + margin
    assert min(false_fails, false_passes) > 0.005  # the levels are spent, not hoarded


@pytest.mark.parametrize(("over", "verdict"), [(0.35, "passed"), (0.65, "failed")])
def test_a_median_off_its_limit_is_found(over, verdict):
    random = np.random.default_rng(2)
    runs = [
        decide(timed(np.where(random.random(PLAN[-1]) < over, 2.0, 0.5)), MEDIAN, PLAN, 0.001)[0] for _ in range(200)
    ]
    assert runs.count(verdict) >= 195


def steps(durations, plan, bounds, budget=1e9, calls_per_round=1):
    """The observations after each step of the sampling loop, the clock being the durations' sum."""
    progress, taken = Progress(None, 0.0), []
    while more := next_action(progress, plan, bounds, ALPHA, budget):
        total = more + (taken[-1] if taken else 0)
        taken.append(total)
        spent = list(accumulate(durations[:total]))[-1]
        progress = Progress(timed(durations[:total], calls_per_round), spent)
    return taken


def test_a_decided_limit_ends_the_sampling_once_the_quantiles_can_be_told():
    assert steps([0.5] * 1024, PLAN, [MEDIAN]) == [64, 128, 256]
    assert DESCRIPTIVE_CALLS == 256
    assert steps([0.5] * 1024, PLAN, []) == [64, 128, 256]


def test_a_tenth_of_the_budget_is_enough_for_a_description():
    assert steps([0.5] * 1024, PLAN, [MEDIAN], budget=64 * 0.5 * 10) == [64]
    assert steps([0.5] * 1024, PLAN, [MEDIAN], budget=65 * 0.5 * 10) == [64, 128]


def test_an_undecided_limit_is_looked_at_until_the_plan_ends():
    assert steps([0.5, 2.0] * 512, PLAN, [MEDIAN]) == list(PLAN)


def test_an_undecided_limit_is_looked_at_until_the_budget_ends():
    one_call = 1.25
    assert steps([0.5, 2.0] * 512, PLAN, [MEDIAN], budget=128 * one_call) == [64, 128]
    assert steps([0.5, 2.0] * 512, PLAN, [MEDIAN], budget=129 * one_call) == [64, 128, 256]


def test_sampling_goes_on_while_any_limit_is_undecided():
    nearly_all_below = ([0.5] * 19 + [2.0]) * 60
    assert steps(nearly_all_below, PLAN, [MEDIAN]) == [64, 128, 256]
    assert steps(nearly_all_below, PLAN, [MEDIAN, P95]) == list(PLAN)


def test_a_slow_model_gets_its_single_look():
    plan = plan_looks(10.0, 1.0, ALPHA)
    assert steps([0.5] * 20, plan, [MEDIAN], budget=10.0) == [10]
    assert steps([2.0, 0.5] * 10, plan, [MEDIAN], budget=10.0) == [10]


def test_rounds_are_counted_as_calls_are():
    assert steps([0.5] * 1024, PLAN, [MEDIAN], calls_per_round=50) == [64, 128, 256]


@pytest.mark.parametrize(
    ("latency", "plan", "outcome", "reason"),
    [
        (calls(0, 64), PLAN, PASSED, "0 of 64 calls took longer"),
        (calls(0, 64, 40), PLAN, PASSED, "0 of 64 rounds took longer"),
        (calls(64, 64), PLAN, FAILED, "64 of 64 calls took longer"),
        (calls(32, 64), (64,), INCONCLUSIVE, "32 of 64 calls took longer: too close to call in the budget; raise"),
        (calls(3, 10), (10,), INCONCLUSIVE, "3 of 10 calls took longer: too close"),
    ],
)
def test_a_limit_in_words(latency, plan, outcome, reason):
    check = judge_limit(latency, MEDIAN, plan, ALPHA)
    assert check.outcome is outcome
    assert said(check.reason).startswith(reason)
    assert check.observed == latency.median
    assert (check.limit, check.reference) == (1.0, None)


@pytest.mark.parametrize(
    ("size", "why"), [(63, "of so few the limit"), (64, "neighbours are so alike that 40 of them")]
)
def test_from_64_calls_on_it_is_told_how_alike_they_are(size, why):
    check = judge_limit(timed([0.99] * 12 + [1.01] * (size - 12)), MEDIAN, (size,), ALPHA)
    assert check.outcome is INCONCLUSIVE
    assert f"{size - 12} of {size} calls took longer, and {why}" in said(check.reason)


def test_of_few_calls_it_is_told_why_a_limit_close_by_is_left_open():
    check = judge_limit(timed([1.01, 1.02, 1.03, 1.04] * 2), MEDIAN, (8,), ALPHA)
    assert check.outcome is INCONCLUSIVE
    assert said(check.reason).startswith(
        "8 of 8 calls took longer, and of so few the limit must lie further off: too close"
    )
    tail = judge_limit(timed([0.5] * 8), P95, (8,), ALPHA)
    assert said(tail.reason).startswith("0 of 8 calls took longer: too close")


@pytest.mark.parametrize(("seconds", "thin"), [(0.7, False), (0.8, False), (0.81, True), (0.95, True)])
def test_a_margin_thinner_than_processes_differ_is_told(seconds, thin):
    assert LAUNCH_SPREAD == 0.25
    reason = said(judge_limit(timed([seconds] * 64), MEDIAN, PLAN, ALPHA).reason)
    assert ("is thinner than times move between processes (about 25%)" in reason) is thin


def test_a_call_that_took_no_time_at_all_has_a_wide_margin():
    assert judge_limit(timed([0.0] * 64), MEDIAN, PLAN, ALPHA).outcome is PASSED


def test_the_tail_of_calls_timed_in_rounds_cannot_be_held_to_a_limit():
    check = judge_limit(calls(0, 64, 40), P95, PLAN, ALPHA)
    assert (check.outcome, check.observed) == (FAILED, None)
    assert "40 calls are timed together and there is no tail to judge: limit the median" in said(check.reason)


def test_a_stored_time_is_information_and_no_evidence():
    check = judge_increase(calls(0, 64), bound("max_stored_latency_increase", "30 %"), text("no ratio"))
    assert (check.outcome, check.observed, check.reference) == (NOT_COMPARED, 0.5, None)
    assert said(check.reason).startswith("no ratio; or measure the base")
    assert "--speedacc-against=REF" in said(check.reason)
    rounds = judge_increase(calls(0, 64, 40), bound("max_latency_p95_increase", "20 %"))
    assert said(rounds.reason).startswith("stored times cannot tell: measure the base")
    assert (rounds.outcome, rounds.observed) == (NOT_COMPARED, None)
