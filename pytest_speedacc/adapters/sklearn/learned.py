"""The fitted attributes of scikit-learn estimators that prediction reads, family by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import ParameterCount, class_name
from pytest_speedacc.errors import GateError


@dataclass(frozen=True, slots=True)
class Learned:
    """One fitted attribute whose elements are learned scalars."""

    label: str
    """What the elements are called in the details."""
    attribute: str
    """The name of the fitted attribute, dots allowed."""
    when: str | None = None
    """The constructor argument that must be true for prediction to read the attribute."""


_COEFFICIENTS = Learned("coefficients", "coef_")
_LINEAR = (_COEFFICIENTS, Learned("intercepts", "intercept_", when="fit_intercept"))
_COMPONENTS = Learned("components", "components_")
_CENTRED_COMPONENTS = (_COMPONENTS, Learned("means", "mean_"))
_PCA = (*_CENTRED_COMPONENTS, Learned("variances", "explained_variance_", when="whiten"))
_CLUSTERS = (Learned("cluster centres", "cluster_centers_"),)
_X_MEANS = Learned("means", "_x_mean")
_X_SCALING = (_X_MEANS, Learned("scales", "_x_std", when="scale"))
_RANDOM_FEATURES = (Learned("random weights", "random_weights_"), Learned("random offsets", "random_offset_"))
_BAYES_TABLES = (Learned("log probabilities", "feature_log_prob_"), Learned("priors", "class_log_prior_"))


def _families(*families: tuple[str, tuple[Learned, ...]]) -> dict[str, tuple[Learned, ...]]:
    return {name: learned for names, learned in families for name in names.split()}


LEARNED: Mapping[str, tuple[Learned, ...]] = _families(
    (
        "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV Lasso "
        "LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression LinearSVC LinearSVR LogisticRegression "
        "LogisticRegressionCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV "
        "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PassiveAggressiveClassifier "
        "PassiveAggressiveRegressor Perceptron PoissonRegressor QuantileRegressor Ridge RidgeCV "
        "RidgeClassifier RidgeClassifierCV SGDClassifier SGDRegressor TheilSenRegressor TweedieRegressor",
        _LINEAR,
    ),
    ("SGDOneClassSVM", (_COEFFICIENTS, Learned("intercepts", "offset_", when="fit_intercept"))),
    ("LinearDiscriminantAnalysis", (_COEFFICIENTS, Learned("intercepts", "intercept_"))),
    (
        "QuadraticDiscriminantAnalysis",
        (
            Learned("means", "means_"),
            Learned("variances", "scalings_"),
            Learned("rotations", "rotations_"),
            Learned("priors", "priors_"),
        ),
    ),
    ("MLPClassifier MLPRegressor", (Learned("weights", "coefs_"), Learned("intercepts", "intercepts_"))),
    (
        "BernoulliRBM",
        (_COMPONENTS, Learned("intercepts", "intercept_hidden_"), Learned("intercepts", "intercept_visible_")),
    ),
    ("GaussianNB", (Learned("means", "theta_"), Learned("variances", "var_"), Learned("priors", "class_prior_"))),
    ("BernoulliNB CategoricalNB ComplementNB MultinomialNB", _BAYES_TABLES),
    (
        "GaussianMixture",
        (Learned("weights", "weights_"), Learned("means", "means_"), Learned("variances", "covariances_")),
    ),
    ("NearestCentroid", (Learned("centroids", "centroids_"), Learned("priors", "class_prior_"))),
    (
        "BayesianGaussianMixture",
        (
            Learned("weights", "weight_concentration_"),
            Learned("means", "means_"),
            Learned("variances", "covariances_"),
            Learned("mean precisions", "mean_precision_"),
            Learned("degrees of freedom", "degrees_of_freedom_"),
        ),
    ),
    ("CCA PLSCanonical PLSRegression", (_COEFFICIENTS, Learned("intercepts", "intercept_"), _X_MEANS)),
    ("PLSSVD", (Learned("components", "x_weights_"), *_X_SCALING)),
    ("AffinityPropagation KMeans MeanShift MiniBatchKMeans", _CLUSTERS),
    ("Birch", (Learned("cluster centres", "subcluster_centers_"),)),
    ("FeatureAgglomeration", (Learned("feature clusters", "labels_"),)),
    ("OutputCodeClassifier", (Learned("code book", "code_book_"),)),
    ("IsotonicRegression", (Learned("thresholds", "X_thresholds_"), Learned("values", "y_thresholds_"))),
    ("_SigmoidCalibration", (Learned("slopes", "a_"), Learned("intercepts", "b_"))),
    ("_TemperatureScaling", (Learned("temperatures", "beta_"),)),
    ("_ConstantPredictor", (Learned("constants", "y_"),)),
    ("StandardScaler", (Learned("means", "mean_", when="with_mean"), Learned("scales", "scale_", when="with_std"))),
    ("MinMaxScaler", (Learned("minima", "min_"), Learned("scales", "scale_"))),
    ("MaxAbsScaler", (Learned("scales", "scale_"),)),
    (
        "RobustScaler",
        (Learned("means", "center_", when="with_centering"), Learned("scales", "scale_", when="with_scaling")),
    ),
    ("QuantileTransformer", (Learned("quantiles", "quantiles_"),)),
    ("KBinsDiscretizer", (Learned("thresholds", "bin_edges_"),)),
    ("KernelCenterer", (Learned("means", "K_fit_rows_"), Learned("means", "K_fit_all_"))),
    ("TargetEncoder", (Learned("encodings", "encodings_"), Learned("means", "target_mean_"))),
    ("TfidfTransformer TfidfVectorizer", (Learned("weights", "idf_", when="use_idf"),)),
    ("PCA", _PCA),
    ("IncrementalPCA", _PCA),
    ("FastICA", (_COMPONENTS, Learned("means", "mean_", when="whiten"))),
    ("FactorAnalysis", (*_CENTRED_COMPONENTS, Learned("variances", "noise_variance_"))),
    ("SparsePCA MiniBatchSparsePCA", _CENTRED_COMPONENTS),
    (
        "TruncatedSVD NMF MiniBatchNMF LatentDirichletAllocation DictionaryLearning "
        "MiniBatchDictionaryLearning GaussianRandomProjection SparseRandomProjection "
        "NeighborhoodComponentsAnalysis",
        (_COMPONENTS,),
    ),
    ("Nystroem", (_COMPONENTS, Learned("weights", "normalization_"))),
    ("RBFSampler SkewedChi2Sampler", _RANDOM_FEATURES),
    ("PolynomialCountSketch", (Learned("random indices", "indexHash_"), Learned("random signs", "bitHash_"))),
    # Labels, vocabularies and fixed formulas: look-ups and rules, no learned scalar.
    (
        "LabelEncoder LabelBinarizer MultiLabelBinarizer OneHotEncoder OrdinalEncoder CountVectorizer "
        "DictVectorizer HashingVectorizer FeatureHasher Normalizer Binarizer PolynomialFeatures "
        "AdditiveChi2Sampler PatchExtractor",
        (),
    ),
)

TRANSFORMING: Mapping[str, tuple[Learned, ...]] = _families(
    ("BisectingKMeans", _CLUSTERS),
    ("CCA PLSCanonical PLSRegression", (Learned("components", "x_rotations_"), *_X_SCALING)),
)
"""What `transform` reads, of the estimators whose `predict` reads something else."""

NON_PARAMETRIC = frozenset(
    [
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "KNeighborsTransformer",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "RadiusNeighborsTransformer",
        "NearestNeighbors",
        "LocalOutlierFactor",
        "KNNImputer",
        "KernelDensity",
        "GaussianProcessClassifier",
        "GaussianProcessRegressor",
        "LabelPropagation",
        "LabelSpreading",
        "Isomap",
        "LocallyLinearEmbedding",
    ]
)


def count_learned(model: Any, learned: Iterable[Learned]) -> ParameterCount:
    """The elements of a fitted estimator's learned attributes, zeros included.

    Raises `GateError` when an attribute is missing or holds something that is no number.
    """
    total = ParameterCount(0)
    for part in learned:
        if part.when is None or getattr(model, part.when):
            elements = _scalars(_fitted(model, part.attribute), f"{class_name(model)}.{part.attribute}")
            total += ParameterCount(elements, {part.label: elements})
    return total


def _fitted(model: Any, attribute: str) -> Any:
    value = model
    for name in attribute.split("."):
        value = getattr(value, name, None)
    if value is None:
        raise GateError(
            f"{class_name(model)} has no {attribute}, so its parameters cannot be counted. "
            "Gate its size instead (max_model_size)."
        )
    return value


def _scalars(value: Any, name: str) -> int:
    """The numbers in a scalar, an array (sparse ones by their shape) or a sequence of such."""
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        return sum(_scalars(element, name) for element in value)
    if hasattr(value, "shape"):
        return int(np.prod(value.shape, dtype=np.int64))
    if isinstance(value, int | float | str):
        return 1
    raise GateError(f"{name} holds a {type(value).__name__}, whose parameters cannot be counted.")
