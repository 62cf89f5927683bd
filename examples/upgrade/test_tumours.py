"""A linear model that is asked for one tumour at a time."""

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression


@pytest.mark.speedacc(min_accuracy=0.93, max_accuracy_drop="1 pp", max_latency_increase="20 %")
def test_tumours(speedacc):
    inputs, targets = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(max_iter=10_000).fit(inputs, targets)
    speedacc.check(model, inputs, targets)
