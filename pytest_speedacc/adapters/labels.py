"""Probabilities to labels and tables, and raw scores to rankings, as scikit-learn's own classifiers give them."""

from __future__ import annotations

import numpy as np


def from_probabilities(probabilities: np.ndarray, response: str) -> np.ndarray:
    """What "predict" or "predict_proba" means for probabilities (samples,) or (samples, classes).

    Labels are class indices; of two classes the second needs more than one half.
    """
    if probabilities.ndim == 1:
        if response == "predict":
            return (probabilities > 0.5).astype(np.int64)
        return np.column_stack([1 - probabilities, probabilities])
    return probabilities.argmax(axis=1) if response == "predict" else probabilities


def ranking_scores(scores: np.ndarray) -> np.ndarray:
    """What "decision_function" means for raw scores: of two classes the difference, of one column its values."""
    if scores.ndim != 2 or scores.shape[1] > 2:
        return scores
    ranked: np.ndarray = scores[:, -1] - scores[:, 0] if scores.shape[1] == 2 else scores[:, 0]
    return ranked


def are_distributions(scores: np.ndarray) -> bool:
    """Whether each row is probabilities that add up to one, as a softmax gives them."""
    if scores.ndim != 2 or scores.shape[1] < 2 or scores.dtype.kind != "f":
        return False
    return bool((scores >= 0).all()) and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-3))
