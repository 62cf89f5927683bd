"""The score of a finished pass, and the types that targets and predictions come in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError, described
from pytest_speedacc.measure.columns import check_positions, label_of_columns
from pytest_speedacc.measure.raised import RAISED
from pytest_speedacc.measure.score import Array, Mask, Score, matched, right


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The score of one model on one evaluation set."""

    score: str
    """The score's name."""
    value: float
    """The score."""
    greater_is_better: bool
    """The direction."""
    within_unit: bool
    """True when the score lies within 0 to 1 by its definition."""
    predictions: Array
    """What was scored, shape (samples,) or (samples, outputs)."""
    correct: Mask | None
    """For accuracy: which samples were right, shape (samples,). None for any other score."""
    scores: tuple[float, ...] = ()
    """Of each evaluation of a random model, whose mean is ``value``; empty where one evaluation says it all."""
    of_labels: bool = True
    """Whether the score compares labels, so that a prediction can be said to have changed."""

    def possible(self, interval: tuple[float, float]) -> tuple[float, float]:
        """The interval without what no score of this kind can be."""
        low, high = interval
        return (max(low, 0.0), min(high, 1.0)) if self.within_unit else interval


def score_predictions(score: Score, targets: Any, predictions: Array) -> Accuracy:
    """Score a finished pass. Raises GateError when the score cannot be computed or is not a finite number."""
    truth = to_numpy(targets)
    if score.wants_labels:
        if absent := int(missing(truth).sum()):
            raise GateError(f"{absent} of {len(truth)} targets are NaN or None: leave those samples out.")
        predictions = labels(predictions, truth, score)
    try:
        value = float(score.function(truth, predictions))
    except GateError as error:
        raise GateError(f"the score {score.name!r}: {error}") from error
    except RAISED as error:
        raise GateError(f"the score {score.name!r} raised {described(error)}") from error
    if not np.isfinite(value):
        raise GateError(f"the score {score.name!r} is {value} on this evaluation set: it must be a finite number.")
    return Accuracy(
        score=score.name,
        value=value,
        greater_is_better=score.greater_is_better,
        within_unit=score.within_unit,
        predictions=predictions,
        correct=right(truth, predictions) if score.name == "accuracy" and score.wants_labels else None,
        of_labels=score.wants_labels,
    )


def labels(predictions: Array, truth: Array, score: Score) -> Array:
    """Class labels from class scores of shape (samples, classes); anything of the targets' shape is returned as it is.

    Raises GateError for single scores: whether 0.4 is a "yes" depends on what it is (probability or logit), and only
    the user knows. So are classes refused of which nobody knows the labels, and class numbers beside targets that are
    texts, since no two of them are ever equal.
    """
    one_label = truth.ndim == 1 or truth.shape[1:] == (1,)
    if one_label and predictions.shape[1:] == (1,):
        predictions = predictions[:, 0]
    elif one_label and predictions.ndim == 2:
        predictions = label_of_columns(truth, predictions.shape[1], score.classes)[predictions.argmax(axis=1)]
    if predictions.shape != (truth.shape[:1] if one_label else truth.shape):
        raise GateError(
            f"predictions have the shape {predictions.shape} and targets {truth.shape}: they must be the same."
        )
    if predictions.dtype.kind == "f" and bool((predictions != np.round(predictions)).any()):
        raise GateError(
            f"the predictions are fractional numbers, and {score.name} compares labels: pass "
            "predict=lambda model, batch: model(batch) > 0 (or whatever makes a label), or another score."
        )
    if _is_text(truth) is not _is_text(predictions):
        texts, numbers = ("targets", "predictions") if _is_text(truth) else ("predictions", "targets")
        raise GateError(
            f"the {texts} are texts and the {numbers} are numbers, so none could be equal: pass targets as the "
            "model names its classes, or predict= with a callable(model, batch) that returns the targets' labels."
        )
    if one_label and isinstance(score.classes, range):
        check_positions(truth, len(score.classes))
    return predictions


def shape_note(score: Score, targets: Any, predictions: Array) -> str:
    """What the user's own function is told of: predictions that took the targets' shape; empty where they had it."""
    truth = to_numpy(targets)
    given = matched(truth, predictions)
    if score.by_name or score.wants_labels or given.shape == predictions.shape:
        return ""
    return (
        f"predictions of shape {predictions.shape} were scored in the shape of the targets, {truth.shape}: of a column "
        "and a row, numpy makes a table"
    )


def to_numpy(values: Any) -> Array:
    """Targets or predictions as an array: lists, Series and tensors (also on a device) alike."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # unknown to numpy
            values = values.float()
    return np.asarray(values)


def missing(values: Array) -> Mask:
    """Which samples hold a NaN, an infinity or None, shape (samples,)."""
    rows = values.reshape(len(values), -1)
    if values.dtype.kind in "fc":
        absent = ~np.isfinite(rows)
    elif values.dtype.kind == "O":
        absent = np.array([[_is_missing(value) for value in row] for row in rows], dtype=bool)
    else:
        return np.zeros(len(values), dtype=bool)
    return np.asarray(absent.any(axis=1))


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas' own


def _is_text(values: Array) -> bool:
    return values.dtype.kind in "UT" or (values.dtype.kind == "O" and isinstance(values.flat[0], str))


def differing(one: Array, other: Array) -> Mask:
    """Which samples have other predictions, shape (samples,); of numbers, by more than rounding can do."""
    if one.dtype.kind in "fc" and other.dtype.kind in "fc":
        scale = float(np.abs(one).max(initial=0.0))
        unequal = ~np.isclose(one, other, rtol=1e-4, atol=1e-6 * scale)
    else:
        unequal = np.asarray(one != other)
    return np.asarray(unequal.reshape(len(one), -1).any(axis=1))


def typed(predictions: Array) -> Array:
    """Objects of one plain type as an array of that type, which can be stored without pickle."""
    if predictions.dtype.kind not in "OT":
        return predictions
    values = predictions.ravel().tolist()
    kinds = {type(value) for value in values}
    plain = len(kinds) == 1 and kinds <= {str, bool, int, float}
    return np.array(values).reshape(predictions.shape) if plain else predictions
