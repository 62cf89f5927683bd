"""The score: the built-in accuracy, every scikit-learn scorer by name, and the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pytest_speedacc.config.settings import suggestion
from pytest_speedacc.errors import GateError

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
ScoreFunction = Callable[[Any, Any], float]

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


def resolve_score(
    score: str | Callable[[Any, Any], float], greater_is_better: bool | None, classes: Any = None
) -> Score:
    """Find the score that ``check(score=..., greater_is_better=...)`` asks for.

    ``classes`` are the labels behind the columns of the model's probabilities, in their order; None where the model
    does not say, which leaves the labels of the targets. Raises GateError for an unknown name, a callable without its
    direction, or a direction that contradicts the name.
    """
    if callable(score):
        name = getattr(score, "__name__", type(score).__name__)
        if greater_is_better is None:
            raise GateError(
                f"score={name} is a function, so its direction must be said: pass greater_is_better=True or False."
            )
        return Score(name, score, greater_is_better, ("predict",), within_unit=False, wants_labels=False, by_name=False)
    if not isinstance(score, str):
        raise GateError(f"score={score!r} must be the name of a scorer, or callable(targets, predictions).")
    found = Score("accuracy", _accuracy, True, ("predict",), True, True, True) if score == "accuracy" else None
    found = found or _scorer(score, classes)
    if greater_is_better not in (None, found.greater_is_better):
        better = "higher" if found.greater_is_better else "lower"
        raise GateError(f"greater_is_better={greater_is_better} contradicts score={score!r}, where {better} is better.")
    return found


def right(targets: Array, predictions: Array) -> Mask:
    """Which samples are right, shape (samples,): of several outputs all must be."""
    samples = len(targets)
    equal: Mask = targets.reshape(samples, -1) == predictions.reshape(samples, -1)
    return np.asarray(equal.all(axis=1))


def _accuracy(targets: Any, predictions: Any) -> float:
    return float(np.mean(right(np.asarray(targets), np.asarray(predictions))))


def _scorer(name: str, classes: Any) -> Score:
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
    sign = 1.0 if name in names else -1.0
    scorer = get_scorer(name if name in names else negated)
    responses = scorer._response_method  # the only way a scorer tells what it needs
    responses = (responses,) if isinstance(responses, str) else tuple(responses)

    def function(targets: Any, predictions: Any) -> float:
        return sign * float(_replayed(scorer, responses, np.asarray(targets), predictions, classes))

    within_unit = name.startswith(_WITHIN_UNIT)
    wants_labels = responses == ("predict",) and (within_unit or name in _OF_LABELS)
    return Score(name, function, sign > 0, responses, within_unit, wants_labels, True)


def _replayed(scorer: Any, responses: tuple[str, ...], targets: Array, predictions: Array, classes: Any) -> Any:
    """What a scorer says of an estimator whose inputs *are* its predictions, so that it applies to a finished pass."""
    if responses == ("predict",):
        return scorer(_replay_type("predict")(), predictions, targets)
    # A table of probabilities and a single score a sample are told apart by their shape, whatever method gave them.
    response = "predict_proba" if "predict_proba" in responses and predictions.ndim == 2 else responses[0]
    if response == "predict_proba" and predictions.ndim == 1:
        predictions = np.column_stack([1 - predictions, predictions])
    replay = _replay_type(response)()
    replay.classes_ = _labels_of(targets, predictions) if classes is None else classes
    return scorer(replay, predictions, targets)


def _labels_of(targets: Array, predictions: Array) -> Array:
    """The targets' labels; class numbers where there are more columns of scores than labels in this set."""
    found = np.unique(targets)
    columns = predictions.shape[1] if predictions.ndim == 2 else 2
    numbers = np.arange(columns)
    return numbers if len(found) < columns and np.isin(found, numbers).all() else found


@cache
def _replay_type(response: str) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    def give(self: Any, predictions: Any) -> Any:
        return predictions

    give.__name__ = response  # scikit-learn asks the method for its name to know what it returned
    mixin = RegressorMixin if response == "predict" else ClassifierMixin
    return type("Replay", (mixin, BaseEstimator), {response: give})
