"""scikit-learn: estimators, transformers, and whatever is composed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pytest_speedacc.adapters.answers import check_usable, counted
from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted
from pytest_speedacc.adapters.pickling import canonical_pickle
from pytest_speedacc.adapters.registry import lookup_adapter
from pytest_speedacc.adapters.sklearn import special, trees
from pytest_speedacc.adapters.sklearn.learned import LEARNED, NON_PARAMETRIC, TRANSFORMING, count_learned
from pytest_speedacc.adapters.sklearn.parts import PARTS, TRANSFORMING_PARTS, Part
from pytest_speedacc.errors import GateError

_KNOWN = ("sklearn.", "imblearn.")
"""The packages whose classes have rules."""
_Rule = Callable[[Any], ParameterCount]

_SPECIAL: Mapping[str, _Rule] = {
    "SVC NuSVC SVR NuSVR OneClassSVM": special.count_kernel_svm,
    "KernelRidge": special.count_kernel_ridge,
    "KernelPCA": special.count_kernel_pca,
    "EllipticEnvelope": special.count_envelope,
    "BisectingKMeans": special.count_bisections,
    "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest "
    "SelectPercentile SequentialFeatureSelector VarianceThreshold": special.count_selected,
    "MissingIndicator": special.count_missing_indicator,
    "SimpleImputer": special.count_imputed,
    "IterativeImputer": special.count_neighbouring_features,
    "SplineTransformer": special.count_splines,
    "PowerTransformer": special.count_power,
    "DummyClassifier DummyRegressor": special.count_dummy,
    "FunctionTransformer": special.count_function,
    "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor": trees.count_tree,
    "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor "
    "RandomTreesEmbedding BalancedRandomForestClassifier": trees.count_forest,
    "IsolationForest": trees.count_isolation_forest,
    "GradientBoostingClassifier GradientBoostingRegressor": trees.count_gradient_boosting,
    "HistGradientBoostingClassifier HistGradientBoostingRegressor": trees.count_hist_gradient_boosting,
    "AdaBoostClassifier AdaBoostRegressor RUSBoostClassifier": special.count_boosting_weights,
    "BaggingClassifier BaggingRegressor BalancedBaggingClassifier EasyEnsembleClassifier": special.count_drawn_features,
    "TunedThresholdClassifierCV": special.count_threshold,
}
_OWN: Mapping[str, _Rule] = {
    **{name: partial(count_learned, learned=attributes) for name, attributes in LEARNED.items()},
    **{name: rule for names, rule in _SPECIAL.items() for name in names.split()},
}
"""What a class has learned itself, beside the parts it is composed of."""
_TRANSFORMING_OWN: Mapping[str, _Rule] = {
    **_OWN,
    **{name: partial(count_learned, learned=attributes) for name, attributes in TRANSFORMING.items()},
    "LinearDiscriminantAnalysis": special.count_projection,
}
"""The same where a composition calls `transform` instead of `predict`."""

_LEARNS_OR_PREDICTS = frozenset(
    [
        "fit",
        "partial_fit",
        "fit_transform",
        "fit_predict",
        "transform",
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "score_samples",
        "__getattr__",
        "__getattribute__",
    ]
)


class SklearnAdapter(Adapter):
    """Estimators of scikit-learn; parts of other frameworks are left to their own adapters."""

    framework = "scikit-learn"
    counted = (
        "The fitted numbers that prediction reads, zeros included, or that `transform` reads of a step before the "
        "last: coefficients and intercepts; 2 x splits + leaf values of trees, and each further category of a split "
        "by category; support vectors, dual coefficients and intercepts of kernel machines; samples, eigenvectors, "
        "eigenvalues and centring means of KernelPCA; coefficients, intercepts and means of PLS and CCA; weights, "
        "means, covariances and precisions of mixtures; location, covariance and threshold of EllipticEnvelope; both "
        "centres of each split, and the mean, of BisectingKMeans; random weights, indices and signs of sketches; "
        "statistics of transformers; one index per feature that is selected or drawn; a code book; and the sum over "
        "the parts of a composition, of IterativeImputer over its rounds. imbalanced-learn's pipelines and ensembles "
        "are counted so, and its samplers are no part of them. Class labels, categories and vocabularies are "
        "look-ups and count nothing; nor does a boosting model's constant starting score."
    )
    serialisation = (
        "Pickle protocol 5 of the model after one pass through pickle, parts of other frameworks in their own form, "
        "without what use leaves behind: look-ups made at the first call, call counts, and how far random numbers are "
        "drawn."
    )

    def recognises(self, names: frozenset[str]) -> bool:
        return "sklearn.base.BaseEstimator" in names

    def check_usable(self, model: Any) -> None:
        for path, part in _unfitted(model):
            raise not_fitted(model, f": its part {path!r} ({class_name(part)}) is not" if path else "")

    def count_parameters(self, model: Any) -> ParameterCount:
        return _count(model, transforms=False)

    def serialise(self, model: Any) -> bytes:
        return canonical_pickle(model)


def _count(model: Any, transforms: bool) -> ParameterCount:
    """What `predict` of a model reads, or its `transform`."""
    rule, rules = _rule_name(model), _TRANSFORMING_OWN if transforms else _OWN
    total = rules[rule](model) if rule in rules else ParameterCount(0)
    # One estimator may serve in several places, as a frozen one does under calibration.
    for part in {id(part.model): part for part in _parts(model, transforms)}.values():
        try:
            total += _count_part(part.model, transforms if part.transforms is None else part.transforms)
        except GateError as error:
            raise GateError(f"{class_name(model)}, part {part.name!r}: {error}") from error
    return total


def _count_part(part: Any, transforms: bool) -> ParameterCount:
    adapter = lookup_adapter(part)
    if adapter is None:
        raise _unknown(part)
    return _count(part, transforms) if type(adapter) is SklearnAdapter else counted(adapter, part)


def _rule_name(model: Any) -> str:
    """The class of scikit-learn or imbalanced-learn whose rule counts this model.

    A subclass from elsewhere counts as its base only while it learns and predicts as its base does.
    """
    for base in type(model).__mro__:
        name = base.__name__
        if base.__module__.startswith(_KNOWN):
            if name in NON_PARAMETRIC:
                raise GateError(
                    f"{class_name(model)} keeps its training samples instead of learning parameters, "
                    "so it has no parameter count. Gate its size instead (max_model_size)."
                )
            if name in _OWN or name in PARTS:
                return name
            break
        if overridden := sorted(_LEARNS_OR_PREDICTS.intersection(vars(base))):
            raise _unknown(model, f" (its class defines {', '.join(overridden)})")
    raise _unknown(model)


def _unknown(model: Any, why: str = "") -> GateError:
    return GateError(
        f"no rule counts the parameters of {type(model).__module__}.{class_name(model)}{why}. "
        "Register an adapter that does (pytest_speedacc.adapters.register), or gate its size instead "
        "(max_model_size)."
    )


def _parts(model: Any, transforms: bool = False) -> list[Part]:
    base = next((base for base in type(model).__mro__ if base.__module__.startswith(_KNOWN)), object)
    parts = TRANSFORMING_PARTS if transforms else PARTS
    return list(parts[base.__name__](model)) if base.__name__ in parts else []


def _unfitted(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each part that is known to need fitting and has not been, innermost first."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        parts = _parts(model)
    except AttributeError:  # the parts are themselves fitted attributes
        yield path, model
        return
    for name, part, _ in parts:
        inner = f"{path}.{name}" if path else name
        adapter = lookup_adapter(part)
        if isinstance(adapter, SklearnAdapter):
            yield from _unfitted(part, inner)
        elif adapter is not None:
            check_usable(adapter, part)
    # Other people's estimators often have nothing to fit and do not say so.
    if type(model).__module__.startswith(_KNOWN):
        try:
            check_is_fitted(model)
        except NotFittedError:
            yield path, model
