"""What a measurement is compared with: a stored baseline as it was recorded, or the base of a live run."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from judge_examples import timed
from values import band_of, facts, value_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import add_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.baseline.document import decode_document, encode_document
from pytest_speedacc.baseline.record import record
from pytest_speedacc.baseline.schema import StoredMetric
from pytest_speedacc.check.former import check_same_task
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge import pairing, reference
from pytest_speedacc.judge.reference import LiveComparison, from_baseline, from_live, from_other
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import NEW_GATE, LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.yardstick import VERSION, Ratios
from pytest_speedacc.report.sentences import said
from pytest_speedacc.stats.paired import Interval
from tests.values import text

INPUTS = np.arange(40.0).reshape(20, 2)
TARGETS = np.arange(20) % 2
COMMAND = "python -m pytest x --speedacc-update"
HERE = Environment.current()
PEAK = MemoryPeak(5000, (5000, 5000))


def gap(targets, predictions):
    return float(np.mean(np.abs(targets - predictions)))


def subject_of(wrong=0, targets=TARGETS, **call_options):
    """A model that gets the first ``wrong`` samples wrong."""
    predictions = np.where(np.arange(20) < wrong, 1 - TARGETS, TARGETS)
    call_options = CallOptions(**call_options) if call_options else CallOptions()
    return prepare(lambda batch: predictions[(batch[:, 0] / 2).astype(int)], INPUTS, targets, call_options)


def accuracy_of(subject):
    return score_predictions(subject.score, subject.targets, subject.evaluate().predictions)


def measurement_of(subject, memory=PEAK):
    statics = Statics(accuracy_of(subject), ParameterCount(650), 5930, None, memory, ())
    return Measurement(statics, timed(np.linspace(0.001, 0.002, 100)))


def recorded(subject, tmp_path, ratios=None, **changes):
    measured = measurement_of(subject, **changes)
    return record(measured, subject, HERE, test="x", name="", reason="why", commit=None, ratios=ratios, shared={})


def compared(stored, subject, environment=HERE, ratios=()):
    before = None if stored is None else accuracy_of(subject_of()).predictions
    if stored is not None:
        check_same_task(stored, subject, accuracy_of(subject), COMMAND)
    return from_baseline(stored, before, subject, accuracy_of(subject), environment, ratios, COMMAND)


def absent(reference, axis="memory"):
    """Why it is not known; empty where it is."""
    return said(reference.absent.get(axis, ()))


def test_a_record_holds_what_was_measured(tmp_path):
    subject = subject_of(batch_size=4)
    stored = recorded(subject, tmp_path)
    assert (stored.accuracy.score, stored.accuracy.value, stored.accuracy.greater_is_better) == ("accuracy", 1.0, True)
    assert (stored.parameters, stored.model_size) == (650, 5930)
    assert (stored.evaluation_set.samples, stored.evaluation_set.fingerprint) == (20, subject.fingerprint)
    assert stored.updated.reason == "why"
    here = stored.environments[HERE.key]
    assert here.memory.peak == 5000
    assert here.latency.median == pytest.approx(0.0015)
    assert here.latency.p90 == pytest.approx(np.quantile(np.linspace(0.001, 0.002, 100), 0.9))
    assert here.latency.p99 is None  # 100 calls are too few for an interval around it


def test_a_record_keeps_no_tail_of_rounds_and_nothing_that_could_not_be_measured(tmp_path):
    subject = subject_of()
    statics = Statics(accuracy_of(subject), Unavailable("no"), Unavailable("no"), None, Unavailable("no"), ())
    measured = Measurement(statics, timed(np.full(200, 1e-7), calls_per_round=50))
    stored = record(measured, subject, HERE, test="x", name="n", reason="", commit=None, ratios=None, shared={})
    here = stored.environments[HERE.key]
    assert (stored.parameters, stored.model_size, here.memory) == (None, None, None)
    assert (here.latency.calls_per_round, here.latency.median, here.latency.p90) == (50, pytest.approx(1e-7), None)


def test_a_baseline_of_this_environment_is_known_in_full(tmp_path):
    reference = compared(recorded(subject_of(), tmp_path), subject_of(wrong=3))
    assert (value_of(reference, "parameters"), value_of(reference, "model_size"), value_of(reference, "memory")) == (
        650,
        5930,
        5000,
    )
    assert band_of(reference, "memory") == 1024
    # What it was, and when: nothing to compare with.
    assert not reference.latency
    assert said(reference.stored_latency["median"]).startswith("1.50 ms on 20")
    paired = reference.accuracy
    assert (paired.reference, paired.same_environment, paired.samples) == (1.0, True, 20)
    assert (paired.flips.lost, paired.flips.gained) == (3, 0)
    assert paired.difference.estimate == pytest.approx(-0.15)
    assert paired.difference.low < -0.15 < paired.difference.high


@pytest.mark.parametrize(("unit", "value"), [("J", 2.0), ("kJ", None)])
def test_an_axis_of_ones_own_is_known_in_the_terms_that_it_was_measured_in(tmp_path, unit, value):
    stored = recorded(subject_of(), tmp_path)
    metrics = {"energy": StoredMetric(value=2.0, scale="J, lower is better")}
    take_back = add_axes([Axis("energy", unit, per_environment=False)], "a test")
    try:
        reference = compared(msgspec.structs.replace(stored, metrics=metrics), subject_of())
    finally:
        take_back()
    why = f"it was measured in other terms (J, lower is better) than now ({unit}, lower is better)"
    words = f"{why}: renew the baseline with {COMMAND}" if value is None else ""
    assert value_of(reference, "energy") == value
    assert absent(reference, "energy") == words


def test_of_another_environment_only_what_does_not_depend_on_it_is_known(tmp_path):
    elsewhere = msgspec.structs.replace(HERE, cpu="Another CPU")
    reference = compared(recorded(subject_of(), tmp_path), subject_of(), elsewhere)
    assert (value_of(reference, "parameters"), value_of(reference, "model_size")) == (650, 5930)
    assert (value_of(reference, "memory"), reference.latency) == (None, {})
    assert not reference.accuracy.same_environment
    assert absent(reference).startswith("the baseline has nothing of this environment (it knows ")
    assert absent(reference).endswith(f"add it with {COMMAND}")


def test_every_environment_that_the_baseline_knows_is_named(tmp_path):
    stored = recorded(subject_of(), tmp_path)
    (record,) = stored.environments.values()
    known = [msgspec.structs.replace(HERE, cpu=cpu) for cpu in ("CPU one", "CPU two")]
    records = {each.key: msgspec.structs.replace(record, environment=each) for each in known}
    why = compared(msgspec.structs.replace(stored, environments=records), subject_of())
    assert f"{known[0].describe()}; {known[1].describe()})" in absent(why)


def test_times_and_memory_of_another_batch_size_are_not_compared(tmp_path):
    reference = compared(recorded(subject_of(), tmp_path), subject_of(batch_size=4))
    assert (value_of(reference, "memory"), reference.latency) == (None, {})
    assert absent(reference) == f"the baseline is of batch_size=1, not 4: renew it with {COMMAND}"


def test_a_baseline_without_a_peak_says_so(tmp_path):
    reference = compared(recorded(subject_of(), tmp_path, memory=Unavailable("no memray")), subject_of())
    assert absent(reference) == f"the baseline of this environment holds no memory peak: add it with {COMMAND}"


def test_without_a_baseline_the_command_creates_it():
    reference = compared(None, subject_of())
    assert said(reference.missing) == f"no baseline yet: create it with {COMMAND}, and commit it"
    assert (reference.accuracy, value_of(reference, "parameters"), absent(reference)) == (
        None,
        None,
        "",
    )


def test_another_evaluation_set_is_an_error(tmp_path):
    stored = recorded(subject_of(), tmp_path)
    words = r"set is not the one of the baseline \(20 samples now, 20 then\): scores on different samples cannot be"
    with pytest.raises(GateError, match=words):
        compared(stored, subject_of(targets=1 - TARGETS))


@pytest.mark.parametrize(
    ("call_options", "now"),
    [
        ({"score": gap, "greater_is_better": False}, r"'gap' \(lower is better\)"),
        ({"score": gap, "greater_is_better": True}, r"'gap' \(higher is better\)"),
    ],
)
def test_another_score_or_direction_is_an_error(tmp_path, call_options, now):
    stored = recorded(subject_of(), tmp_path)
    with pytest.raises(
        GateError, match=rf"holds the score 'accuracy' \(higher is better\) and this gate asks for {now}"
    ):
        compared(stored, subject_of(**call_options))


def test_a_score_that_is_no_share_of_samples_is_resampled_in_pairs(tmp_path):
    call_options = {"score": gap, "greater_is_better": False}
    paired = compared(recorded(subject_of(**call_options), tmp_path), subject_of(wrong=5, **call_options)).accuracy
    assert paired.flips is None
    assert paired.difference.estimate == pytest.approx(0.25)
    assert 0 < paired.difference.low < 0.25 < paired.difference.high
    same = compared(recorded(subject_of(**call_options), tmp_path), subject_of(**call_options)).accuracy
    assert (same.difference.low, same.difference.high) == (0, 0)


def test_a_score_that_resamples_cannot_have_is_compared_without_an_interval(tmp_path):
    def once(targets, predictions):
        if not np.array_equal(targets, TARGETS):
            raise RuntimeError("not these samples")
        return gap(targets, predictions)

    call_options = {"score": once, "greater_is_better": False}
    paired = compared(recorded(subject_of(**call_options), tmp_path), subject_of(wrong=5, **call_options)).accuracy
    assert paired.reference == 0
    assert paired.difference is None
    assert said(paired.unpaired) == "the score cannot be resampled (not these samples)"


def test_predictions_of_another_shape_are_no_pairs(tmp_path):
    stored, subject = recorded(subject_of(), tmp_path), subject_of()
    before = np.zeros((20, 3))
    paired = from_baseline(stored, before, subject, accuracy_of(subject), HERE, (), COMMAND).accuracy
    assert said(paired.unpaired) == "the baseline's predictions have the shape (20, 3), and these (20,)"
    none = from_baseline(stored, None, subject, accuracy_of(subject), HERE, (), COMMAND).accuracy
    assert said(none.unpaired) == "the baseline holds no predictions"


PARTS = (0.1, -0.3, 0.2)
THEN, NOW = Ratios(1.8, 0.01, 5, PARTS, 0.01), Ratios(1.9, 0.02, 5, PARTS, 0.01)


def test_ratios_of_the_same_environment_and_yardstick_are_compared(tmp_path):
    stored = recorded(subject_of(), tmp_path, ratios=THEN)
    assert compared(stored, subject_of(), ratios=NOW).ratios == (NOW, THEN)
    unknown = compared(stored, subject_of(), ratios=text("not measured: -n"))
    assert (unknown.ratios, said(unknown.no_ratios)) == (None, "not measured: -n")


def test_why_ratios_are_not_compared_is_told_with_what_helps(tmp_path, monkeypatch):
    without = compared(recorded(subject_of(), tmp_path), subject_of(), ratios=NOW).no_ratios
    assert said(without) == f"the baseline of this environment holds no ratio to the yardstick: add it with {COMMAND}"
    stored = recorded(subject_of(), tmp_path, ratios=THEN)
    elsewhere = compared(
        stored, subject_of(), environment=msgspec.structs.replace(HERE, cpu="Other CPU"), ratios=NOW
    ).no_ratios
    assert said(elsewhere).startswith("the baseline has nothing of this environment (it knows ")
    others = compared(stored, subject_of(batch_size=2), ratios=NOW).no_ratios
    assert said(others).startswith("the baseline is of batch_size=1")
    monkeypatch.setattr(reference, "VERSION", VERSION + 1)
    renewed = said(compared(stored, subject_of(), ratios=NOW).no_ratios)
    versions = f"version {VERSION} of the yardstick, and this is {VERSION + 1}"
    assert renewed == f"the baseline's ratio is to {versions}: renew it with {COMMAND}"


def test_a_baseline_of_a_former_version_is_read_and_not_compared(tmp_path):
    """Of the same machine, as far as such a file tells it: by a name that a cloud gives to many."""
    stored = recorded(subject_of(), tmp_path, ratios=THEN)
    (record,) = stored.environments.values()
    bare = msgspec.structs.replace(HERE, processor=msgspec.UNSET, caches=msgspec.UNSET, hypervisor=msgspec.UNSET)
    bare_ratio = msgspec.structs.replace(record.yardstick, parts=None, parts_spread=0.0)
    before = msgspec.structs.replace(record, environment=bare, yardstick=bare_ratio)
    file = tmp_path / "former.json"
    text = encode_document(msgspec.structs.replace(stored, environments={bare.key: before}))
    assert b"processor" not in text
    text = text.replace(b',\n        "parts": null,\n        "parts_spread": 0.0', b"")
    assert b"parts" not in text
    known = compared(decode_document(file, text), subject_of(), ratios=NOW)
    words = (
        f"the baseline has nothing of this environment (it knows {HERE.describe()} "
        f"(from a version that knew processors by their name alone)): add it with {COMMAND}"
    )
    assert (said(known.no_ratios), absent(known), value_of(known, "memory")) == (words, words, None)
    # What holds anywhere still does.
    assert (value_of(known, "parameters"), known.accuracy.reference) == (650, 1.0)
    halfway = msgspec.structs.replace(
        stored, environments={HERE.key: msgspec.structs.replace(before, environment=HERE)}
    )
    assert said(compared(halfway, subject_of(), ratios=NOW).no_ratios) == (
        "the baseline's yardstick is not told in its parts, so that another machine cannot be told: "
        f"renew it with {COMMAND}"
    )


def facts_of(subject, **changes):
    usual = {
        "score": "accuracy",
        "greater_is_better": True,
        "value": 0.9,
        "samples": 20,
        "fingerprint": subject.fingerprint,
        "predictions": "",
        "parameters": 600,
        "model_size": None,
        "memory": 4000,
        "memory_band": 64,
        "batch_size": 1,
    }
    return facts(**(usual | changes))


def live(subject, facts, problem="", before=None):
    comparison = LiveComparison(LiveGate((), None, facts, before, problem), (), 0.001, "0" * 40, SinceBase())
    return from_live(comparison, subject, accuracy_of(subject), "origin/main")


def test_the_base_of_a_live_run_is_known_as_its_worker_measured_it():
    subject = subject_of(wrong=2)
    reference = live(subject, facts_of(subject), before=TARGETS)
    assert (
        value_of(reference, "parameters"),
        value_of(reference, "model_size"),
        value_of(reference, "memory"),
        band_of(reference, "memory"),
    ) == (
        600,
        None,
        4000,
        64,
    )
    assert (reference.accuracy.reference, reference.accuracy.same_environment) == (0.9, True)
    assert (reference.accuracy.flips.lost, reference.accuracy.flips.gained) == (2, 0)
    assert said(reference.missing) == "origin/main could not measure this"
    assert (reference.source, reference.accuracy.source) == ("base", "base")


def test_the_peak_of_a_base_with_other_batches_is_not_compared():
    subject = subject_of(batch_size=4)
    reference = live(subject, facts_of(subject), "the times of different batches cannot be compared", before=TARGETS)
    assert (value_of(reference, "memory"), value_of(reference, "parameters")) == (None, 600)
    assert absent(reference) == "the base is called with batch_size=1, and this with 4"
    assert live(subject, facts_of(subject, batch_size=4), before=TARGETS).amounts["memory"].value == 4000


def test_predictions_of_another_shape_are_the_base_s_where_they_are():
    subject = subject_of()
    paired = live(subject, facts_of(subject), before=np.zeros((20, 3))).accuracy
    assert said(paired.unpaired) == "the base's predictions have the shape (20, 3), and these (20,)"


def test_own_axes_are_new_where_the_base_does_not_have_them_and_missed_where_the_baseline_does_not(tmp_path):
    subject = subject_of()
    take_back = add_axes([Axis("cost"), Axis("margin", per_environment=False)], "a test")
    try:
        assert live(subject, facts_of(subject, own_axes=("margin",))).new_axes == {"cost"}
        reference = compared(recorded(subject, tmp_path), subject)
    finally:
        take_back()
    assert absent(reference, "cost") == f"the baseline of this environment holds no cost: add it with {COMMAND}"
    assert "margin" not in reference.absent


@pytest.mark.parametrize("change", [{"fingerprint": "sha256:other"}, {"score": "f1"}, {"greater_is_better": False}])
def test_a_base_judged_otherwise_has_no_score_to_compare_with(change):
    subject = subject_of()
    reference = live(subject, facts_of(subject, **change))
    assert reference.accuracy is None
    assert said(reference.missing) == "origin/main was judged on another evaluation set or by another score"
    assert value_of(reference, "parameters") == 600


def test_a_gate_that_the_base_lacks_is_new_and_a_broken_base_is_not():
    subject = subject_of()
    new = live(subject, None, NEW_GATE)
    assert (new.is_new, new.source) == (True, "base")
    broken = live(subject, None, "the base's own gate fails: boom")
    assert (broken.is_new, broken.source) == (False, "base")
    assert said(broken.missing) == "not compared with origin/main: the base's own gate fails: boom"


def test_launches_beside_another_model_are_looked_at_once():
    subject = subject_of()
    launches = [PairTimes(0.0, 0.01, None, 0, 1.0, 1.0, 0.1)] * 4
    beside = from_other(measurement_of(subject), accuracy_of(subject), subject, launches, 0.01)
    assert (beside.live.once, beside.live.gate.launches) == (True, tuple(launches))
    assert not live(subject, facts_of(subject)).live.once


@pytest.mark.parametrize(("score", "within_unit"), [("f1", True), (gap, False)])
def test_the_interval_knows_whether_the_score_ends_at_one(score, within_unit, monkeypatch):
    asked = {}

    def interval(base, candidate, samples, **options):
        asked.update(options, gained=candidate(np.arange(samples)) - base(np.arange(samples)))
        return Interval(0.0, 0.0, 0.0)

    monkeypatch.setattr(pairing, "score_difference", interval)
    subject = subject_of(score=score, greater_is_better=within_unit)
    now, before = score_predictions(subject.score, TARGETS, TARGETS), np.where(np.arange(20) < 2, 1 - TARGETS, TARGETS)
    paired = pairing.pair_all(0.9, True, before, subject, now)
    assert paired.difference == Interval(0.0, 0.0, 0.0)
    gained = 0.1 if within_unit else -0.1
    assert asked == {"within_unit": within_unit, "resamples": 500, "confidence": 0.9, "gained": pytest.approx(gained)}
