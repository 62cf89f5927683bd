"""CatBoost: its estimators, and the plain model that a file is loaded into."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted, to_array
from pytest_speedacc.errors import GateError

_PREDICTION_TYPES = {"predict": "Class", "predict_proba": "Probability", "decision_function": "RawFormulaVal"}
_NO_CATEGORY = str(2**64 - 1)
"""What stands for an empty place in a table of target statistics."""


class CatBoostAdapter(Adapter):
    """Models predict, are counted and are sized by all the trees that they hold: early stopping drops the others."""

    framework = "CatBoost"
    counted = (
        "2 x splits + leaf values of the trees, where an oblivious tree has one split a level and a leaf one value an "
        "output; the target statistics that are kept of each category or combination, and 2 for each split that a "
        "combination contains. A split by one category counts as any other. Texts and embeddings are refused."
    )
    serialisation = (
        "The .cbm file (save_model) with the class labels as its only metadata: training parameters, which record "
        "the machine's thread count, history, time and identifier are left out."
    )
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return "catboost.core.CatBoost" in names

    def check_usable(self, model: Any) -> None:
        if not model.is_fitted():
            raise not_fitted(model)

    def responses(self, model: Any) -> tuple[str, ...]:
        return tuple(_PREDICTION_TYPES) if _is_plain_classifier(model) else super().responses(model)

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        """A plain model is told what CatBoostClassifier would give: by itself it predicts raw scores."""
        if _is_plain_classifier(model):
            return partial(model.predict, prediction_type=_PREDICTION_TYPES[response])
        return super().responder(model, response)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """Labels of several classes come as one column."""
        array = to_array(raw, response)
        return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array

    def count_parameters(self, model: Any) -> ParameterCount:
        document = _document(model)
        trees = [_splits_and_values(tree) for tree in document.get("oblivious_trees") or document["trees"]]
        count = ParameterCount.of_trees(
            trees=len(trees),
            splits=sum(splits for splits, _ in trees),
            leaves=int(np.sum(model.get_tree_leaf_counts())),
            values=sum(values for _, values in trees),
        )
        tables = document.get("ctr_data", {})
        statistics = sum(map(_statistics, tables.values()))
        named = ParameterCount(statistics, {"target statistics": statistics} if statistics else {})
        return count + named + ParameterCount(2 * _splits_in_combinations(tables))

    def serialise(self, model: Any) -> bytes:
        from catboost import CatBoost

        bare = CatBoost().load_model(blob=_saved(model, "cbm"))
        metadata = bare.get_metadata()
        for name in [name for name in metadata.keys() if name != "class_params"]:  # noqa: SIM118 - it is no mapping
            del metadata[name]
        return _saved(bare, "cbm")


def _is_plain_classifier(model: Any) -> bool:
    return not hasattr(model, "predict_proba") and len(model.classes_) > 0


def _saved(model: Any, kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"model.{kind}")
        model.save_model(str(path), format=kind)
        return path.read_bytes()


def _document(model: Any) -> Any:
    from catboost import CatBoostError

    try:
        return json.loads(_saved(model, "json"))
    except CatBoostError as error:
        raise GateError(
            f"{class_name(model)} cannot be counted, for CatBoost does not say what it has learned: "
            f"{str(error).rsplit(': ', 1)[-1]}. Gate its size instead (max_model_size)."
        ) from error


def _splits_and_values(tree: dict[str, Any]) -> tuple[int, int]:
    if "leaf_values" in tree:
        return len(tree["splits"] or ()), len(tree["leaf_values"])
    nodes = list(_nodes(tree))
    return sum("split" in node for node in nodes), sum(np.size(node["value"]) for node in nodes if "value" in node)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node and all under it, found without recursion: a tree may be deeper than Python's stack."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield node
        nodes.extend(node[side] for side in ("left", "right") if node.get(side))


def _statistics(table: dict[str, Any]) -> int:
    """The numbers that a table keeps of each category, and the one that it may keep of all."""
    stride: int = table["hash_stride"]
    keys: list[str] = table["hash_map"][::stride]
    categories = len(keys) - keys.count(_NO_CATEGORY)
    return categories * (stride - 1) + int(table["counter_denominator"] > 0)


def _splits_in_combinations(tables: Iterable[str]) -> int:
    """How many borders and single categories are combined with categories, in the combinations that tables are of."""
    combinations = {json.dumps(json.loads(table)["identifier"]) for table in tables}
    elements = [element["combination_element"] for each in combinations for element in json.loads(each)]
    return len(elements) - elements.count("cat_feature_value")
