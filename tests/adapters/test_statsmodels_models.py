"""statsmodels: results are counted by their estimates, sized without the data, and predict labels of classes."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("statsmodels")

import pandas
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError

D, CLASSES = 3, 3
"""Features beside the constant, and classes."""

pytestmark = pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.ConvergenceWarning")


def data(samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = sm.add_constant(rng.normal(size=(samples, D)))
    return inputs, inputs @ [0.0, 1.0, 2.0, 3.0] + rng.normal(size=samples)


X, target = data(200)
binary = (target > 0).astype(int)
classes = np.digitize(target, [-2, 2])
counts = np.random.default_rng(1).poisson(np.exp(X[:, 1] / 2))
groups = np.repeat(np.arange(20), 10)
frame = pandas.DataFrame({"t": target, "a": X[:, 1], "b": X[:, 2], "g": np.array(["x", "y", "z"])[np.arange(200) % 3]})

RESULTS = {
    "OLS": (lambda: sm.OLS(target, X).fit(), D + 1),
    "OLS, regularised": (lambda: sm.OLS(target, X).fit_regularized(alpha=0.1), D + 1),
    "WLS": (lambda: sm.WLS(target, X, weights=np.full(200, 0.5)).fit(), D + 1),
    "RLM": (lambda: sm.RLM(target, X).fit(), D + 1),
    "QuantReg": (lambda: sm.QuantReg(target, X).fit(), D + 1),
    "GLM": (lambda: sm.GLM(counts, X, family=sm.families.Poisson()).fit(), D + 1),
    "GEE": (lambda: sm.GEE(target, X, groups=groups).fit(), D + 1),
    "Logit": (lambda: sm.Logit(binary, X).fit(disp=0), D + 1),
    # One class is what the others are held against.
    "MNLogit": (lambda: sm.MNLogit(classes, X).fit(disp=0), (CLASSES - 1) * (D + 1)),
    # The constant is in the thresholds between the classes.
    "OrderedModel": (lambda: OrderedModel(classes, X[:, 1:]).fit(disp=0, method="bfgs"), D + CLASSES - 1),
    "NegativeBinomial": (lambda: sm.NegativeBinomial(counts, X).fit(disp=0), D + 1 + 1),
    "MixedLM": (lambda: sm.MixedLM(target, X, groups=groups).fit(), D + 1 + 1),
    # A constant, a, b, their product, and all values of g but one.
    "a formula": (lambda: smf.ols("t ~ a * b + C(g)", frame).fit(), 1 + 1 + 1 + 1 + 2),
    # A constant, a coefficient of either kind, and the variance.
    "ARIMA": (lambda: ARIMA(target[:60], order=(1, 0, 1)).fit(), 4),
}


def respond(model: Any, response: str, inputs: Any) -> np.ndarray:
    adapter = find_adapter(model)
    return adapter.predictions(model, adapter.call(model, response)(inputs), response)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RESULTS)
def test_the_estimates_count_and_use_changes_no_size(name: str) -> None:
    fit, expected = RESULTS[name]
    if name == "GEE":
        pytest.importorskip("statsmodels", minversion="0.15")  # pickle cannot do it before
    results = fit()
    assert find_adapter(results).framework == "statsmodels"
    assert count_parameters(results) == expected
    size = model_size(results)
    with contextlib.suppress(NotImplementedError):  # a regularised fit has no summary
        results.summary()
    results.predict()
    assert model_size(results) == size
    # A Kalman filter's own state comes out of a file otherwise than it went in.
    if name != "ARIMA":
        assert model_size(pickle.loads(pickle.dumps(results))) == size


@pytest.mark.parametrize(
    "fit",
    [
        lambda inputs, targets: sm.OLS(targets, inputs).fit(),
        lambda inputs, targets: sm.GLM(targets > 0, inputs, family=sm.families.Binomial()).fit(),
        lambda inputs, targets: sm.Logit(targets > 0, inputs).fit(disp=0),
    ],
    ids=["OLS", "GLM", "Logit"],
)
def test_the_size_is_that_of_the_estimates_and_not_of_the_data(fit: Any) -> None:
    """Numbers may be longer, but 10,000 samples more are 320 kB of inputs."""
    few, many = fit(*data(200)), fit(*data(10_200))
    assert abs(model_size(many) - model_size(few)) < 100
    assert many.model.endog is not None, "the model that was sized still has its data"
    without = pickle.loads(pickle.dumps(many))
    without.remove_data()
    assert model_size(many) <= len(pickle.dumps(without, 5))


def test_classes_are_predicted_as_labels_and_as_probabilities() -> None:
    logit = sm.Logit(binary, X).fit(disp=0)
    np.testing.assert_array_equal(respond(logit, "predict", X), logit.predict(X) > 0.5)
    np.testing.assert_array_equal(respond(logit, "predict_proba", X)[:, 1], logit.predict(X))
    several = sm.MNLogit(classes, X).fit(disp=0)
    assert respond(several, "predict_proba", X).shape == (200, CLASSES)
    assert (respond(several, "predict", X) == classes).mean() > 0.7
    ordered = OrderedModel(classes, X[:, 1:]).fit(disp=0, method="bfgs")
    assert (respond(ordered, "predict", X[:, 1:]) == classes).mean() > 0.7


def test_numbers_are_predicted_from_arrays_and_from_the_frame_of_a_formula() -> None:
    ols = sm.OLS(target, X).fit()
    np.testing.assert_array_equal(respond(ols, "predict", X[:5]), ols.predict(X[:5]))
    formula = smf.ols("t ~ a * b + C(g)", frame).fit()
    np.testing.assert_array_equal(respond(formula, "predict", frame[:5]), formula.predict(frame[:5]).to_numpy())


def test_a_model_before_its_fit_is_refused() -> None:
    with pytest.raises(GateError, match=r"OLS is not fitted, or is not what fit\(\) returned"):
        count_parameters(sm.OLS(target, X))


def test_estimates_among_settings_are_refused() -> None:
    results = ExponentialSmoothing(np.exp(target / 10), trend="add").fit()
    with pytest.raises(GateError, match=r"keeps its parameters as a dict .*max_model_size"):
        count_parameters(results)
