"""Latency tolerances on launches of both revisions: clauses, tails, the canary, and what is measured next."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_examples import bound

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import Accepted
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.live_increase import judge_live_increase, latency_tolerances, live_alpha, too_slow, undecided
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import NEW_GATE, LiveGate, LiveRun, PairTimes
from pytest_speedacc.report.sentences import said
from pytest_speedacc.stats.sequence import launch_bounds, resolution

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
MEDIAN = bound("max_latency_increase", "3 %")
TAIL = bound("max_latency_p95_increase", "20 %")
ALPHA = 0.001


def launch(ratio, tail_ratio=None, tail_calls=0):
    tail = None if tail_ratio is None else math.log(tail_ratio)
    return PairTimes(math.log(ratio), 0.01, tail, tail_calls, ratio * 0.002, 0.002, 0.1)


def launches(center, spread, count):
    """Alternating about ``center`` by ``spread``, all as ratios less one."""
    return tuple(launch(1 + center + (spread if place % 2 else -spread)) for place in range(count))


def gate(*results, problem=""):
    return LiveGate(tuple(results), None, None, None, problem)


def judged(results, canary=(), limit=MEDIAN, alpha=ALPHA, accepted=()):
    return judge_live_increase(limit, gate(*results), canary, alpha, accepted)


def entry(ratio, statistic="median", reason="worth it"):
    return Accepted(
        metric="latency",
        statistic=statistic,
        ratio=ratio,
        interval=(ratio, ratio),
        base="1a2b3c4" + "0" * 33,
        reason=reason,
        date="",
    )


def test_an_unchanged_model_passes():
    check = judged(launches(0.0, 0.005, 8))
    assert check.outcome is PASSED
    assert check.kind is Kind.CHANGE
    assert check.observed == pytest.approx(0, abs=1e-3)
    low, high = check.interval
    assert low < 0 < high < 0.03
    assert said(check.reason).startswith("2.01 ms against 2.00 ms in the last of 8 launches")
    assert check.sides == pytest.approx((0.002, 0.002))


def test_a_slower_model_fails():
    check = judged(launches(0.10, 0.005, 8))
    assert check.outcome is FAILED
    assert check.interval[0] > 0.03


def test_a_faster_model_passes_and_is_told_so():
    check = judged(launches(-0.2, 0.005, 8))
    assert check.outcome is PASSED
    assert said(check.reason).endswith("; it is faster")


def test_the_last_clause_fails_what_is_slower_and_likely_beyond():
    results = launches(0.035, 0.02, 24)
    differences = [each.difference for each in results]
    lower = launch_bounds(differences, ALPHA).lower
    assert math.log(1.03) / 5 < lower < math.log(1.03)
    assert judged(results).outcome is FAILED
    assert undecided({("t", ""): results}, [("t", "")], {}, {"t": (MEDIAN,)}) == {
        ("t", "")
    }  # with budget left, it is measured on
    # The same evidence with its estimate within the tolerance.
    assert judged(launches(0.028, 0.02, 24)).outcome is INCONCLUSIVE


def test_what_is_too_close_says_what_would_have_been_seen():
    check = judged(launches(0.03, 0.05, 6))
    assert check.outcome is INCONCLUSIVE
    assert "too close to call here: the smallest slow-down these launches could have shown is " in said(check.reason)
    few = judged(launches(0.5, 0.001, 3))
    assert few.outcome is INCONCLUSIVE
    assert said(few.reason).endswith("too close to call here: 3 launches are too few for any verdict")
    two = judged(launches(0.5, 0.001, 2))
    assert "in the last of 2 launches; too close to call here: 2 launches are too few" in said(two.reason)
    one = judged(launches(0.5, 0.001, 1))
    assert (one.interval, one.outcome) == (None, INCONCLUSIVE)
    assert said(one.reason).endswith("in one launch; too close to call here: one launch is too few for any verdict")


@pytest.mark.parametrize("once", [False, True])
def test_a_single_look_could_have_seen_less(once):
    found = launches(0.03, 0.05, 6)
    check = judge_live_increase(MEDIAN, gate(*found), (), ALPHA, once=once)
    seen = math.expm1(resolution([each.difference for each in found], math.log1p(0.03), ALPHA, once=once))
    assert check.outcome is INCONCLUSIVE
    assert said(check.reason).endswith(f"the smallest slow-down these launches could have shown is {seen:.1%}")


def test_a_new_gate_passes_a_broken_base_is_not_compared_and_a_lost_run_fails():
    new = judge_live_increase(MEDIAN, gate(problem=NEW_GATE), (), ALPHA)
    assert (new.outcome, new.observed) == (PASSED, None)
    assert said(new.reason) == "new gate: the base does not have it, so there is nothing yet to be slower than"
    broken = judge_live_increase(MEDIAN, gate(problem="the base's own gate fails: boom"), (), ALPHA)
    assert broken.outcome is NOT_COMPARED
    assert said(broken.reason) == "not compared with the base: the base's own gate fails: boom"
    lost = judge_live_increase(MEDIAN, replace(gate(problem="launch 2 came to nothing"), is_lost=True), (), ALPHA)
    assert lost.outcome is FAILED
    assert said(lost.reason) == "not compared with the base: launch 2 came to nothing"


SLOWER = launches(0.06, 0.005, 10)


@pytest.mark.parametrize(
    ("canary", "outcome"),
    [
        ((), FAILED),
        (launches(0.08, 0.005, 10), INCONCLUSIVE),  # the base is slower than itself by more
        (launches(0.05, 0.01, 10), INCONCLUSIVE),  # by less, but its upper bound reaches
        (launches(0.02, 0.005, 10), FAILED),  # by less
        (launches(0.0, 0.2, 4), FAILED),  # its wide bounds show nothing
        (launches(-0.08, 0.005, 10), FAILED),  # the other way round
        (launches(0.08, 0.005, 3), FAILED),  # too few to say
    ],
)
def test_a_failure_that_the_canary_shows_without_any_change_is_inconclusive(canary, outcome):
    check = judged(SLOWER, canary)
    assert check.outcome is outcome
    assert ("the base is slower than itself by up to" in said(check.reason)) is (outcome is INCONCLUSIVE)


def test_a_canary_changes_no_pass():
    assert judged(launches(0.0, 0.005, 8), launches(0.08, 0.005, 10)).outcome is PASSED


def test_a_canary_of_unchanged_code_seldom_takes_a_failure_back():
    random = np.random.default_rng(3)
    kept = 0
    for _ in range(200):
        canary = [launch(math.exp(each)) for each in random.normal(0, 0.02, 5)]
        slower = [launch(math.exp(each)) for each in random.normal(math.log(1.08), 0.02, 24)]
        kept += judged(slower, canary).outcome is FAILED
    assert kept >= 190


def tails(ratio, count, calls_each):
    return tuple(launch(1.0, ratio * (1.01 if place % 2 else 0.99), calls_each) for place in range(count))


@pytest.mark.parametrize(
    ("ratio", "count", "calls_each", "outcome"),
    [
        (1.0, 8, 75, PASSED),  # 600 calls a side
        (1.0, 8, 74, INCONCLUSIVE),  # 592
        (1.5, 8, 75, FAILED),
        (1.5, 8, 74, INCONCLUSIVE),
        (1.1, 8, 75, PASSED),
    ],
)
def test_a_tail_is_judged_by_its_own_differences_of_600_calls(ratio, count, calls_each, outcome):
    results = tails(ratio, count, calls_each)
    assert judged(results, limit=TAIL).outcome is outcome
    assert judged(results, limit=MEDIAN).outcome is PASSED
    more = undecided({("t", ""): results}, [("t", "")], {}, {"t": (TAIL,)})
    assert bool(more) is (outcome is INCONCLUSIVE)


def test_a_canary_without_tails_is_not_held_against_one():
    assert judged(tails(1.5, 8, 75), launches(0.9, 0.005, 10), limit=TAIL).outcome is FAILED


def test_the_false_alarm_rate_is_shared_among_the_checks():
    keys = [("a", ""), ("a", "night"), ("b", "")]
    assert live_alpha(keys, {"a": (MEDIAN,), "b": (MEDIAN, TAIL)}) == pytest.approx(0.01 / 4)
    assert live_alpha([], {}) == 0.01


def test_decided_checks_are_not_measured_again():
    results = {
        ("passes", ""): launches(0.0, 0.005, 8),
        ("fails", ""): launches(0.2, 0.005, 8),
        ("open", ""): launches(0.03, 0.05, 8),
        ("open", "few"): launches(0.0, 0.001, 3),
        ("bound by nothing", ""): launches(0.03, 0.05, 8),
    }
    bounds = {test: (MEDIAN,) for test, _ in results} | {"bound by nothing": ()}
    assert undecided(results, list(results), {}, bounds) == {("open", ""), ("open", "few")}
    # One open tolerance keeps a check in the run.
    assert undecided({("t", ""): tails(1.0, 8, 10)}, [("t", "")], {}, {"t": (MEDIAN, TAIL)}) == {("t", "")}


def test_only_latency_tolerances_are_decided_live():
    names = (("min_accuracy", 0.9), ("max_latency", "1 s"), ("max_memory_increase", "1 %"))
    policy = Policy((*(bound(*each) for each in names), MEDIAN, TAIL), "exact", 10.0)
    assert latency_tolerances(policy) == (MEDIAN, TAIL)


def test_the_error_rate_is_shared_once_and_not_anew_as_checks_drop_out():
    bounds = {"a": (MEDIAN,), "b": (MEDIAN,)}
    both = [("a", ""), ("b", "")]
    assert live_alpha(both, bounds) == live_alpha(both[:1], bounds) / 2

    def needed(compared):
        results = launches(0.06, 0.01, 24)
        return next(k for k in range(4, 25) if not undecided({("a", ""): results[:k]}, compared, {}, bounds))

    # A hundred checks share one error rate, whether or not the others are still being measured.
    assert needed(both[:1]) < needed(both[:1] * 100)


@pytest.mark.parametrize(
    ("center", "accepted", "outcome"),
    [
        (0.097, (), FAILED),
        (0.097, (entry(1.097),), PASSED),
        (0.10, (entry(1.097),), PASSED),
        (0.0, (entry(1.097),), PASSED),
        (0.15, (entry(1.097),), FAILED),  # 1.097 x 1.03 is 1.13
        (0.097, (entry(1.05),), FAILED),
        (0.097, (entry(1.05), entry(1.097), entry(1.02)), PASSED),  # the largest
        (0.097, (entry(1.5, "p95"),), FAILED),  # of something else
    ],
)
def test_the_tolerance_is_on_top_of_what_was_accepted(center, accepted, outcome):
    results = launches(center, 0.005, 10)
    assert judged(results, accepted=accepted).outcome is outcome
    # What is measured next goes by the same bound: all of these are decided.
    assert not undecided({("t", ""): results}, [("t", "")], {}, {"t": (MEDIAN,)}, {("t", ""): accepted}.__getitem__)


def test_what_is_measured_next_goes_by_what_was_accepted():
    results = launches(0.097, 0.005, 10)
    close = {("t", ""): (entry(1.067),)}  # 1.067 x 1.03 is 1.099
    assert undecided({("t", ""): results}, [("t", "")], {}, {"t": (MEDIAN,)}, close.__getitem__) == {("t", "")}
    check = judged(results, accepted=close["t", ""])
    assert check.outcome is INCONCLUSIVE
    assert "the smallest slow-down these launches could have shown is 9.9%" in said(check.reason)


def test_what_was_accepted_is_said_with_its_base_and_its_reason():
    check = judged(launches(0.097, 0.005, 10), accepted=(entry(1.097, reason="twice\nthe features"),))
    assert said(check.allowed) == "worse by at most 3 % on top of the accepted +9.7 %"
    assert said(check.reason).endswith('; accepted: +9.7 % against 1a2b3c4 ("twice the features")')
    assert check.observed == pytest.approx(0.097, abs=1e-3)
    assert said(judged(launches(0.097, 0.005, 10)).allowed) == "worse by at most 3 %"


def test_the_fourth_clause_asks_for_more_than_was_accepted():
    results = launches(0.06, 0.04, 24)
    assert judged(results).outcome is FAILED
    bounds = launch_bounds([each.difference for each in results], ALPHA)
    # Shown to be slower than the base, likely beyond 1.02 x 1.03, and not shown to be slower than what was accepted.
    assert bounds.mean > math.log(1.02 * 1.03)
    assert math.log(1.02 * 1.03) / 5 < bounds.lower < math.log(1.02)
    assert judged(results, accepted=(entry(1.02),)).outcome is INCONCLUSIVE


def test_a_canary_is_held_against_what_is_beyond_the_accepted():
    slower = launches(1.06 * 1.1 - 1, 0.005, 10)
    assert judged(slower, accepted=(entry(1.1),)).outcome is FAILED
    assert judged(slower, launches(0.08, 0.005, 10), accepted=(entry(1.1),)).outcome is INCONCLUSIVE
    assert judged(slower, launches(0.02, 0.005, 10), accepted=(entry(1.1),)).outcome is FAILED


def test_a_tail_has_its_own_acceptance():
    results = tails(1.5, 8, 75)
    assert judged(results, limit=TAIL, accepted=(entry(1.5),)).outcome is FAILED
    assert judged(results, limit=TAIL, accepted=(entry(1.5, "p95"),)).outcome is PASSED


def test_the_usual_spread_decides_a_median_and_no_tail():
    """Three launches are enough where it is known how much launches differ; of tails nothing is known."""
    slow = launches(0.2, 0.004, 3)
    assert judge_live_increase(MEDIAN, replace(gate(*slow), usual=0.005), (), ALPHA).outcome is FAILED
    assert judge_live_increase(MEDIAN, gate(*slow), (), ALPHA).outcome is INCONCLUSIVE
    key = ("t", "")
    assert undecided({key: slow}, [key], {key: 0.005}, {"t": (MEDIAN,)}) == frozenset()
    assert undecided({key: slow}, [key], {}, {"t": (MEDIAN,)}) == {key}
    run = LiveRun({key: replace(gate(*slow), usual=0.005)}, (), "", (), (), {}, (key,), "", 1.0)
    assert too_slow(run, {"t": (MEDIAN,)}, lambda key: ()) == {key}
    tail = tails(2.0, 3, 300)
    assert judge_live_increase(TAIL, replace(gate(*tail), usual=0.02), (), ALPHA).outcome is INCONCLUSIVE
    assert undecided({key: tail}, [key], {key: 0.02}, {"t": (TAIL,)}) == {key}
