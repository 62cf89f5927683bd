"""Probabilities to labels and tables, as the scikit-learn interfaces of the boosting libraries do it."""

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
