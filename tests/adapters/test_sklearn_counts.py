"""Counts of scikit-learn models against figures that follow from their shapes alone."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from pytest_speedacc.adapters import count_parameters, find_adapter
from pytest_speedacc.errors import GateError

D, C = 4, 3
"""Features and classes of the data below."""

rng = np.random.default_rng(0)
X = rng.random((60, D)) + np.repeat(np.arange(C), 20)[:, None]
y = np.repeat(np.arange(C), 20)
target = X @ np.arange(1.0, D + 1)
two_targets = np.column_stack([target, -target])

logistic = D * C + C
scaler = 2 * D
stump = tree.DecisionTreeClassifier(max_depth=1)
STUMP_3_CLASSES = 2 * 1 + 2 * C

CLOSED_FORMS = [
    # Linear models: features x outputs + outputs; two classes need one output.
    (linear_model.LogisticRegression(), y, D * C + C),
    (linear_model.LogisticRegression(), y == 0, D + 1),
    (linear_model.LogisticRegression(fit_intercept=False), y, D * C),
    (linear_model.LinearRegression(), target, D + 1),
    (linear_model.LinearRegression(fit_intercept=False), target, D),
    (linear_model.LinearRegression(), two_targets, 2 * D + 2),
    (linear_model.Ridge(), target, D + 1),
    (linear_model.RidgeCV(), target, D + 1),
    (linear_model.Lasso(alpha=100), target, D + 1),
    (linear_model.SGDClassifier(average=True), y, D * C + C),
    (linear_model.HuberRegressor(max_iter=1000), target, D + 1),
    (linear_model.PoissonRegressor(), target, D + 1),
    (linear_model.RANSACRegressor(), target, D + 1),
    (linear_model.SGDOneClassSVM(), None, D + 1),
    (svm.LinearSVC(), y, D * C + C),
    (svm.LinearSVR(), target, D + 1),
    (discriminant_analysis.LinearDiscriminantAnalysis(), y, D * C + C),
    (discriminant_analysis.QuadraticDiscriminantAnalysis(), y, C * (D + D + D * D + 1)),
    # Every class is one support vector here, as it has one sample.
    (svm.SVC(), "one sample a class", C * D + (C - 1) * C + C * (C - 1) // 2),
    (kernel_ridge.KernelRidge(), target, len(X) * D + len(X)),
    # Naive Bayes: a figure for each class and feature, and a prior for each class.
    (naive_bayes.GaussianNB(), y, C * D + C * D + C),
    (naive_bayes.MultinomialNB(), y, C * D + C),
    (naive_bayes.BernoulliNB(), y, C * D + C),
    (naive_bayes.ComplementNB(), y, C * D + C),
    (neighbors.NearestCentroid(), y, C * D + C),
    # Trees: 2 x splits + leaf values.
    (tree.DecisionTreeClassifier(max_depth=1), y, STUMP_3_CLASSES),
    (tree.DecisionTreeClassifier(max_depth=1), y == 0, 2 + 2 * 2),
    (tree.DecisionTreeRegressor(max_depth=1), target, 2 + 2),
    (tree.DecisionTreeRegressor(max_depth=1), two_targets, 2 + 2 * 2),
    (tree.ExtraTreeClassifier(max_depth=1), y, STUMP_3_CLASSES),
    (ensemble.RandomForestClassifier(7, max_depth=1), y, 7 * STUMP_3_CLASSES),
    (ensemble.ExtraTreesRegressor(7, max_depth=1), target, 7 * 4),
    (ensemble.GradientBoostingClassifier(n_estimators=5, max_depth=1), y, 5 * C * 4),
    (ensemble.GradientBoostingRegressor(n_estimators=5, max_depth=1, init="zero"), target, 5 * 4),
    (
        ensemble.GradientBoostingRegressor(n_estimators=5, max_depth=1, init=linear_model.Ridge()),
        target,
        5 * 4 + D + 1,
    ),
    (ensemble.HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=2), y, 5 * C * 4),
    (
        ensemble.HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=3, min_samples_leaf=1),
        target,
        5 * (2 * 2 + 3),
    ),
    (ensemble.IsolationForest(n_estimators=5, max_samples=2, contamination=0.1), None, 5 * (2 * 1 + 2) + 1),
    (ensemble.IsolationForest(n_estimators=5, max_samples=2), None, 5 * (2 * 1 + 2)),
    (ensemble.BaggingClassifier(stump, 5), y, 5 * STUMP_3_CLASSES),
    # Networks: weights and intercepts layer by layer.
    (neural_network.MLPClassifier((5,), max_iter=2), y, D * 5 + 5 + 5 * C + C),
    (
        neural_network.MLPRegressor(hidden_layer_sizes=(5, 2), max_iter=2),
        target,
        D * 5 + 5 + 5 * 2 + 2 + 2 * 1 + 1,
    ),
    # Clusters and components.
    (cluster.KMeans(5), None, 5 * D),
    (mixture.GaussianMixture(2), None, 2 * (1 + D + D * D)),
    (decomposition.PCA(2), None, 2 * D + D),
    (decomposition.PCA(2, whiten=True), None, 2 * D + D + 2),
    (decomposition.TruncatedSVD(2), None, 2 * D),
    (decomposition.FastICA(2, max_iter=2), None, 2 * D + D),
    (kernel_approximation.RBFSampler(n_components=9), None, D * 9 + 9),
    (kernel_approximation.Nystroem(n_components=9), None, 9 * D + 9 * 9),
    # Transformers: a statistic where prediction reads one.
    (preprocessing.StandardScaler(), None, 2 * D),
    (preprocessing.StandardScaler(with_mean=False), None, D),
    (preprocessing.MinMaxScaler(), None, 2 * D),
    (preprocessing.MaxAbsScaler(), None, D),
    (preprocessing.RobustScaler(with_scaling=False), None, D),
    (preprocessing.QuantileTransformer(n_quantiles=10), None, 10 * D),
    (preprocessing.PowerTransformer(), None, D + 2 * D),
    (preprocessing.PowerTransformer(standardize=False), None, D),
    (preprocessing.KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"), None, 6 * D),
    (preprocessing.SplineTransformer(n_knots=5, degree=3), None, D * (5 + 2 * 3)),
    (preprocessing.OneHotEncoder(), None, 0),
    (preprocessing.OrdinalEncoder(), None, 0),
    (preprocessing.PolynomialFeatures(3), None, 0),
    (preprocessing.Normalizer(), None, 0),
    (preprocessing.FunctionTransformer(np.log1p), None, 0),
    (impute.SimpleImputer(), None, D),
    (impute.SimpleImputer(strategy="constant", fill_value=7), None, 0),
    (feature_selection.SelectKBest(k=2), y, 2),
    (feature_selection.VarianceThreshold(), None, D),
    (feature_selection.RFE(linear_model.Ridge(), n_features_to_select=2), target, 2 + 2 + 1),
    (dummy.DummyClassifier(), y, C),
    (dummy.DummyRegressor(), target, 1),
    (dummy.DummyClassifier(strategy="constant", constant=1), y, 0),
    # Compositions: the sum of their parts.
    (
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        y,
        scaler + logistic,
    ),
    (pipeline.make_pipeline(None, "passthrough", linear_model.LogisticRegression()), y, logistic),
    (pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(2)), None, scaler + 2 * D + D),
    (
        ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", stump)]),
        y,
        logistic + STUMP_3_CLASSES,
    ),
    (ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", "drop")]), y, logistic),
    (
        ensemble.StackingClassifier([("a", stump)], final_estimator=linear_model.LogisticRegression()),
        y,
        STUMP_3_CLASSES + C * C + C,
    ),
    (model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [1, 2]}), y, logistic),
    (
        model_selection.RandomizedSearchCV(linear_model.LogisticRegression(), {"C": [1, 2]}, n_iter=1),
        y,
        logistic,
    ),
    (multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), y, C * (D + 1)),
    (multiclass.OneVsOneClassifier(linear_model.LogisticRegression()), y, C * (C - 1) // 2 * (D + 1)),
    (multioutput.MultiOutputRegressor(linear_model.Ridge()), two_targets, 2 * (D + 1)),
    (multioutput.RegressorChain(linear_model.Ridge()), two_targets, (D + 1) + (D + 2)),
    (calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=2), y, 2 * (logistic + 2 * C)),
    (
        compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
        target,
        D + 1,
    ),
    (
        compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()),
        target,
        D + 1 + 2,
    ),
    (
        model_selection.TunedThresholdClassifierCV(linear_model.LogisticRegression(), cv=2),
        y == 0,
        D + 1 + 1,
    ),
]


@pytest.mark.parametrize(("model", "targets", "expected"), CLOSED_FORMS, ids=lambda value: type(value).__name__)
def test_count_follows_from_the_shapes(model, targets, expected):
    if isinstance(targets, str):
        model.fit(X[::20], y[::20])
    elif isinstance(model, feature_selection.VarianceThreshold):
        model.fit(X)
    else:
        model.fit(X, targets)
    assert count_parameters(model) == expected


def test_deep_trees_are_walked_node_by_node():
    model = tree.DecisionTreeClassifier(random_state=0).fit(rng.random((200, D)), rng.integers(0, C, 200))

    def walk(node):
        left, right = model.tree_.children_left[node], model.tree_.children_right[node]
        return C if left == right else 2 + walk(left) + walk(right)

    count = find_adapter(model).count_parameters(model)
    assert count.total == walk(0)
    assert count.details == {"trees": 1, "leaves": model.get_n_leaves()}


def test_adaboost_counts_its_rounds_and_one_weight_each():
    noisy = rng.permutation(y)
    model = ensemble.AdaBoostClassifier(stump, n_estimators=6).fit(X, noisy)
    assert count_parameters(model) == len(model.estimators_) * (STUMP_3_CLASSES + 1)


def test_column_transformer_counts_only_what_was_fitted():
    columns = compose.ColumnTransformer(
        [
            ("scaled", preprocessing.StandardScaler(), [0, 1]),
            ("given nothing", preprocessing.StandardScaler(), []),
            ("dropped", "drop", [2]),
        ],
        remainder="passthrough",
    ).fit(X)
    assert count_parameters(columns) == 2 * 2


def test_text_weights_count_and_vocabularies_do_not():
    text = ["one two three", "two three four"]
    assert count_parameters(TfidfVectorizer().fit(text)) == 4
    assert count_parameters(TfidfVectorizer(use_idf=False).fit(text)) == 0
    assert count_parameters(CountVectorizer().fit(text)) == 0


def test_a_sparsified_model_counts_its_zeros_too():
    model = linear_model.LogisticRegression().fit(X, y)
    assert count_parameters(model.sparsify()) == logistic


def test_a_frozen_estimator_shared_by_folds_counts_once():
    frozen = pytest.importorskip("sklearn.frozen")
    fitted = frozen.FrozenEstimator(linear_model.LogisticRegression().fit(X, y))
    model = calibration.CalibratedClassifierCV(fitted, cv=2, ensemble=True).fit(X, y)
    assert count_parameters(model) == logistic + 2 * 2 * C


def test_a_precomputed_or_callable_kernel_is_refused():
    for model, inputs in (
        (svm.SVC(kernel=lambda a, b: a @ b.T), X),
        (svm.SVC(kernel="precomputed"), X @ X.T),
    ):
        with pytest.raises(GateError, match="keeps no support vectors"):
            count_parameters(model.fit(inputs, y))


@pytest.mark.parametrize(
    "model",
    [
        neighbors.KNeighborsClassifier(),
        neighbors.LocalOutlierFactor(novelty=True),
        gaussian_process.GaussianProcessRegressor(),
        impute.KNNImputer(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_non_parametric_models_are_refused_with_the_way_out(model):
    with pytest.raises(GateError, match=rf"{type(model).__name__} keeps its training samples.*max_model_size"):
        count_parameters(model.fit(X, y))


class Shift(TransformerMixin, BaseEstimator):
    """A user's own transformer, which learns one number a feature."""

    def fit(self, inputs, targets=None):
        self.shift_ = inputs.mean(axis=0)
        return self

    def transform(self, inputs):
        return inputs - self.shift_


class Offset(linear_model.LogisticRegression):
    """A subclass that learns more than its base."""

    def fit(self, inputs, targets):
        self.offset_ = inputs.mean(axis=0)
        return super().fit(inputs - self.offset_, targets)


class Renamed(linear_model.LogisticRegression):
    """A subclass that learns and predicts as its base does."""


def test_an_unknown_part_is_an_error_that_names_it():
    model = pipeline.Pipeline([("shift", Shift()), ("classify", linear_model.LogisticRegression())]).fit(X, y)
    with pytest.raises(GateError, match=r"Pipeline, part 'shift': no rule counts the parameters of .*Shift"):
        count_parameters(model)


def test_a_subclass_counts_as_its_base_only_while_it_learns_as_its_base_does():
    assert count_parameters(Renamed().fit(X, y)) == logistic
    with pytest.raises(GateError, match=r"Offset \(its class defines fit\)"):
        count_parameters(Offset().fit(X, y))


def test_a_function_transformer_that_hides_a_model_is_refused():
    inner = linear_model.Ridge().fit(X, target)
    model = preprocessing.FunctionTransformer(inner.predict).fit(X)
    with pytest.raises(GateError, match="may have learned parameters"):
        count_parameters(model)
