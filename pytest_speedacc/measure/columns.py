"""Columns of class scores: which label each stands for, and whether they are probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_speedacc.adapters.labels import are_distributions
from pytest_speedacc.errors import GateError

Array = np.ndarray[Any, Any]

MOST_NAMED = 5
"""Labels that a message names."""


def label_of_columns(truth: Array, columns: int, classes: Any) -> Array:
    """The label behind each of so many columns: the model's own ``classes``, else their positions.

    Raises GateError where the model has none and the targets are not positions, so that nobody knows which is which.
    """
    named = _names(truth, classes)
    if named is not None and len(named) == columns:
        return named
    check_positions(truth, columns)
    return np.arange(columns)


def check_positions(truth: Array, columns: int) -> None:
    """Raises GateError for targets that are not the positions 0 to ``columns`` - 1."""
    found = np.unique(np.asarray(truth.ravel().tolist()))  # what is kept as objects shows its type
    if found.dtype.kind in "biuf" and np.isin(found, np.arange(columns)).all():
        return
    some = ", ".join(str(label) for label in found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
    raise GateError(
        f"the model gives scores of {columns} classes and does not name them (it has no classes_), and the targets are "
        f"{some}: which class is which is not known. Pass targets from 0 to {columns - 1}, or predict= with a "
        "callable(model, batch) that returns the targets' labels."
    )


def classes_of(truth: Array, scores: Array, classes: Any) -> Array:
    """What the scores are of, as scikit-learn's ``classes_``: of one score a sample, the larger number is ranked up.

    Raises GateError as ``label_of_columns`` does, and for single scores beside targets that are texts.
    """
    if is_of_several(truth):
        return np.eye(2, truth.shape[1], dtype=int)  # several labels a sample, of which each is there or not
    if scores.ndim == 2:
        return label_of_columns(truth, scores.shape[1], classes)
    named = _names(truth, classes)
    if named is not None and len(named) == 2:
        return named
    found = np.unique(truth)
    if found.dtype.kind not in "biuf" or isinstance(classes, range):
        check_positions(truth, 2)
    return np.arange(2) if len(found) < 2 and np.isin(found, (0, 1)).all() else found


def is_of_several(truth: Array) -> bool:
    """Whether each sample has several labels, or outputs."""
    return truth.ndim == 2 and truth.shape[1] > 1


def _names(truth: Array, classes: Any) -> Array | None:
    """The names of the classes of a model of one output; None where they are numbers, or beside targets that are."""
    are_labels = isinstance(classes, list | tuple) or hasattr(classes, "__array__")
    if not are_labels or len(classes) == 0 or np.ndim(classes[0]) > 0:
        return None
    return None if isinstance(classes, tuple) and truth.dtype.kind in "biu" else np.asarray(classes)


def check_probabilities(truth: Array, scores: Array) -> None:
    """Raises GateError for scores of a sample that cannot be probabilities: labels, logits, votes."""
    if scores.dtype.kind != "f":
        what = "labels" if scores.dtype.kind != "O" else "objects"
    elif scores.min() < 0 or scores.max() > 1:
        what = f"numbers from {scores.min():.3g} to {scores.max():.3g}"
    elif scores.ndim == 2 and not is_of_several(truth) and not are_distributions(scores):
        what = "rows that do not add up to one"
    else:
        return
    raise GateError(
        f"the score needs probabilities, and the model returned {what}: pass predict= with a callable(model, batch) "
        "that returns probabilities, such as model(batch).softmax(1), or another score."
    )
