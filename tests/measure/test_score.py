"""Scores: scikit-learn's own scorers on a finished pass, directions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.score import resolve_score, right
from pytest_speedacc.measure.subject import CallOptions, prepare

pytest.importorskip("sklearn")

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LABELS = ["accuracy", "balanced_accuracy", "f1_macro", "precision_weighted", "recall_micro", "matthews_corrcoef"]
BINARY = ["f1", "roc_auc", "average_precision", "neg_log_loss", "neg_brier_score", "precision"]
MULTICLASS = ["roc_auc_ovr", "roc_auc_ovo_weighted", "neg_log_loss", "top_k_accuracy", "jaccard_macro"]
REGRESSION = [
    "r2",
    "explained_variance",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_percentage_error",
    "neg_median_absolute_error",
    "neg_max_error",
]


def scored(model, inputs, targets, **call_options):
    subject = prepare(model, inputs, targets, CallOptions(**call_options))
    return score_predictions(subject.score, targets, subject.evaluate().predictions)


def binary(text=False):
    inputs, targets = load_breast_cancer(return_X_y=True)
    return inputs, np.where(targets == 1, "benign", "malignant") if text else targets


def models():
    """A model for every prediction method that a scorer may have to use, by the scorers that fit its targets."""
    x, y = binary()
    text = binary(text=True)[1]
    flowers, kinds = load_iris(return_X_y=True)
    diabetes, progression = load_diabetes(return_X_y=True)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    forest = RandomForestClassifier(8, random_state=0)
    no_decision = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=30, random_state=0))
    for name, model, inputs, targets, scores in (
        ("linear", linear, x, y, [*LABELS, *BINARY]),
        ("forest", forest, x, y, [*LABELS, *BINARY]),
        ("linear with text", linear, x, text, [*LABELS, "roc_auc", "neg_log_loss"]),
        ("forest with text", forest, x, text, [*LABELS, "roc_auc", "neg_log_loss"]),
        ("linear of three", linear, flowers, kinds, [*LABELS, *MULTICLASS]),
        ("network of three", no_decision, flowers, kinds, [*LABELS, *MULTICLASS]),
        ("ridge", Ridge(), diabetes, progression, REGRESSION),
    ):
        for score in scores:
            yield pytest.param(model, inputs, targets, score, id=f"{name}-{score}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "inputs", "targets", "score"), list(models()))
def test_a_score_is_what_scikit_learn_says_of_the_estimator_itself(model, inputs, targets, score):
    model.fit(inputs[::2], targets[::2])
    expected = get_scorer(score)(model, inputs[1::2], targets[1::2])
    assert scored(model, inputs[1::2], targets[1::2], score=score).value == pytest.approx(expected, rel=1e-12)


def test_a_class_that_the_set_lacks_is_still_a_column_of_the_model():
    flowers, kinds = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    model = RandomForestClassifier(8, random_state=0).fit(flowers, names)
    few = kinds < 2
    with pytest.raises(ValueError, match="multi_class must be in"):
        get_scorer("roc_auc")(model, flowers[few], names[few])
    with pytest.raises(GateError, match="'roc_auc' raised ValueError: multi_class must be in"):
        scored(model, flowers[few], names[few], score="roc_auc")  # and not an answer for two classes


def test_a_positive_name_of_an_error_is_positive_and_lower_is_better():
    diabetes, progression = load_diabetes(return_X_y=True)
    model = Ridge().fit(diabetes, progression)
    error = scored(model, diabetes, progression, score="root_mean_squared_error")
    negated = scored(model, diabetes, progression, score="neg_root_mean_squared_error")
    assert error.value == -negated.value > 0
    assert (error.greater_is_better, negated.greater_is_better) == (False, True)


def test_every_scorer_resolves_and_says_its_direction_and_range():
    for name in get_scorer_names():
        score = resolve_score(name, None)
        assert score.greater_is_better
        assert score.responses
    within = {name for name in get_scorer_names() if resolve_score(name, None).within_unit}
    assert {"accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "v_measure_score"} <= within
    assert not within & {"r2", "matthews_corrcoef", "neg_log_loss", "adjusted_rand_score", "explained_variance"}


def mean_gap(targets, predictions):
    return float(np.mean(np.abs(targets - predictions)))


def test_a_function_gets_what_the_model_returns():
    score = resolve_score(mean_gap, False)
    assert (score.name, score.greater_is_better, score.wants_labels, score.within_unit) == (
        "mean_gap",
        False,
        False,
        False,
    )
    assert scored(lambda batch: [0.25] * len(batch), [1, 2], [0.5, 0.5], score=mean_gap, greater_is_better=False)
    assert score.function(np.array([1.0]), np.array([0.5])) == 0.5


@pytest.mark.parametrize(
    ("score", "greater_is_better", "message"),
    [
        ("acuracy", None, "score='acuracy' is not a scikit-learn scorer. Did you mean 'accuracy'?"),
        (mean_gap, None, "score=mean_gap is a function, so its direction must be said"),
        ("accuracy", False, "greater_is_better=False contradicts score='accuracy', where higher is better"),
        ("log_loss", True, "greater_is_better=True contradicts score='log_loss', where lower is better"),
        (None, None, r"score=None must be the name of a scorer, or callable\(targets, predictions\)"),
    ],
)
def test_a_score_that_cannot_be_meant_is_refused(score, greater_is_better, message):
    with pytest.raises(GateError, match=message):
        resolve_score(score, greater_is_better)


def test_a_direction_that_agrees_is_welcome():
    assert resolve_score("accuracy", True).greater_is_better
    assert not resolve_score("log_loss", False).greater_is_better


def test_a_sample_of_several_outputs_is_right_when_all_are():
    targets = np.array([[1, 0], [1, 1], [0, 0]])
    assert right(targets, np.array([[1, 0], [1, 0], [1, 1]])).tolist() == [True, False, False]
    assert resolve_score("accuracy", None).function(targets, targets[::-1]) == pytest.approx(1 / 3)


def test_a_column_of_targets_is_compared_with_a_row_of_predictions_sample_by_sample():
    assert right(np.array([[1], [2], [3]]), np.array([1, 2, 4])).tolist() == [True, True, False]
