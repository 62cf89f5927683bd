"""Models that are random: found out where nobody said so, and evaluated under one seed after another where asked."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import scoring
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.subject import CallOptions, prepare

INPUTS = np.arange(200.0).reshape(100, 2)
TARGETS = np.arange(100) % 2


def coin(batch):
    """Right for nine samples of ten, other ones each time."""
    return np.where(np.random.random(len(batch)) < 0.9, batch[:, 0] / 2 % 2, 1 - batch[:, 0] / 2 % 2).astype(int)


def statics(model, **call_options):
    return measure_statics(prepare(model, INPUTS, TARGETS, CallOptions(**call_options)))


def test_a_model_that_answers_differently_when_asked_twice_is_found_out():
    assert 0 < statics(coin).unstable < 50
    assert statics(lambda batch: (batch[:, 0] / 2 % 2).astype(int)).unstable == 0


def test_dropout_that_was_left_on_is_found_out():
    torch = pytest.importorskip("torch")
    layers = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 2))

    def predict(model, batch):
        model.train()
        return model(batch).argmax(dim=1)

    inputs = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    sound, random_one = (
        measure_statics(prepare(layers, inputs, TARGETS, CallOptions(predict=each))) for each in (None, predict)
    )
    assert sound.unstable == 0
    assert random_one.unstable > 0


@pytest.mark.parametrize(("error", "unstable"), [(1e-7, 0), (0.01, 100)])
def test_rounding_is_not_randomness(error, unstable):
    signs = iter([1, -1])

    def regression(batch):
        return batch[:, 0] + 1 + error * next(signs)

    subject = prepare(regression, INPUTS, TARGETS, CallOptions(score="r2"))
    found = subject.evaluate()
    from pytest_speedacc.measure.accuracy import differing

    again = subject.evaluator.batch(subject.first).predictions
    assert differing(found.predictions, again).sum() == pytest.approx(unstable, abs=20 if unstable else 0)


def test_repeats_are_evaluations_under_seeds_of_their_own():
    first, second = statics(coin, repeats=8), statics(coin, repeats=8)
    assert first.accuracy.scores == second.accuracy.scores
    assert len(set(first.accuracy.scores)) > 3
    assert first.accuracy.value == pytest.approx(np.mean(first.accuracy.scores))
    assert first.unstable == 0


def test_repeats_end_when_enough_is_known():
    subject = prepare(coin, INPUTS, TARGETS, CallOptions(repeats=50, slices={"early": range(10)}))
    found = measure_statics(subject, is_decided=lambda scores: len(scores) >= 5)
    assert len(found.accuracy.scores) == 5
    assert len(found.slices["early"].accuracy.scores) == 5


def test_generators_are_left_as_they_were():
    torch = pytest.importorskip("torch")
    for seed in (1, 1):
        random.seed(7)
        np.random.seed(7)
        torch.manual_seed(7)
        with seeded(seed):
            drawn = random.random(), np.random.random(), float(torch.rand(()))
        after = random.random(), np.random.random(), float(torch.rand(()))
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    assert after == (random.random(), np.random.random(), float(torch.rand(())))
    assert drawn != after


@pytest.mark.parametrize("repeats", [0, -1, 2.5, True, "3"])
def test_repeats_that_are_no_number_of_evaluations_are_refused(repeats):
    with pytest.raises(GateError, match=r"repeats=.* must be a whole number from 1"):
        prepare(coin, INPUTS, TARGETS, CallOptions(repeats=repeats))


def test_a_stream_cannot_be_repeated():
    with pytest.raises(GateError, match="a stream is read once, so repeats= cannot evaluate it again"):
        prepare(coin, [(INPUTS, TARGETS)], None, CallOptions(repeats=4))


def test_a_slow_model_is_asked_twice_about_few_samples(monkeypatch):
    monkeypatch.setattr(scoring, "SLOW_EVALUATION", -1.0)
    sizes = []

    def sound(batch):
        sizes.append(len(batch))
        return (batch[:, 0] / 2 % 2).astype(int)

    statics(sound)
    assert sizes[:2] == [100, 32]
    assert 0 < statics(coin).unstable <= 32
