"""CatBoost: counts against what its own accessors and the data say, and the size of a file without its history."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("catboost")

import pandas
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError

N, D, C = 300, 4, 3
QUICK = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}

rng = np.random.default_rng(0)
X = rng.normal(size=(N, D))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
species = np.array(["cat", "dog", "eel"])[np.digitize(X[:, 0], [-0.5, 0.5])]
frame = pandas.DataFrame(
    {"number": X[:, 0], "many": rng.integers(0, 20, N).astype(str), "few": rng.integers(0, 3, N).astype(str)}
)
third = (frame.many.astype(int) % 3 == 0).astype(int)
CATEGORICAL = {"cat_features": ["many", "few"], "one_hot_max_size": 3}


def respond(model: Any, response: str, inputs: Any) -> np.ndarray:
    adapter = find_adapter(model)
    return adapter.predictions(model, adapter.call(model, response)(adapter.inputs(model, inputs)), response)


@pytest.mark.parametrize(
    ("model", "targets", "outputs"),
    [
        (CatBoostClassifier(**QUICK), y, 1),
        (CatBoostClassifier(**QUICK), species, C),
        (CatBoostRegressor(**QUICK), X[:, 0], 1),
        (CatBoostRegressor(loss_function="MultiRMSE", **QUICK), X[:, :2], 2),
    ],
    ids=["two classes", "three classes", "regression", "two outputs"],
)
def test_an_oblivious_tree_has_one_split_a_level(model: Any, targets: Any, outputs: int) -> None:
    model.fit(X, targets)
    levels = np.log2(model.get_tree_leaf_counts()).astype(int)
    count = find_adapter(model).count_parameters(model)
    assert count.total == sum(2 * level + 2**level * outputs for level in levels)
    assert count.details == {"trees": 4, "leaves": sum(2**levels)}
    assert count.total == sum(2 * levels) + len(model.get_leaf_values())


@pytest.mark.parametrize("policy", ["Lossguide", "Depthwise"])
@pytest.mark.parametrize(("targets", "outputs"), [(y, 1), (species, C)], ids=["one output", "three"])
def test_any_other_tree_has_one_split_less_than_leaves(policy: str, targets: Any, outputs: int) -> None:
    model = CatBoostClassifier(grow_policy=policy, **QUICK).fit(X, targets)
    leaves = model.get_tree_leaf_counts()
    assert count_parameters(model) == sum(2 * (each - 1) + each * outputs for each in leaves)


def test_a_tree_of_one_leaf_has_no_split() -> None:
    model = CatBoostRegressor(grow_policy="Lossguide", min_data_in_leaf=N, **QUICK).fit(X, X[:, 0])
    assert count_parameters(model) == 4


@pytest.mark.parametrize(
    ("statistics", "targets", "kept"),
    [
        # Of each category, how often each of two classes was seen.
        ({"simple_ctr": ["Borders"], "max_ctr_complexity": 1}, third, 20 * 2),
        # Of each, how often it was seen, and how often the most frequent one was.
        ({"simple_ctr": ["Counter"], "max_ctr_complexity": 1}, third, 20 + 1),
        # Of each, a sum and a number.
        ({"simple_ctr": ["BinarizedTargetMeanValue"], "max_ctr_complexity": 1}, third, 20 * 2),
    ],
    ids=["classes", "counts", "means"],
)
def test_target_statistics_count(statistics: dict[str, Any], targets: Any, kept: int) -> None:
    model = CatBoostClassifier(**CATEGORICAL, **statistics, **QUICK).fit(frame, targets)
    count = find_adapter(model).count_parameters(model)
    trees = sum(2 * np.log2(model.get_tree_leaf_counts()).astype(int)) + len(model.get_leaf_values())
    assert frame.many.nunique() == 20
    assert count.details["target statistics"] == kept
    assert count.total == trees + kept


def test_a_combination_counts_for_what_was_seen_and_for_its_splits(tmp_path: Any) -> None:
    draws = np.random.default_rng(0)
    data = pandas.DataFrame(
        {"number": draws.normal(size=2000), "many": draws.integers(0, 20, 2000), "few": draws.integers(0, 3, 2000)}
    )
    both = (data.many % 3 == 0) ^ (data.number > 0) ^ (data.few == 1)
    model = CatBoostClassifier(**CATEGORICAL, **{**QUICK, "depth": 4}, max_ctr_complexity=4).fit(data, both.astype(int))
    model.save_model(str(tmp_path / "model.json"), format="json")
    named = {each["identifier"] for each in json.loads((tmp_path / "model.json").read_text())["features_info"]["ctrs"]}
    expected = sum(2 * np.log2(model.get_tree_leaf_counts()).astype(int)) + len(model.get_leaf_values())
    splits = 0
    for each in named:
        table, seen = json.loads(each), data.many * 0
        for element in table["identifier"]:
            match element["combination_element"]:
                case "cat_feature_value":
                    seen = seen * 20 + data.many
                case "float_feature":
                    seen = seen * 20 + (data.number > element["border"])
                    splits += 1
                case "cat_feature_exact_value":
                    seen = seen * 20 + (data.few == 1)  # whichever of the three it is, both sides were seen
                    splits += 1
        expected += {"Borders": 2 * seen.nunique(), "Counter": seen.nunique() + 1}[table["type"]]
    assert splits > 0
    assert count_parameters(model) == expected + 2 * splits


def test_a_split_by_one_category_counts_as_any_other() -> None:
    model = CatBoostClassifier(cat_features=["few"], one_hot_max_size=3, **QUICK)
    model.fit(frame[["number", "few"]], (frame.few == "1").astype(int))
    count = find_adapter(model).count_parameters(model)
    assert "target statistics" not in count.details
    assert count.total == sum(2 * np.log2(model.get_tree_leaf_counts()).astype(int)) + len(model.get_leaf_values())


def test_early_stopping_drops_the_later_trees() -> None:
    stopped = CatBoostClassifier(**{**QUICK, "iterations": 60}, learning_rate=1, early_stopping_rounds=3)
    stopped.fit(X[:200], y[:200], eval_set=(X[200:], y[200:]))
    assert stopped.tree_count_ == stopped.best_iteration_ + 1 < 60
    levels = np.log2(stopped.get_tree_leaf_counts()).astype(int)
    assert count_parameters(stopped) == sum(2 * levels + 2**levels)


def test_texts_are_refused() -> None:
    texts = pandas.DataFrame({"number": X[:, 0], "text": np.where(y, "one two three", "four two")})
    model = CatBoostClassifier(text_features=["text"], **QUICK).fit(texts, y)
    with pytest.raises(GateError, match=r"CatBoostClassifier cannot be counted, .*text features.* \(max_model_size\)"):
        count_parameters(model)
    assert model_size(model) > 0


def test_a_model_without_trees_is_not_fitted() -> None:
    for model in (CatBoostClassifier(), CatBoost()):
        with pytest.raises(GateError, match=f"{type(model).__name__} is not fitted"):
            count_parameters(model)


def test_labels_of_several_classes_are_one_a_sample() -> None:
    model = CatBoostClassifier(**QUICK).fit(X, species)
    assert model.predict(X).shape == (N, 1)
    labels = respond(model, "predict", X)
    assert labels.shape == (N,)
    assert (labels == species).mean() > 0.9
    assert respond(model, "predict_proba", X).shape == (N, C)


def test_a_plain_model_predicts_as_the_estimator_does() -> None:
    estimator = CatBoostClassifier(**QUICK).fit(X, species)
    plain = CatBoost().load_model(blob=estimator._serialize_model())
    for response in ("predict", "predict_proba"):
        np.testing.assert_array_equal(respond(plain, response, X), respond(estimator, response, X))
    assert count_parameters(plain) == count_parameters(estimator)
    assert model_size(plain) == model_size(estimator)
    regression = CatBoost({**QUICK, "loss_function": "RMSE"}).fit(X, X[:, 0])
    assert find_adapter(regression).responses(regression) == ("predict",)
    np.testing.assert_array_equal(respond(regression, "predict", X), regression.predict(X))


def test_the_size_is_that_of_the_file_without_its_history(tmp_path: Any) -> None:
    model = CatBoostClassifier(**QUICK).fit(X, species)
    model.save_model(str(tmp_path / "model.cbm"))
    file = (tmp_path / "model.cbm").read_bytes()
    serialised = find_adapter(model).serialise(model)
    assert len(serialised) == model_size(model) < len(file)
    assert b"thread_count" in file
    assert b"thread_count" not in serialised
    bare = CatBoostClassifier().load_model(blob=serialised)
    np.testing.assert_array_equal(bare.predict(X), model.predict(X))
    np.testing.assert_array_equal(bare.get_leaf_values(), model.get_leaf_values())


def test_the_size_depends_on_the_model_alone() -> None:
    models = [
        CatBoostClassifier(**{**QUICK, "thread_count": threads}, train_dir=folder).fit(X, y)
        for threads, folder in ((1, "a"), (2, "another/folder"))
    ]
    sizes = {model_size(model) for model in models}
    for model in models:
        model.predict(X)
        sizes |= {model_size(model), model_size(pickle.loads(pickle.dumps(model)))}
    assert len(sizes) == 1
    longer = CatBoostClassifier(**{**QUICK, "iterations": 8}).fit(X, y)
    # Four trees more, of eight values with their weights.
    assert model_size(longer) - sizes.pop() >= 4 * 8 * (8 + 8)


def test_a_pipeline_holds_it_in_its_own_form() -> None:
    model = make_pipeline(StandardScaler(), CatBoostClassifier(**QUICK)).fit(X, y)
    assert count_parameters(model) == 2 * D + count_parameters(model[-1])
    assert 0 < model_size(model) - model_size(model[-1]) < 2000
