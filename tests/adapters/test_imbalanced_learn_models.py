"""imbalanced-learn: pipelines whose samplers take no part in prediction, and ensembles that balance each member."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("imblearn")

from imblearn import FunctionSampler
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError

D = 4

rng = np.random.default_rng(0)
X = rng.random((120, D))
# Noise, so that boosting does not end after one round.
y = ((X[:, 0] > 0.8) ^ (rng.random(120) < 0.2)).astype(int)


def of_trees(trees: Any) -> int:
    """Two scalars a split and two classes a leaf, of which a binary tree has one more."""
    leaves = [tree.get_n_leaves() for tree in trees]
    return sum(2 * (each - 1) + 2 * each for each in leaves)


MODELS = {
    "a sampler": (
        make_pipeline(StandardScaler(), SMOTE(random_state=0), LogisticRegression()),
        lambda model: 2 * D + D + 1,
    ),
    "a function that samples": (
        make_pipeline(FunctionSampler(), StandardScaler(), make_pipeline(RandomUnderSampler(), LogisticRegression())),
        lambda model: 2 * D + D + 1,
    ),
    "a forest": (
        BalancedRandomForestClassifier(5, random_state=0),
        lambda model: of_trees(model.estimators_),
    ),
    "bagging": (
        BalancedBaggingClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=5, random_state=0),
        lambda model: of_trees(member[-1] for member in model.estimators_),
    ),
    "bagging of features": (
        BalancedBaggingClassifier(n_estimators=5, max_features=3, random_state=0),
        lambda model: of_trees(member[-1] for member in model.estimators_) + 5 * 3,
    ),
    "an ensemble of boosters": (
        EasyEnsembleClassifier(3, estimator=AdaBoostClassifier(n_estimators=4), random_state=0),
        lambda model: sum(of_trees(member[-1].estimators_) + len(member[-1].estimators_) for member in model),
    ),
    "boosting": (
        RUSBoostClassifier(n_estimators=5, random_state=0),
        lambda model: of_trees(model.estimators_) + len(model.estimators_),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_count_is_that_of_what_predicts_and_use_changes_no_size(name: str) -> None:
    model, truth = MODELS[name]
    with pytest.raises(GateError, match="is not fitted"):
        count_parameters(model)
    model.fit(X, y)
    assert find_adapter(model).framework == "scikit-learn"
    assert count_parameters(model) == truth(model)
    size = model_size(model)
    model.predict(X)
    model.predict_proba(X)
    assert model_size(model) == size


def test_what_a_step_keeps_is_refused_as_ever() -> None:
    model = make_pipeline(RandomUnderSampler(), KNeighborsClassifier()).fit(X, y)
    with pytest.raises(GateError, match=r"Pipeline, part 'kneighborsclassifier': .*keeps its training samples"):
        count_parameters(model)


class Renamed(Pipeline):
    """A pipeline of the user's own that learns as its base does."""


class Shifted(Pipeline):
    """One that does not."""

    def predict(self, X: Any, **params: Any) -> Any:
        return super().predict(X + 1, **params)


def test_a_subclass_counts_while_it_predicts_as_its_base_does() -> None:
    steps = [("sample", RandomUnderSampler()), ("classify", LogisticRegression())]
    assert count_parameters(Renamed(steps).fit(X, y)) == D + 1
    with pytest.raises(GateError, match=r"Shifted \(its class defines predict\)"):
        count_parameters(Shifted(steps).fit(X, y))
