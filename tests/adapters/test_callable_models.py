"""Models of no known framework: functions, callable objects, and objects with `predict`."""

import functools

import numpy as np
import pytest

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError


def double(batch):
    return 2 * batch


class Scaled:
    """A callable object with state."""

    def __init__(self, size):
        self.weights = np.ones(size)

    def __call__(self, batch):
        return batch * self.weights[0]


class Duck:
    def predict(self, batch):
        return [0] * len(batch)

    def predict_proba(self, batch):
        return [[1, 0]] * len(batch)


def test_a_function_is_called_on_the_batch():
    adapter = find_adapter(double)
    assert adapter.call(double, "predict") is double
    assert adapter.predictions(double, double(np.arange(3)), "predict").tolist() == [0, 2, 4]
    with pytest.raises(GateError, match="function has no predict_proba; it has predict"):
        adapter.call(double, "predict_proba")


def test_an_object_with_predict_is_used_by_its_methods():
    duck = Duck()
    adapter = find_adapter(duck)
    assert adapter.responses(duck) == ("predict", "predict_proba")
    assert adapter.call(duck, "predict_proba")(np.zeros(2)) == [[1, 0], [1, 0]]


@pytest.mark.parametrize("model", [double, Scaled(3), Duck()], ids=["function", "object", "predict"])
def test_parameters_of_an_unknown_model_are_refused(model):
    with pytest.raises(GateError, match=r"cannot be counted: it belongs to no known framework. Pass the framework's"):
        count_parameters(model)


@pytest.mark.parametrize("model", [double, lambda batch: batch, functools.partial(double), Duck().predict, len])
def test_code_has_no_size(model):
    with pytest.raises(GateError, match="has no size: pickle keeps a function by its name"):
        model_size(model)


def test_an_object_has_the_size_of_its_state():
    assert model_size(Scaled(1001)) - model_size(Scaled(1)) == pytest.approx(8000, abs=20)
    assert model_size(Duck()) > 0


def test_a_class_is_not_a_model():
    with pytest.raises(GateError, match=r"Duck is a class, not a model. Pass an instance of it"):
        count_parameters(Duck)


@pytest.mark.parametrize("thing", [3, None, "model", np.zeros(3)])
def test_what_is_no_model_is_refused(thing):
    with pytest.raises(GateError, match="is not a model: it is of no known framework"):
        find_adapter(thing)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (0.5, "predict returned one float for the whole batch"),
        ([[1], [1, 2]], "predict returned rows of different lengths"),
    ],
)
def test_an_output_that_is_no_array_is_refused(raw, message):
    with pytest.raises(GateError, match=message):
        find_adapter(double).predictions(double, raw, "predict")
