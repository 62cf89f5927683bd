"""SHAP values choose 10 of 465 features, and the smaller model is gated against the full one."""

import pytest
from selection import Screening, all_pairs
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

FEW = 10


@pytest.fixture(scope="module")
def tumours():
    """569 tumours with 30 measurements each, half of them kept for the evaluation."""
    measured, benign = load_breast_cancer(return_X_y=True)
    return train_test_split(measured, benign, test_size=0.5, random_state=0, stratify=benign)


@pytest.fixture(scope="module")
def full(tumours):
    measured, _, benign, _ = tumours
    return Screening(all_pairs(measured.shape[1])).fit(measured, benign)


def of_best(full, tumours, count):
    """The same trees on the features that matter most, chosen on what both are trained on."""
    measured, _, benign, _ = tumours
    return Screening(full.best(measured, count)).fit(measured, benign)


def test_few_features_are_as_good_and_faster(speedacc, full, tumours):
    _, measured, _, benign = tumours
    few = of_best(full, tumours, FEW)
    # In fresh processes, which take turns: what is proven is that a service with the smaller model is faster.
    speedacc.compare(
        few, full, measured, benign, max_accuracy_drop="2 pp", min_speedup="1.5 x", launches=8, batch_size=64
    )


def test_the_chosen_model(speedacc, full, tumours):
    _, measured, _, benign = tumours
    speedacc.check(of_best(full, tumours, FEW), measured, benign, batch_size=64)


@pytest.mark.xfail(reason="one feature is faster still, and loses what the tolerance does not give away", strict=True)
def test_one_feature_is_not_enough(speedacc, full, tumours):
    _, measured, _, benign = tumours
    one = of_best(full, tumours, 1)
    speedacc.compare(one, full, measured, benign, max_accuracy_drop="2 pp", batch_size=64)
