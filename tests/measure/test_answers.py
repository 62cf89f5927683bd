"""What the timed calls answer is what was scored: models that spare themselves the work, and models that round."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.latency import time_calls
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.two_models import time_in_turn

GENERATOR = np.random.default_rng(0)
SAMPLES = GENERATOR.normal(size=(300, 4)).astype(np.float32)
WEIGHTS = GENERATOR.normal(size=(4, 3)).astype(np.float32)
LABELS = (SAMPLES @ WEIGHTS).argmax(axis=1)
ELSE = "the timed calls answered something else than the scored ones: "


def label(batch: Any) -> Any:
    return (batch @ WEIGHTS).argmax(axis=1)


def logits(batch: Any) -> Any:
    return batch @ WEIGHTS


def number(batch: Any) -> Any:
    return 2000 + 10 * batch[:, 0]


class FirstAnswer:
    """Answers each batch of one sample as it answered the first of them."""

    def __init__(self, model: Callable[[Any], Any]) -> None:
        self.model, self.first = model, None

    def __call__(self, batch: Any) -> Any:
        if len(batch) > 1:
            return self.model(batch)
        if self.first is None:
            self.first = self.model(batch)
        return self.first


def when_single(answer: Callable[[Any], Any], model: Callable[[Any], Any] = label) -> Callable[[Any], Any]:
    """A model that answers a batch of one sample in another way."""
    return lambda batch: answer(batch) if len(batch) == 1 else model(batch)


def when_timed(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model that has found out when it is timed."""
    return lambda batch: answer(batch) if not gc.isenabled() else label(batch)


def timed(subject: Subject, *, calls: int = 400, round_of: int = 1, statics: bool = True) -> None:
    """Measure, time, and compare the answers, as a gate and a worker do."""
    measured = measure_statics(subject) if statics else None
    answers = Answers()
    work = subject.workload(answers)
    for start in range(2):
        time_calls(work, round_of, calls // round_of // 2, start=start * calls // round_of // 2)
    check_answers(subject, answers, measured)


def of(model: Any, targets: Any = LABELS, **call_options: Any) -> Subject:
    return prepare(model, SAMPLES, targets, CallOptions(**call_options))


class OneBuffer:
    """Answers in one buffer for each size of batch, which its next call fills."""

    def __init__(self, model: Callable[[Any], Any], form: Callable[[Any], Any] = lambda buffer: buffer) -> None:
        self.model, self.form, self.buffers = model, form, {}

    def __call__(self, batch: Any) -> Any:
        found = self.model(batch)
        buffer = self.buffers.setdefault(len(batch), np.empty_like(found))
        np.copyto(buffer, found)
        return self.form(buffer)


@pytest.mark.parametrize("round_of", [1, 10], ids=["single", "rounds"])
@pytest.mark.parametrize("statics", [True, False], ids=["gate", "worker"])
def test_an_answer_is_what_it_was_when_it_was_given(round_of: int, statics: bool) -> None:
    timed(of(OneBuffer(label)), round_of=round_of, statics=statics)
    timed(of(OneBuffer(logits, lambda buffer: {"logits": buffer}), None, score=None), statics=statics)


def test_the_scored_answers_are_too() -> None:
    many, labels = np.tile(SAMPLES, (10, 1)), np.tile(LABELS, 10)
    many[:1500] *= -1
    labels[:1500] = label(many[:1500])
    assert measure_statics(prepare(OneBuffer(label), many, labels, CallOptions())).accuracy.value == 1


CARELESS = {
    "none": (when_single(lambda batch: None), "None for sample"),
    "none when timed": (when_timed(lambda batch: None), "None for sample"),
    "constant": (when_single(lambda batch: np.array([1])), "always 1, where "),
    "constant when timed": (when_timed(lambda batch: np.array([1])), "always 1, where "),
    "another length": (when_single(lambda batch: np.array([1, 1, 1])), r"ndarray \(3 predictions\) for sample"),
    "no predictions": (when_single(lambda batch: np.array([], int)), r"ndarray \(0 predictions\) for sample"),
    "first answer": (FirstAnswer(label), "always "),
    "another label": (when_single(lambda batch: (label(batch) + 1) % 3), "got another prediction, the first of them, "),
    "a text": (when_single(lambda batch: np.array(["yes"])), "for sample"),
    "a dictionary": (when_single(lambda batch: {"label": 1}), "dict .*for sample"),
    "nan": (when_single(lambda batch: np.array([np.nan])), "for sample|got another prediction"),
}


@pytest.mark.parametrize("round_of", [1, 10], ids=["single", "rounds"])
@pytest.mark.parametrize(("model", "says"), CARELESS.values(), ids=CARELESS)
def test_a_model_that_answers_something_else_when_it_is_timed_is_named(model: Any, says: str, round_of: int) -> None:
    with pytest.raises(GateError, match=f"{ELSE}.*{says}"):
        timed(of(model), round_of=round_of)


@pytest.mark.parametrize(
    "name", ["none", "none when timed", "constant when timed", "no predictions", "a text", "a dictionary"]
)
def test_a_worker_that_scored_nothing_sees_what_differs_from_its_own_answers(name: str) -> None:
    with pytest.raises(GateError, match=ELSE):
        timed(of(CARELESS[name][0]), statics=False)


@pytest.mark.parametrize("model", [number, logits], ids=["number", "numbers"])
@pytest.mark.parametrize("answer", [lambda m, b: m(b) * 0 + 1999.5, lambda m, b: m(b[:, ::-1])], ids=["one", "other"])
def test_numbers_that_are_something_else_are_named(model: Any, answer: Any) -> None:
    careless = when_single(lambda batch: answer(model, batch), model)
    with pytest.raises(GateError, match=ELSE):
        timed(of(careless, model(SAMPLES), score="r2"))


@pytest.mark.parametrize("share", [3, 20])
def test_a_model_that_answers_nothing_now_and_then_is_named(share: int) -> None:
    calls = iter(range(10**9))
    model = when_timed(lambda batch: None if next(calls) % share == 0 else label(batch))
    with pytest.raises(GateError, match=f"{ELSE}None"):
        timed(of(model), calls=4000)


def test_a_constant_on_a_lopsided_set_is_named() -> None:
    rare = np.arange(64) % 12 == 0
    samples = np.where(rare, 2.0, -2.0)[:, None]

    def sparing(batch: Any) -> Any:
        return np.array([0]) if len(batch) == 1 else (batch[:, 0] > 0).astype(int)

    with pytest.raises(GateError, match=f"{ELSE}always 0, where 6 of 64 samples got another"):
        timed(prepare(sparing, samples, rare.astype(int), CallOptions()), calls=2000)


def rounded(batch: Any) -> Any:
    """Half precision where the batch is small, as of other kernels."""
    found = (batch.astype(np.float16) @ WEIGHTS.astype(np.float16)).astype(np.float32)
    return found if len(batch) == 1 else logits(batch)


def quantised(batch: Any) -> Any:
    """Eight bits, by the range of the batch: a batch of one is quantised in another way than a thousand."""
    scale = np.abs(batch).max() / 127
    return (np.round(batch / scale) * scale) @ WEIGHTS


def drops_axes(batch: Any) -> Any:
    """As ``squeeze`` does to a batch of one."""
    return np.squeeze(logits(batch)[:, :1])


def other_types(batch: Any) -> Any:
    return [float(value) for value in number(batch)] if len(batch) == 1 else number(batch)


async def in_a_loop(batch: Any) -> Any:
    await asyncio.sleep(0)
    return logits(batch)


SOUND = {
    "rounds": (rounded, logits(SAMPLES), {"score": "r2"}),
    "labels of what is rounded": (rounded, LABELS, {}),
    "quantised by batch": (quantised, logits(SAMPLES), {"score": "r2"}),
    "labels of what is quantised": (quantised, LABELS, {}),
    "drops axes": (drops_axes, logits(SAMPLES)[:, 0], {"score": "r2"}),
    "drops axes of a label": (lambda batch: np.squeeze(label(batch)), LABELS, {}),
    "other types": (other_types, number(SAMPLES), {"score": "r2"}),
    "always the same": (lambda batch: np.ones(len(batch), int), LABELS, {}),
    "a list": (lambda batch: label(batch).tolist(), LABELS, {}),
    "texts": (
        lambda batch: np.array(["a", "bb", "ccc"])[label(batch)],
        np.array(["a", "bb", "ccc"])[LABELS],
        {},
    ),
    "objects": (lambda batch: label(batch).astype(object), LABELS, {}),
    "in batches": (label, LABELS, {"batch_size": 7}),
    "async": (in_a_loop, LABELS, {}),
    "async, four in flight": (in_a_loop, LABELS, {"concurrency": 4}),
    "random": (lambda batch: GENERATOR.normal(size=len(batch)), number(SAMPLES), {"score": "r2"}),
    "random labels": (lambda batch: GENERATOR.integers(3, size=len(batch)), LABELS, {}),
    "random by seed": (lambda batch: np.random.normal(size=len(batch)), number(SAMPLES), {"score": "r2", "repeats": 3}),
}


@pytest.mark.parametrize("statics", [True, False], ids=["scored", "not scored"])
@pytest.mark.parametrize("round_of", [1, 8], ids=["single", "rounds"])
@pytest.mark.parametrize(("model", "targets", "call_options"), SOUND.values(), ids=SOUND)
def test_a_model_that_rounds_or_is_random_is_not_called_anything(
    model: Any, targets: Any, call_options: dict[str, Any], round_of: int, statics: bool
) -> None:
    timed(of(model, targets, **call_options), round_of=round_of, statics=statics)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("answer", [lambda batch: None, lambda batch: np.array([1])], ids=["none", "constant"])
def test_an_async_model_is_held_to_it_too(answer: Any, concurrency: int) -> None:
    async def model(batch: Any) -> Any:
        await asyncio.sleep(0)
        return answer(batch) if len(batch) == 1 else label(batch)

    answers = Answers()
    subject = of(model, concurrency=concurrency)
    measured = measure_statics(subject)
    work = subject.workload(answers)
    for start in range(0, 400, 25):
        time_calls(work, 1, 25, start=start)
    with pytest.raises(GateError, match=ELSE):
        check_answers(subject, answers, measured)


@pytest.mark.parametrize("score", ["roc_auc", "accuracy"])
def test_a_booster_whose_one_number_a_sample_is_scored_as_two_or_as_a_label_is_not_called_anything(score: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    targets = (SAMPLES[:, 0] > 0).astype(int)
    data = lightgbm.Dataset(SAMPLES, targets, params={"verbosity": -1})
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 3)
    timed(of(booster, targets, score=score))


def test_a_random_model_must_still_answer() -> None:
    model = when_timed(lambda batch: None)
    with pytest.raises(GateError, match=f"{ELSE}None"):
        timed(of(lambda batch: model(batch) if gc.isenabled() is False else GENERATOR.integers(3, size=len(batch))))


def test_a_stream_is_held_to_the_samples_that_it_gave() -> None:
    def batches() -> Any:
        for start in range(0, 300, 75):
            yield SAMPLES[start : start + 75], LABELS[start : start + 75]

    timed(prepare(label, batches(), None, CallOptions()))
    with pytest.raises(GateError, match=ELSE):
        timed(prepare(FirstAnswer(label), batches(), None, CallOptions()))


def test_two_models_in_turn_are_held_to_it() -> None:
    time_in_turn(of(label), of(label), 2)
    for pair in ((label, when_timed(lambda batch: None)), (when_timed(lambda batch: None), label)):
        with pytest.raises(GateError, match=ELSE):
            time_in_turn(of(pair[0]), of(pair[1]), 2)


def test_each_batch_of_a_small_set_has_its_turn_and_of_a_large_one_a_random_share() -> None:
    small, large = Answers(), Answers()
    for first in range(0, 960, 96):
        for position in small.positions(first % 50, 96, 50):
            small.keep((first + position) % 50, "answer")
        for position in large.positions(first % 256, 96, 256):
            large.keep((first + position) % 256, "answer")
    assert sorted(small.kept) == list(range(50))
    assert len(large.kept) == Answers.MOST
    assert len({number % 8 for number in large.kept}) == 8  # not every eighth


@pytest.mark.parametrize("count", [1, 7, 8, 100])
def test_one_call_in_eight_is_kept(count: int) -> None:
    positions = Answers().positions(3, count, 60)
    assert len(positions) == max(1, count // 8)
    assert all(0 <= position < count for position in positions)


def test_large_answers_are_few() -> None:
    answers = Answers()
    for number in range(64):
        answers.keep(number, np.empty(2**21))  # 16 MiB, of which no page is touched
    assert len(answers.kept) == 1


def test_no_generator_of_the_user_is_moved() -> None:
    import random

    before = random.getstate(), np.random.get_state()[1].tolist()
    Answers().positions(0, 100, 50)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
