"""Preprocessing is the usual culprit: the same model behind the same features, computed four ways."""

import numpy as np
import pandas as pd
import pytest
from features import COLUMNS, by_numpy, by_pandas, by_recomputing, by_rows
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

too_slow = pytest.mark.xfail(reason="slower than the limit, and the message says why", strict=True)


class Screening:
    """A linear model behind one way to compute its features."""

    def __init__(self, features, classifier):
        self.features, self.classifier = features, classifier

    def predict(self, frame):
        return self.classifier.predict(self.features(frame))


@pytest.fixture(scope="module")
def tumours():
    """569 tumours: area and perimeter, and which quarter of all sizes they belong to."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    radius, area, perimeter = inputs[:, 0], inputs[:, 3], inputs[:, 2]
    group = np.digitize(radius, np.quantile(radius, [0.25, 0.5, 0.75]))
    return pd.DataFrame({"area": area, "perimeter": perimeter, "group": group})[COLUMNS], targets


@pytest.fixture(scope="module")
def classifier(tumours):
    frame, targets = tumours
    return LogisticRegression(max_iter=2000).fit(by_numpy(frame), targets)


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(by_rows, marks=too_slow),
        pytest.param(by_recomputing, marks=too_slow),
        by_pandas,
        by_numpy,
    ],
    ids=lambda way: way.__name__,
)
def test_screening(speedacc, tumours, classifier, way):
    frame, targets = tumours
    speedacc.check(Screening(way, classifier), frame, targets, batch_size=len(frame))


def test_arrays_are_worth_it(speedacc, tumours, classifier):
    frame, targets = tumours
    fast, slow = Screening(by_numpy, classifier), Screening(by_rows, classifier)
    speedacc.compare(fast, slow, frame, targets, min_speedup="5 x", max_churn="0 %", batch_size=len(frame))
