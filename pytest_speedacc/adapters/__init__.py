"""How models of each framework predict, are counted and are serialised.

Adapters are found by class name: importing this package imports no framework.
"""

from __future__ import annotations

from typing import Any

from pytest_speedacc.adapters.answers import check_usable, counted, serialised
from pytest_speedacc.adapters.base import Adapter, class_name
from pytest_speedacc.adapters.callables import CallableAdapter, PredictorAdapter
from pytest_speedacc.adapters.catboost import CatBoostAdapter
from pytest_speedacc.adapters.exported import ExportedAdapter
from pytest_speedacc.adapters.keras import KerasAdapter
from pytest_speedacc.adapters.lightgbm import LightGBMAdapter
from pytest_speedacc.adapters.onnx import OnnxAdapter
from pytest_speedacc.adapters.registry import lookup_adapter, register
from pytest_speedacc.adapters.sklearn import SklearnAdapter
from pytest_speedacc.adapters.statsmodels import StatsmodelsAdapter
from pytest_speedacc.adapters.torch import TorchAdapter
from pytest_speedacc.adapters.transformers import PipelineAdapter, TransformersAdapter
from pytest_speedacc.adapters.xgboost import XGBoostAdapter
from pytest_speedacc.errors import GateError

__all__ = ["Adapter", "count_parameters", "find_adapter", "model_size", "register"]

# Asked last to first: LightGBM's and XGBoost's estimators are scikit-learn estimators too, and a Keras model on the
# torch backend is a torch module, as transformers' models are.
for _adapter in (
    SklearnAdapter(),
    TorchAdapter(),
    ExportedAdapter(),
    TransformersAdapter(),
    PipelineAdapter(),
    KerasAdapter(),
    OnnxAdapter(),
    XGBoostAdapter(),
    LightGBMAdapter(),
    CatBoostAdapter(),
    StatsmodelsAdapter(),
):
    register(_adapter)


def find_adapter(model: Any, *, calls: bool = True) -> Adapter:
    """The adapter of a model: its framework's, or the one for whatever can be called or has `predict`.

    What can be called and has `predict` is called. Raises `GateError` for anything else, unless it is not the model
    that is to be called: `calls` is false where the user says how it predicts.
    """
    adapter = lookup_adapter(model)
    if adapter is not None:
        return adapter
    if callable(model):
        return CallableAdapter()
    if callable(getattr(model, "predict", None)) or (not calls and model is not None):
        return PredictorAdapter()
    raise GateError(
        f"{class_name(model)} is not a model: it is of no known framework, cannot be called and has no "
        "predict method. Pass a fitted model, or a function of the inputs."
    )


def count_parameters(model: Any) -> int:
    """The number of learned scalars in a model, by its framework's definition.

    Raises `GateError` for a model that is not fitted, or that cannot be counted whole.
    """
    adapter = find_adapter(model)
    check_usable(adapter, model)
    return counted(adapter, model).total


def model_size(model: Any) -> int:
    """The bytes of a model's canonical serialisation.

    Raises `GateError` for a model that is not fitted, or that has none.
    """
    adapter = find_adapter(model)
    check_usable(adapter, model)
    return len(serialised(adapter, model))
