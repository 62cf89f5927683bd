"""What lies exactly on a bound of a verdict, and what a verdict says beside its outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_examples import accuracy, bound, error, evidence

from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge.accuracy import (
    Flipped,
    flip_lines,
    judge_churn,
    judge_drop,
    judge_limit,
)
from pytest_speedacc.judge.allocated import explain_allocations, explain_growth
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.training import judge_training_time
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.allocations import Allocations, Site
from pytest_speedacc.measure.training import Training
from pytest_speedacc.report.sentences import all_said, said
from pytest_speedacc.stats.paired import Interval

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome


def test_a_limit_of_more_than_one_for_a_score_within_one_is_questioned():
    check = judge_limit(bound("min_accuracy", 1.5), accuracy(0.99))
    assert (check.outcome, said(check.reason)) == (
        FAILED,
        "the score 'accuracy' lies within 0 to 1: did you mean 0.015?",
    )


def test_a_unit_that_does_not_fit_is_told_beside_both_scores():
    check = judge_drop(bound("max_accuracy_drop", 0.002), accuracy(0.9), evidence(0.95), "exact")
    assert (check.outcome, check.observed, check.reference, check.interval) == (FAILED, 0.9, 0.95, None)


def test_without_pairs_a_score_has_no_interval():
    assert judge_drop(bound("max_accuracy_drop", "1 pp"), accuracy(0.9), evidence(0.9), "exact").interval is None


@pytest.mark.parametrize(
    ("difference", "measured"),
    [(Interval(-0.1, -0.2, 0.0), accuracy(0.8, score="roc_auc")), (Interval(0.1, 0.0, 0.2), error(1.0))],
)
def test_an_interval_that_reaches_no_change_proves_no_drop(difference, measured):
    check = judge_drop(bound("max_accuracy_drop", "0 %"), measured, evidence(0.9, difference=difference), "evidence")
    assert check.outcome is INCONCLUSIVE


def test_a_drop_that_is_not_ruled_out_is_told_in_the_scores_own_unit():
    known = evidence(10.0, difference=Interval(0.0, -0.9, 0.6))
    check = judge_drop(bound("max_accuracy_drop", 0.5), error(10.0), known, "noninferior")
    assert said(check.reason).endswith('a drop of 0.6 is not ruled out, which accuracy_rule = "noninferior" asks for')


def test_churn_beside_another_environment_is_told_from_rounding():
    known = replace(evidence(0.9, samples=10_000, same_environment=False), changed=110)
    for allowed, outcome in (("1.1 %", PASSED), ("1 %", INCONCLUSIVE), ("0.9 %", FAILED)):
        assert judge_churn(bound("max_churn", allowed), accuracy(0.9), known).outcome is outcome
    here = replace(known, same_environment=True)
    assert judge_churn(bound("max_churn", "1 %"), accuracy(0.9), here).outcome is FAILED


def test_what_flipped_is_told_and_how_many_more():
    first = Flipped(3, "cat", "dog")
    assert all_said(flip_lines(replace(evidence(0.9, flips=(1, 0)), flipped=(first,)), "before")) == (
        "sample 3: target cat, now predicted dog",
    )
    assert all_said(flip_lines(replace(evidence(0.9, flips=(3, 0)), flipped=(first,)), "before")) == (
        "sample 3: target cat, now predicted dog",
        "and 2 more",
    )
    assert all_said(flip_lines(replace(evidence(0.9), flipped=(first,)), "before")) == (
        "sample 3: target cat, now predicted dog",
    )
    assert all_said(flip_lines(evidence(0.9), "before")) == ()


def holding(peak, *sizes):
    sites = tuple(Site(f"f{place}", "a.py", 1, size, 1) for place, size in enumerate(sizes))
    return Allocations(peak, sites)


def test_who_holds_three_hundredths_of_a_peak_is_named_and_who_holds_less_is_not():
    assert all_said(explain_allocations(holding(1000, 970, 30))) == (
        "f0 (a.py:1): 970 B, 97 %, 1 allocation",
        "f1 (a.py:1): 30 B, 3 %, 1 allocation",
    )
    assert len(all_said(explain_allocations(holding(1000, 971, 29)))) == 1


def test_who_grew_by_more_than_three_hundredths_of_the_peak_is_named():
    base = holding(1_000_000, 970_000)
    assert all_said(explain_growth(holding(1_000_001, 1_000_000), base)) == ()
    (line,) = all_said(explain_growth(holding(1_000_001, 1_000_001), base))
    assert line == "f0 (a.py:1): +29.3 KiB of 1 B more, 1 allocation in both"
    (line,) = all_said(explain_growth(holding(2_000_000, 970_000, 1_048_576), base))
    assert line == "f1 (a.py:1): +1.00 MiB of 977 KiB more, 1 allocation, and none in the base"
    assert all_said(explain_growth(holding(1_000_001, 970_000, 30_000), base)) == ()


def test_an_amount_in_words():
    more, most = bound("max_parameters_increase", "1 %"), bound("max_parameters", 1000)
    # 151.5 may be had, and nothing that is rounded up from it.
    assert [judge_amount(more, Amount(observed), Amount(150)).outcome for observed in (151, 152)] == [PASSED, FAILED]
    assert [said(judge_amount(most, Amount(observed)).reason) for observed in (999, 1001)] == [
        "1 under the limit",
        "1 over the limit",
    ]
    known = judge_amount(most, Amount(999), Amount(5))
    assert (known.interval, known.reference) == (None, None)
    within = judge_amount(most, Amount(1001, 100))
    assert said(within.reason) == "1 over the limit, within the 100 that this figure moves by itself"


@pytest.mark.parametrize(
    ("limit", "outcome", "reason"),
    [
        ("20 s", PASSED, "50% of the limit"),
        ("10 s", PASSED, "100% of the limit"),
        ("9 s", INCONCLUSIVE, "111% of the limit, and times move by about 25% between processes: too close to call"),
        ("8 s", INCONCLUSIVE, "125% of the limit, and times move by about 25% between processes: too close to call"),
        ("5 s", FAILED, "200% of the limit"),
    ],
)
def test_a_training_time_in_words(limit, outcome, reason):
    check = judge_training_time(bound("max_training_time", limit), Training(10.0, None, ""))
    assert (check.outcome, check.observed, said(check.reason)) == (outcome, 10.0, reason)


def test_what_was_not_trained_is_told_with_its_reason():
    never = Unavailable("the model was not trained")
    judged = judge_training_time(bound("max_training_time", "1 s"), never)
    assert said(judged.reason) == "cannot be measured here: the model was not trained"
