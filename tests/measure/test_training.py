"""Training: timed once, tracked in a second one, and compared with it."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks, training
from pytest_speedacc.measure.training import fit


class Model:
    """Something that can be pickled, so that two can be compared."""

    def __init__(self, weights):
        self.weights = weights

    def predict(self, batch):
        return batch


def test_one_training_is_timed_and_has_no_peak(monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(clocks, "seconds", lambda: next(clock))
    model, found = fit(lambda: "trained", twice=False)
    assert (model, found.seconds, found.peak) == ("trained", 2.5, None)


@pytest.mark.memray
def test_the_peak_is_that_of_a_second_training():
    trained = []

    def train():
        scratch = np.ones(2**23)  # 64 MiB
        trained.append(Model(scratch[:4].copy()))
        return trained[-1]

    model, found = fit(train, twice=True)
    assert model is trained[0]
    assert len(trained) == 2
    assert found.peak == pytest.approx(2**26, rel=0.001)
    assert found.notes == ()


def test_training_that_is_not_reproducible_is_named():
    generator = np.random.default_rng(0)
    _, found = fit(lambda: Model(generator.normal(size=3)), twice=True)
    assert found.notes[0].startswith("training is not reproducible: two trainings in a row gave two different models")


def test_seeded_training_of_a_real_model_is_reproducible():
    neural = pytest.importorskip("sklearn.neural_network")
    inputs, targets = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    for seed, notes in ((0, 0), (None, 1)):
        network = neural.MLPClassifier([4], max_iter=3, random_state=seed)
        _, found = fit(lambda network=network: type(network)(**network.get_params()).fit(inputs, targets), twice=True)
        assert len(found.notes) == notes


def test_training_that_goes_on_with_the_same_model_is_refused():
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(2, 1)

    def train():
        with torch.no_grad():
            network.weight += 1
        return network

    with pytest.raises(GateError, match=r"train\(\) goes on training a model that it has trained before"):
        fit(train, twice=True)
    fit(train, twice=False)


def test_fitting_an_estimator_again_is_no_such_thing():
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, targets = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    estimator = linear_model.LogisticRegression()
    model, found = fit(lambda: estimator.fit(inputs, targets), twice=True)
    assert model is estimator
    assert found.notes == ()


def test_without_memray_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(training, "track_once", lambda function: (_ for _ in ()).throw(GateError("no memray")))
    _, found = fit(lambda: Model(1), twice=True)
    assert (found.peak, found.no_peak) == (None, "no memray")


def test_what_training_raises_is_the_users_own():
    with pytest.raises(ZeroDivisionError):
        fit(lambda: 1 / 0, twice=True)
