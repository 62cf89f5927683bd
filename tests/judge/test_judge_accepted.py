"""What somebody accepted: by the baseline file, axis by axis and never a time; and times by an update now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, evidence, timed
from values import amounts, reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.baseline import Accepted, Baseline, SinceBase
from pytest_speedacc.baseline.schema import SCHEMA, EvaluationSet, Updated
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.accepted import accept_by_file, accept_now, is_acceptable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Slice, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.report.sentences import said
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
MORE = bound("max_parameters_increase", "5 %")
DROP = bound("max_accuracy_drop", "1 pp")
CHURN = bound("max_churn", "5 %")
SLOWER = bound("max_latency_increase", "5 %")
TAIL = bound("max_latency_p95_increase", "20 %")
NIGHT = Slice(np.array([True, True, False, False]), accuracy(0.8))
NOTHING = reference_of("the baseline does not hold it")


def measured(**statics):
    usual = {
        "accuracy": accuracy(0.95),
        "parameters": ParameterCount(1100),
        "model_size": 1000,
        "weights": None,
        "memory": Unavailable("no"),
        "notes": (),
    }
    return Measurement(Statics(**(usual | statics)), timed(np.full(128, 0.001)))


def by_file(bounds, base, own, measurement=None, reason="worth it", slices=None):
    """The checks against the base once the baseline file of this checkout has been asked, by place."""
    policy = Policy(tuple(bounds), "exact", 10.0, slices or {})
    measurement = measurement or measured()
    checks = judge(measurement, policy, base, (64, 128), 0.01)
    return {check.place: check for check in accept_by_file(checks, measurement, policy, own, reason)}


def test_what_the_file_of_this_checkout_holds_is_accepted_with_its_value_and_reason():
    base = reference_of("", parameters=1000, model_size=1000)
    found = by_file([MORE, bound("max_model_size_increase", "0 %")], base, reference_of("", parameters=1100))
    check = found["max_parameters_increase", ""]
    assert (check.outcome, said(check.accepted)) == (PASSED, '1,100 ("worth it")')
    assert (
        said(check.reason) == 'accepted in the baseline file: 1,100 ("worth it"); +10 % against the baseline\'s 1,000'
    )
    assert (check.observed, check.reference) == (1100, 1000)
    assert said(found["max_model_size_increase", ""].accepted) == ""
    assert said(by_file([MORE], base, reference_of("", parameters=1100), reason="")[check.place].accepted) == "1,100"


@pytest.mark.parametrize(
    ("held", "outcome"),
    [
        (1100, PASSED),
        (1050, PASSED),  # the tolerance holds beside what the file has
        (1040, FAILED),
        (None, FAILED),
        (0, FAILED),
    ],
)
def test_the_file_is_held_against_with_the_same_tolerance(held, outcome):
    (check,) = by_file(
        [MORE], reference_of("", parameters=1000), replace(NOTHING, amounts=amounts(parameters=held))
    ).values()
    assert check.outcome is outcome
    assert bool(said(check.accepted)) is (outcome is PASSED)
    assert said(check.reason).startswith("accepted in") is (outcome is PASSED)


def test_what_the_file_cannot_tell_either_is_inconclusive():
    grown = measured(memory=MemoryPeak(101_000, (101_000, 101_000)))
    tolerance = bound("max_memory_increase", "0 %")
    base, own = reference_of("", memory=90_000), reference_of("", memory=100_000)
    (check,) = by_file([tolerance], base, own, grown).values()
    assert (check.outcome, said(check.accepted)) == (INCONCLUSIVE, '97.7 KiB ("worth it")')


def test_what_passed_is_not_asked_about():
    (check,) = by_file([MORE], reference_of("", parameters=1100), reference_of("", parameters=1)).values()
    assert (check.outcome, said(check.accepted)) == (PASSED, "")


def test_a_limit_is_never_accepted_by_a_file():
    limit = bound("max_parameters", 1000)
    found = by_file([limit, MORE], reference_of("", parameters=1000), reference_of("", parameters=1100))
    assert {place[0]: check.outcome for place, check in found.items()} == {
        "max_parameters": FAILED,
        "max_parameters_increase": PASSED,
    }


def test_a_time_is_never_accepted_by_a_file():
    own = reference_of("", latency={"median": 0.001, "p95": 0.001})
    found = by_file([SLOWER, TAIL], NOTHING, own)
    assert {check.outcome for check in found.values()} == {NOT_COMPARED}
    slow = tuple(PairTimes(0.1 + place % 2 / 1000, 0.01, None, 0, 0.002, 0.002, 0.1) for place in range(8))
    live = LiveComparison(LiveGate(slow, None, None, None, ""), (), 0.001, "0" * 40, SinceBase())
    (check,) = by_file([SLOWER], reference_of("", live=live), own).values()
    assert (check.outcome, said(check.accepted)) == (FAILED, "")


def test_predictions_are_accepted_as_such():
    changed, same = (replace(evidence(0.95, samples=100), changed=number) for number in (10, 0))
    (check,) = by_file([CHURN], reference_of("", accuracy=changed), reference_of("", accuracy=same)).values()
    assert (check.outcome, said(check.accepted)) == (PASSED, 'these predictions ("worth it")')
    (check,) = by_file([CHURN], reference_of("", accuracy=changed), reference_of("", accuracy=changed)).values()
    assert (check.outcome, said(check.accepted)) == (FAILED, "")


@pytest.mark.parametrize("own_slice", [True, False])
def test_a_slice_is_accepted_by_itself(own_slice):
    base = reference_of("", accuracy=evidence(0.99), slices={"night": evidence(0.9)})
    own = reference_of("", accuracy=evidence(0.99), slices={"night": evidence(0.8)})
    bounds, slices = ([], {"night": (DROP,)}) if own_slice else ([DROP], {})
    found = by_file(
        [*bounds, MORE],
        replace(base, amounts=amounts(parameters=1100)),
        own,
        measured(slices={"night": NIGHT}),
        slices=slices,
    )
    night = found["max_accuracy_drop", "night"]
    assert (night.outcome, said(night.accepted)) == (PASSED, '0.8 ("worth it")')
    if not own_slice:
        assert found["max_accuracy_drop", ""].outcome is FAILED
    swapped = replace(own, accuracy=evidence(0.95), slices={"night": evidence(0.9)})
    found = by_file([*bounds, MORE], base, swapped, measured(slices={"night": NIGHT}), slices=slices)
    assert found["max_accuracy_drop", "night"].outcome is FAILED
    if not own_slice:
        assert found["max_accuracy_drop", ""].outcome is PASSED


def failed(limit, observed=0.1, interval=(0.051, 0.153), outcome=FAILED):
    return check_of(limit, observed, outcome, text("slower"), interval=interval)


SLOW = failed(SLOWER)


@pytest.mark.parametrize(
    ("checks", "acceptable"),
    [
        ((), False),
        ((failed(SLOWER, outcome=PASSED),), False),
        ((failed(SLOWER, outcome=INCONCLUSIVE),), False),
        ((SLOW,), True),
        ((SLOW, failed(MORE)), True),
        ((SLOW, failed(bound("max_latency", "1 ms"))), False),
        ((SLOW, failed(bound("max_latency", "1 ms"), outcome=INCONCLUSIVE)), True),
        ((SLOW, failed(MORE, None)), False),
    ],
)
def test_an_update_accepts_where_no_limit_fails_and_all_was_measured(checks: tuple[Check, ...], acceptable: bool):
    assert is_acceptable(checks) is acceptable


BASE = "1a2b3c4" + "0" * 33
OLD = Accepted(
    metric="latency", statistic="median", ratio=1.2, interval=(1.1, 1.3), base="0" * 40, reason="old", date="then"
)
STORED = Baseline(
    schema=SCHEMA,
    test="t",
    name="",
    updated=Updated(commit=None, date="now", reason="worth it"),
    accepted=(OLD,),
    evaluation_set=EvaluationSet(samples=1, fingerprint="sha256:" + "0" * 64),
    accuracy=None,
    parameters=None,
    model_size=None,
    versions={},
    predictions=None,
    environments={},
)


def test_an_update_accepts_every_time_that_failed_and_writes_it_down():
    tail, passed = failed(TAIL, 0.25004, (0.2, 0.3)), failed(MORE, outcome=PASSED)
    checks, stored = accept_now((SLOW, tail, passed), STORED, BASE)
    entry = Accepted(
        metric="latency",
        statistic="median",
        ratio=1.1,
        interval=(1.051, 1.153),
        base=BASE,
        reason="worth it",
        date="now",
    )
    assert stored.accepted == (
        OLD,
        entry,
        Accepted(
            metric="latency",
            statistic="p95",
            ratio=1.25,
            interval=(1.2, 1.3),
            base=BASE,
            reason="worth it",
            date="now",
        ),
    )
    assert [check.outcome for check in checks] == [PASSED, PASSED, PASSED]
    assert said(checks[0].reason) == 'accepted now, against 1a2b3c4 ("worth it"): slower'
    assert [said(check.accepted) for check in checks] == [
        '+10 % against 1a2b3c4 ("worth it")',
        '+25 % against 1a2b3c4 ("worth it")',
        "",
    ]
    assert checks[2] is passed


def test_a_ratio_is_kept_to_a_hundredth_of_a_per_cent():
    _, stored = accept_now((failed(SLOWER, 0.123456, (0.111111, 0.222222)),), STORED, BASE)
    assert (stored.accepted[-1].ratio, stored.accepted[-1].interval) == (1.1235, (1.1111, 1.2222))


@pytest.mark.parametrize("other", [failed(MORE), failed(bound("max_latency", "1 ms")), failed(SLOWER, outcome=PASSED)])
def test_where_anything_else_failed_or_nothing_did_nothing_is_accepted(other: Check):
    checks = (other,) if other.outcome is PASSED else (SLOW, other)
    assert accept_now(checks, STORED, BASE) == (checks, STORED)


def test_a_score_of_nothing_can_be_accepted():
    r2 = {"score": "r2", "within_unit": False}
    base, own = reference_of("", accuracy=evidence(0.5)), reference_of("", accuracy=evidence(0.0))
    (check,) = by_file([bound("max_accuracy_drop", 0.1)], base, own, measured(accuracy=accuracy(0.0, **r2))).values()
    assert (check.outcome, said(check.accepted)) == (PASSED, '0 ("worth it")')
