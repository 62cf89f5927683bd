"""Every estimator of scikit-learn: counted as its shapes say, non-parametric, or refused; of one size, used or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

# The estimators and their arguments are those of today.
pytest.importorskip("sklearn", minversion="1.8")

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError

N, D, C = 30, 4, 3
"""Samples, features and classes of the data below."""

rng = np.random.default_rng(0)
y = np.repeat(np.arange(C), N // C)
X = rng.random((N, D)) + y[:, None]
binary = (y == 0).astype(int)
target = X @ np.arange(1.0, D + 1)
two_targets = np.column_stack([target, -target])
whole = np.floor(X).astype(int)
"""Whole numbers: in each feature 0 to 2 or 3, as categories."""
kernel = X @ X.T
holes = X.copy()
holes[0, 0] = np.nan
texts = ["one two three", "two three four"] * (N // 2)
WORDS = 4

LOGISTIC = C * (D + 1)
RIDGE = D + 1
K = 2
"""Components, clusters and hidden units."""

NON_PARAMETRIC = "keeps its training samples instead of learning parameters"
REFUSED = "no rule counts the parameters of"


@cache
def estimators() -> dict[str, Any]:
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
    from sklearn.utils import all_estimators

    return dict(all_estimators())


def made(name: str, *args: Any, **kwargs: Any) -> Any:
    """An estimator, seeded: of other draws, some would not converge."""
    model = estimators()[name](*args, **kwargs)
    seeds = {key: 0 for key, value in model.get_params().items() if key.endswith("random_state") and value is None}
    if seeds:
        model.set_params(**seeds)
    return model


def of_trees(trees: Iterable[Any], values: int = 1) -> int:
    """Two scalars a split and `values` a leaf, of which a binary tree has one more."""
    leaves = [tree.get_n_leaves() for tree in trees]
    return sum(2 * (each - 1) + values * each for each in leaves)


def of_histograms(model: Any) -> int:
    leaves = [predictor.get_n_leaf_nodes() for several in model._predictors for predictor in several]
    return sum(2 * (each - 1) + each for each in leaves)


def of_machine(model: Any) -> int:
    """A kernel machine of some classes, each against each; of one class or a regression, as of two."""
    support = len(model.support_)
    classes = len(getattr(model, "classes_", (0, 1)))
    return support * D + (classes - 1) * support + classes * (classes - 1) // 2


def clusters(model: Any) -> int:
    return D * len(np.unique(model.labels_))


def selected(model: Any) -> int:
    return model.transform(X).shape[1]


def logistic() -> Any:
    return made("LogisticRegression")


def ridge() -> Any:
    return made("Ridge")


def scaler() -> Any:
    return made("StandardScaler")


Expected = int | str | Callable[[Any], int]

TABLE: dict[str, Expected] = {
    "ARDRegression": RIDGE,
    "AdaBoostClassifier": lambda model: of_trees(model.estimators_, C) + len(model.estimators_),
    "AdaBoostRegressor": lambda model: of_trees(model.estimators_) + len(model.estimators_),
    "AdditiveChi2Sampler": 0,
    "AffinityPropagation": clusters,
    "AgglomerativeClustering": REFUSED,
    # Each of five members sees two of the features.
    "BaggingClassifier": lambda model: of_trees(model.estimators_, C) + 5 * 2,
    "BaggingRegressor": lambda model: of_trees(model.estimators_) + 5 * 2,
    # A Dirichlet process has two concentrations a component, and each component two figures of its own precision.
    "BayesianGaussianMixture": K * (2 + D + D * D + 1 + 1),
    "BayesianRidge": RIDGE,
    "BernoulliNB": C * D + C,
    "BernoulliRBM": K * D + K + D,
    "Binarizer": 0,
    "Birch": lambda model: D * len(np.unique(model.predict(X))),
    # Two splits with both their centres, and the mean of all.
    "BisectingKMeans": 2 * 2 * D + D,
    "CCA": D + 1 + D,
    "CalibratedClassifierCV": 2 * (LOGISTIC + 2 * C),
    "CategoricalNB": C * int(sum(whole.max(axis=0) + 1)) + C,
    "ClassicalMDS": REFUSED,
    "ClassifierChain": (D + 1) + (D + 2),
    "ColumnTransformer": 2 * 2,
    "ComplementNB": C * D + C,
    "CountVectorizer": 0,
    "DBSCAN": REFUSED,
    "DecisionTreeClassifier": lambda model: of_trees([model], C),
    "DecisionTreeRegressor": lambda model: of_trees([model]),
    "DictVectorizer": 0,
    "DictionaryLearning": K * D,
    "DummyClassifier": C,
    "DummyRegressor": 1,
    "ElasticNet": RIDGE,
    "ElasticNetCV": RIDGE,
    "EllipticEnvelope": D * D + D + 1,
    "EmpiricalCovariance": REFUSED,
    "ExtraTreeClassifier": lambda model: of_trees([model], C),
    "ExtraTreeRegressor": lambda model: of_trees([model]),
    "ExtraTreesClassifier": lambda model: of_trees(model.estimators_, C),
    "ExtraTreesRegressor": lambda model: of_trees(model.estimators_),
    "FactorAnalysis": K * D + D + D,
    "FastICA": K * D + D,
    "FeatureAgglomeration": D,
    "FeatureHasher": 0,
    "FeatureUnion": 2 * D + K * D + D,
    "FixedThresholdClassifier": D + 1,
    "FrozenEstimator": LOGISTIC,
    "FunctionTransformer": 0,
    "GammaRegressor": RIDGE,
    "GaussianMixture": K * (1 + D + D * D),
    "GaussianNB": 2 * C * D + C,
    "GaussianProcessClassifier": NON_PARAMETRIC,
    "GaussianProcessRegressor": NON_PARAMETRIC,
    "GaussianRandomProjection": K * D,
    "GenericUnivariateSelect": selected,
    "GradientBoostingClassifier": lambda model: of_trees(model.estimators_.ravel()),
    "GradientBoostingRegressor": lambda model: of_trees(model.estimators_.ravel()),
    "GraphicalLasso": REFUSED,
    "GraphicalLassoCV": REFUSED,
    "GridSearchCV": RIDGE,
    "HDBSCAN": REFUSED,
    "HalvingGridSearchCV": RIDGE,
    "HalvingRandomSearchCV": RIDGE,
    "HashingVectorizer": 0,
    "HistGradientBoostingClassifier": of_histograms,
    "HistGradientBoostingRegressor": of_histograms,
    "HuberRegressor": RIDGE,
    "IncrementalPCA": K * D + D,
    # Each of five members sees two of the features.
    "IsolationForest": lambda model: of_trees(model.estimators_) + 5 * 2,
    "Isomap": NON_PARAMETRIC,
    # A place and a value for each of the numbers that it has seen rise.
    "IsotonicRegression": 2 * N,
    # One round: for each feature a regression on the others; and the means to begin with.
    "IterativeImputer": D * (D - 1 + 1) + D,
    "KBinsDiscretizer": 6 * D,
    "KMeans": K * D,
    "KNNImputer": NON_PARAMETRIC,
    "KNeighborsClassifier": NON_PARAMETRIC,
    "KNeighborsRegressor": NON_PARAMETRIC,
    "KNeighborsTransformer": NON_PARAMETRIC,
    "KernelCenterer": N + 1,
    "KernelDensity": NON_PARAMETRIC,
    # Samples, eigenvectors, eigenvalues, and the means of the kernel's rows and of all.
    "KernelPCA": N * D + N * K + K + N + 1,
    "KernelRidge": N * D + N,
    "LabelBinarizer": 0,
    "LabelEncoder": 0,
    "LabelPropagation": NON_PARAMETRIC,
    "LabelSpreading": NON_PARAMETRIC,
    "Lars": RIDGE,
    "LarsCV": RIDGE,
    "Lasso": RIDGE,
    "LassoCV": RIDGE,
    "LassoLars": RIDGE,
    "LassoLarsCV": RIDGE,
    "LassoLarsIC": RIDGE,
    "LatentDirichletAllocation": K * D,
    "LedoitWolf": REFUSED,
    "LinearDiscriminantAnalysis": LOGISTIC,
    "LinearRegression": RIDGE,
    "LinearSVC": LOGISTIC,
    "LinearSVR": RIDGE,
    "LocalOutlierFactor": NON_PARAMETRIC,
    "LocallyLinearEmbedding": NON_PARAMETRIC,
    "LogisticRegression": LOGISTIC,
    "LogisticRegressionCV": LOGISTIC,
    "MDS": REFUSED,
    "MLPClassifier": D * K + K + K * C + C,
    "MLPRegressor": D * K + K + K + 1,
    "MaxAbsScaler": D,
    "MeanShift": clusters,
    "MinCovDet": REFUSED,
    "MinMaxScaler": 2 * D,
    "MiniBatchDictionaryLearning": K * D,
    "MiniBatchKMeans": K * D,
    "MiniBatchNMF": K * D,
    "MiniBatchSparsePCA": K * D + D,
    "MissingIndicator": 1,
    "MultiLabelBinarizer": 0,
    "MultiOutputClassifier": 2 * (D + 1),
    "MultiOutputRegressor": 2 * RIDGE,
    "MultiTaskElasticNet": 2 * RIDGE,
    "MultiTaskElasticNetCV": 2 * RIDGE,
    "MultiTaskLasso": 2 * RIDGE,
    "MultiTaskLassoCV": 2 * RIDGE,
    "MultinomialNB": C * D + C,
    "NMF": K * D,
    "NearestCentroid": C * D + C,
    "NearestNeighbors": NON_PARAMETRIC,
    "NeighborhoodComponentsAnalysis": K * D,
    "Normalizer": 0,
    "NuSVC": of_machine,
    "NuSVR": of_machine,
    "Nystroem": K * D + K * K,
    "OAS": REFUSED,
    "OPTICS": REFUSED,
    "OneClassSVM": of_machine,
    "OneHotEncoder": 0,
    "OneVsOneClassifier": C * (C - 1) // 2 * (D + 1),
    "OneVsRestClassifier": C * (D + 1),
    "OrdinalEncoder": 0,
    "OrthogonalMatchingPursuit": RIDGE,
    "OrthogonalMatchingPursuitCV": RIDGE,
    # Two members a class, and the book in which each class has a digit for each member.
    "OutputCodeClassifier": 2 * C * (D + 1) + 2 * C * C,
    "PCA": K * D + D,
    "PLSCanonical": D + 1 + D,
    "PLSRegression": D + 1 + D,
    "PLSSVD": D + D + D,
    "PassiveAggressiveClassifier": LOGISTIC,
    "PassiveAggressiveRegressor": RIDGE,
    "PatchExtractor": 0,
    "Perceptron": LOGISTIC,
    "Pipeline": 2 * D + LOGISTIC,
    "PoissonRegressor": RIDGE,
    # Where each feature goes and with which sign, for each degree.
    "PolynomialCountSketch": 2 * 2 * D,
    "PolynomialFeatures": 0,
    "PowerTransformer": D + 2 * D,
    "QuadraticDiscriminantAnalysis": C * (D + D + D * D + 1),
    "QuantileRegressor": RIDGE,
    "QuantileTransformer": 10 * D,
    "RANSACRegressor": RIDGE,
    "RBFSampler": K * D + K,
    "RFE": 2 + (2 + 1),
    "RFECV": lambda model: selected(model) + selected(model) + 1,
    "RadiusNeighborsClassifier": NON_PARAMETRIC,
    "RadiusNeighborsRegressor": NON_PARAMETRIC,
    "RadiusNeighborsTransformer": NON_PARAMETRIC,
    "RandomForestClassifier": lambda model: of_trees(model.estimators_, C),
    "RandomForestRegressor": lambda model: of_trees(model.estimators_),
    "RandomTreesEmbedding": lambda model: of_trees(model.estimators_),
    "RandomizedSearchCV": RIDGE,
    "RegressorChain": (D + 1) + (D + 2),
    "Ridge": RIDGE,
    "RidgeCV": RIDGE,
    "RidgeClassifier": LOGISTIC,
    "RidgeClassifierCV": LOGISTIC,
    "RobustScaler": 2 * D,
    "SGDClassifier": LOGISTIC,
    "SGDOneClassSVM": D + 1,
    "SGDRegressor": RIDGE,
    "SVC": of_machine,
    "SVR": of_machine,
    "SelectFdr": selected,
    "SelectFpr": selected,
    "SelectFromModel": selected,
    "SelectFwe": selected,
    "SelectKBest": selected,
    "SelectPercentile": selected,
    "SelfTrainingClassifier": LOGISTIC,
    "SequentialFeatureSelector": 2,
    "ShrunkCovariance": REFUSED,
    "SimpleImputer": D,
    "SkewedChi2Sampler": K * D + K,
    "SparseCoder": REFUSED,
    "SparsePCA": K * D + D,
    "SparseRandomProjection": K * D,
    "SpectralBiclustering": REFUSED,
    "SpectralClustering": REFUSED,
    "SpectralCoclustering": REFUSED,
    "SpectralEmbedding": REFUSED,
    "SplineTransformer": D * (5 + 2 * 3),
    "StackingClassifier": LOGISTIC + C * (C + 1),
    "StackingRegressor": RIDGE + 2,
    "StandardScaler": 2 * D,
    "TSNE": REFUSED,
    "TargetEncoder": C * sum(len(np.unique(column)) for column in whole.T) + C,
    "TfidfTransformer": D,
    "TfidfVectorizer": WORDS,
    "TheilSenRegressor": RIDGE,
    "TransformedTargetRegressor": RIDGE,
    "TruncatedSVD": K * D,
    "TunedThresholdClassifierCV": D + 1 + 1,
    "TweedieRegressor": RIDGE,
    "VarianceThreshold": D,
    "VotingClassifier": 2 * LOGISTIC,
    "VotingRegressor": 2 * RIDGE,
}
"""What each is: the count that follows from the shapes of its data, or the words with which it is refused."""

ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "AdaBoostClassifier AdaBoostRegressor RandomForestClassifier RandomForestRegressor ExtraTreesClassifier "
    "ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor RandomTreesEmbedding": lambda: {
        "n_estimators": 3
    },
    "BaggingClassifier BaggingRegressor IsolationForest": lambda: {"n_estimators": 5, "max_features": 0.5},
    "HistGradientBoostingClassifier HistGradientBoostingRegressor": lambda: {"max_iter": 2, "min_samples_leaf": 2},
    "BayesianGaussianMixture GaussianMixture FactorAnalysis FastICA IncrementalPCA KernelPCA LatentDirichletAllocation "
    "NMF NeighborhoodComponentsAnalysis Nystroem PCA RBFSampler SkewedChi2Sampler SparsePCA TruncatedSVD BernoulliRBM "
    "GaussianRandomProjection SparseRandomProjection": lambda: {"n_components": K},
    "DictionaryLearning MiniBatchDictionaryLearning MiniBatchNMF MiniBatchSparsePCA": lambda: {
        "n_components": K,
        "max_iter": 2,
    },
    "CCA PLSCanonical PLSSVD": lambda: {"n_components": 1},
    "Birch": lambda: {"n_clusters": None},
    "BisectingKMeans": lambda: {"n_clusters": 3},
    "KMeans MiniBatchKMeans": lambda: {"n_clusters": K},
    "MeanShift": lambda: {"bandwidth": 1},
    "MLPClassifier MLPRegressor": lambda: {"hidden_layer_sizes": (K,), "max_iter": 2},
    "KBinsDiscretizer": lambda: {"quantile_method": "averaged_inverted_cdf"},
    "LocalOutlierFactor": lambda: {"novelty": True},
    "GaussianProcessClassifier": lambda: {"optimizer": None},
    "RadiusNeighborsClassifier RadiusNeighborsRegressor": lambda: {"radius": 9},
    "GenericUnivariateSelect": lambda: {"mode": "k_best", "param": 2},
    "SelectKBest": lambda: {"k": 2},
    "IterativeImputer": lambda: {"max_iter": 1},
    "PolynomialCountSketch": lambda: {"degree": 2, "n_components": 5},
    "QuantileTransformer": lambda: {"n_quantiles": 10},
    "LogisticRegressionCV": lambda: {"Cs": 2, "cv": 2, "l1_ratios": (0,), "use_legacy_attributes": False},
    "ClassifierChain FixedThresholdClassifier FrozenEstimator MultiOutputClassifier "
    "OneVsOneClassifier OneVsRestClassifier SelectFromModel SelfTrainingClassifier": lambda: {"estimator": logistic()},
    "CalibratedClassifierCV TunedThresholdClassifierCV": lambda: {"estimator": logistic(), "cv": 2},
    "OutputCodeClassifier": lambda: {"estimator": logistic(), "code_size": 2, "random_state": 3},
    "MultiOutputRegressor RegressorChain": lambda: {"estimator": ridge()},
    "RFE": lambda: {"estimator": ridge(), "n_features_to_select": 2},
    "RFECV": lambda: {"estimator": ridge(), "cv": 2},
    "SequentialFeatureSelector": lambda: {"estimator": ridge(), "n_features_to_select": 2, "cv": 2},
    "GridSearchCV HalvingGridSearchCV": lambda: {"estimator": ridge(), "param_grid": {"alpha": [1, 2]}, "cv": 2},
    "RandomizedSearchCV": lambda: {
        "estimator": ridge(),
        "param_distributions": {"alpha": [1, 2]},
        "cv": 2,
        "n_iter": 1,
    },
    "HalvingRandomSearchCV": lambda: {"estimator": ridge(), "param_distributions": {"alpha": [1, 2]}, "cv": 2},
    "TransformedTargetRegressor": lambda: {"regressor": ridge()},
    "Pipeline": lambda: {"steps": [("scale", scaler()), ("classify", logistic())]},
    "FeatureUnion": lambda: {"transformer_list": [("scale", scaler()), ("project", made("PCA", K))]},
    "ColumnTransformer": lambda: {"transformers": [("scale", scaler(), [0, 1])]},
    "VotingClassifier": lambda: {"estimators": [("a", logistic()), ("b", logistic())]},
    "VotingRegressor": lambda: {"estimators": [("a", ridge()), ("b", ridge())]},
    "StackingClassifier": lambda: {"estimators": [("a", logistic())], "final_estimator": logistic(), "cv": 2},
    "StackingRegressor": lambda: {"estimators": [("a", ridge())], "final_estimator": ridge(), "cv": 2},
    "SparseCoder": lambda: {"dictionary": np.eye(D)},
}
"""The arguments of those that need some, or are quicker or more telling with them."""

INPUTS: dict[str, Any] = {
    "CategoricalNB TargetEncoder OneHotEncoder OrdinalEncoder": whole,
    "CountVectorizer HashingVectorizer TfidfVectorizer": texts,
    "DictVectorizer FeatureHasher": [{"one": 1.0}, {"two": 2.0}] * (N // 2),
    "IsotonicRegression": target,
    "KernelCenterer": kernel,
    "LabelBinarizer LabelEncoder": y,
    "MultiLabelBinarizer": [[1, 2], [3]] * (N // 2),
    "MissingIndicator IterativeImputer SimpleImputer KNNImputer": holes,
    "PatchExtractor": rng.random((2, 12, 12)),
}
TARGETS: dict[str, Any] = {
    "ClassifierChain MultiOutputClassifier": np.column_stack([binary, binary]),
    "FixedThresholdClassifier TunedThresholdClassifierCV": binary,
    "MultiOutputRegressor MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV "
    "RegressorChain": two_targets,
    "SelfTrainingClassifier": np.where(np.arange(N) % 5 == 0, -1, y),
    # These cannot be asked whether they are regressions, or are none and need numbers in a row.
    "CCA PLSCanonical PLSRegression PLSSVD RFE RFECV SequentialFeatureSelector": target,
    "LabelBinarizer LabelEncoder MultiLabelBinarizer": None,
}

USES = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "kneighbors",
    "get_feature_names_out",
)


def of(table: dict[str, Any], name: str, otherwise: Any) -> Any:
    return next((value for names, value in table.items() if name in names.split()), otherwise)


def fitted(name: str) -> tuple[Any, Any]:
    """A fitted estimator, and its inputs."""
    from sklearn.base import is_regressor

    model = made(name, **of(ARGUMENTS, name, dict)())
    if name == "FrozenEstimator":
        model.estimator.fit(X, y)
    inputs = of(INPUTS, name, X)
    targets = of(TARGETS, name, target if is_regressor(model) else y)
    with threadpool_limits(1):
        model.fit(inputs) if targets is None else model.fit(inputs, targets)
    return model, inputs


def use(model: Any, inputs: Any) -> list[str]:
    """Call whatever the model can be called for, and say what worked."""
    worked = []
    for name in USES:
        if hasattr(model, name):
            try:
                getattr(model, name)(*() if name == "get_feature_names_out" else (inputs,))
            except (AttributeError, NotImplementedError, ValueError):
                continue
            worked.append(name)
    return worked


@pytest.fixture(autouse=True)
def no_warnings():
    """Data as small as this is often remarked on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_every_estimator_is_in_the_table() -> None:
    assert estimators().keys() <= TABLE.keys(), "say of each new one how it is counted, or that it is refused"
    assert len(estimators()) > 200


@pytest.mark.parametrize("name", [name for name, expected in TABLE.items() if expected == REFUSED])
def test_what_no_rule_counts_is_refused(name: str) -> None:
    if name not in estimators():
        pytest.skip(f"this scikit-learn has no {name}")
    model = made(name, **of(ARGUMENTS, name, dict)())
    with pytest.raises(GateError, match=rf"{REFUSED} .*{name}.*max_model_size"):
        find_adapter(model).count_parameters(model)


@pytest.mark.parametrize("name", [name for name, expected in TABLE.items() if expected != REFUSED])
def test_every_estimator_is_counted_whole_and_has_one_size(name: str) -> None:
    if name not in estimators():
        pytest.skip(f"this scikit-learn has no {name}")
    model, inputs = fitted(name)
    size, expected = model_size(model), TABLE[name]
    if isinstance(expected, str):
        with pytest.raises(GateError, match=f"{name} {expected}"):
            count_parameters(model)
    else:
        assert count_parameters(model) == (expected(model) if callable(expected) else expected)
    with threadpool_limits(1):
        assert use(model, inputs), "nothing could be called"
    assert model_size(model) == size
