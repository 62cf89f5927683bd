"""Steps on their way through the measurement: what is called, in which batches, and what it must answer while timed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.advice import advice
from pytest_speedacc.measure import scoring
from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.latency import time_calls
from pytest_speedacc.measure.loops import Awaited
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.outputs import CLOSENESS, Outputs, changed, rows_of
from pytest_speedacc.measure.subject import CallOptions, check_unchanged, prepare

TEXTS = [f"{'word ' * (place % 5)}end" for place in range(20)]


def of(step, inputs=TEXTS, **call_options):
    return prepare(step, inputs, None, CallOptions(score=None, **call_options))


def padded(batch):
    """As tokenizers do: to the longest of the batch."""
    longest = max(map(len, batch))
    return [text.ljust(longest) for text in batch]


def answered(subject, rounds=40):
    answers = Answers()
    time_calls(subject.workload(answers), 1, rounds)
    return answers


class Transforms:
    def transform(self, batch):
        return [text.upper() for text in batch]


class Predicts(Transforms):
    def predict(self, batch):
        return [len(text) for text in batch]


class Called(Transforms):
    def __call__(self, batch):
        return [text.lower() for text in batch]


@pytest.mark.parametrize(
    ("step", "predict", "expected"),
    [
        (Transforms(), None, [text.upper() for text in TEXTS]),
        (Predicts(), None, [len(text) for text in TEXTS]),
        (Predicts(), "transform", [text.upper() for text in TEXTS]),
        (Called(), None, [text.lower() for text in TEXTS]),
        (Called(), lambda step, batch: step.transform(batch), [text.upper() for text in TEXTS]),
        (Transforms().transform, None, [text.upper() for text in TEXTS]),
    ],
)
def test_what_is_called(step, predict, expected):
    statics = measure_statics(of(step, predict=predict))
    assert not changed(rows_of(expected, 20), statics.accuracy.predictions, CLOSENESS).any()


def test_transformers_of_scikit_learn_are_counted_and_sized():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    cluster, pipeline = pytest.importorskip("sklearn.cluster"), pytest.importorskip("sklearn.pipeline")
    numbers = np.random.default_rng(0).normal(size=(30, 3))
    scaler = pipeline.make_pipeline(preprocessing.StandardScaler(), preprocessing.Normalizer()).fit(numbers)
    statics = measure_statics(of(scaler, numbers))
    assert (statics.parameters.total, statics.model_size > 100) == (6, True)
    assert not changed(rows_of(scaler.transform(numbers), 30), statics.accuracy.predictions, CLOSENESS).any()
    clusters = cluster.KMeans(2, n_init=1, random_state=0).fit(numbers)
    kept = measure_statics(of(clusters, numbers)).accuracy.predictions
    assert not changed(rows_of(clusters.predict(numbers), 30), kept, CLOSENESS).any()


def test_a_step_is_not_advised_to_learn_more():
    normalizer = pytest.importorskip("sklearn.preprocessing").Normalizer()
    subject = of(normalizer, np.ones((5, 3)))
    assert list(advice(subject, measure_statics(subject))) == []


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_the_set_is_called_in_the_batches_that_are_timed(batch_size):
    sizes = []

    def step(batch):
        sizes.append(len(batch))
        return padded(batch)

    subject = of(step, batch_size=batch_size)
    statics = measure_statics(subject)
    assert set(sizes) == {batch_size, 20 % batch_size or batch_size}
    check_answers(subject, answered(subject), statics)
    check_unchanged(subject, TEXTS)
    assert statics.unstable == 0


def test_an_executor_calls_it():
    with ThreadPoolExecutor(2) as executor:
        statics = measure_statics(of(padded, batch_size=4, executor=executor))
    assert not changed(
        measure_statics(of(padded, batch_size=4)).accuracy.predictions, statics.accuracy.predictions, 1e-5
    ).any()


def test_an_async_step_is_awaited():
    async def step(batch):
        return padded(batch)

    subject = of(step)
    assert isinstance(subject.call, Awaited)
    statics = measure_statics(subject)
    assert not changed(rows_of(TEXTS, 20), statics.accuracy.predictions, CLOSENESS).any()
    check_answers(subject, answered(subject), statics)


def test_a_random_step_is_found_out():
    random = np.random.default_rng(0)
    assert measure_statics(of(lambda batch: random.normal(size=len(batch)))).unstable == 20


def test_a_slow_step_is_asked_twice_about_few_samples(monkeypatch):
    monkeypatch.setattr(scoring, "SLOW_EVALUATION", -1.0)
    monkeypatch.setattr(scoring, "FEW_ASKED", 5)
    random = np.random.default_rng(0)
    found = measure_statics(of(lambda batch: random.normal(size=len(batch)), batch_size=2))
    assert found.unstable == 4


class Lazy:
    """Answers something else once it is timed."""

    def __init__(self, answer):
        self.answer, self.is_timed = answer, False

    def __call__(self, batch):
        return self.answer(batch) if self.is_timed else [text.split() for text in batch]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda batch: [["end"] for _ in batch], "16 of 20 samples got another output, the first of them sample 1"),
        (lambda batch: None, "NoneType for the batch from sample 0 on"),
        (lambda batch: (text.split() for text in batch), "generator for the batch from sample 0 on"),
        (lambda batch: [], "list for the batch from sample 0 on"),
    ],
)
def test_what_is_timed_is_what_was_kept(answer, sentence):
    step = Lazy(answer)
    subject = of(step)
    statics = measure_statics(subject)
    step.is_timed = True
    with pytest.raises(GateError, match=sentence):
        check_answers(subject, answered(subject, 200), statics)


def test_in_a_launch_it_is_held_against_answers_outside_of_the_timed_part():
    step = Lazy(lambda batch: [["end"] for _ in batch])
    subject = of(step)
    answers = answered(subject)
    check_answers(subject, answers)
    step.is_timed = True
    with pytest.raises(GateError, match="samples got another output"):
        check_answers(subject, answers)


def test_in_a_launch_a_random_step_is_held_to_its_form():
    random = np.random.default_rng(0)
    subject = of(lambda batch: random.normal(size=len(batch)))
    check_answers(subject, answered(subject))


def test_slices_have_their_own_outputs():
    subject = of(padded, slices={"short": lambda texts, targets: [len(text) < 5 for text in texts]})
    statics = measure_statics(subject)
    assert isinstance(statics.slices["short"].accuracy, Outputs)
    assert len(statics.slices["short"].accuracy.predictions) == 4


def test_a_step_that_changes_its_inputs_is_refused():
    def scaled(batch):
        batch *= 2
        return batch

    inputs = np.ones((4, 2))
    subject = of(scaled, inputs)
    measure_statics(subject)
    with pytest.raises(GateError, match="changes its inputs in place"):
        check_unchanged(subject, inputs)


def test_what_a_worker_sends_has_no_score(tmp_path):
    from types import SimpleNamespace

    from pytest_speedacc.live.workers.worker_fixture import _facts

    subject = of(padded)
    statics = measure_statics(subject)
    sent = _facts(statics, subject, SimpleNamespace(scratch=str(tmp_path)))
    assert (sent.score, sent.greater_is_better, sent.value, sent.scores) == (None, None, None, ())
    assert not changed(np.load(sent.predictions), statics.accuracy.predictions, CLOSENESS).any()
