"""The fitted parts that scikit-learn's compositions predict with, each with the name its user gave it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Part = tuple[str, Any]
Parts = Callable[[Any], Iterable[Part]]


def _under(attribute: str) -> Parts:
    """The single fitted part under an attribute."""
    return lambda model: [(attribute, getattr(model, attribute))]


def _each_of(attribute: str) -> Parts:
    """The fitted parts in a list under an attribute."""

    def parts(model: Any) -> Iterator[Part]:
        for index, part in enumerate(getattr(model, attribute)):
            yield f"{attribute}[{index}]", part

    return parts


def _pipeline(model: Any) -> Iterator[Part]:
    yield from ((name, step) for name, step in model.steps if _takes_part(step))


def _feature_union(model: Any) -> Iterator[Part]:
    yield from ((name, part) for name, part in model.transformer_list if _takes_part(part))


def _column_transformer(model: Any) -> Iterator[Part]:
    for name, part, _ in model.transformers_:
        # A transformer whose selection matched no column is kept, but never fitted.
        if _takes_part(part) and len(model._transformer_to_input_indices[name]):
            yield name, part


def _voting(model: Any) -> Iterator[Part]:
    for name, part in model.named_estimators_.items():
        if _takes_part(part):
            yield name, part


def _stacking(model: Any) -> Iterator[Part]:
    yield from _voting(model)
    yield "final_estimator_", model.final_estimator_


def _calibrated(model: Any) -> Iterator[Part]:
    for index, member in enumerate(model.calibrated_classifiers_):
        yield f"fold {index}", member.estimator
        for number, calibrator in enumerate(member.calibrators):
            yield f"fold {index} calibrator {number}", calibrator


def _transformed_target(model: Any) -> Iterator[Part]:
    yield "regressor_", model.regressor_
    yield "transformer_", model.transformer_


def _gradient_boosting(model: Any) -> Iterator[Part]:
    """The user's own starting estimator; a constant one is left out, as `trees` says why."""
    if model.init is not None and model.init != "zero":
        yield "init_", model.init_


def _imputer_indicator(model: Any) -> Iterator[Part]:
    if model.indicator_ is not None:
        yield "indicator_", model.indicator_


def _power_scaler(model: Any) -> Iterator[Part]:
    if model.standardize:
        yield "scaler", model._scaler


def _takes_part(part: Any) -> bool:
    """Whether a slot holds an estimator; "drop", "passthrough" and None hold none."""
    return part is not None and not isinstance(part, str)


_FAMILIES: Mapping[str, Parts] = {
    "Pipeline": _pipeline,
    "FeatureUnion": _feature_union,
    "ColumnTransformer": _column_transformer,
    "VotingClassifier VotingRegressor": _voting,
    "StackingClassifier StackingRegressor": _stacking,
    "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ClassifierChain "
    "MultiOutputClassifier MultiOutputRegressor OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier "
    "RegressorChain": _each_of("estimators_"),
    "GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV RandomizedSearchCV": _under("best_estimator_"),
    "FixedThresholdClassifier RANSACRegressor RFE RFECV SelfTrainingClassifier TunedThresholdClassifierCV": _under(
        "estimator_"
    ),
    "FrozenEstimator": _under("estimator"),
    "CalibratedClassifierCV": _calibrated,
    "TransformedTargetRegressor": _transformed_target,
    "GradientBoostingClassifier GradientBoostingRegressor": _gradient_boosting,
    "SimpleImputer": _imputer_indicator,
    "PowerTransformer": _power_scaler,
}

PARTS: Mapping[str, Parts] = {name: parts for names, parts in _FAMILIES.items() for name in names.split()}
