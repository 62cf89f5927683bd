"""What is judged of predictions: slices, churn, confidence, randomness, and what training took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, evidence, timed
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.advice import advice
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.measurement import Confidence, Measurement, Slice, Statics
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.training import Training
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import all_said, said
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
NIGHT = Slice(np.array([True, True, False, False]), accuracy(0.8))


def judged(bounds, statics, reference=None, slices=None):
    policy = Policy(
        tuple(bound(name, value) for name, value in bounds.items()),
        "exact",
        10.0,
        {name: tuple(bound(*each) for each in own.items()) for name, own in (slices or {}).items()},
    )
    usual = Statics(accuracy(0.95), ParameterCount(1), 1, None, Unavailable("no"), ())
    measurement = Measurement(replace(usual, **statics), timed(np.full(128, 0.001)))
    checks = judge(measurement, policy, reference or reference_of("no baseline yet"), (64, 128), 0.01)
    return {(check.setting, check.slice): check for check in checks}


def outcomes(*arguments, **options):
    return {place: check.outcome for place, check in judged(*arguments, **options).items()}


def test_a_score_goes_by_its_own_name():
    (check,) = judged({"min_accuracy": 0.9}, {"accuracy": accuracy(0.95, score="f1")}).values()
    assert check.title == "f1"


def test_a_slice_is_held_to_the_limits_of_all_samples():
    assert outcomes({"min_accuracy": 0.9, "max_parameters": 5}, {"slices": {"night": NIGHT}}) == {
        ("min_accuracy", ""): PASSED,
        ("max_parameters", ""): PASSED,
        ("min_accuracy", "night"): FAILED,
    }


@pytest.mark.parametrize(("limit", "outcome"), [(0.8, PASSED), (0.80001, FAILED)])
def test_its_own_limit_holds_instead(limit, outcome):
    own = {"night": {"min_accuracy": limit}}
    found = outcomes({"min_accuracy": 0.95}, {"slices": {"night": NIGHT}}, slices=own)
    assert found == {("min_accuracy", ""): PASSED, ("min_accuracy", "night"): outcome}


def test_a_slice_that_is_missing_fails():
    checks = judged({"min_accuracy": 0.9}, {}, slices={"night": {"min_accuracy": 0.5}})
    assert checks["min_accuracy", ""].outcome is PASSED
    assert checks["min_accuracy", "night"].outcome is FAILED
    assert "the check was given none of that name" in said(checks["min_accuracy", "night"].reason)


def test_a_slice_is_compared_with_its_former_self():
    reference = reference_of("", accuracy=evidence(0.95), slices={"night": evidence(0.9)})
    found = judged({"max_accuracy_drop": "1 pp"}, {"slices": {"night": NIGHT}}, reference)
    assert found["max_accuracy_drop", ""].outcome is PASSED
    assert found["max_accuracy_drop", "night"].outcome is FAILED
    assert found["max_accuracy_drop", "night"].reference == 0.9
    unknown = judged(
        {"max_accuracy_drop": "1 pp"}, {"slices": {"night": NIGHT}}, reference_of("x", accuracy=evidence(0.95))
    )
    assert unknown["max_accuracy_drop", "night"].outcome is NOT_COMPARED


def test_a_slice_without_a_score_of_its_own_fails():
    part = Slice(NIGHT.mask, Unavailable("one class only"))
    check = judged({"min_accuracy": 0.1}, {"slices": {"night": part}})["min_accuracy", "night"]
    assert (check.outcome, said(check.reason)) == (FAILED, "cannot be measured here: one class only")


@pytest.mark.parametrize(("changed", "outcome"), [(0, PASSED), (10, PASSED), (11, FAILED)])
def test_churn_is_the_share_of_changed_predictions(changed, outcome):
    paired = replace(evidence(0.95, flips=(6, 4)), changed=changed)
    check = judged({"max_churn": "1 %"}, {}, reference_of("", accuracy=paired))["max_churn", ""]
    assert (check.outcome, check.observed, check.limit) == (outcome, changed / 1000, None)
    assert said(check.reason) == (
        f"{changed} of 1000 predictions are not those of the baseline; 6 right-to-wrong, 4 wrong-to-right of 1000"
    )


def test_churn_needs_former_predictions_that_are_labels():
    assert outcomes({"max_churn": "1 %"}, {}) == {("max_churn", ""): NOT_COMPARED}
    unpaired = reference_of("", accuracy=evidence(0.95, unpaired=text("the baseline holds no predictions")))
    check = judged({"max_churn": "1 %"}, {}, unpaired)["max_churn", ""]
    assert (check.outcome, said(check.reason)) == (NOT_COMPARED, "the baseline holds no predictions")
    regression = replace(accuracy(3.0, score="r2", within_unit=False), of_labels=False)
    check = judged({"max_churn": "1 %"}, {"accuracy": regression}, unpaired)["max_churn", ""]
    assert check.outcome is FAILED
    assert "the score 'r2' compares none" in said(check.reason)


def test_churn_from_another_environment_may_be_rounding():
    paired = replace(evidence(0.95, same_environment=False), changed=12)
    assert outcomes({"max_churn": "1 %"}, {}, reference_of("", accuracy=paired)) == {("max_churn", ""): INCONCLUSIVE}
    paired = replace(paired, changed=13)
    assert outcomes({"max_churn": "1 %"}, {}, reference_of("", accuracy=paired)) == {("max_churn", ""): FAILED}


@pytest.mark.parametrize(("limit", "whole", "night"), [(0.7, PASSED, PASSED), (0.75, PASSED, FAILED)])
def test_confidence_is_a_mean_over_the_samples_of_each_part(limit, whole, night):
    confidence = Confidence(np.array([0.6, 0.8, 0.7, 0.9]))
    found = outcomes({"min_confidence": limit}, {"confidence": confidence, "slices": {"night": NIGHT}})
    assert found == {("min_confidence", ""): whole, ("min_confidence", "night"): night}


def test_confidence_of_a_model_without_probabilities_fails():
    check = judged({"min_confidence": 0.5}, {"confidence": Unavailable("logits")})["min_confidence", ""]
    assert (check.outcome, said(check.reason)) == (FAILED, "cannot be measured here: logits")


def test_a_random_model_is_not_judged_by_one_evaluation():
    bounds = {"min_accuracy": 0.1, "max_accuracy_drop": "50 pp", "max_churn": "50 %", "max_parameters": 5}
    reference = reference_of("", accuracy=replace(evidence(0.95), changed=0))
    checks = judged(bounds, {"unstable": 3, "slices": {"night": NIGHT}}, reference)
    failed = {place for place, check in checks.items() if check.outcome is FAILED}
    assert failed == {(name, part) for name in list(bounds)[:3] for part in ("", "night")}
    assert "it gave 3 of them two different predictions" in said(checks["min_accuracy", ""].reason)


def repeated(*scores):
    return replace(accuracy(float(np.mean(scores))), scores=scores)


SCORES = (0.90, 0.91, 0.92, 0.91, 0.90, 0.92, 0.91, 0.91)


@pytest.mark.parametrize(
    ("bounds", "former", "outcome"),
    [
        ({"min_accuracy": 0.88}, None, PASSED),
        ({"min_accuracy": 0.908}, None, INCONCLUSIVE),
        ({"min_accuracy": 0.95}, None, FAILED),
        ({"max_accuracy_drop": "5 pp"}, Former(0.91, 0.01, 8), PASSED),
        ({"max_accuracy_drop": "0 pp"}, Former(0.91, 0.01, 8), INCONCLUSIVE),
        ({"max_accuracy_drop": "1 pp"}, Former(0.99, 0.01, 8), FAILED),
        ({"max_accuracy_drop": "1 pp"}, None, NOT_COMPARED),
        ({"max_error": 0.5}, None, FAILED),
    ],
)
def test_a_random_model_is_judged_over_its_seeds(bounds, former, outcome):
    paired = replace(evidence(former.mean if former else 0.91), former=former, source="base")
    (check,) = judged(bounds, {"accuracy": repeated(*SCORES)}, reference_of("", accuracy=paired)).values()
    assert check.outcome is outcome
    if former:
        assert f" against the base's {former.mean:g}; " in said(check.reason)
    if outcome is INCONCLUSIVE:
        assert "mean of 8 evaluations under different seeds" in said(check.reason)
        assert said(check.reason).endswith("too close to call: raise repeats=")


TRAINED = Training(10.0, 2**20, "")


@pytest.mark.parametrize(("limit", "outcome"), [("10 s", PASSED), ("9 s", INCONCLUSIVE), ("7.9 s", FAILED)])
def test_training_time_over_its_limit_by_no_more_than_times_move_is_inconclusive(limit, outcome):
    assert outcomes({"max_training_time": limit}, {"training": TRAINED}) == {("max_training_time", ""): outcome}


@pytest.mark.parametrize(("limit", "outcome"), [("1 MiB", PASSED), ("1023 KiB", INCONCLUSIVE), ("1 MB", FAILED)])
def test_training_memory_has_its_resolution(limit, outcome):
    assert outcomes({"max_training_memory": limit}, {"training": TRAINED}) == {("max_training_memory", ""): outcome}


def test_a_limit_on_training_that_was_not_measured_fails():
    limits = {"max_training_time": "10 s", "max_training_memory": "1 GiB"}
    assert set(outcomes(limits, {}).values()) == {FAILED}
    checks = judged(limits, {"training": Training(1.0, None, "memray does not run")})
    assert checks["max_training_time", ""].outcome is PASSED
    assert said(checks["max_training_memory", ""].reason) == "cannot be measured here: memray does not run"


def test_what_was_measured_of_each_part_is_observed():
    statics = Statics(
        accuracy(0.95),
        ParameterCount(1),
        1,
        None,
        Unavailable("no"),
        (),
        evaluation_seconds=0.25,
        confidence=Confidence(np.array([0.6, 0.8, 0.7, 0.9])),
        slices={"night": NIGHT},
        training=TRAINED,
    )
    rows = observe(Measurement(statics, timed(np.full(128, 0.001))), reference_of("", slices={"night": evidence(0.85)}))
    found = {(row.metric, row.slice): (row.observed, row.reference) for row in rows if row.statistic == ""}
    assert found["accuracy", "night"] == (0.8, 0.85)
    assert found["confidence", ""] == (pytest.approx(0.75), None)
    assert found["confidence", "night"] == (pytest.approx(0.7), None)
    assert found["training_time", ""] == (10.0, None)
    assert found["training_memory", ""] == (2**20, None)
    assert found["evaluation", ""] == (0.25, None)


@pytest.mark.parametrize(
    ("parameters", "samples", "features", "words"),
    [
        (10_001, 1000, 8, ["advice: 10,001 parameters were learned from 1,000 samples, 10 for each: a smaller model"]),
        (10_000, 1000, 8, []),
        (10_001, None, 8, []),
        (7, 1000, 8, ["advice: 7 parameters are fewer than the 8 features: some features cannot matter"]),
        (8, 1000, 8, []),
    ],
)
def test_proportions_are_remarked_on(parameters, samples, features, words):
    subject = prepare(
        lambda batch: [0] * len(batch), np.zeros((5, features)), [0] * 5, CallOptions(training_samples=samples)
    )
    statics = Statics(accuracy(1.0), ParameterCount(parameters), 1, None, Unavailable("no"), ())
    found = all_said(advice(subject, statics))
    assert len(found) == len(words)
    assert all(one.startswith(start) for one, start in zip(found, words, strict=True))
    assert all_said(advice(subject, replace(statics, parameters=Unavailable("no")))) == ()


def test_every_slice_is_judged_and_every_missing_one_is_named():
    day = Slice(~NIGHT.mask, accuracy(0.99))
    limits = {"dawn": {"min_accuracy": 0.5, "min_confidence": 0.5}, "dusk": {"min_accuracy": 0.5}}
    found = outcomes({"min_accuracy": 0.9}, {"slices": {"night": NIGHT, "day": day}}, slices=limits)
    assert found == {
        ("min_accuracy", ""): PASSED,
        ("min_accuracy", "night"): FAILED,
        ("min_accuracy", "day"): PASSED,
        ("min_accuracy", "dawn"): FAILED,
        ("min_confidence", "dawn"): FAILED,
        ("min_accuracy", "dusk"): FAILED,
    }


@pytest.mark.parametrize(("rule", "outcome"), [("exact", PASSED), ("noninferior", INCONCLUSIVE)])
def test_the_policy_says_by_which_rule_a_drop_is_judged(rule, outcome):
    policy = Policy((bound("max_accuracy_drop", "1 pp"),), rule, 10.0)
    statics = Statics(accuracy(0.945), ParameterCount(1), 1, None, Unavailable("no"), ())
    measurement = Measurement(statics, timed(np.full(128, 0.001)))
    reference = reference_of("", accuracy=evidence(0.95, flips=(30, 25)))
    (check,) = judge(measurement, policy, reference, (64, 128), 0.01)
    assert check.outcome is outcome


def test_a_random_model_beside_a_single_evaluation_is_told_so():
    scores = (0.94, 0.95, 0.95, 0.96)
    check = judged(
        {"max_accuracy_drop": "1 pp"},
        {"accuracy": replace(accuracy(0.95), scores=scores)},
        reference_of("", accuracy=evidence(0.95)),
    )["max_accuracy_drop", ""]
    assert (check.outcome, check.observed) == (NOT_COMPARED, 0.95)
    assert said(check.reason) == "the baseline was evaluated under one seed, and of a random model that says little"
