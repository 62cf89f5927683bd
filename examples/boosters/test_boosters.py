"""LightGBM beside XGBoost on the Wisconsin breast cancer data, each through both of its interfaces."""

import lightgbm
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

ROUNDS = 50
# One thread: for a single sample several would wait for each other longer than they compute. LightGBM's native
# booster heeds this while it trains, and predicts with all threads all the same.
COMMON = {"max_depth": 3, "learning_rate": 0.1, "seed": 0, "n_jobs": 1}


def lightgbm_classifier(inputs, targets):
    return lightgbm.LGBMClassifier(n_estimators=ROUNDS, verbosity=-1, **COMMON).fit(inputs, targets)


def lightgbm_booster(inputs, targets):
    parameters = {"objective": "binary", "verbosity": -1, **COMMON}
    return lightgbm.train(parameters, lightgbm.Dataset(inputs, targets), ROUNDS)


def xgboost_classifier(inputs, targets):
    return xgboost.XGBClassifier(n_estimators=ROUNDS, **COMMON).fit(inputs, targets)


def xgboost_booster(inputs, targets):
    parameters = {"objective": "binary:logistic", **COMMON}
    return xgboost.train(parameters, xgboost.DMatrix(inputs, targets), ROUNDS)


@pytest.fixture(scope="module")
def cancer():
    """569 tumours with 30 measurements each, of which 171 are kept for the evaluation."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    return train_test_split(inputs, targets, test_size=0.3, random_state=0, stratify=targets)


@pytest.mark.parametrize("train", [lightgbm_classifier, lightgbm_booster, xgboost_classifier, xgboost_booster])
def test_breast_cancer(speedacc, cancer, train):
    train_inputs, test_inputs, train_targets, test_targets = cancer
    # The score is of probabilities; a booster's own are found as well as a classifier's predict_proba.
    speedacc.check(train(train_inputs, train_targets), test_inputs, test_targets, score="roc_auc")
