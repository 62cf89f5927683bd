"""The score: the built-in accuracy, scikit-learn's scorers by name or as objects, and the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from pytest_speedacc.adapters.labels import are_distributions, ranking_scores
from pytest_speedacc.config.settings import suggestion
from pytest_speedacc.errors import GateError, shown
from pytest_speedacc.measure.columns import check_probabilities, classes_of, is_of_several

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
ScoreFunction = Callable[[Any, Any], float]
ScoreLike = str | ScoreFunction

_WITHIN_UNIT = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "completeness_score",
    "f1",
    "fowlkes_mallows_score",
    "homogeneity_score",
    "jaccard",
    "normalized_mutual_info_score",
    "precision",
    "rand_score",
    "recall",
    "roc_auc",
    "top_k_accuracy",
    "v_measure_score",
)
"""How the names of scorers begin that lie within 0 to 1 by definition."""
_WITHIN_UNIT_TOO = ("fbeta_score", "hamming_loss", "zero_one_loss")
"""Functions without a scorer of that name, for which the same holds."""
_RANGE_MOVED_BY = {"adjusted", "normalize"}
"""Options of scikit-learn's functions after which it holds no more."""
_ALIASES = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "brier": "brier_score",
    "logloss": "log_loss",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
}
"""What people call them."""
_OF_LABELS = (
    "matthews_corrcoef",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
    "neg_negative_likelihood_ratio",
)
"""Scorers that compare class labels, though they do not lie within 0 to 1."""


@dataclass(frozen=True, slots=True)
class Score:
    """How predictions are turned into one number."""

    name: str
    """As the user gave it, or the function's name."""
    function: ScoreFunction
    """``function(targets, predictions)`` gives the score."""
    greater_is_better: bool
    """The direction."""
    responses: tuple[str, ...]
    """The prediction methods it can use, best first: ``predict``, ``predict_proba``, ``decision_function``."""
    within_unit: bool
    """True for a score that lies within 0 to 1 by its definition."""
    wants_labels: bool
    """True when class scores must be turned into labels first; the user's own function gets what the model returns."""
    by_name: bool
    """True for a score that its name defines; False for the user's own function."""
    classes: Any = None
    """The labels behind the columns of class scores, in their order; a range where the model numbers its classes, and
    None where it does not say."""


def resolve_score(score: Any, greater_is_better: bool | None, classes: Any = None) -> Score:
    """Find the score that ``check(score=..., greater_is_better=...)`` asks for: a name, a scorer object of
    scikit-learn's, or a function.

    ``classes`` are those of ``Score``. Raises GateError for an unknown name, a callable without its direction, or a
    direction that contradicts the score.
    """
    if isinstance(score, str):
        name = _ALIASES.get(score.lower(), score)
        found = Score("accuracy", _accuracy, True, ("predict",), True, True, True) if name == "accuracy" else None
        found = found or _named(name, classes)
    elif _is_scorer(score):
        found = _of_object(score, classes)
    elif (scorer := _of_responses(score)) is not None:
        found = _of_object(scorer, classes)
    elif callable(score):
        return _own(score, greater_is_better)
    else:
        raise GateError(f"score={shown(score)} must be the name of a scorer, or callable(targets, predictions).")
    if greater_is_better not in (None, found.greater_is_better):
        better = "higher" if found.greater_is_better else "lower"
        name = repr(score) if isinstance(score, str) else found.name
        raise GateError(
            f"greater_is_better={shown(greater_is_better)} contradicts score={name}, where {better} is better."
        )
    return replace(found, classes=classes)


def lies_within_unit(name: str) -> bool:
    """Whether a score that is asked for by this name lies within 0 to 1 by its definition."""
    return _ALIASES.get(name.lower(), name).startswith(_WITHIN_UNIT)


def _of_responses(function: Any) -> Any:
    """The scorer of scikit-learn's that gives a function of its own probabilities or class scores, since labels would
    mean nothing to it; None for any other."""
    if not str(getattr(function, "__module__", "")).startswith("sklearn.metrics."):
        return None
    from sklearn.metrics import get_scorer, get_scorer_names

    for name in get_scorer_names():
        scorer = get_scorer(name)
        if scorer._score_func is function and not scorer._kwargs and scorer._response_method != "predict":
            return scorer
    return None


def _own(function: ScoreFunction, greater_is_better: bool | None) -> Score:
    name = getattr(function, "__name__", type(function).__name__)
    if greater_is_better is None:
        raise GateError(
            f"score={name} is a function, so its direction must be said: pass greater_is_better=True or False."
        )

    def scored(targets: Any, predictions: Any) -> float:
        return function(targets, matched(targets, predictions))

    return Score(name, scored, greater_is_better, ("predict",), within_unit=False, wants_labels=False, by_name=False)


def matched(targets: Array, predictions: Array) -> Array:
    """Predictions in the targets' shape where either has one number a sample: a column and a row of as many numbers
    would make a table of each other."""
    is_one_each = predictions.size == targets.size == len(targets)
    return predictions.reshape(targets.shape) if is_one_each else predictions


def right(targets: Array, predictions: Array) -> Mask:
    """Which samples are right, shape (samples,): of several outputs all must be."""
    samples = len(targets)
    equal: Mask = targets.reshape(samples, -1) == predictions.reshape(samples, -1)
    return np.asarray(equal.all(axis=1))


def _accuracy(targets: Any, predictions: Any) -> float:
    return float(np.mean(right(np.asarray(targets), np.asarray(predictions))))


def _named(name: str, classes: Any) -> Score:
    try:
        from sklearn.metrics import get_scorer, get_scorer_names
    except ImportError as error:
        raise GateError(
            f"score={name!r} is a scikit-learn scorer, and scikit-learn is not installed here: install "
            "pytest-speedacc[sklearn], or pass a function and greater_is_better=."
        ) from error
    names = get_scorer_names()
    negated = f"neg_{name}"
    if name not in names and negated not in names:
        raise GateError(f"score={name!r} is not a scikit-learn scorer. {suggestion(name, ['accuracy', *names])}")
    scorer = get_scorer(name if name in names else negated)
    within_unit = lies_within_unit(name)
    of_labels = within_unit or name in _OF_LABELS
    return _of_scorer(scorer, name, 1.0 if name in names else -1.0, classes, within_unit, of_labels, by_name=True)


def _is_scorer(score: Any) -> bool:
    """Whether this is what ``sklearn.metrics.make_scorer`` makes, which no public name tells."""
    return all(hasattr(score, name) for name in ("_score_func", "_sign", "_response_method", "_kwargs"))


def _of_object(scorer: Any, classes: Any) -> Score:
    """The function that a scorer is made of, with its options and its direction: an error is positive."""
    function, options = scorer._score_func, scorer._kwargs
    metric = getattr(function, "__name__", type(function).__name__)
    shown = ", ".join(f"{name}={value!r}" for name, value in options.items() if isinstance(value, str | int | float))
    is_known = function.__module__.startswith("sklearn.metrics.")
    within_unit = is_known and metric.startswith(_WITHIN_UNIT + _WITHIN_UNIT_TOO) and not _RANGE_MOVED_BY & {*options}
    of_labels = function.__module__ == "sklearn.metrics._classification"
    name = f"{metric}({shown})" if shown else metric
    return _of_scorer(scorer, name, float(scorer._sign), classes, within_unit, of_labels, by_name=False)


def _of_scorer(
    scorer: Any, name: str, sign: float, classes: Any, within_unit: bool, of_labels: bool, *, by_name: bool
) -> Score:
    responses = scorer._response_method  # the only way a scorer tells what it needs
    responses = (responses,) if isinstance(responses, str) else tuple(responses)

    def function(targets: Any, predictions: Any) -> float:
        return sign * float(_replayed(scorer, responses, np.asarray(targets), predictions, classes))

    wants_labels = of_labels and responses == ("predict",)
    return Score(name, function, sign > 0, responses, within_unit, wants_labels, by_name)


def _replayed(scorer: Any, responses: tuple[str, ...], targets: Array, predictions: Array, classes: Any) -> Any:
    """What a scorer says of an estimator whose inputs *are* its predictions, so that it applies to a finished pass."""
    if responses == ("predict",):
        return scorer(_replay_type("predict")(), matched(targets, predictions), targets)
    if predictions.shape[1:] == (1,):
        predictions = predictions[:, 0]
    if responses == ("predict_proba",):
        check_probabilities(targets, predictions)
    elif predictions.shape[1:] == (2,) and not are_distributions(predictions) and not is_of_several(targets):
        predictions = ranking_scores(predictions)
    # A table of probabilities and a single score a sample are told apart by their shape, whatever method gave them.
    response = "predict_proba" if "predict_proba" in responses and predictions.ndim == 2 else responses[0]
    if response == "predict_proba" and predictions.ndim == 1:
        predictions = np.column_stack([1 - predictions, predictions])
    replay = _replay_type(response)()
    named = classes_of(targets, predictions, classes)
    if predictions.shape[1:] == named.shape:
        # scikit-learn's functions take the columns to be in the order of the labels, as its own models have them.
        order = np.argsort(named)
        named, predictions = named[order], predictions[:, order]
    replay.classes_ = named
    return scorer(replay, predictions, targets)


@cache
def _replay_type(response: str) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    def give(self: Any, predictions: Any) -> Any:
        return predictions

    give.__name__ = response  # scikit-learn asks the method for its name to know what it returned
    mixin = RegressorMixin if response == "predict" else ClassifierMixin
    return type("Replay", (mixin, BaseEstimator), {response: give})
