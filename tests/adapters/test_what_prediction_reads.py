"""What a model has learned counts where prediction reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn.frozen")  # from scikit-learn 1.6 on

from sklearn.cluster import BisectingKMeans
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    StackingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pytest_speedacc.adapters import count_parameters
from pytest_speedacc.errors import GateError

N, D, C = 60, 7, 3

rng = np.random.default_rng(0)
y = np.repeat(np.arange(C), N // C)
X = rng.random((N, D)) + y[:, None]
target = X @ np.arange(1.0, D + 1)
HOLES = np.where(rng.random(X.shape) < 0.1, np.nan, X)
CATEGORIES = np.arange(400) % 12
EFFECTS = rng.normal(size=12)

LOGISTIC_OF_2 = C * (2 + 1)
STUMP = 2 * 1 + 2 * C


class TestTransformers:
    """A step before the last is asked for `transform`, and what only `predict` reads is no part of the model."""

    def test_a_discriminant_analysis_is_its_axes_and_its_mean(self) -> None:
        model = make_pipeline(LinearDiscriminantAnalysis(), LogisticRegression()).fit(X, y)
        assert count_parameters(LinearDiscriminantAnalysis().fit(X, y)) == C * D + C == 24
        assert count_parameters(model) - LOGISTIC_OF_2 == D * (C - 1) + D == 21

    @pytest.mark.parametrize(
        ("step", "read", "unread"),
        [
            (LinearDiscriminantAnalysis(), ["scalings_", "xbar_"], ["coef_", "intercept_", "means_", "priors_"]),
            (
                LinearDiscriminantAnalysis(solver="eigen", n_components=1),
                ["scalings_"],
                ["coef_", "intercept_", "means_", "priors_"],
            ),
            (PLSRegression(2), ["x_rotations_", "_x_mean", "_x_std"], ["coef_", "intercept_", "x_weights_"]),
        ],
        ids=["svd", "eigen", "PLS"],
    )
    def test_the_same_is_seen_when_numbers_are_spoilt(self, step: Any, read: list[str], unread: list[str]) -> None:
        # Frozen, since the regressions give their pipeline a pair when they are fitted in it.
        model = make_pipeline(FrozenEstimator(step.fit(X, y)), Ridge()).fit(X, y)
        before = model.predict(X)
        counted = count_parameters(model) - len(model[-1].coef_) - 1
        for name in unread:
            vars(step)[name] = np.full_like(np.asarray(vars(step)[name], float), np.nan)
        np.testing.assert_array_equal(model.predict(X), before)
        # Each number by itself: it counts where the predictions move with it.
        moves = 0
        for array in (vars(step)[name] for name in read):
            for place in np.ndindex(array.shape):
                kept, array[place] = array[place], array[place] + 1
                moves += not np.array_equal(model.predict(X), before)
                array[place] = kept
        assert counted == moves

    def test_a_selector_is_its_selection_and_a_stack_is_its_members(self) -> None:
        selector = RFE(LogisticRegression(), n_features_to_select=2)
        assert count_parameters(make_pipeline(selector, LogisticRegression()).fit(X, y)) == 2 + LOGISTIC_OF_2
        stack = StackingClassifier([("a", DecisionTreeClassifier(max_depth=1))], LogisticRegression(), cv=2)
        model = make_pipeline(stack, LogisticRegression()).fit(X, y)
        assert count_parameters(model) == STUMP + C * (C + 1)

    @pytest.mark.parametrize(
        "wrapped",
        [
            lambda step: make_pipeline(StandardScaler(), step),
            lambda step: make_pipeline(StandardScaler(), make_pipeline(step)),
            lambda step: make_union(StandardScaler(), step),
            lambda step: ColumnTransformer([("a", StandardScaler(), [*range(D)]), ("b", step, [*range(D)])]),
            lambda step: make_pipeline(StandardScaler(), GridSearchCV(step, {"tol": [1e-4]}, cv=2)),
            lambda step: make_pipeline(StandardScaler(), FrozenEstimator(step.fit(X, y))),
            lambda step: make_pipeline(StandardScaler(), step, "passthrough"),
        ],
        ids=["pipeline", "nested", "union", "columns", "search", "frozen", "passed through"],
    )
    def test_wherever_it_stands(self, wrapped: Any) -> None:
        model = make_pipeline(wrapped(LinearDiscriminantAnalysis()), LogisticRegression()).fit(X, y)
        features = model[-1].n_features_in_
        assert count_parameters(model) == 2 * D + (D * (C - 1) + D) + C * (features + 1)

    def test_clusters_on_the_way_count_where_prediction_goes_that_way(self) -> None:
        model = BisectingKMeans(4, random_state=0).fit(X)
        nodes, centres = [model._bisecting_tree], 0
        while nodes:
            node = nodes.pop()
            if node.left is not None:
                centres += 2
                nodes += [node.left, node.right]
        assert count_parameters(model) == centres * D + D == 6 * D + D
        assert count_parameters(make_pipeline(model, Ridge()).fit(X, target)) == 4 * D + 4 + 1


class TestDrawnFeatures:
    def test_each_index_counts(self) -> None:
        member = DecisionTreeClassifier(max_depth=1)
        assert count_parameters(BaggingClassifier(member, 5, max_features=3).fit(X, y)) == 5 * (STUMP + 3)
        assert count_parameters(BaggingClassifier(member, 5, bootstrap_features=True).fit(X, y)) == 5 * (STUMP + D)
        # Two samples a tree: a split and two leaves.
        assert count_parameters(IsolationForest(n_estimators=5, max_samples=2, max_features=2).fit(X)) == 5 * (4 + 2)

    def test_members_that_see_all_have_none(self) -> None:
        member = DecisionTreeClassifier(max_depth=1)
        assert count_parameters(BaggingClassifier(member, 5).fit(X, y)) == 5 * STUMP
        assert count_parameters(IsolationForest(n_estimators=5, max_samples=2).fit(X)) == 5 * 4

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_imputing_from_the_nearest_is_told_from_imputing_from_all(self) -> None:
        all_others = IterativeImputer(max_iter=1).fit(HOLES)
        assert count_parameters(all_others) == D + D * D
        nearest = IterativeImputer(max_iter=1, n_nearest_features=2, random_state=0).fit(HOLES)
        assert count_parameters(nearest) == D + D * (2 + 1) + 2 * D


def test_a_split_by_category_is_a_set_of_them() -> None:
    """The members of each set are seen from outside: which categories go to the left leaf of a stump."""
    model = HistGradientBoostingRegressor(
        max_iter=3, max_leaf_nodes=2, categorical_features=[0], min_samples_leaf=1, learning_rate=1
    ).fit(CATEGORIES[:, None], EFFECTS[CATEGORIES])
    rounds = list(model.staged_predict(np.arange(12)[:, None]))
    steps = np.diff([np.full(12, model._baseline_prediction.item()), *rounds], axis=0)
    on_the_left = 0
    for step, (predictor,) in zip(steps, model._predictors, strict=True):
        on_the_left += np.isclose(step, predictor.nodes["value"][predictor.nodes["left"][0]]).sum()
    assert on_the_left > 3
    assert count_parameters(model) == 3 * (1 + 2) + on_the_left


class TestRefused:
    def test_draws_from_the_estimators_own_error(self) -> None:
        with pytest.raises(GateError, match=r"sample_posterior=True draws .*max_model_size"):
            count_parameters(IterativeImputer(max_iter=1, sample_posterior=True, random_state=0).fit(HOLES))

    def test_a_kernel_that_keeps_no_samples(self) -> None:
        with pytest.raises(GateError, match="KernelPCA with a precomputed kernel keeps no samples"):
            count_parameters(KernelPCA(2, kernel="precomputed").fit(X @ X.T))
