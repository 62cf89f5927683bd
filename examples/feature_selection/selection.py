"""Products of measurements as features, and the few of them that the full model's SHAP values say it lives on."""

from itertools import combinations_with_replacement

import lightgbm
import numpy as np

SETTINGS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "num_threads": 1,
    "seed": 0,
    "verbose": -1,
    "deterministic": True,
}
ROUNDS = 60


def all_pairs(columns: int) -> np.ndarray:
    """Every pair of measurements, each with itself too."""
    return np.array(list(combinations_with_replacement(range(columns), 2)))


class Screening:
    """Trees on products of two measurements each: what the service calls is what is gated, features and all."""

    def __init__(self, pairs: np.ndarray):
        self.pairs = pairs

    def features(self, measured: np.ndarray) -> np.ndarray:
        left, right = self.pairs.T
        return measured[:, left] * measured[:, right]

    def fit(self, measured: np.ndarray, benign: np.ndarray) -> "Screening":
        data = lightgbm.Dataset(self.features(measured), benign)
        self.trees = lightgbm.train(SETTINGS, data, num_boost_round=ROUNDS)
        return self

    def predict(self, measured: np.ndarray) -> np.ndarray:
        return (self.trees.predict(self.features(measured)) > 0.5).astype(int)

    def importance(self, measured: np.ndarray) -> np.ndarray:
        """The mean absolute SHAP value of each feature: LightGBM computes the exact ones of its trees itself."""
        # One column a feature, and the expected value last.
        values = self.trees.predict(self.features(measured), pred_contrib=True)[:, :-1]
        return np.abs(values).mean(axis=0)

    def best(self, measured: np.ndarray, count: int) -> np.ndarray:
        """The pairs that matter most to this model on these tumours."""
        return self.pairs[np.argsort(-self.importance(measured), kind="stable")[:count]]
