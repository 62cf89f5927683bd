"""scikit-learn models that are not fitted, their responses, and their sizes."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from pytest_speedacc.adapters import find_adapter, model_size
from pytest_speedacc.errors import GateError

rng = np.random.default_rng(0)
X = rng.random((60, 4))
y = rng.integers(0, 3, 60)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LogisticRegression(), "LogisticRegression is not fitted. Fit it"),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            r"Pipeline is not fitted: its part 'standardscaler' \(StandardScaler\) is not.",
        ),
        (
            make_pipeline(StandardScaler().fit(X), make_pipeline(LogisticRegression())),
            r"its part 'pipeline.logisticregression' \(LogisticRegression\) is not.",
        ),
        (VotingClassifier([("a", LogisticRegression())]), "VotingClassifier is not fitted."),
        (GridSearchCV(LogisticRegression(), {"C": [1]}), "GridSearchCV is not fitted."),
        (
            GridSearchCV(LogisticRegression(), {"C": [1]}, refit=False).fit(X, y),
            "GridSearchCV is not fitted.",
        ),
        (RandomForestClassifier(), "RandomForestClassifier is not fitted."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_model_that_is_not_fitted_is_refused_by_name(model, message):
    with pytest.raises(GateError, match=message):
        find_adapter(model).check_usable(model)


def test_a_fitted_pipeline_with_stateless_steps_is_usable():
    model = make_pipeline(FunctionTransformer(np.abs), None, LogisticRegression()).fit(X, y)
    find_adapter(model).check_usable(model)


def test_a_missing_response_says_which_there_are():
    model = LinearRegression().fit(X, y)
    with pytest.raises(GateError, match=r"LinearRegression has no predict_proba; it has predict."):
        find_adapter(model).call(model, "predict_proba")


def test_the_call_is_the_models_own_method():
    model = LogisticRegression().fit(X, y)
    adapter = find_adapter(model)
    for response in ("predict", "predict_proba", "decision_function"):
        raw = adapter.call(model, response)(X)
        np.testing.assert_array_equal(adapter.predictions(model, raw, response), getattr(model, response)(X))


def test_probabilities_of_several_outputs_are_refused():
    model = MultiOutputClassifier(LogisticRegression()).fit(X, np.column_stack([y, y]))
    adapter = find_adapter(model)
    with pytest.raises(GateError, match="returned 2 tables"):
        adapter.predictions(model, adapter.call(model, "predict_proba")(X), "predict_proba")


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
        IsolationForest(n_estimators=5, random_state=0),
        KNeighborsClassifier(),
        MLPClassifier((5,), max_iter=3, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_size_does_not_depend_on_use_or_on_a_trip_through_a_file(model):
    model.fit(X, y)
    before = model_size(model)
    model.predict(X)
    assert model_size(model) == before
    assert model_size(pickle.loads(pickle.dumps(model))) == before


def test_size_grows_with_the_model():
    small, big = (RandomForestClassifier(n, random_state=0).fit(X, y) for n in (5, 10))
    assert model_size(big) > 1.5 * model_size(small)


def test_a_model_that_cannot_be_pickled_has_no_size():
    model = FunctionTransformer(lambda batch: batch).fit(X)
    with pytest.raises(GateError, match="FunctionTransformer has no size, for it cannot be pickled"):
        model_size(model)
