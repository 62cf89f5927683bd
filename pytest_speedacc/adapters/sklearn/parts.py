"""The fitted parts that scikit-learn's compositions predict with, each with the name its user gave it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple


class Part(NamedTuple):
    """One fitted part of a composition."""

    name: str
    """The name that its user gave it, or the attribute that it is kept under."""
    model: Any
    """The part itself."""
    transforms: bool | None = False
    """Whether its `transform` is called instead of its `predict`; None where it is used as the whole is."""


Parts = Callable[[Any], Iterable[Part]]


def _under(attribute: str, transforms: bool | None = False) -> Parts:
    """The single fitted part under an attribute."""
    return lambda model: [Part(attribute, getattr(model, attribute), transforms)]


def _each_of(attribute: str) -> Parts:
    """The fitted parts in a list under an attribute."""

    def parts(model: Any) -> Iterator[Part]:
        for index, part in enumerate(getattr(model, attribute)):
            yield Part(f"{attribute}[{index}]", part)

    return parts


def _pipeline(model: Any) -> Iterator[Part]:
    for name, step in model.steps:
        # A sampler of imbalanced-learn has its say while the others are fitted, and none afterwards.
        if _takes_part(step) and not hasattr(step, "fit_resample"):
            yield Part(name, step, None if step is model.steps[-1][1] else True)


def _feature_union(model: Any) -> Iterator[Part]:
    yield from (Part(name, part, True) for name, part in model.transformer_list if _takes_part(part))


def _column_transformer(model: Any) -> Iterator[Part]:
    for name, part, _ in model.transformers_:
        # A transformer whose selection matched no column is kept, but never fitted.
        if _takes_part(part) and len(model._transformer_to_input_indices[name]):
            yield Part(name, part, True)


def _voting(model: Any) -> Iterator[Part]:
    for name, part in model.named_estimators_.items():
        if _takes_part(part):
            yield Part(name, part)


def _stacking(model: Any) -> Iterator[Part]:
    yield from _voting(model)
    yield Part("final_estimator_", model.final_estimator_)


def _calibrated(model: Any) -> Iterator[Part]:
    for index, member in enumerate(model.calibrated_classifiers_):
        yield Part(f"fold {index}", member.estimator)
        for number, calibrator in enumerate(member.calibrators):
            yield Part(f"fold {index} calibrator {number}", calibrator)


def _transformed_target(model: Any) -> Iterator[Part]:
    yield Part("regressor_", model.regressor_)
    yield Part("transformer_", model.transformer_, True)


def _gradient_boosting(model: Any) -> Iterator[Part]:
    """The user's own starting estimator; a constant one is left out, as `trees` says why."""
    if model.init is not None and model.init != "zero":
        yield Part("init_", model.init_)


def _imputer_indicator(model: Any) -> Iterator[Part]:
    if model.indicator_ is not None:
        yield Part("indicator_", model.indicator_, True)


def _iterative_imputer(model: Any) -> Iterator[Part]:
    yield Part("initial_imputer_", model.initial_imputer_, True)
    for index, step in enumerate(model.imputation_sequence_):
        yield Part(f"imputation_sequence_[{index}]", step.estimator)
    yield from _imputer_indicator(model)


def _power_scaler(model: Any) -> Iterator[Part]:
    if model.standardize:
        yield Part("scaler", model._scaler, True)


def _takes_part(part: Any) -> bool:
    """Whether a slot holds an estimator; "drop", "passthrough" and None hold none."""
    return part is not None and not isinstance(part, str)


_FAMILIES: Mapping[str, Parts] = {
    "Pipeline": _pipeline,
    "FeatureUnion": _feature_union,
    "ColumnTransformer": _column_transformer,
    "VotingClassifier VotingRegressor": _voting,
    "StackingClassifier StackingRegressor": _stacking,
    "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor BalancedBaggingClassifier ClassifierChain "
    "EasyEnsembleClassifier MultiOutputClassifier MultiOutputRegressor OneVsOneClassifier OneVsRestClassifier "
    "OutputCodeClassifier RUSBoostClassifier RegressorChain": _each_of("estimators_"),
    "GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV RandomizedSearchCV": _under("best_estimator_", None),
    "FixedThresholdClassifier RANSACRegressor RFE RFECV SelfTrainingClassifier TunedThresholdClassifierCV": _under(
        "estimator_"
    ),
    "FrozenEstimator": _under("estimator", None),
    "CalibratedClassifierCV": _calibrated,
    "TransformedTargetRegressor": _transformed_target,
    "GradientBoostingClassifier GradientBoostingRegressor": _gradient_boosting,
    "SimpleImputer": _imputer_indicator,
    "IterativeImputer": _iterative_imputer,
    "PowerTransformer": _power_scaler,
}

PARTS: Mapping[str, Parts] = {name: parts for names, parts in _FAMILIES.items() for name in names.split()}

TRANSFORMING_PARTS: Mapping[str, Parts] = {
    **{name: parts for name, parts in PARTS.items() if name not in ("RFE", "RFECV")},
    "StackingClassifier": _voting,
    "StackingRegressor": _voting,
}
"""The parts that `transform` goes through: not the estimator that selected features or that comes last."""
