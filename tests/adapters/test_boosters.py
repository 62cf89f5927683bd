"""LightGBM and XGBoost: what predicts is what is counted, and both end at the best iteration."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("lightgbm")
pytest.importorskip("xgboost")

import lightgbm
import xgboost
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError

cancer, malignant = load_breast_cancer(return_X_y=True)
iris, species = load_iris(return_X_y=True)
train, valid = slice(0, 400), slice(400, None)


def respond(model, response, inputs):
    adapter = find_adapter(model)
    return adapter.predictions(model, adapter.call(model, response)(adapter.inputs(model, inputs)), response)


@pytest.fixture(scope="module")
def lightgbm_stopped():
    """A booster that keeps the trees beyond its best iteration."""
    booster = lightgbm.train(
        {"objective": "binary", "learning_rate": 0.5, "verbose": -1},
        lightgbm.Dataset(cancer[train], malignant[train]),
        60,
        valid_sets=[lightgbm.Dataset(cancer[valid], malignant[valid])],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 0 < booster.best_iteration < booster.num_trees()
    return booster


@pytest.fixture(scope="module")
def xgboost_stopped():
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, "eta": 1},
        xgboost.DMatrix(cancer[train], malignant[train]),
        60,
        evals=[(xgboost.DMatrix(cancer[valid], malignant[valid]), "valid")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert booster.best_iteration + 1 < booster.num_boosted_rounds()
    return booster


def test_lightgbm_counts_the_trees_up_to_the_best_iteration(lightgbm_stopped):
    dump = lightgbm_stopped.dump_model(num_iteration=lightgbm_stopped.best_iteration)
    leaves = [tree["num_leaves"] for tree in dump["tree_info"]]
    count = find_adapter(lightgbm_stopped).count_parameters(lightgbm_stopped)
    assert count.total == sum(2 * (n - 1) + n for n in leaves)
    assert count.details == {"trees": lightgbm_stopped.best_iteration, "leaves": sum(leaves)}


def test_lightgbm_predicts_with_the_trees_up_to_the_best_iteration(lightgbm_stopped):
    best = lightgbm_stopped.best_iteration
    expected = lightgbm_stopped.predict(cancer, num_iteration=best)
    assert not np.array_equal(expected, lightgbm_stopped.predict(cancer, num_iteration=best + 3))
    np.testing.assert_array_equal(respond(lightgbm_stopped, "predict_proba", cancer)[:, 1], expected)
    np.testing.assert_array_equal(respond(lightgbm_stopped, "predict", cancer), expected > 0.5)


def test_lightgbm_size_leaves_out_later_trees_and_the_thread_count(lightgbm_stopped):
    serialised = find_adapter(lightgbm_stopped).serialise(lightgbm_stopped)
    assert serialised.count(b"\nTree=") == lightgbm_stopped.best_iteration
    assert b"num_threads" not in serialised
    reloaded = lightgbm.Booster(model_str=serialised.decode())
    np.testing.assert_array_equal(reloaded.predict(cancer), lightgbm_stopped.predict(cancer))


def test_lightgbm_linear_trees_add_their_coefficients():
    booster = lightgbm.train(
        {"objective": "regression", "linear_tree": True, "verbose": -1},
        lightgbm.Dataset(cancer, cancer[:, 0], free_raw_data=False),
        2,
    )
    expected = 0

    def walk(node):
        if "leaf_value" in node:
            return 1 + 1 + len(node["leaf_coeff"])
        return 2 + walk(node["left_child"]) + walk(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        expected += walk(tree["tree_structure"])
    assert any("leaf_coeff=0" in line or "leaf_coeff=-" in line for line in booster.model_to_string().split("\n"))
    assert count_parameters(booster) == expected


def test_xgboost_counts_the_trees_up_to_the_best_iteration(xgboost_stopped):
    nodes = xgboost_stopped.trees_to_dataframe()
    nodes = nodes[nodes["Tree"] <= xgboost_stopped.best_iteration]
    leaves = int((nodes["Feature"] == "Leaf").sum())
    count = find_adapter(xgboost_stopped).count_parameters(xgboost_stopped)
    assert count.total == 2 * (len(nodes) - leaves) + leaves
    assert count.details == {"trees": xgboost_stopped.best_iteration + 1, "leaves": leaves}


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, xgboost.DMatrix], ids=["array", "list", "DMatrix"])
def test_xgboost_predicts_with_the_trees_up_to_the_best_iteration(xgboost_stopped, form):
    matrix = xgboost.DMatrix(cancer)
    expected = xgboost_stopped.predict(matrix, iteration_range=(0, xgboost_stopped.best_iteration + 1))
    assert not np.array_equal(expected, xgboost_stopped.predict(matrix))
    np.testing.assert_array_equal(respond(xgboost_stopped, "predict_proba", form(cancer))[:, 1], expected)
    np.testing.assert_array_equal(respond(xgboost_stopped, "predict", form(cancer)), expected > 0.5)


def test_xgboost_size_leaves_out_later_trees(xgboost_stopped):
    reloaded = xgboost.Booster()
    reloaded.load_model(bytearray(find_adapter(xgboost_stopped).serialise(xgboost_stopped)))
    assert reloaded.num_boosted_rounds() == xgboost_stopped.best_iteration + 1


def test_a_dataframe_predicts_as_its_array_does(lightgbm_stopped, xgboost_stopped):
    pandas = pytest.importorskip("pandas")
    for booster in (lightgbm_stopped, xgboost_stopped):
        np.testing.assert_array_equal(
            respond(booster, "predict", pandas.DataFrame(cancer)), respond(booster, "predict", cancer)
        )


def test_boosters_of_several_classes_agree_with_the_scikit_learn_interfaces():
    cases = [
        (
            lightgbm.train(
                {"objective": "multiclass", "num_class": 3, "verbose": -1}, lightgbm.Dataset(iris, species), 5
            ),
            lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(iris, species),
        ),
        (
            xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(iris, species), 5),
            xgboost.XGBClassifier(n_estimators=5).fit(iris, species),
        ),
    ]
    for booster, estimator in cases:
        np.testing.assert_array_equal(respond(booster, "predict", iris), estimator.predict(iris))
        np.testing.assert_allclose(respond(booster, "predict_proba", iris), estimator.predict_proba(iris), rtol=1e-6)
        assert count_parameters(booster) == count_parameters(estimator)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("binary:logitraw", lambda raw: raw > 0),
        ("binary:hinge", lambda raw: raw == 1),
        ("reg:squarederror", lambda raw: raw),
    ],
)
def test_xgboost_objectives_without_probabilities_offer_none(objective, expected):
    matrix = xgboost.DMatrix(cancer, malignant)
    booster = xgboost.train({"objective": objective}, matrix, 3)
    np.testing.assert_array_equal(respond(booster, "predict", cancer), expected(booster.predict(matrix)))
    with pytest.raises(GateError, match=r"Booster has no predict_proba; it has predict."):
        respond(booster, "predict_proba", cancer)


def test_a_regression_booster_of_lightgbm_offers_no_probabilities():
    booster = lightgbm.train({"objective": "l1", "verbose": -1}, lightgbm.Dataset(cancer, cancer[:, 0]), 3)
    np.testing.assert_array_equal(respond(booster, "predict", cancer), booster.predict(cancer))
    with pytest.raises(GateError, match=r"Booster has no predict_proba; it has predict."):
        respond(booster, "predict_proba", cancer)


def test_a_linear_booster_counts_weights_and_biases_and_predicts():
    matrix = xgboost.DMatrix(iris, species)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "booster": "gblinear"}, matrix, 3)
    assert count_parameters(booster) == iris.shape[1] * 3 + 3
    np.testing.assert_array_equal(respond(booster, "predict_proba", iris), booster.predict(matrix))


def test_a_leaf_of_several_outputs_counts_each_value():
    model = xgboost.XGBRegressor(n_estimators=2, max_depth=1, multi_strategy="multi_output_tree")
    model.fit(cancer, np.column_stack([malignant, 1 - malignant]))
    assert [json.loads(tree)["depth"] for tree in model.get_booster().get_dump(dump_format="json")] == [0, 0]
    assert count_parameters(model) == 2 * (2 * 1 + 2 * 2)


@pytest.mark.parametrize(
    "model",
    [lightgbm.LGBMClassifier(), xgboost.XGBClassifier(), xgboost.Booster()],
    ids=lambda model: type(model).__name__,
)
def test_a_booster_that_is_not_fitted_is_refused(model):
    with pytest.raises(GateError, match=f"{type(model).__name__} is not fitted"):
        count_parameters(model)


@pytest.mark.parametrize(
    "classifier",
    [lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), xgboost.XGBClassifier(n_estimators=5)],
    ids=lambda model: type(model).__name__,
)
def test_a_booster_in_a_pipeline_is_counted_and_sized_by_its_own_rules(classifier):
    model = make_pipeline(StandardScaler(), classifier)
    with pytest.raises(GateError, match="is not fitted"):
        find_adapter(model).check_usable(model)
    model.fit(iris, species)
    assert count_parameters(model) == 2 * iris.shape[1] + count_parameters(classifier)
    assert find_adapter(classifier).serialise(classifier) in find_adapter(model).serialise(model)


def test_size_does_not_depend_on_having_predicted(lightgbm_stopped):
    booster = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(cancer, malignant), 3)
    for model in (lightgbm_stopped, booster):
        before = model_size(model)
        respond(model, "predict", cancer)
        assert model_size(model) == before


@pytest.fixture(scope="module")
def by_category():
    """Eight categories of which a set decides, beside a number that does not."""
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    category = random.integers(0, 8, 400)
    frame = pandas.DataFrame({"category": pandas.Categorical(category), "number": random.normal(size=400)})
    return frame, np.isin(category, [1, 3, 6]).astype(int)


def test_lightgbm_counts_each_category_of_a_split(by_category):
    frame, targets = by_category
    settings = {"objective": "binary", "verbose": -1, "num_leaves": 2, "min_data_per_group": 1, "max_cat_to_onehot": 1}
    booster = lightgbm.train({**settings, "cat_smooth": 0}, lightgbm.Dataset(frame, targets), 1)
    # One split: the feature and the three categories that go left. Two leaves.
    assert "cat_threshold=74\n" in booster.model_to_string()  # bits 1, 3 and 6
    assert count_parameters(booster) == 1 + 3 + 2


def test_xgboost_counts_each_category_of_a_split(by_category):
    frame, targets = by_category
    data = xgboost.DMatrix(frame, targets, enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 1, "tree_method": "hist"}, data, 1)
    # One split: the feature and the five categories that are on the other side. Two leaves.
    assert count_parameters(booster) == 1 + 5 + 2


def test_xgboost_counts_the_weight_of_each_tree_that_dart_keeps():
    data = xgboost.DMatrix(cancer, malignant)
    settings = {"objective": "binary:logistic", "max_depth": 1}
    usual = xgboost.train(settings, data, 4)
    dart = xgboost.train({**settings, "booster": "dart", "rate_drop": 0.5}, data, 4)
    assert count_parameters(usual) == 4 * (2 + 2)
    assert count_parameters(dart) == 4 * (2 + 2) + 4


def test_a_booster_of_another_kind_is_refused(xgboost_stopped, monkeypatch):
    monkeypatch.setattr("pytest_speedacc.adapters.xgboost._kind", lambda model: "gbforest")
    with pytest.raises(GateError, match="Booster is a gbforest booster, and what that learns is known of gbtree, dart"):
        count_parameters(xgboost_stopped)


def test_a_booster_whose_trees_have_lost_their_leaves_is_refused(lightgbm_stopped, monkeypatch):
    text = lightgbm_stopped.model_to_string().replace("num_leaves=", "leaves=", 1)
    monkeypatch.setattr("pytest_speedacc.adapters.lightgbm._model_text", lambda model: text)
    with pytest.raises(GateError, match=r"Booster cannot be counted: its text has \d+ trees, and the leaves of \d+"):
        count_parameters(lightgbm_stopped)
