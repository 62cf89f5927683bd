"""XGBoost: native boosters and the scikit-learn interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted, to_array
from pytest_speedacc.adapters.labels import from_probabilities
from pytest_speedacc.errors import GateError

COUNTED = ("gbtree", "dart", "gblinear")
"""Kinds of booster whose learned numbers are known."""
_PROBABILITIES = ("binary:logistic", "multi:softprob")
_LABELS = ("binary:logitraw", "binary:hinge", "multi:softmax")


class XGBoostAdapter(Adapter):
    """Boosters predict, are counted and are sized by the rounds up to their best iteration.

    A native booster trained with early stopping predicts with all its rounds unless told otherwise; here
    it is told, as XGBoost's own scikit-learn interface does.
    """

    framework = "XGBoost"
    counted = (
        "2 x splits + leaf values of the trees up to the best iteration, each further category of a split by category, "
        "and the weight that dart keeps of each tree; of a linear booster, its weights and biases."
    )
    serialisation = "save_raw in UBJSON of the rounds up to the best iteration."
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return not names.isdisjoint({"xgboost.core.Booster", "xgboost.sklearn.XGBModel"})

    def check_usable(self, model: Any) -> None:
        fitted = _has_rounds(model) if _is_booster(model) else model.__sklearn_is_fitted__()
        if not fitted:
            raise not_fitted(model)

    def responses(self, model: Any) -> tuple[str, ...]:
        if not _is_booster(model):
            return super().responses(model)
        return ("predict", "predict_proba") if _objective(model) in _PROBABILITIES else ("predict",)

    def inputs(self, model: Any, inputs: Any) -> Any:
        """Lists become arrays for a native booster, which takes no lists."""
        return np.asarray(inputs) if _is_booster(model) and isinstance(inputs, list) else inputs

    def classes(self, model: Any) -> Any:
        """Numbers of a booster that classifies."""
        if not _is_booster(model):
            return super().classes(model)
        if _objective(model) not in (*_PROBABILITIES, *_LABELS):
            return None
        return range(max(2, int(_learner(model)["learner_model_param"]["num_class"])))

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        """For a booster, a call on arrays, DataFrames or a DMatrix; its raw output is probabilities."""
        return _booster_predict(model) if _is_booster(model) else super().responder(model, response)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """Labels under "predict" where the objective is classification, as XGBClassifier gives them."""
        array = to_array(raw, response)
        if not _is_booster(model):
            return array
        objective = _objective(model)
        if objective in _PROBABILITIES:
            return from_probabilities(array, response)
        if objective == "binary:logitraw":
            return (array > 0).astype(np.int64)
        return array.astype(np.int64) if objective in ("multi:softmax", "binary:hinge") else array

    def count_parameters(self, model: Any) -> ParameterCount:
        if _kind(model) not in COUNTED:
            raise GateError(
                f"{class_name(model)} is a {_kind(model)} booster, and what that learns is known of "
                f"{', '.join(COUNTED)} only. Gate its size instead (max_model_size)."
            )
        dumps = [json.loads(dump) for dump in _used_rounds(model).get_dump(dump_format="json")]
        if _kind(model) == "gblinear":
            weights, biases = (sum(np.size(dump[key]) for dump in dumps) for key in ("weight", "bias"))
            return ParameterCount(weights + biases, {"coefficients": weights, "intercepts": biases})
        nodes = [node for tree in dumps for node in _nodes(tree)]
        leaf_values = [np.size(node["leaf"]) for node in nodes if "leaf" in node]
        splits = [node for node in nodes if "leaf" not in node]
        count = ParameterCount.of_trees(
            trees=len(dumps), splits=len(splits), leaves=len(leaf_values), values=sum(leaf_values)
        )
        # A split by category has a set of them in the place of a threshold.
        extra = sum(np.size(node["split_condition"]) - 1 for node in splits)
        return ParameterCount(count.total + extra + _tree_weights(model), count.details)

    def serialise(self, model: Any) -> bytes:
        return bytes(_used_rounds(model).save_raw("ubj"))


def _is_booster(model: Any) -> bool:
    return not hasattr(type(model), "get_booster")


def _booster(model: Any) -> Any:
    return model if _is_booster(model) else model.get_booster()


def _learner(model: Any) -> Any:
    return json.loads(_booster(model).save_config())["learner"]


def _objective(model: Any) -> str:
    name: str = _learner(model)["objective"]["name"]
    return name


def _kind(model: Any) -> str:
    kind: str = _learner(model)["gradient_booster"]["name"]
    return kind


def _tree_weights(model: Any) -> int:
    """How many weights of trees dropout has left in the model; where nothing was dropped, all are one."""
    booster = json.loads(bytes(_used_rounds(model).save_raw("json")))["learner"]["gradient_booster"]
    # XGBoost 3.4 moved them.
    weights = booster.get("weight_drop") or booster.get("model", {}).get("weight_drop") or ()
    return len(weights) if any(weight != 1 for weight in weights) else 0


def _has_rounds(booster: Any) -> bool:
    from xgboost.core import XGBoostError

    try:
        rounds: int = booster.num_boosted_rounds()
    except XGBoostError:  # a booster that has never seen data does not even know that it has none
        return False
    return rounds > 0


def _rounds(booster: Any) -> int:
    """How many boosting rounds predict: up to the best one where training stopped early, else all."""
    best = booster.attr("best_iteration")
    return booster.num_boosted_rounds() if best is None else int(best) + 1


def _used_rounds(model: Any) -> Any:
    booster = _booster(model)
    if booster.attr("best_iteration") is None:
        return booster
    return booster[: _rounds(booster)]


def _booster_predict(booster: Any) -> Callable[[Any], Any]:
    from xgboost import DMatrix

    linear = _kind(booster) == "gblinear"
    used = (0, 0) if linear else (0, _rounds(booster))

    def predict(batch: Any) -> Any:
        # A linear booster has no in-place prediction.
        if linear and not isinstance(batch, DMatrix):
            batch = DMatrix(batch)
        if isinstance(batch, DMatrix):
            return booster.predict(batch, iteration_range=used)
        return booster.inplace_predict(batch, iteration_range=used)

    return predict


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node and all under it, found without recursion: a tree may be deeper than Python's stack."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield node
        nodes.extend(node.get("children", ()))
