"""The outputs of a step beside its former ones: what the share of changed ones comes to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from judge_examples import bound, timed
from msgspec.structs import replace as changed
from values import facts

from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.baseline.record import record
from pytest_speedacc.check.former import check_same_task
from pytest_speedacc.check.unfit import needs_score
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.outputs import OutputChange, compare_outputs, judge_outputs
from pytest_speedacc.judge.reference import LiveComparison, from_baseline, from_live, from_other
from pytest_speedacc.judge.trades import excused
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.measure.measurement import Measurement, Statics, measure_statics
from pytest_speedacc.measure.outputs import CLOSENESS, Outputs, compact, rows_of
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
INPUTS = [f"text number {place}" for place in range(20)]
HERE = Environment.current()
SLICES = {"first": np.arange(20) < 4, "rest": np.arange(20) >= 4}


def split(*different):
    """A step that puts something more behind these samples."""
    return lambda batch: [text.split() + ["!"] * (int(text.split()[-1]) in different) for text in batch]


def measured(step=None):
    subject = prepare(step or split(), INPUTS, None, CallOptions(score=None, slices=SLICES))
    return subject, Measurement(measure_statics(subject), timed(np.full(128, 0.001)))


def change(count, samples=1000, *, is_exact=False, rounds=False):
    return OutputChange(samples, count, tuple(range(min(count, 5))), is_exact, rounds)


@pytest.mark.parametrize(("count", "outcome"), [(0, PASSED), (9, PASSED), (10, PASSED), (11, FAILED), (1000, FAILED)])
def test_the_share_that_changed_is_held_against_the_bound(count, outcome):
    check = judge_outputs(bound("max_churn", "1 %"), change(count), "baseline")
    assert (check.outcome, check.observed) == (outcome, count / 1000)
    assert said(check.reason).startswith(f"{count} of 1000 outputs are not those of the baseline")


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (0, ""),
        (1, ", the first: sample 0"),
        (2, ", the first: samples 0, 1"),
        (7, ", the first: samples 0, 1, 2, 3, 4"),
    ],
)
def test_the_first_that_changed_are_named(count, named):
    check = judge_outputs(bound("max_churn", "50 %"), change(count), "base")
    assert said(check.reason) == f"{count} of 1000 outputs are not those of the base{named}"


@pytest.mark.parametrize(("count", "outcome"), [(10, PASSED), (12, INCONCLUSIVE), (13, FAILED)])
def test_another_environment_rounds_otherwise(count, outcome):
    check = judge_outputs(bound("max_churn", "1 %"), change(count, rounds=True), "baseline")
    assert check.outcome is outcome
    assert ("rounding can do as much" in said(check.reason)) is (outcome is INCONCLUSIVE)


@pytest.mark.parametrize(
    ("count", "rounds", "outcome"),
    [(0, False, PASSED), (0, True, PASSED), (10, True, PASSED), (500, True, NOT_COMPARED), (500, False, FAILED)],
)
def test_what_is_known_by_a_digest_cannot_be_told_from_rounding(count, rounds, outcome):
    found = change(count, is_exact=True, rounds=rounds)
    check = judge_outputs(bound("max_churn", "1 %"), found, "baseline")
    assert check.outcome is outcome
    assert said(check.reason).startswith(f"{count} of 1000 outputs are not those of the baseline")
    assert ("a baseline keeps 2,097,152 numbers at most: pass fewer samples" in said(check.reason)) is (count > 0)


class TestCompared:
    def test_all_samples_and_every_slice(self):
        subject, found = measured(split(1, 6, 19))
        before = rows_of(split()(INPUTS), 20)
        assert compare_outputs(before, subject, found.statics.accuracy, True) == {
            "": OutputChange(20, 3, (1, 6, 19), False, False),
            "first": OutputChange(4, 1, (1,), False, False),
            "rest": OutputChange(16, 2, (6, 19), False, False),
        }

    def test_without_former_outputs_nothing_is(self):
        subject, found = measured()
        assert compare_outputs(None, subject, found.statics.accuracy, True) == {}

    def test_a_digest_is_exact(self, monkeypatch):
        monkeypatch.setattr("pytest_speedacc.measure.outputs.MOST_NUMBERS", 1)
        subject = prepare(np.asarray, np.eye(4), None, CallOptions(score=None))
        outputs = Outputs(rows_of(np.eye(4), 4), CLOSENESS)
        found = compare_outputs(compact(outputs.predictions), subject, outputs, True)
        assert found == {"": OutputChange(4, 0, (), True, False)}


def stored_of(step, **changes):
    subject, found = measured(step)
    baseline = record(found, subject, HERE, test="t", name="", reason="", commit=None, ratios=None, shared={})
    return changed(baseline, **changes), found.statics.accuracy.predictions


def of_baseline(subject, found, stored, before):
    check_same_task(stored, subject, found.statics.accuracy, "update")
    return from_baseline(stored, before, subject, found.statics.accuracy, HERE, (), "update")


def judged(found, reference, **bounds):
    policy = Policy(tuple(bound(name, value) for name, value in bounds.items()), "exact", 1.0)
    return judge(found, policy, reference, (), 0.01)


class TestReference:
    def test_a_baseline_has_no_score_and_the_outputs(self):
        stored, before = stored_of(split())
        assert stored.accuracy is None
        subject, found = measured(split(3))
        reference = of_baseline(subject, found, stored, before)
        assert reference.accuracy is None
        checks = judged(found, reference, max_churn="1 %")
        assert [(check.slice, check.outcome, check.observed) for check in checks] == [
            ("", FAILED, 0.05),
            ("first", FAILED, 0.25),
            ("rest", PASSED, 0.0),
        ]

    @pytest.mark.parametrize(
        ("step", "rounds"), [(split(), False), (lambda batch: [float(len(text)) for text in batch], True)]
    )
    def test_only_numbers_are_rounded_in_another_environment(self, step, rounds):
        stored, before = stored_of(step, environments={})
        subject, found = measured(step)
        assert of_baseline(subject, found, stored, before).outputs[""].rounds is rounds
        stored, before = stored_of(step)
        assert not of_baseline(subject, found, stored, before).outputs[""].rounds

    def test_without_outputs_nothing_is_compared(self):
        stored, _ = stored_of(split())
        subject, found = measured()
        check = judged(found, of_baseline(subject, found, stored, None), max_churn="1 %")[0]
        assert (check.outcome, said(check.reason)) == (
            NOT_COMPARED,
            "the baseline does not hold it: add it with update",
        )

    def test_a_score_and_none_are_not_compared(self):
        subject, found = measured()
        scored = prepare(len, INPUTS, INPUTS, CallOptions())
        accuracy = dataclasses.replace(found, statics=statics_of_a_score())
        stored = record(
            accuracy,
            scored,
            HERE,
            test="t",
            name="",
            reason="",
            commit=None,
            ratios=None,
            shared={},
        )
        stored = changed(stored, evaluation_set=changed(stored.evaluation_set, fingerprint=subject.fingerprint))
        with pytest.raises(GateError, match="holds the score 'accuracy' and this gate asks for none"):
            of_baseline(subject, found, stored, None)

    def test_none_and_a_score_are_not_compared(self):
        stored, _ = stored_of(split(), predictions=f"sha256:{'0' * 64}")
        subject = prepare(len, INPUTS, INPUTS, CallOptions())
        accuracy = statics_of_a_score().accuracy
        with pytest.raises(GateError, match=r"is of score=None and this gate asks for 'accuracy'\. If the"):
            check_same_task(stored, subject, accuracy, "update")

    def test_other_inputs_are_refused(self):
        stored, before = stored_of(split())
        subject = prepare(split(), INPUTS[1:], None, CallOptions(score=None))
        with pytest.raises(GateError, match="outputs on different samples cannot be compared"):
            check_same_task(stored, subject, Outputs(before[1:], CLOSENESS), "update")

    @pytest.mark.parametrize(
        ("known", "outcome", "observed"),
        [
            ({"score": None, "greater_is_better": None, "value": None}, FAILED, 0.05),
            ({}, NOT_COMPARED, None),
        ],
    )
    def test_the_base_of_a_live_run(self, known, outcome, observed):
        subject, found = measured(split(3))
        base = facts(samples=20, fingerprint=subject.fingerprint, **known)
        gate = LiveGate((), base, base, rows_of(split()(INPUTS), 20), "")
        live = LiveComparison(gate, (), 0.01, "1" * 40, SinceBase())
        check = judged(found, from_live(live, subject, found.statics.accuracy, "main"), max_churn="1 %")[0]
        assert (check.outcome, check.observed) == (outcome, observed)

    def test_the_other_of_a_comparison(self):
        subject, found = measured(split(3))
        _, other = measured()
        check = judged(found, from_other(other, found.statics.accuracy, subject, (), 0.01), max_churn="1 %")[0]
        assert (check.outcome, said(check.reason)) == (
            FAILED,
            "1 of 20 outputs are not those of the other, the first: sample 3",
        )


def statics_of_a_score():
    subject = prepare(lambda batch: batch[:, 0], np.eye(2), np.eye(2)[:, 0], CallOptions())
    return measure_statics(subject)


def test_a_random_step_is_not_compared():
    subject, found = measured()
    stored, before = stored_of(split())
    shaky = dataclasses.replace(found, statics=dataclasses.replace(found.statics, unstable=7))
    check = judged(shaky, of_baseline(subject, found, stored, before), max_churn="1 %")[0]
    assert (check.outcome, check.observed) == (FAILED, None)
    assert said(check.reason) == (
        "cannot be judged: the step is random: asked twice about the first samples, it gave 7 of them two different "
        "outputs. Seed it within the step, or drop max_churn"
    )


def test_a_step_has_no_row_for_a_score():
    subject, found = measured()
    stored, before = stored_of(split())
    rows = observe(found, of_baseline(subject, found, stored, before))
    assert {"accuracy", "confidence"}.isdisjoint(row.metric for row in rows)


@pytest.mark.parametrize("side", ["give", "gain"])
def test_a_score_that_is_not_there_is_not_traded(side):
    terms = {"give": {"memory": "50 %"}, "gain": {"accuracy": "1 pp"}}
    if side == "give":
        terms = {"give": {"error": "50 %"}, "gain": {"latency": "30 %"}}
    subject, found = measured(split(3))
    stored, before = stored_of(split())
    reference = of_baseline(subject, found, stored, before)
    policy = Policy((bound("max_accuracy_drop", "1 pp"), bound("max_memory_increase", "1 %")), "exact", 1.0)
    policy = dataclasses.replace(policy, trades=parse_trades([terms], "marker: trades"))
    checks = judge(found, policy, reference, (), 0.01)
    assert checks[0].outcome is FAILED
    assert said(checks[0].reason) == "cannot be measured here: score=None has no score"
    worse = tuple(dataclasses.replace(check, observed=1.0, outcome=FAILED) for check in checks)
    _, sums = excused(worse, found, policy, reference, 0.01)
    assert [(said(leg.observed), leg.holds) for leg in (sums[0].given if side == "give" else sums[0].gained)] == [
        ("not known", False)
    ]


@pytest.mark.parametrize(
    ("bounds", "slices", "named"),
    [
        ({"max_churn": "1 %", "max_latency": "1 s"}, {}, ""),
        ({"min_accuracy": 0.9}, {}, "min_accuracy"),
        ({"max_error": 0.9, "min_confidence": 0.8, "max_churn": "1 %"}, {}, "max_error, min_confidence"),
        ({"max_accuracy_drop": "1 pp"}, {}, "max_accuracy_drop"),
        ({"max_churn": "1 %"}, {"night": {"min_accuracy": 0.5}}, "min_accuracy"),
    ],
)
def test_limits_of_a_score_are_refused(bounds, slices, named):
    policy = Policy(
        tuple(bound(name, value) for name, value in bounds.items()),
        "exact",
        1.0,
        {part: tuple(bound(name, value) for name, value in own.items()) for part, own in slices.items()},
    )
    said = (
        f"score=None has no score, and {named} is set for this gate: take it out of the marker and of [tool.speedacc] "
        "for this test, or name a score and pass targets."
    )
    assert needs_score(policy) == (said if named else "")


def test_statics_without_a_score_say_so():
    _, found = measured()
    with pytest.raises(GateError, match="score=None has no accuracy"):
        _ = found.accuracy
    assert isinstance(found.statics, Statics)
    assert isinstance(found.statics.confidence, Unavailable)
