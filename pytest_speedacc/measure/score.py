"""Scores: the built-in accuracy, every scikit-learn scorer by name, and the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError

ScoreFunction = Callable[[Any, Any], float]


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


def resolve_score(score: str | Callable[[Any, Any], float], greater_is_better: bool | None) -> Score:
    """Find the score that ``check(score=..., greater_is_better=...)`` asks for.

    Raises GateError for an unknown name, a callable without its direction, or a direction that contradicts the name.
    """
    if callable(score):
        name = getattr(score, "__name__", type(score).__name__)
        if greater_is_better is None:
            raise GateError(
                f"score={name} is a function, so its direction must be said: pass greater_is_better=True or False."
            )
        return Score(name, score, greater_is_better, ("predict",), within_unit=False, wants_labels=False)
    found = Score("accuracy", _accuracy, True, ("predict",), True, True) if score == "accuracy" else _scorer(score)
    if greater_is_better not in (None, found.greater_is_better):
        better = "higher" if found.greater_is_better else "lower"
        raise GateError(f"greater_is_better={greater_is_better} contradicts score={score!r}, where {better} is better.")
    return found


def _accuracy(targets: Any, predictions: Any) -> float:
    return float(np.mean(np.asarray(targets) == np.asarray(predictions)))


def _scorer(name: str) -> Score:
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
        from pytest_speedacc.config.settings import suggestion

        raise GateError(f"score={name!r} is not a scikit-learn scorer. {suggestion(name, ['accuracy', *names])}")
    sign = 1.0 if name in names else -1.0
    scorer = get_scorer(name if name in names else negated)
    responses = scorer._response_method  # the only way a scorer tells what it needs
    responses = (responses,) if isinstance(responses, str) else tuple(responses)

    def function(targets: Any, predictions: Any) -> float:
        return sign * float(scorer(_replay(responses, targets), predictions, targets))

    return Score(name, function, sign > 0, responses, _is_within_unit(name), wants_labels=responses == ("predict",))


def _is_within_unit(name: str) -> bool:
    families = ("accuracy", "balanced_accuracy", "top_k", "average_precision", "f1", "precision", "recall", "jaccard")
    return name.startswith((*families, "roc_auc"))


def _replay(responses: tuple[str, ...], targets: Any) -> Any:
    """An estimator whose inputs *are* its predictions, so that scikit-learn's scorers apply to a finished pass."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    def give(self: Any, predictions: Any) -> Any:
        return predictions

    mixin = RegressorMixin if responses == ("predict",) else ClassifierMixin
    methods = dict.fromkeys((*responses, "predict"), give)
    replay = type("Replay", (mixin, BaseEstimator), methods)()
    if mixin is ClassifierMixin:
        replay.classes_ = np.unique(np.asarray(targets))
    return replay
