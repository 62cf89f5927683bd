"""Everything about one model: what is refused before, noticed during, and found out after it has run."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pytest_speedacc.adapters.base import Adapter, ParameterCount
from pytest_speedacc.adapters.registry import _adapters, register
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.latency import time_calls
from pytest_speedacc.measure.measurement import Measurement, measure_statics
from pytest_speedacc.measure.subject import CallOptions, check_unchanged, prepare

SAMPLES = np.arange(20.0).reshape(10, 2)
TARGETS = SAMPLES[:, 0]


def first(batch):
    return batch[:, 0]


@pytest.mark.memray
def test_the_numbers_of_a_real_model():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = linear_model.LogisticRegression().fit(inputs, targets)
    subject = prepare(model, inputs, targets, CallOptions(batch_size=4))
    statics = measure_statics(subject)
    measurement = Measurement(statics, time_calls(subject.workload(), 1, 8))
    assert measurement.accuracy == model.score(inputs, targets)
    assert measurement.parameters == 4
    assert measurement.model_size > 100
    assert measurement.memory > 0
    assert measurement.latency.batch_size == 4
    assert measurement.latency.median > 0
    assert statics.notes == ()
    check_unchanged(subject, inputs)


@pytest.mark.parametrize(
    ("inputs", "targets", "call_options", "message"),
    [
        (
            SAMPLES,
            TARGETS[:-1],
            CallOptions(),
            "there are 10 inputs and 9 targets: they must belong together one to one",
        ),
        (SAMPLES[:0], TARGETS[:0], CallOptions(), "the inputs are empty"),
        (SAMPLES, TARGETS, CallOptions(batch_size=0), "batch_size=0 must be a whole number from 1 to the 10 samples"),
        (SAMPLES, TARGETS, CallOptions(batch_size=11), "batch_size=11 must be a whole number from 1 to the 10"),
        (SAMPLES, TARGETS, CallOptions(batch_size=True), "batch_size=True must be"),
        (SAMPLES, TARGETS, CallOptions(batch_size=2.0), "batch_size=2.0 must be"),
        (
            SAMPLES,
            TARGETS,
            CallOptions(predict="rank"),
            "function has no method 'rank': pass predict= with one that it has",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_model_runs(inputs, targets, call_options, message):
    def never(batch):
        pytest.fail("the model ran")

    with pytest.raises(GateError, match=message):
        prepare(never, inputs, targets, call_options)


class Ranker:
    """Called one way, and with methods of its own beside that."""

    def __call__(self, batch):
        return np.zeros(len(batch))

    def predict(self, batch):
        return np.ones(len(batch))

    def rank(self, batch):
        return np.full(len(batch), 2)


@pytest.mark.parametrize(
    ("predict", "expected"),
    [
        (None, 0),
        ("predict", 1),
        ("rank", 2),
        (lambda model, batch: model.rank(batch) + 1, 3),
    ],
)
def test_predict_names_the_method_that_is_called(predict, expected):
    subject = prepare(Ranker(), SAMPLES, np.zeros(10), CallOptions(predict=predict))
    assert subject.evaluate().predictions.tolist() == [expected] * 10
    assert subject.workload().call(SAMPLES[:1]).tolist() == [expected]


def test_predict_names_a_method_of_the_framework():
    naive_bayes = pytest.importorskip("sklearn.naive_bayes")
    model = naive_bayes.GaussianNB().fit(SAMPLES, TARGETS > 9)
    for method in ("predict_proba", "predict_log_proba"):
        subject = prepare(model, SAMPLES[4:5], [1], CallOptions(predict=method))
        assert subject.evaluate().predictions.tolist() == getattr(model, method)(SAMPLES[4:5]).tolist()


def test_a_tuple_is_a_sequence_of_samples_for_every_framework():
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 1)
    subject = prepare(model, tuple(SAMPLES), TARGETS, CallOptions(score="r2"))
    with torch.no_grad():
        assert subject.evaluate().predictions.shape == (10, 1)


def scale_in_place(batch):
    batch *= 2
    return batch[:, 0]


def test_a_model_that_changes_the_users_array_is_found_out():
    inputs = SAMPLES.copy()
    subject = prepare(scale_in_place, inputs, TARGETS, CallOptions())
    check_unchanged(subject, inputs)
    subject.evaluate()
    with pytest.raises(GateError, match="the model changes its inputs in place"):
        check_unchanged(subject, inputs)


def test_a_torch_model_that_changes_its_copy_is_found_out():
    torch = pytest.importorskip("torch")

    class Scale(torch.nn.Module):
        def forward(self, batch):
            return scale_in_place(batch)

    inputs = SAMPLES.copy()
    subject = prepare(Scale(), inputs, TARGETS, CallOptions())
    subject.evaluate()
    assert inputs.tolist() == SAMPLES.tolist()
    with pytest.raises(GateError, match="the model changes its inputs in place"):
        check_unchanged(subject, inputs)


def test_a_model_that_changes_a_batch_of_a_data_frame_is_found_out():
    pandas = pytest.importorskip("pandas")

    def add_ratio(batch):
        batch["ratio"] = batch["x"] / 2
        return batch["ratio"]

    frame = pandas.DataFrame({"x": TARGETS})
    subject = prepare(add_ratio, frame, TARGETS, CallOptions())
    subject.evaluate()
    check_unchanged(subject, frame)  # chunks are copies that nobody sees again
    subject.call(subject.workload().batches[0])
    assert list(frame.columns) == ["x"]
    with pytest.raises(GateError, match="the model changes its inputs in place"):
        check_unchanged(subject, frame)


@pytest.mark.memray
def test_a_model_that_prints_is_noted_and_nothing_is_lost(capsys):
    def chatty(batch):
        print(f"predicting {len(batch)}")
        sys.stderr.write("a warning\n")
        return first(batch)

    notes = measure_statics(prepare(chatty, SAMPLES, TARGETS, CallOptions())).notes
    assert notes == ("the model writes to the terminal while it predicts; its times include that",)
    captured = capsys.readouterr()
    assert captured.out.startswith("predicting 10\n")
    assert captured.err.startswith("a warning\n")


def test_streams_keep_all_that_they_can_while_they_are_watched(capfd):
    def flushes(batch):
        assert sys.stdout.encoding
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.flush()
        return first(batch)

    measure_statics(prepare(flushes, SAMPLES, TARGETS, CallOptions()))
    assert capfd.readouterr().out.startswith("bytes\n")


@pytest.mark.memray
def test_a_model_that_raises_on_small_batches_is_named():
    def needs_many(batch):
        return first(batch) if len(batch) > 1 else [][0]

    with pytest.raises(GateError, match="the model raised IndexError on a batch of 1 while its memory was measured"):
        measure_statics(prepare(needs_many, SAMPLES, TARGETS, CallOptions()))


class Odd:
    """A model that only the adapter below knows."""

    def predict(self, batch):
        return first(batch)


class Careless(Adapter):
    framework = "odd"
    counted = "Nothing."
    serialisation = "None."

    def recognises(self, names):
        return any(name.endswith(".Odd") for name in names)

    def count_parameters(self, model) -> ParameterCount:
        return model.missing

    def serialise(self, model) -> bytes:
        raise GateError("it has no bytes")

    def weights_bytes(self, model):
        raise RuntimeError("no weights")


def test_an_adapter_that_fails_leaves_a_reason_and_the_other_axes():
    register(Careless())
    try:
        statics = measure_statics(prepare(Odd(), SAMPLES, TARGETS, CallOptions()))
    finally:
        _adapters.pop(0)
    assert isinstance(statics.parameters, Unavailable)
    assert statics.parameters.reason.startswith("looking for the model's parameters raised AttributeError: 'Odd'")
    assert statics.model_size == Unavailable("it has no bytes")
    assert statics.weights is None
    assert statics.accuracy.value == 1
    measurement = Measurement(statics, time_calls(prepare(first, SAMPLES, TARGETS, CallOptions()).workload(), 1, 2))
    with pytest.raises(GateError, match="it has no bytes"):
        _ = measurement.model_size
    with pytest.raises(GateError, match="looking for the model's parameters raised"):
        _ = measurement.parameters


class FakeDevice:
    """An accelerator's account whose every peak is known."""

    def __init__(self):
        self.peaks = [90_000, 30_000, 50_000, 40_000]  # the first with what libraries keep from then on
        self.resets = 0

    def reset(self):
        self.resets += 1

    def peak(self):
        return self.peaks[self.resets - 1]


def test_memory_on_an_accelerator_is_its_own_largest_peak(monkeypatch):
    device = FakeDevice()
    calls = []
    subject = prepare(
        lambda batch: calls.append(len(batch)) or first(batch), SAMPLES, TARGETS, CallOptions(batch_size=5)
    )
    monkeypatch.setattr(type(subject.adapter), "device_memory", lambda self, model: device)
    memory = measure_statics(subject).memory
    assert (memory.peak, memory.repeats, memory.band) == (50_000, (30_000, 50_000, 40_000), 20_000)
    assert calls == [10, 10] + 4 * [5, 5]  # asked twice, to see that it answers the same


def test_running_out_of_an_accelerators_memory_is_the_models_failure(monkeypatch):
    def grows(batch):
        if len(batch) == 1:
            raise MemoryError("out of memory")
        return first(batch)

    subject = prepare(grows, SAMPLES, TARGETS, CallOptions())
    monkeypatch.setattr(type(subject.adapter), "device_memory", lambda self, model: FakeDevice())
    with pytest.raises(GateError, match="the model raised MemoryError on a batch of 1 while its memory"):
        measure_statics(subject)


def test_a_model_on_the_processor_names_no_accelerator():
    torch = pytest.importorskip("torch")
    for model in (first, torch.nn.Linear(2, 1)):
        assert prepare(model, SAMPLES, TARGETS, CallOptions(score="r2")).adapter.device_name(model) == ""
    assert (
        prepare(first, SAMPLES, TARGETS, CallOptions()).adapter.device_name(torch.nn.Linear(2, 1, device="meta")) == ""
    )


@pytest.mark.gpu
def test_a_model_on_an_accelerator_names_it():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    model = torch.nn.Linear(2, 1, device="cuda")
    assert prepare(model, SAMPLES, TARGETS, CallOptions(score="r2")).adapter.device_name(
        model
    ) == torch.cuda.get_device_name(0)
