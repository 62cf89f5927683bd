"""Compositions keep the estimator that they were given, never fitted, beside those that they fitted: both are sized."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier

from pytest_speedacc.adapters import model_size

rng = np.random.default_rng(0)
X = rng.random((60, 4))
y = (X[:, 0] > 0.5).astype(int)


def xgboost() -> Any:
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)


def lightgbm() -> Any:
    kind = pytest.importorskip("lightgbm").LGBMClassifier
    return kind(n_estimators=3, num_leaves=4, min_child_samples=5, n_jobs=1, verbose=-1)


def catboost() -> Any:
    kind = pytest.importorskip("catboost").CatBoostClassifier
    return kind(iterations=3, depth=2, thread_count=1, verbose=False, allow_writing_files=False)


BOOSTERS = [xgboost, lightgbm, catboost]
COMPOSITIONS: list[Callable[[Any], Any]] = [
    lambda model: StackingClassifier([("trees", model)], cv=2),
    lambda model: VotingClassifier([("trees", model)]),
    lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
    lambda model: CalibratedClassifierCV(model, cv=2),
    lambda model: GridSearchCV(model, {"random_state": [0]}, cv=2),
    OneVsRestClassifier,
]


@pytest.mark.parametrize("compose", COMPOSITIONS)
@pytest.mark.parametrize("booster", BOOSTERS)
def test_a_booster_within_a_composition_is_sized(booster: Any, compose: Callable[[Any], Any]) -> None:
    model = compose(booster()).fit(X, y)
    size = model_size(model)
    # All that it holds of a booster beside the fitted ones is its parameters.
    assert size > model_size(booster().fit(X, y))
    model.predict(X)
    assert model_size(model) == size
    assert model_size(pickle.loads(pickle.dumps(model))) == size


@pytest.mark.parametrize("booster", BOOSTERS)
def test_the_fitted_one_still_has_its_own_format(booster: Any) -> None:
    """A pickle of it would record how many threads the machine has."""
    few, many = ({"thread_count" if booster is catboost else "n_jobs": threads} for threads in (1, 2))
    fitted = [VotingClassifier([("trees", booster().set_params(**each))]).fit(X, y) for each in (few, many)]
    lengths = [model_size(each.estimators_[0]) for each in fitted]
    assert lengths[0] == lengths[1]
    assert [model_size(each) for each in fitted] == [model_size(fitted[0])] * 2
