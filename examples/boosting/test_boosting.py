"""XGBoost and LightGBM as alternatives: three kinds of data, two ways to grow trees, one row a call and 128."""

import pytest
from data import categorical, dense, sparse
from lightgbm import LGBMClassifier
from xgboost import XGBClassifier

# One thread: for a single row several would wait for each other longer than they compute.
COMMON = {"n_estimators": 60, "learning_rate": 0.1, "random_state": 0, "n_jobs": 1}

GROWN = {
    # Level by level, each as far as it goes.
    "xgboost_level_wise": lambda: XGBClassifier(
        grow_policy="depthwise", max_depth=5, tree_method="hist", enable_categorical=True, **COMMON
    ),
    # Wherever a split gains most, to as many leaves as a tree of 5 levels can have.
    "xgboost_leaf_wise": lambda: XGBClassifier(
        grow_policy="lossguide", max_depth=0, max_leaves=32, tree_method="hist", enable_categorical=True, **COMMON
    ),
    "lightgbm_leaf_wise": lambda: LGBMClassifier(num_leaves=32, verbosity=-1, **COMMON),
}
"""The alternatives by their names; LightGBM grows leaf by leaf only."""


@pytest.fixture(scope="session")
def data():
    """Training and test sets by the kind of data."""
    return {"dense": dense(), "sparse": sparse(), "categorical": categorical()}


@pytest.fixture(scope="session")
def trained():
    """What this run has trained."""
    return {}


# What conftest.py counts. The other limits live in pyproject.toml.
pytestmark = pytest.mark.speedacc(max_leaves=2_000)


# The score is of probabilities: the area under the ROC curve.
@pytest.mark.parametrize("name", GROWN)
@pytest.mark.parametrize("kind", ["dense", "sparse", "categorical"])
def test_row(speedacc, data, trained, kind, name):
    inputs, test_inputs, targets, test_targets = data[kind]
    model = trained[kind, name] = speedacc.fit(lambda: GROWN[name]().fit(inputs, targets))
    speedacc.check(model, test_inputs, test_targets, score="roc_auc")


@pytest.mark.parametrize("name", GROWN)
@pytest.mark.parametrize("kind", ["dense", "sparse", "categorical"])
def test_batch(speedacc, data, trained, kind, name):
    inputs, test_inputs, targets, test_targets = data[kind]
    model = trained.get((kind, name)) or GROWN[name]().fit(inputs, targets)
    speedacc.check(model, test_inputs, test_targets, score="roc_auc", batch_size=128)
