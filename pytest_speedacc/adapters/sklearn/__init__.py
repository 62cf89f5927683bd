"""scikit-learn: estimators, transformers, and whatever is composed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted
from pytest_speedacc.adapters.pickling import canonical_pickle
from pytest_speedacc.adapters.registry import lookup_adapter
from pytest_speedacc.adapters.sklearn import special, trees
from pytest_speedacc.adapters.sklearn.learned import LEARNED, NON_PARAMETRIC, count_learned
from pytest_speedacc.adapters.sklearn.parts import PARTS, Part
from pytest_speedacc.errors import GateError

_Rule = Callable[[Any], ParameterCount]

_SPECIAL: Mapping[str, _Rule] = {
    "SVC NuSVC SVR NuSVR OneClassSVM": special.count_kernel_svm,
    "KernelRidge": special.count_kernel_ridge,
    "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest "
    "SelectPercentile SequentialFeatureSelector VarianceThreshold": special.count_selected,
    "MissingIndicator": special.count_missing_indicator,
    "SimpleImputer": special.count_imputed,
    "SplineTransformer": special.count_splines,
    "PowerTransformer": special.count_power,
    "DummyClassifier DummyRegressor": special.count_dummy,
    "FunctionTransformer": special.count_function,
    "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor": trees.count_tree,
    "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor "
    "RandomTreesEmbedding": trees.count_forest,
    "IsolationForest": trees.count_isolation_forest,
    "GradientBoostingClassifier GradientBoostingRegressor": trees.count_gradient_boosting,
    "HistGradientBoostingClassifier HistGradientBoostingRegressor": trees.count_hist_gradient_boosting,
    "AdaBoostClassifier AdaBoostRegressor": special.count_boosting_weights,
    "TunedThresholdClassifierCV": special.count_threshold,
}
_OWN: Mapping[str, _Rule] = {
    **{name: partial(count_learned, learned=attributes) for name, attributes in LEARNED.items()},
    **{name: rule for names, rule in _SPECIAL.items() for name in names.split()},
}
"""What a class has learned itself, beside the parts it is composed of."""

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
        "The fitted numbers that prediction reads, zeros included: coefficients and intercepts; 2 x splits + "
        "leaf values of trees; support vectors, dual coefficients and intercepts of kernel machines; "
        "statistics of transformers; one index per selected feature; and the sum over the parts of a "
        "composition. Class labels, categories and vocabularies are look-ups and count nothing; nor does a "
        "boosting model's constant starting score."
    )
    serialisation = (
        "Pickle protocol 5 of the model after one pass through pickle, parts of other frameworks in their own form."
    )

    def recognises(self, names: frozenset[str]) -> bool:
        return "sklearn.base.BaseEstimator" in names

    def check_usable(self, model: Any) -> None:
        for path, part in _unfitted(model):
            raise not_fitted(model, f": its part {path!r} ({class_name(part)}) is not" if path else "")

    def count_parameters(self, model: Any) -> ParameterCount:
        rule = _rule_name(model)
        total = _OWN[rule](model) if rule in _OWN else ParameterCount(0)
        # One estimator may serve in several places, as a frozen one does under calibration.
        parts = {id(part): (path, part) for path, part in _parts(model)}
        for path, part in parts.values():
            try:
                adapter = lookup_adapter(part)
                if adapter is None:
                    raise _unknown(part)
                total += adapter.count_parameters(part)
            except GateError as error:
                raise GateError(f"{class_name(model)}, part {path!r}: {error}") from error
        return total

    def serialise(self, model: Any) -> bytes:
        return canonical_pickle(model)


def _rule_name(model: Any) -> str:
    """The scikit-learn class whose rule counts this model.

    A subclass from elsewhere counts as its base only while it learns and predicts as its base does.
    """
    for base in type(model).__mro__:
        name = base.__name__
        if base.__module__.startswith("sklearn."):
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


def _parts(model: Any) -> list[Part]:
    base = next((base for base in type(model).__mro__ if base.__module__.startswith("sklearn.")), object)
    return list(PARTS[base.__name__](model)) if base.__name__ in PARTS else []


def _unfitted(model: Any, path: str = "") -> Iterator[Part]:
    """Each part that is known to need fitting and has not been, innermost first."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        parts = _parts(model)
    except AttributeError:  # the parts are themselves fitted attributes
        yield path, model
        return
    for name, part in parts:
        inner = f"{path}.{name}" if path else name
        adapter = lookup_adapter(part)
        if isinstance(adapter, SklearnAdapter):
            yield from _unfitted(part, inner)
        elif adapter is not None:
            adapter.check_usable(part)
    # Other people's estimators often have nothing to fit and do not say so.
    if type(model).__module__.startswith("sklearn."):
        try:
            check_is_fitted(model)
        except NotFittedError:
            yield path, model
