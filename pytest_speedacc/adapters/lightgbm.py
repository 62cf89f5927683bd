"""LightGBM: native boosters and the scikit-learn interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted, to_array
from pytest_speedacc.adapters.labels import from_probabilities
from pytest_speedacc.errors import GateError

_CLASSIFICATION = ("binary", "multiclass", "multiclassova")


class LightGBMAdapter(Adapter):
    """Boosters predict, are counted and are sized by the trees up to their best iteration."""

    framework = "LightGBM"
    counted = (
        "2 x splits + leaf values of the trees up to the best iteration, and each further category of a split by "
        "category; the leaves of linear trees add their constants and coefficients."
    )
    serialisation = (
        "The model text (model_to_string) of the trees up to the best iteration, without the training "
        "parameters, which record the machine's thread count."
    )
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return not names.isdisjoint({"lightgbm.basic.Booster", "lightgbm.sklearn.LGBMModel"})

    def check_usable(self, model: Any) -> None:
        fitted = model.num_trees() > 0 if _is_booster(model) else model.__sklearn_is_fitted__()
        if not fitted:
            raise not_fitted(model)

    def responses(self, model: Any) -> tuple[str, ...]:
        if not _is_booster(model):
            return super().responses(model)
        return ("predict", "predict_proba") if _objective(model) in _CLASSIFICATION else ("predict",)

    def classes(self, model: Any) -> Any:
        """Numbers of a booster that classifies."""
        if not _is_booster(model):
            return super().classes(model)
        return range(max(2, model.num_model_per_iteration())) if _objective(model) in _CLASSIFICATION else None

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        """A booster's own `predict` serves both responses: its raw output is probabilities."""
        return super().responder(model, "predict" if _is_booster(model) else response)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """Labels under "predict" where the objective is classification, as LGBMClassifier gives them."""
        array = to_array(raw, response)
        if _is_booster(model) and _objective(model) in _CLASSIFICATION:
            return from_probabilities(array, response)
        return array

    def count_parameters(self, model: Any) -> ParameterCount:
        text = _model_text(model)
        trees = len(re.findall(r"^Tree=\d+$", text, re.MULTILINE))
        leaves = [int(number) for number in re.findall(r"^num_leaves=(\d+)$", text, re.MULTILINE)]
        linear = sum(len(values.split()) for values in re.findall(r"^leaf_(?:const|coeff)=(.*)$", text, re.MULTILINE))
        if len(leaves) != trees:
            raise GateError(
                f"{class_name(model)} cannot be counted: its text has {trees} trees, and the leaves of {len(leaves)}. "
                "Gate its size instead (max_model_size)."
            )
        # A split by category has a set of them, the bits of some words, in the place of a threshold.
        words = re.findall(r"^cat_threshold=(.*)$", text, re.MULTILINE)
        categories = sum(int(word).bit_count() for line in words for word in line.split())
        by_category = sum(int(number) for number in re.findall(r"^num_cat=(\d+)$", text, re.MULTILINE))
        return ParameterCount.of_trees(
            trees=len(leaves),
            splits=sum(leaves) - len(leaves),
            leaves=sum(leaves),
            values=sum(leaves) + linear + categories - by_category,
        )

    def serialise(self, model: Any) -> bytes:
        return _model_text(model).encode()


def _is_booster(model: Any) -> bool:
    return not hasattr(type(model), "booster_")


def _booster(model: Any) -> Any:
    return model if _is_booster(model) else model.booster_


def _objective(booster: Any) -> str | None:
    """The objective's name as the model's header has it; a function of the user's has none."""
    found = re.search(r"^objective=(\w+)", booster.model_to_string(num_iteration=1), re.MULTILINE)
    return found.group(1) if found else None


def _model_text(model: Any) -> str:
    """The trees that `predict` uses, without the block of training parameters."""
    text: str = _booster(model).model_to_string()
    return re.sub(r"^parameters:.*^end of parameters\n", "", text, flags=re.MULTILINE | re.DOTALL)
