"""The accuracy pass: predict the whole evaluation set once and score it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError, model_raised
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.score import Array, Mask, Score, right

CHUNK = 1024
"""Samples predicted at a time: bounds the memory of a large set, and is large enough to cost nothing."""


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


def predict_all(call: Callable[[Any], Any], to_array: Callable[[Any], Array], inputs: Any, samples: int) -> Array:
    """Predict every sample in chunks; shape (samples,) or (samples, outputs).

    Raises GateError when the model raises, returns another number of predictions than it was given samples, or
    predicts nothing, NaN or infinity for one.
    """
    parts: list[Array] = []
    for start in range(0, samples, CHUNK):
        stop = min(start + CHUNK, samples)
        try:
            part = np.asarray(to_array(call(take(inputs, start, stop))))
        except GateError:
            raise
        except Exception as error:
            raise model_raised(error, f"while predicting samples {start} to {stop - 1}") from error
        returned = part.shape[0] if part.ndim else 1
        if returned != stop - start or part.ndim == 0:
            raise GateError(
                f"the model returned {returned} predictions for {stop - start} samples: one a sample is needed. "
                "A function under test is called with a batch and returns a sequence of the same length."
            )
        if parts and part.shape[1:] != parts[0].shape[1:]:
            raise GateError(
                f"the model's predictions have the shape {part.shape[1:]} for samples {start} to {stop - 1} and "
                f"{parts[0].shape[1:]} before: each sample needs as many."
            )
        parts.append(part)
    predictions = _typed(np.concatenate(parts))
    bad = _missing(predictions)
    if bad.any():
        raise GateError(
            f"{int(bad.sum())} of {samples} predictions are NaN, infinite or None, the first at sample "
            f"{int(bad.argmax())}: look for missing values in the inputs, or overflow in the model."
        )
    return predictions


def score_predictions(score: Score, targets: Any, predictions: Array) -> Accuracy:
    """Score a finished pass. Raises GateError when the score cannot be computed or is not a finite number."""
    truth = to_numpy(targets)
    if score.wants_labels:
        if missing := int(_missing(truth).sum()):
            raise GateError(f"{missing} of {len(truth)} targets are NaN or None: leave those samples out.")
        predictions = labels(predictions, truth, score.name)
    try:
        value = float(score.function(truth, predictions))
    except Exception as error:
        raise GateError(f"the score {score.name!r} raised {type(error).__name__}: {error}") from error
    if not np.isfinite(value):
        raise GateError(f"the score {score.name!r} is {value} on this evaluation set: it must be a finite number.")
    return Accuracy(
        score=score.name,
        value=value,
        greater_is_better=score.greater_is_better,
        within_unit=score.within_unit,
        predictions=predictions,
        correct=right(truth, predictions) if score.name == "accuracy" and score.wants_labels else None,
    )


def labels(predictions: Array, truth: Array, score: str) -> Array:
    """Class labels from class scores of shape (samples, classes); anything of the targets' shape is returned as it is.

    Raises GateError for single scores: whether 0.4 is a "yes" depends on what it is (probability or logit), and only
    the user knows. Class numbers beside targets that are texts are refused too, since no two of them are ever equal.
    """
    one_label = truth.ndim == 1 or truth.shape[1:] == (1,)
    if one_label and predictions.ndim == 2:
        predictions = predictions[:, 0] if predictions.shape[1] == 1 else predictions.argmax(axis=1)
    if predictions.shape != (truth.shape[:1] if one_label else truth.shape):
        raise GateError(
            f"predictions have the shape {predictions.shape} and targets {truth.shape}: they must be the same."
        )
    if predictions.dtype.kind == "f" and bool((predictions != np.round(predictions)).any()):
        raise GateError(
            f"the predictions are fractional numbers, and {score} compares labels: pass "
            "predict=lambda model, batch: model(batch) > 0 (or whatever makes a label), or another score."
        )
    if _is_text(truth) is not _is_text(predictions):
        texts, numbers = ("targets", "predictions") if _is_text(truth) else ("predictions", "targets")
        raise GateError(
            f"the {texts} are texts and the {numbers} are numbers, so none could be equal: pass targets as the "
            "model names its classes, or predict= with a callable(model, batch) that returns the targets' labels."
        )
    return predictions


def to_numpy(values: Any) -> Array:
    """Targets or predictions as an array: lists, Series and tensors (also on a device) alike."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # unknown to numpy
            values = values.float()
    return np.asarray(values)


def _typed(predictions: Array) -> Array:
    """Objects of one plain type as an array of that type, which can be stored without pickle."""
    if predictions.dtype.kind not in "OT":
        return predictions
    values = predictions.ravel().tolist()
    kinds = {type(value) for value in values}
    plain = len(kinds) == 1 and kinds <= {str, bool, int, float}
    return np.array(values).reshape(predictions.shape) if plain else predictions


def _missing(values: Array) -> Mask:
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
