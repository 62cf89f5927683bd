"""The accuracy pass: predict the whole evaluation set once and score it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.score import Score

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
    predictions: np.ndarray[Any, Any]
    """One prediction a sample, shape (samples,) or (samples, outputs)."""
    correct: np.ndarray[Any, np.dtype[np.bool_]] | None
    """For accuracy: which samples were right, shape (samples,). None for any other score."""


def predict_all(
    call: Callable[[Any], Any], to_array: Callable[[Any], np.ndarray[Any, Any]], inputs: Any, samples: int
) -> np.ndarray[Any, Any]:
    """Predict every sample in chunks; shape (samples,) or (samples, outputs).

    Raises GateError when the model raises, returns another number of predictions than it was given samples, or
    predicts NaN or infinity.
    """
    parts = []
    for start in range(0, samples, CHUNK):
        stop = min(start + CHUNK, samples)
        try:
            part = np.asarray(to_array(call(take(inputs, start, stop))))
        except GateError:
            raise
        except Exception as error:
            raise GateError(
                f"the model raised {type(error).__name__} while predicting samples {start} to {stop - 1}: {error}"
            ) from error
        returned = part.shape[0] if part.ndim else 1
        if returned != stop - start or part.ndim == 0:
            raise GateError(
                f"the model returned {returned} predictions for {stop - start} samples: one a sample is needed. "
                "A function under test is called with a batch and returns a sequence of the same length."
            )
        parts.append(part)
    predictions = np.concatenate(parts)
    if predictions.dtype.kind in "fc":
        bad = ~np.isfinite(predictions.reshape(samples, -1)).all(axis=1)
        if bad.any():
            raise GateError(
                f"{int(bad.sum())} of {samples} predictions are NaN or infinite, "
                f"the first at sample {int(bad.argmax())}."
            )
    return predictions


def score_predictions(score: Score, targets: Any, predictions: np.ndarray[Any, Any]) -> Accuracy:
    """Score a finished pass. Raises GateError when the score cannot be computed or is not a finite number."""
    truth = to_numpy(targets)
    if score.wants_labels:
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
        correct=truth == predictions if score.name == "accuracy" else None,
    )


def labels(predictions: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], score: str) -> np.ndarray[Any, Any]:
    """Class labels from class scores of shape (samples, classes); anything of the targets' shape is returned as it is.

    Raises GateError for single scores under accuracy: whether 0.4 is a "yes" depends on what it is (probability or
    logit), and only the user knows.
    """
    if truth.ndim == 1 and predictions.ndim == 2:
        predictions = predictions[:, 0] if predictions.shape[1] == 1 else predictions.argmax(axis=1)
    if predictions.shape != truth.shape:
        raise GateError(
            f"predictions have the shape {predictions.shape} and targets {truth.shape}: they must be the same."
        )
    fractional = predictions.dtype.kind == "f" and bool((predictions != np.round(predictions)).any())
    if score == "accuracy" and fractional:
        raise GateError(
            "the predictions are fractional numbers, and accuracy compares labels: pass "
            "predict=lambda model, batch: model(batch) > 0 (or whatever makes a label), or another score."
        )
    return predictions


def to_numpy(values: Any) -> np.ndarray[Any, Any]:
    """Targets as an array: lists, Series and tensors (also on a device) alike."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values)
