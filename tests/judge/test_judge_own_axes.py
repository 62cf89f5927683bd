"""An amount of a user's own axis, held to its bounds in all samples and in each slice that has its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, timed
from values import facts, reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import add_axes
from pytest_speedacc.axes.axis import NOT_MEASURED, Axis
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison, Reference, from_live
from pytest_speedacc.judge.verdict import Observation, Outcome
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.measure.measurement import Measurement, Slice, Statics
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
NIGHT = Slice(np.array([True, False]), accuracy(0.9))
SURE = Amount(0.7, 0.05, slices={"night": 0.4})


@pytest.fixture(autouse=True)
def _own_axes() -> Iterator[None]:
    take_back = add_axes([Axis("sureness", better="higher"), Axis("cost", "J")], "a test")
    yield
    take_back()


@pytest.mark.parametrize(
    ("scale", "compared"),
    [
        ("J, lower is better", True),
        ("", True),  # from a side that does not tell
        ("kJ, lower is better", False),
        ("J, higher is better", False),
    ],
)
def test_a_base_that_measures_in_other_terms_is_not_compared(scale, compared):
    subject = prepare(lambda batch: batch[:, 0], np.arange(4.0).reshape(2, 2), np.zeros(2), CallOptions())
    gate = LiveGate((), None, replace(facts(), amounts={"cost": Amount(2.0, scale=scale)}), None, "")
    comparison = LiveComparison(gate, (), 0.001, "0" * 40, SinceBase())
    reference = from_live(comparison, subject, measured({}).statics.accuracy, "main")
    assert ("cost" in reference.amounts) is compared
    words = f"in main it was measured in other terms ({scale}) than now (J, lower is better)"
    assert said(reference.absent.get("cost", ())) == ("" if compared else words)


def measured(sureness):
    statics = Statics(
        accuracy(0.95), ParameterCount(1), 1, None, Unavailable("no"), (), slices={"night": NIGHT}, metrics=sureness
    )
    return Measurement(statics, timed(np.full(128, 0.001)))


def judged(bounds, sureness=SURE, reference=None, night=()):
    """The checks of the slice."""
    policy = Policy(tuple(bound(*each) for each in bounds), "exact", 10.0, {"night": tuple(night)} if night else {})
    reference = reference or reference_of("no baseline yet")
    checks = judge(measured({"sureness": sureness}), policy, reference, (128,), 0.01)
    return [check for check in checks if check.slice == "night"]


@pytest.mark.parametrize(
    ("limit", "outcome"), [(0.4, PASSED), (0.41, INCONCLUSIVE), (0.45, INCONCLUSIVE), (0.46, FAILED)]
)
def test_a_slice_is_held_to_the_limit_of_all_samples_by_its_own_mean(limit, outcome):
    (check,) = judged([("min_sureness", limit)])
    assert (check.outcome, check.observed, check.metric) == (outcome, 0.4, "sureness")
    assert check.interval == pytest.approx((0.35, 0.45))


@pytest.mark.parametrize(
    ("former", "outcome", "reference"),
    [
        (Amount(0.9, 0.0, slices={"night": 0.4}), PASSED, 0.4),
        (Amount(0.1, 0.0, slices={"night": 0.8}), FAILED, 0.8),
        (Amount(0.1, 0.5, slices={"night": 0.8}), INCONCLUSIVE, 0.8),
        (Amount(0.1, 0.0, slices={"day": 0.1}), NOT_COMPARED, None),
        (None, NOT_COMPARED, None),
    ],
)
def test_a_slice_is_compared_with_its_own_former_mean(former, outcome, reference):
    known = Reference(text("the baseline does not hold it"), amounts={"sureness": former} if former else {})
    (check,) = judged([("max_sureness_drop", "1 %")], reference=known)
    assert (check.outcome, check.observed, check.reference) == (outcome, 0.4, reference)
    if outcome is NOT_COMPARED:
        assert said(check.reason) == said(known.missing)


def test_every_bound_of_a_slice_is_judged():
    bounds = [("min_accuracy", 0.5), ("min_sureness", 0.3), ("max_sureness_drop", "1 %")]
    assert [check.setting for check in judged(bounds)] == ["min_accuracy", "min_sureness", "max_sureness_drop"]


@pytest.mark.parametrize("found", [Amount(0.7), Amount(0.7, slices={"day": 0.4}), Unavailable("no logits")])
def test_one_number_for_all_samples_is_asked_of_no_slice_unless_the_slice_asks(found):
    assert judged([("min_sureness", 0.3)], found) == []
    # Limits of its own, of something else: what it inherits does not become one of them.
    inheriting = judged(
        [("min_sureness", 0.3), ("max_sureness_drop", "1 %")], found, night=[bound("min_accuracy", 0.5)]
    )
    assert [check.setting for check in inheriting] == ["min_accuracy"]
    (check,) = judged([], found, night=[bound("min_sureness", 0.3)])
    assert (check.setting, check.outcome, check.observed) == ("min_sureness", FAILED, None)
    why = "sureness is one number for all samples: have measure return one number a sample"
    assert said(check.reason) == f"cannot be measured here: {why}"


def test_a_slice_that_was_compared_does_not_vanish_unsaid():
    then = Reference((), amounts={"sureness": Amount(0.7, slices={"night": 0.6})})
    bounds = [("max_sureness_drop", "1 %"), ("min_sureness", 0.3)]
    (check,) = judged(bounds, Amount(0.7), then)
    why = "the baseline has a sureness of this slice, and here it is one number for all samples"
    assert (check.setting, check.outcome, said(check.reason)) == ("max_sureness_drop", NOT_COMPARED, why)
    assert judged(bounds, Amount(0.7), Reference((), amounts={"sureness": Amount(0.7)})) == []
    assert judged(bounds, Unavailable("no"), then) == []


@pytest.mark.parametrize(
    ("former", "was"),
    [(None, (None, None)), (Amount(0.8, slices={"night": 0.6}), (0.8, 0.6)), (Amount(0.8), (0.8, None))],
)
def test_it_is_observed_in_all_samples_and_in_each_slice_that_has_its_own(former, was):
    reference = Reference(text("none"), amounts={"sureness": former} if former else {})
    rows = observe(measured({"sureness": replace(SURE, note="mean of 2 samples")}), reference)
    assert [row for row in rows if row.metric == "sureness"] == [
        Observation("sureness", "", "", 0.7, None, was[0], "mean of 2 samples", higher_is_better=True),
        Observation("sureness", "", "", 0.4, None, was[1], "", slice="night", higher_is_better=True),
    ]
    assert [row for row in rows if row.metric == "cost"] == [
        Observation("cost", "", "J", None, None, None, NOT_MEASURED.format(name="cost"))
    ]


def test_an_axis_that_the_base_does_not_have_cannot_have_got_worse():
    policy = Policy((bound("max_sureness_drop", "0 %"),), "exact", 10.0)
    reference = replace(reference_of("no baseline yet"), new_axes=frozenset({"sureness"}))
    check, _ = judge(measured({"sureness": SURE}), policy, reference, (128,), 0.01)
    assert (check.setting, check.outcome, check.observed, said(check.reason)) == (
        "max_sureness_drop",
        PASSED,
        0.7,
        "new axis: the base does not have it",
    )
