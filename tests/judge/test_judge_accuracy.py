"""The score against its limit and its baseline: one below, equal, one above, and the three rules."""

from __future__ import annotations

import pytest
from judge_examples import accuracy, bound, error, evidence

from pytest_speedacc.judge.accuracy import judge_drop, judge_limit
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.sentences import said
from pytest_speedacc.stats.paired import Interval, mcnemar
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome


@pytest.mark.parametrize(
    ("name", "limit", "measured", "outcome", "reason"),
    [
        ("min_accuracy", 0.95, accuracy(0.949), FAILED, "-0.1 pp from the limit"),
        ("min_accuracy", 0.95, accuracy(0.95), PASSED, "exactly the limit"),
        ("min_accuracy", 0.95, accuracy(0.951), PASSED, "+0.1 pp from the limit"),
        ("min_accuracy", 0.95, accuracy(0.95 - 1e-15), PASSED, "exactly the limit"),
        ("min_accuracy", 1, accuracy(1.0), PASSED, "exactly the limit"),
        ("min_accuracy", 1, accuracy(0.999), FAILED, "-0.1 pp from the limit"),
        ("max_error", 3.2, error(3.3), FAILED, "+0.1 from the limit"),
        ("max_error", 3.2, error(3.2), PASSED, "exactly the limit"),
        ("max_error", 3.2, error(3.1), PASSED, "-0.1 from the limit"),
        ("min_accuracy", -0.5, accuracy(-0.4, score="r2", within_unit=False), PASSED, "+0.1 from the limit"),
        # Not meant, and said so.
        ("min_accuracy", 95, accuracy(0.99), FAILED, "the score 'accuracy' lies within 0 to 1: did you mean 0.95?"),
        (
            "min_accuracy",
            0.9,
            error(3.2),
            FAILED,
            "lower is better for the score 'root_mean_squared_error': use max_err",
        ),
        ("max_error", 0.9, accuracy(0.5), FAILED, "higher is better for the score 'accuracy': use min_accuracy"),
    ],
)
def test_a_limit(name, limit, measured, outcome, reason):
    check = judge_limit(bound(name, limit), measured)
    assert check.outcome is outcome
    assert said(check.reason).startswith(reason)
    assert (check.observed, check.limit, check.setting) == (measured.value, limit, name)


@pytest.mark.parametrize(
    ("tolerance", "measured", "reference", "outcome", "change"),
    [
        ("0.2 pp", accuracy(0.947), 0.95, FAILED, "-0.3 pp"),
        ("0.2 pp", accuracy(0.948), 0.95, PASSED, "-0.2 pp"),  # 0.95 - 0.948 is a little more than 0.002
        ("0.2 pp", accuracy(0.949), 0.95, PASSED, "-0.1 pp"),
        ("0.2 pp", accuracy(0.97), 0.95, PASSED, "+2 pp"),
        ("0 pp", accuracy(0.95), 0.95, PASSED, "+0 pp"),
        ("0 pp", accuracy(0.949), 0.95, FAILED, "-0.1 pp"),
        ("2 %", accuracy(0.48), 0.5, FAILED, "-2 pp"),
        ("2 %", accuracy(0.49), 0.5, PASSED, "-1 pp"),
        ("2 %", accuracy(0.495), 0.5, PASSED, "-0.5 pp"),
        # Lower is better: a rise is the drop.
        (0.5, error(10.6), 10.0, FAILED, "+0.6"),
        (0.5, error(10.5), 10.0, PASSED, "+0.5"),
        (0.5, error(10.4), 10.0, PASSED, "+0.4"),
        (0.5, error(2.0), 10.0, PASSED, "-8"),
        ("5 %", error(10.6), 10.0, FAILED, "+0.6"),
        ("5 %", error(10.5), 10.0, PASSED, "+0.5"),
        # A negative score: per cent of its magnitude.
        ("5 %", accuracy(-10.6, score="neg_error", within_unit=False), -10.0, FAILED, "-0.6"),
        ("5 %", accuracy(-10.5, score="neg_error", within_unit=False), -10.0, PASSED, "-0.5"),
    ],
)
def test_a_drop_by_the_exact_rule(tolerance, measured, reference, outcome, change):
    check = judge_drop(bound("max_accuracy_drop", tolerance), measured, evidence(reference), "exact")
    assert (check.outcome, check.observed, check.reference, check.limit) == (outcome, measured.value, reference, None)
    assert said(check.reason).startswith(f"{change} against the baseline's ")


@pytest.mark.parametrize(
    ("tolerance", "measured", "problem"),
    [
        ("0.2 pp", error(10.0), "pp is for scores within 0 to 1, and 'root_mean_squared_error' is not one"),
        (0.002, accuracy(0.95), "0.002 has no unit, and 'accuracy' lies within 0 to 1: write \"0.2 pp\""),
    ],
)
def test_a_unit_that_does_not_fit_the_score_fails(tolerance, measured, problem):
    check = judge_drop(bound("max_accuracy_drop", tolerance), measured, evidence(measured.value), "exact")
    assert check.outcome is FAILED
    assert said(check.reason).startswith(problem)


@pytest.mark.parametrize("rule", ["exact", "evidence", "noninferior"])
@pytest.mark.parametrize(
    ("samples", "drop_in_samples", "elsewhere"),
    [
        # Two samples are more than 0.1 pp of 100, and 0.1 pp are more than two of 10,000.
        (100, 2, INCONCLUSIVE),
        (100, 3, FAILED),
        (10_000, 10, INCONCLUSIVE),
        (10_000, 11, FAILED),
    ],
)
def test_another_environment_may_round_max_of_a_tenth_of_a_point_and_two_samples(
    rule, samples, drop_in_samples, elsewhere
):
    reference, measured = 0.9, accuracy(0.9 - drop_in_samples / samples)
    known = {"samples": samples, "flips": (max(drop_in_samples, 5), max(0, 5 - drop_in_samples))}
    zero = bound("max_accuracy_drop", "0 pp")
    there = judge_drop(zero, measured, evidence(reference, same_environment=False, **known), rule)
    if rule == "evidence" and elsewhere is FAILED:
        known["flips"] = (20, 0)  # proven
        there = judge_drop(zero, measured, evidence(reference, same_environment=False, **known), rule)
    assert there.outcome is elsewhere
    assert ("another environment" in said(there.reason)) is (elsewhere is INCONCLUSIVE)
    here = judge_drop(zero, measured, evidence(reference, **known), "exact")
    assert here.outcome is FAILED


def test_rounding_elsewhere_comes_on_top_of_the_tolerance():
    tolerance = bound("max_accuracy_drop", "1 pp")
    for drop, outcome in ((0.01, PASSED), (0.012, INCONCLUSIVE), (0.013, FAILED)):
        known = evidence(0.9, samples=1000, same_environment=False)
        assert judge_drop(tolerance, accuracy(0.9 - drop), known, "exact").outcome is outcome


def test_rounding_elsewhere_of_a_score_in_its_own_unit_is_relative():
    known = evidence(10.0, same_environment=False)
    zero = bound("max_accuracy_drop", 0)
    assert judge_drop(zero, error(10.01), known, "exact").outcome is INCONCLUSIVE
    assert judge_drop(zero, error(10.02), known, "exact").outcome is FAILED


@pytest.mark.parametrize(
    ("lost", "gained", "outcome"),
    [(5, 0, FAILED), (4, 0, INCONCLUSIVE), (30, 20, INCONCLUSIVE), (40, 20, FAILED), (0, 5, PASSED)],
)
def test_the_rule_evidence_fails_a_drop_that_is_proven(lost, gained, outcome):
    assert (mcnemar(lost, gained).worse <= 0.05) is (outcome is FAILED)
    known = evidence(0.9, flips=(lost, gained))
    measured = accuracy(0.9 - (lost - gained) / 1000)
    zero = bound("max_accuracy_drop", "0 pp")
    check = judge_drop(zero, measured, known, "evidence")
    assert check.outcome is outcome
    assert ("too small to prove the drop" in said(check.reason)) is (outcome is INCONCLUSIVE)
    assert judge_drop(zero, measured, known, "exact").outcome is (FAILED if lost > gained else PASSED)


@pytest.mark.parametrize(
    ("difference", "measured", "outcome"),
    [
        (Interval(-0.1, -0.15, -0.01), accuracy(0.8, score="roc_auc"), FAILED),
        (Interval(-0.1, -0.25, 0.01), accuracy(0.8, score="roc_auc"), INCONCLUSIVE),
        (Interval(0.1, 0.01, 0.15), error(1.0), FAILED),
        (Interval(0.1, -0.01, 0.25), error(1.0), INCONCLUSIVE),
    ],
)
def test_other_scores_are_proven_worse_by_their_interval(difference, measured, outcome):
    known = evidence(0.9, difference=difference)
    zero = bound("max_accuracy_drop", "0 %")
    assert judge_drop(zero, measured, known, "evidence").outcome is outcome


@pytest.mark.parametrize(
    ("tolerance", "low", "outcome"),
    [("1 pp", -0.009, PASSED), ("1 pp", -0.01, PASSED), ("1 pp", -0.011, INCONCLUSIVE)],
)
def test_the_rule_noninferior_passes_when_the_bound_clears_the_tolerance(tolerance, low, outcome):
    known = evidence(0.9, difference=Interval(0.0, low, 0.01))
    check = judge_drop(bound("max_accuracy_drop", tolerance), accuracy(0.9, score="f1"), known, "noninferior")
    assert check.outcome is outcome
    assert check.interval == pytest.approx((0.9 + low, 0.91))
    if outcome is INCONCLUSIVE:
        assert "a drop of 1.1 pp is not ruled out" in said(check.reason)


def test_the_rule_noninferior_looks_at_the_other_end_where_lower_is_better():
    known = evidence(10.0, difference=Interval(0.0, -0.9, 0.6))
    tolerance = bound("max_accuracy_drop", 0.5)
    assert judge_drop(tolerance, error(10.0), known, "noninferior").outcome is INCONCLUSIVE
    narrow = evidence(10.0, difference=Interval(0.0, -0.9, 0.5))
    assert judge_drop(tolerance, error(10.0), narrow, "noninferior").outcome is PASSED


def test_the_rule_noninferior_fails_a_drop_beyond_the_tolerance():
    known = evidence(0.9, flips=(30, 10))
    tolerance = bound("max_accuracy_drop", "1 pp")
    assert judge_drop(tolerance, accuracy(0.88), known, "noninferior").outcome is FAILED


@pytest.mark.parametrize(("rule", "drop"), [("evidence", 0.1), ("noninferior", 0.0)])
def test_a_rule_that_needs_pairs_says_why_there_are_none(rule, drop):
    known = evidence(0.9, unpaired=text("the baseline holds no predictions"))
    check = judge_drop(bound("max_accuracy_drop", "1 pp"), accuracy(0.9 - drop), known, rule)
    assert check.outcome is NOT_COMPARED
    assert f'the baseline holds no predictions, so accuracy_rule = "{rule}" has nothing' in said(check.reason)
    assert judge_drop(bound("max_accuracy_drop", "20 pp"), accuracy(0.9 - drop), known, "exact").outcome is PASSED


def test_the_reason_tells_the_flips_and_what_the_set_can_prove():
    check = judge_drop(bound("max_accuracy_drop", "1 pp"), accuracy(0.899), evidence(0.9, flips=(3, 2)), "exact")
    assert said(check.reason) == (
        "-0.1 pp against the baseline's 0.9; 3 right-to-wrong, 2 wrong-to-right of 1000, McNemar p = 1; "
        "this set can prove a drop of 0.7 pp"
    )
    low, high = check.interval
    assert low < 0.899 < high
    tiny = judge_drop(
        bound("max_accuracy_drop", "50 pp"), accuracy(0.5), evidence(0.75, samples=4, flips=(1, 0)), "exact"
    )
    assert said(tiny.reason).endswith("this set is too small to prove any drop")
