"""The scikit-learn estimators whose learned scalars depend on how they were configured."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import ParameterCount, class_name
from pytest_speedacc.adapters.sklearn.learned import Learned, count_learned
from pytest_speedacc.errors import GateError, shown


def count_kernel_svm(model: Any) -> ParameterCount:
    """Support vectors, dual coefficients and intercepts, and the probability fit where there is one."""
    if len(model.support_) and not np.prod(model.support_vectors_.shape):
        raise GateError(
            f"{class_name(model)} with a precomputed or callable kernel keeps no support vectors to count. "
            "Gate its size instead (max_model_size)."
        )
    learned = [
        Learned("support vectors", "support_vectors_"),
        Learned("dual coefficients", "dual_coef_"),
        Learned("intercepts", "intercept_"),
    ]
    if getattr(model, "probability", False) is True:
        learned += [Learned("slopes", "probA_"), Learned("intercepts", "probB_")]
    return count_learned(model, learned)


def count_kernel_ridge(model: Any) -> ParameterCount:
    """Training samples and dual coefficients, as for a kernel SVM whose samples all support."""
    if model.kernel == "precomputed":
        raise GateError(
            "KernelRidge with a precomputed kernel keeps no samples to count. Gate its size instead (max_model_size)."
        )
    return count_learned(model, [Learned("support vectors", "X_fit_"), Learned("dual coefficients", "dual_coef_")])


def count_selected(model: Any) -> ParameterCount:
    """One scalar a selected feature: its index, as in a tree's split."""
    selected = int(model.get_support().sum())
    return ParameterCount(selected, {"selected features": selected})


def count_missing_indicator(model: Any) -> ParameterCount:
    """One scalar a feature whose missing values are marked."""
    return ParameterCount(len(model.features_), {"selected features": len(model.features_)})


def count_imputed(model: Any) -> ParameterCount:
    """One statistic a feature; a constant to fill in is the user's, not learned."""
    if model.strategy == "constant":
        return ParameterCount(0)
    return count_learned(model, [Learned("statistics", "statistics_")])


def count_splines(model: Any) -> ParameterCount:
    """The knots; the coefficients of the basis are ones and zeros."""
    knots = sum(spline.t.size for spline in model.bsplines_)
    return ParameterCount(knots, {"thresholds": knots})


def count_power(model: Any) -> ParameterCount:
    """One exponent a feature; its scaler is a part of its own."""
    return count_learned(model, [Learned("exponents", "lambdas_")])


def count_dummy(model: Any) -> ParameterCount:
    """What the strategy takes from the targets: priors, a statistic, or nothing."""
    if model.strategy in ("constant", "uniform"):
        return ParameterCount(0)
    attribute = "class_prior_" if hasattr(model, "class_prior_") else "constant_"
    return count_learned(model, [Learned("constants", attribute)])


def count_function(model: Any) -> ParameterCount:
    """Nothing for a plain function; an object's method may be a model in disguise and is refused."""
    function = model.func
    owner = getattr(function, "__self__", None)
    plain = isinstance(function, FunctionType | BuiltinFunctionType | np.ufunc) or function is None
    if plain and (owner is None or isinstance(owner, ModuleType)):
        return ParameterCount(0)
    raise GateError(
        f"FunctionTransformer calls {shown(function)}, an object that may have learned parameters. "
        "Give it a plain function, or gate the model's size instead (max_model_size)."
    )


def count_boosting_weights(model: Any) -> ParameterCount:
    """One weight a round that was kept; the rounds themselves are parts."""
    rounds = len(model.estimators_)
    return ParameterCount(rounds, {"weights": rounds})


def count_threshold(model: Any) -> ParameterCount:
    """The tuned decision threshold; the classifier itself is a part."""
    return ParameterCount(1, {"thresholds": 1})


def count_drawn_features(model: Any) -> ParameterCount:
    """One index a feature that was drawn for a member; none where each member sees all of them."""
    if not model.bootstrap_features and model._max_features == model.n_features_in_:
        return ParameterCount(0)
    drawn = sum(len(features) for features in model.estimators_features_)
    return ParameterCount(drawn, {"selected features": drawn})


def count_envelope(model: Any) -> ParameterCount:
    """The covariance, the threshold, and the location unless it was said to be zero."""
    learned = [Learned("variances", "covariance_"), Learned("thresholds", "offset_")]
    return count_learned(model, learned if model.assume_centered else [*learned, Learned("means", "location_")])


def count_bisections(model: Any) -> ParameterCount:
    """Both centres of each split, on the way to the clusters, and the mean that they are kept relative to."""
    splits = len(model.cluster_centers_) - 1
    centres = 2 * splits * model.n_features_in_
    means = np.size(getattr(model, "_X_mean", ()))
    return ParameterCount(centres + means, {"cluster centres": centres, "means": means})


def count_kernel_pca(model: Any) -> ParameterCount:
    """Training samples, eigenvectors and eigenvalues, and the means that centre the kernel."""
    if model.kernel == "precomputed":
        raise GateError(
            "KernelPCA with a precomputed kernel keeps no samples to count. Gate its size instead (max_model_size)."
        )
    learned = [
        Learned("support vectors", "X_fit_"),
        Learned("eigenvectors", "eigenvectors_"),
        Learned("eigenvalues", "eigenvalues_"),
        Learned("means", "_centerer.K_fit_rows_"),
        Learned("means", "_centerer.K_fit_all_"),
    ]
    return count_learned(model, learned)


def count_neighbouring_features(model: Any) -> ParameterCount:
    """One index a feature that was drawn to impute another from; the imputing estimators are parts."""
    if model.sample_posterior:
        raise GateError(
            "IterativeImputer with sample_posterior=True draws from what its estimators know of their own error, "
            "which has no count. Gate its size instead (max_model_size)."
        )
    if model.n_nearest_features is None or model.n_nearest_features >= model.n_features_in_:
        return ParameterCount(0)
    drawn = sum(len(step.neighbor_feat_idx) for step in model.imputation_sequence_)
    return ParameterCount(drawn, {"selected features": drawn})


def count_projection(model: Any) -> ParameterCount:
    """What `transform` of a linear discriminant analysis reads: the axes that are kept, and the mean if centred."""
    axes = model.scalings_.shape[0] * min(model.scalings_.shape[1], model._max_components)
    means = np.size(model.xbar_) if model.solver == "svd" else 0
    return ParameterCount(axes + means, {"components": axes, "means": means})
