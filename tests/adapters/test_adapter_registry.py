"""Adapters are found without imports, and third parties can add theirs."""

import os
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size, register, registry
from pytest_speedacc.adapters.answers import counted, weighed
from pytest_speedacc.adapters.base import Adapter, ParameterCount
from pytest_speedacc.errors import GateError

SIZES = """
import pickle
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from pytest_speedacc.adapters import model_size
inputs, targets = load_iris(return_X_y=True)
forest = RandomForestClassifier(3, random_state=0)
text = make_pipeline(TfidfVectorizer(stop_words=["and", "or", "of"]), forest)
print(model_size(RandomForestClassifier(20, random_state=0).fit(inputs, targets)),
      model_size(text.fit(["one two", "two three", "and four"], [0, 1, 0])))
"""


def run_python(code, **environment):
    """The standard output of `code` in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def fresh_environment(**more):
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


def test_importing_the_adapters_imports_no_framework():
    frameworks = "sklearn", "imblearn", "lightgbm", "xgboost", "catboost", "statsmodels", "torch", "pandas", "scipy"
    code = f"import sys, pytest_speedacc.adapters; print([name for name in {frameworks} if name in sys.modules])"
    assert run_python(code, **fresh_environment()).strip() == "[]"


def test_size_is_the_same_in_two_processes():
    pytest.importorskip("sklearn")
    first, second = (run_python(SIZES, **fresh_environment(PYTHONHASHSEED=seed)) for seed in ("1", "2"))
    assert first == second
    assert len(first.split()) == 2


class Ours:
    """A third party's model."""

    def predict(self, batch):
        return batch


class OursAdapter(Adapter):
    framework = "ours"
    counted = "Always 42."
    serialisation = "One byte."

    def recognises(self, names):
        return any(name.endswith(".Ours") for name in names)

    def count_parameters(self, model):
        return ParameterCount(42)

    def serialise(self, model):
        return b"x"


def test_a_third_party_adds_an_adapter_with_one_call(monkeypatch):
    monkeypatch.setattr(registry, "_adapters", list(registry._adapters))
    adapter = OursAdapter()
    register(adapter)
    assert find_adapter(Ours()) is adapter
    assert count_parameters(Ours()) == 42


@pytest.mark.parametrize(
    ("module", "name", "framework"),
    [
        ("sklearn.linear_model", "LogisticRegression", "scikit-learn"),
        ("lightgbm", "LGBMClassifier", "LightGBM"),
        ("xgboost", "XGBClassifier", "XGBoost"),
        ("xgboost", "Booster", "XGBoost"),
        ("catboost", "CatBoostClassifier", "CatBoost"),
        ("imblearn.ensemble", "RUSBoostClassifier", "scikit-learn"),
        ("torch.nn", "Identity", "PyTorch"),
    ],
)
def test_the_most_specific_framework_wins(module, name, framework):
    model = getattr(pytest.importorskip(module), name)()
    assert find_adapter(model).framework == framework


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "returned 2, and must return a ParameterCount"),
        (None, "returned None, and must return a ParameterCount"),
        (ParameterCount(-1), "returned a total of -1, and must return a whole number from 0"),
        (ParameterCount(2.5), "returned a total of 2.5, and must return a whole number from 0"),
        (ParameterCount(True), "returned a total of True, and must return a whole number from 0"),
        (ParameterCount(2, None), "returned details of None, and must return numbers by name"),
        (ParameterCount(2, {"trees": "3"}), "returned details of {'trees': '3'}, and must return numbers by name"),
    ],
)
def test_a_count_that_is_none_names_the_adapter(monkeypatch, count, said):
    monkeypatch.setattr(registry, "_adapters", [OursAdapter()])
    monkeypatch.setattr(OursAdapter, "count_parameters", lambda self, model: count)
    with pytest.raises(GateError) as refused:
        count_parameters(Ours())
    assert str(refused.value) == f"count_parameters {said}: mend the adapter OursAdapter."


@pytest.mark.parametrize("data", ["x", None, 3, memoryview(b"xy")])
def test_a_serialisation_that_is_no_bytes_names_the_adapter(monkeypatch, data):
    monkeypatch.setattr(registry, "_adapters", [OursAdapter()])
    monkeypatch.setattr(OursAdapter, "serialise", lambda self, model: data)
    with pytest.raises(GateError, match=r"^serialise returned .*, and must return bytes: mend the adapter OursAdapt"):
        model_size(Ours())


@pytest.mark.parametrize("weights", ["64", -1, 2.5, True])
def test_weights_that_are_no_bytes_name_the_adapter(monkeypatch, weights):
    monkeypatch.setattr(OursAdapter, "weights_bytes", lambda self, model: weights)
    with pytest.raises(
        GateError, match=r"^weights_bytes returned .*, and must return a whole number .* OursAdapter\.$"
    ):
        weighed(OursAdapter(), Ours())


def test_a_count_of_numpy_is_one():
    class Counts(OursAdapter):
        def count_parameters(self, model):
            return ParameterCount(np.int64(3), {"trees": np.int64(1)})

    assert type(counted(Counts(), Ours()).total) is int


def test_what_an_adapter_raises_names_it_and_what_it_refuses_stays(monkeypatch):
    monkeypatch.setattr(registry, "_adapters", [OursAdapter()])
    for method, said in (("check_usable", "not fitted"), ("recognises", "mixed up")):
        for error, sentence in (
            (GateError(said), said),
            (KeyError("weights"), f"{method} of the adapter OursAdapter raised KeyError: 'weights'"),
        ):
            monkeypatch.setattr(OursAdapter, method, Mock(side_effect=error))
            with pytest.raises(GateError) as refused:
                count_parameters(Ours())
            assert str(refused.value) == sentence


def test_counts_of_parts_add_up_with_their_details():
    both = ParameterCount(3, {"trees": 1, "leaves": 2}) + ParameterCount(4, {"leaves": 3})
    assert both == ParameterCount(7, {"trees": 1, "leaves": 5})
