"""Former and present predictions in pairs: of all samples, of each slice, and of a stored or live reference."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from judge_examples import accuracy, evidence, timed
from msgspec.structs import replace as changed
from values import band_of, facts, value_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.baseline.record import record
from pytest_speedacc.check.former import check_same_task
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.accuracy import ClassChange, Flipped
from pytest_speedacc.judge.pairing import pair_all, pair_slices, with_repeats
from pytest_speedacc.judge.reference import LiveComparison, from_baseline, from_live, from_other
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import NEW_GATE, LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.training import Training
from pytest_speedacc.report.sentences import formerly, said
from pytest_speedacc.stats.paired import Flips, Interval, difference_interval
from pytest_speedacc.stats.resampling import score_difference

TARGETS = np.arange(20) % 2
HERE = Environment.current()
COMMAND = "python -m pytest x --speedacc-update"


def wrong_at(*places):
    """Predictions that are wrong at these samples."""
    return np.where(np.isin(np.arange(20), places), 1 - TARGETS, TARGETS)


def gap(targets, predictions):
    """A score that needs a sample of either class."""
    if len(np.unique(targets)) < 2:
        raise ValueError("one class only")
    return float(np.mean(np.abs(targets - predictions)))


def samples(start, stop):
    return (np.arange(20) >= start) & (np.arange(20) < stop)


SLICES = {"even": TARGETS == 0, "first": samples(0, 4), "rest": samples(4, 20)}
BY_GAP = {"score": gap, "greater_is_better": False}


def subject_of(predictions=TARGETS, **call_options):
    call_options = CallOptions(**({"slices": SLICES} | call_options))
    return prepare(lambda batch: predictions[batch[:, 0].astype(int)], np.arange(20.0)[:, None], TARGETS, call_options)


def accuracy_of(subject, predictions):
    return score_predictions(subject.score, TARGETS, predictions)


class TestSlices:
    def test_each_is_paired_by_its_own_samples(self):
        before, now = wrong_at(0, 5, 7), wrong_at(0, 1, 2, 5)
        subject = subject_of(now)
        found = pair_slices(False, before, subject, accuracy_of(subject, now), "base")
        assert {
            name: (each.reference, each.samples, each.flips, each.same_environment, each.source)
            for name, each in found.items()
        } == {
            "even": (0.9, 10, Flips(1, 0, 10), False, "base"),
            "first": (0.75, 4, Flips(2, 0, 4), False, "base"),
            "rest": (0.875, 16, Flips(0, 1, 16), False, "base"),
        }
        assert found["first"].flipped == (Flipped(1, "1", "0"), Flipped(2, "0", "1"))
        assert found["rest"].difference == difference_interval(Flips(0, 1, 16), 0.9)

    def test_one_without_a_score_leaves_the_others(self):
        before, now = wrong_at(1), wrong_at(0, 1, 5, 6, 7)
        subject = subject_of(now, **BY_GAP)
        found = pair_slices(True, before, subject, accuracy_of(subject, now), "baseline")
        assert list(found) == ["first", "rest"]
        assert (found["first"].reference, found["rest"].reference) == (0.25, 0)
        rest = SLICES["rest"]
        assert found["rest"].difference == score_difference(
            lambda index: gap(TARGETS[rest][index], before[rest][index]),
            lambda index: gap(TARGETS[rest][index], now[rest][index]),
            16,
            resamples=500,
            confidence=0.9,
        )

    @pytest.mark.parametrize("before", [None, np.zeros((20, 2)), np.zeros(19)])
    def test_without_pairs_there_are_none(self, before):
        subject = subject_of()
        assert pair_slices(True, before, subject, accuracy_of(subject, TARGETS), "base") == {}


class TestAll:
    def test_what_flipped_and_what_changed_is_counted_and_named(self):
        before, now = wrong_at(0, 19), wrong_at(1, 2, 3, 5, 7, 9, 11, 19)
        subject = subject_of(now)
        found = pair_all(0.9, True, before, subject, accuracy_of(subject, now))
        assert (found.flips, found.changed, found.source) == (Flips(7, 1, 20), 8, "baseline")
        assert found.flipped == tuple(Flipped(place, str(place % 2), str(1 - place % 2)) for place in (1, 2, 3, 5, 7))
        assert found.classes == (ClassChange("1", 10, 9, 3),)
        assert found.difference == difference_interval(Flips(7, 1, 20), 0.9)

    def test_classes_that_got_worse_are_told_the_worst_first(self):
        targets = np.repeat(np.arange(7), 10)
        before, now = targets.copy(), targets.copy()
        before[60:65] = now[60:65] = 9  # half of the last class was wrong before, too
        for label in range(7):
            now[np.flatnonzero(targets == label)[-label or 10 :]] = 9
        subject = prepare(lambda batch: now[batch[:, 0]], np.arange(70)[:, None], targets, CallOptions())
        found = pair_all(1.0, True, before, subject, score_predictions(subject.score, targets, now))
        worse = [(5, 10, 5), (6, 5, 0), (4, 10, 6), (3, 10, 7), (2, 10, 8)]
        assert found.classes == tuple(ClassChange(str(label), 10, *right) for label, *right in worse)

    def test_several_labels_a_sample_are_told_together(self):
        targets = np.array([[0, 1], [1, 1], [1, 0]])
        now = np.array([[0, 1], [1, 0], [1, 0]])
        subject = prepare(lambda batch: now[batch[:, 0]], np.arange(3)[:, None], targets, CallOptions())
        found = pair_all(1.0, True, targets, subject, score_predictions(subject.score, targets, now))
        assert found.flipped == (Flipped(1, "[1, 1]", "[1, 0]"),)

    def test_equal_predictions_need_no_resampling(self):
        asked = []

        def counting(targets, predictions):
            asked.append(len(targets))
            return 0.5

        subject = subject_of(score=counting, greater_is_better=True, slices=None)
        now = accuracy_of(subject, TARGETS)
        asked.clear()
        assert pair_all(0.5, True, TARGETS, subject, now).difference == Interval(0.0, 0.0, 0.0)
        assert asked == []

    def test_another_score_is_resampled_in_pairs_at_nine_tenths(self):
        before, now = wrong_at(0), wrong_at(1, 2, 3)
        subject = subject_of(now, **BY_GAP)
        found = pair_all(0.05, True, before, subject, accuracy_of(subject, now))
        assert (found.flips, found.changed) == (None, None)
        assert found.difference == score_difference(
            lambda index: gap(TARGETS[index], before[index]),
            lambda index: gap(TARGETS[index], now[index]),
            20,
            resamples=500,
            confidence=0.9,
        )

    def test_texts_in_objects_are_told_as_they_are(self):
        targets = np.array(["cat", "dog"], dtype=object)
        now = np.array(["cat", "cat"], dtype=object)
        subject = prepare(lambda batch: now[batch[:, 0]], np.arange(2)[:, None], targets, CallOptions())
        found = pair_all(1.0, True, targets, subject, score_predictions(subject.score, targets, now))
        assert found.flipped == (Flipped(1, "dog", "cat"),)

    def test_five_hundred_resamples_are_drawn(self):
        before, now = np.random.default_rng(0).random((2, 20))
        subject = subject_of(now, slices=None, **BY_GAP)
        found = pair_all(0.5, True, before, subject, accuracy_of(subject, now))
        assert found.difference == score_difference(
            lambda index: gap(TARGETS[index], before[index]),
            lambda index: gap(TARGETS[index], now[index]),
            20,
            resamples=500,
            confidence=0.9,
        )

    def test_a_former_score_over_several_seeds_is_known_with_its_spread(self):
        known = evidence(0.9)
        assert with_repeats(known, 0.1, 1) == known
        assert with_repeats(known, 0.1, 2).former == Former(0.9, 0.1, 2)


def measured(subject, predictions=TARGETS, **changes):
    statics = {
        "accuracy": accuracy_of(subject, predictions),
        "parameters": ParameterCount(650),
        "model_size": 5930,
        "weights": None,
        "memory": MemoryPeak(5000, (5000, 5000)),
        "notes": (),
        "training": Training(1.5, 2048, ""),
    }
    return Measurement(Statics(**(statics | changes)), timed(np.linspace(0.001, 0.002, 100)))


def stored_of(tmp_path, subject, environment=HERE, **changes):
    options = {"test": "x", "name": "", "reason": "", "commit": None, "ratios": None, "shared": {}}
    return record(measured(subject, **changes), subject, environment, **options)


def compared(stored, subject, environment=HERE, before=TARGETS, now=TARGETS):
    accuracy = accuracy_of(subject, now)
    check_same_task(stored, subject, accuracy, COMMAND)
    return from_baseline(stored, before, subject, accuracy, environment, (), COMMAND)


class TestStored:
    def test_slices_and_training_are_known_beside_the_rest(self, tmp_path):
        now = wrong_at(1)
        subject = subject_of(now)
        found = compared(stored_of(tmp_path, subject_of()), subject, now=now)
        assert said(found.missing) == f"the baseline does not hold it: add it with {COMMAND}"
        assert (value_of(found, "training_time"), value_of(found, "training_memory")) == (1.5, 2048)
        assert found.slices == pair_slices(True, TARGETS, subject, accuracy_of(subject, now), "baseline")
        assert found.slices.keys() == SLICES.keys()
        assert (value_of(found, "memory"), band_of(found, "memory")) == (5000, 1024)

    def test_elsewhere_slices_are_of_another_environment_and_the_rest_is_not_known(self, tmp_path):
        elsewhere = changed(HERE, cpu="Another CPU")
        subject = subject_of()
        found = compared(stored_of(tmp_path, subject), subject, elsewhere)
        assert {each.same_environment for each in found.slices.values()} == {False}
        assert (value_of(found, "training_time"), value_of(found, "memory"), band_of(found, "memory")) == (
            None,
            None,
            0,
        )
        why = f"the baseline has nothing of this environment (it knows {HERE.describe()}): add it with {COMMAND}"
        assert (said(found.absent["memory"]), said(found.no_ratios)) == (why, why)
        nowhere = changed(stored_of(tmp_path, subject), environments={})
        assert "(it knows none)" in said(compared(nowhere, subject).absent["memory"])

    def test_times_under_another_load_are_not_compared_and_memory_is(self, tmp_path):
        stored = stored_of(tmp_path, subject_of())
        here = stored.environments[HERE.key]
        loaded = changed(here, latency=changed(here.latency, concurrency=8))
        found = compared(changed(stored, environments={HERE.key: loaded}), subject_of())
        assert (found.latency, value_of(found, "memory")) == ({}, 5000)
        why = f"the baseline is of concurrency=8, not 1: renew it with {COMMAND}"
        assert said(found.no_ratios) == why

    def test_a_former_score_over_several_seeds_is_known(self, tmp_path):
        stored = stored_of(tmp_path, subject_of())
        several = changed(stored, accuracy=changed(stored.accuracy, repeats=5, spread=0.01))
        assert compared(several, subject_of()).accuracy.former == Former(1.0, 0.01, 5)
        assert compared(stored, subject_of()).accuracy.former is None
        assert compared(changed(stored, accuracy=None), subject_of()).accuracy is None

    @pytest.mark.parametrize("call_options", [{"score": gap, "greater_is_better": False}, None])
    def test_what_cannot_be_compared_is_told_with_how_to_accept_it(self, tmp_path, call_options):
        stored = stored_of(tmp_path, subject_of())
        if call_options is None:
            stored, call_options = changed(stored, evaluation_set=changed(stored.evaluation_set, samples=21)), {}
            stored = changed(stored, evaluation_set=changed(stored.evaluation_set, fingerprint="sha256:" + "0" * 64))
        with pytest.raises(GateError) as error:
            compared(stored, subject_of(**call_options))
        assert str(error.value).endswith(f'. If the change is meant: {COMMAND} --speedacc-reason="why"')


def facts_of(subject, **changes):
    usual = {
        "score": "accuracy",
        "greater_is_better": True,
        "value": 1.0,
        "samples": 20,
        "fingerprint": subject.fingerprint,
        "predictions": "",
        "parameters": 600,
        "model_size": 5000,
        "memory": 4000,
        "memory_band": 64,
        "batch_size": 1,
    }
    return facts(**(usual | changes))


class TestLive:
    def compared(self, facts, subject, now=TARGETS, problem=""):
        comparison = LiveComparison(LiveGate((), None, facts, TARGETS, problem), (), 0.001, "0" * 40, SinceBase())
        found = from_live(comparison, subject, accuracy_of(subject, now), "main")
        assert found.live is comparison
        return found

    def test_the_base_is_known_with_its_slices(self):
        now = wrong_at(1)
        subject = subject_of(now)
        found = self.compared(facts_of(subject), subject, now)
        assert found.slices == pair_slices(True, TARGETS, subject, accuracy_of(subject, now), "base")
        assert {each.same_environment for each in found.slices.values()} == {True}
        assert (value_of(found, "model_size"), found.absent.get("memory", ""), found.accuracy.former) == (
            5000,
            "",
            None,
        )

    def test_a_base_judged_otherwise_has_no_slices(self):
        subject = subject_of()
        assert self.compared(facts_of(subject, score="f1"), subject).slices == {}

    def test_a_base_over_several_seeds_is_known_with_its_spread(self):
        subject = subject_of()
        found = self.compared(facts_of(subject, scores=(0.9, 1.0, 1.1)), subject)
        assert found.accuracy.former == Former(1.0, pytest.approx(0.1), 3)

    def test_a_new_gate_and_one_without_its_base_are_still_those_of_the_run(self):
        subject = subject_of()
        assert said(self.compared(None, subject, problem=NEW_GATE).missing) == NEW_GATE
        assert said(self.compared(None, subject, problem="boom").missing) == "not compared with main: boom"


def test_a_score_has_no_pairs_without_its_predictions():
    found = pair_all(0.9, True, None, subject_of(), accuracy(0.9), "base")
    assert (said(found.unpaired), found.flips, found.difference) == ("the base holds no predictions", None, None)


class TestOther:
    """Another model, measured in the same test."""

    LAUNCHES = (PairTimes(0.1, 0.01, None, 0, 0.002, 0.002, 0.1),)

    def compared(self, before=TARGETS, launches=LAUNCHES, calls_per_round=1, **changes):
        now = wrong_at(1, 2)
        subject = subject_of(now)
        other = measured(subject, before, **changes)
        latency = timed(np.linspace(0.001, 0.002, 100), calls_per_round)
        other = Measurement(other.statics, latency)
        return from_other(other, accuracy_of(subject, now), subject, launches, 0.01), subject, latency

    def test_all_that_it_is_known_by(self):
        before = wrong_at(5)
        found, subject, latency = self.compared(before)
        now = accuracy_of(subject, wrong_at(1, 2))
        assert (said(found.missing), found.source) == ("the other could not be measured in this", "other")
        assert found.accuracy == pair_all(0.95, True, before, subject, now, "other")
        assert found.slices == pair_slices(True, before, subject, now, "other")
        assert found.slices.keys() == SLICES.keys()
        assert (
            value_of(found, "parameters"),
            value_of(found, "model_size"),
            value_of(found, "memory"),
            band_of(found, "memory"),
        ) == (650, 5930, 5000, 1024)
        assert found.latency == {
            name: latency.quantile(q) for name, q in (("median", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))
        }
        assert found.live.gate == LiveGate(self.LAUNCHES, None, None, None, "")
        assert (found.live.canary, found.live.alpha, found.live.sha, found.live.since) == ((), 0.01, "", SinceBase())

    def test_what_it_cannot_be_measured_in_is_not_known(self):
        no = Unavailable("it is a function")
        found, *_ = self.compared(launches=(), calls_per_round=10, parameters=no, model_size=no, memory=no)
        assert (
            value_of(found, "parameters"),
            value_of(found, "model_size"),
            value_of(found, "memory"),
            band_of(found, "memory"),
        ) == (None, None, None, 0)
        assert found.live is None
        assert list(found.latency) == ["median"]

    def test_a_random_one_is_known_with_its_spread(self):
        scores = (0.9, 1.0, 1.1)
        random = dataclasses.replace(accuracy_of(subject_of(), TARGETS), scores=scores)
        found, *_ = self.compared(accuracy=random)
        assert found.accuracy.former == Former(1.0, pytest.approx(0.1), 3)
        assert self.compared()[0].accuracy.former is None


@pytest.mark.parametrize(("source", "when"), [("other", "by the other"), ("base", "before"), ("baseline", "before")])
def test_when_a_sample_was_right(source, when):
    assert formerly(source) == when
