"""statsmodels: the results of a fit, which predict and carry the model that was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, not_fitted, to_array
from pytest_speedacc.adapters.labels import from_probabilities
from pytest_speedacc.adapters.pickling import canonical_pickle
from pytest_speedacc.errors import GateError

_RESULTS = frozenset(["statsmodels.base.wrapper.ResultsWrapper", "statsmodels.base.model.Results"])
_MODEL = "statsmodels.base.model.Model"
_CLASSIFICATION = frozenset(["BinaryModel", "MultinomialModel", "OrderedModel"])
"""The models of classes, whose results predict probabilities."""


class StatsmodelsAdapter(Adapter):
    """Results of regressions, generalised linear models, discrete models and the like."""

    framework = "statsmodels"
    counted = (
        "The elements of params: coefficients, and what is estimated together with them, such as the dispersion of a "
        "negative binomial, the thresholds of an ordered model or the variances of a mixed one."
    )
    serialisation = (
        "Pickle protocol 5 of the results after one pass through pickle and remove_data(), without the statistics "
        "that are computed when asked for. Results of a formula keep their frame, without which they cannot be loaded."
    )

    def recognises(self, names: frozenset[str]) -> bool:
        return _MODEL in names or not names.isdisjoint(_RESULTS)

    def check_usable(self, model: Any) -> None:
        if not hasattr(model, "params"):
            raise not_fitted(model, ", or is not what fit() returned")

    def responses(self, model: Any) -> tuple[str, ...]:
        return ("predict", "predict_proba") if _is_classification(model) else super().responses(model)

    def responder(self, model: Any, response: str) -> Any:
        """The results' own `predict` serves both responses: of a model of classes it gives probabilities."""
        return super().responder(model, "predict")

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """Class indices under "predict" where the model is of classes."""
        array = to_array(raw, response)
        return from_probabilities(array, response) if _is_classification(model) else array

    def count_parameters(self, model: Any) -> ParameterCount:
        params = np.asarray(_bare(model).params)
        if params.dtype.kind not in "fiu":
            raise GateError(
                f"{class_name(model)} keeps its parameters as a {type(_bare(model).params).__name__} of numbers and "
                "settings, which has no count. Gate its size instead (max_model_size)."
            )
        return ParameterCount(params.size, {"coefficients": params.size})

    def serialise(self, model: Any) -> bytes:
        return canonical_pickle(model, _strip)


def _bare(results: Any) -> Any:
    """The results that a wrapper dresses in the names of a frame's columns."""
    return getattr(results, "_results", results)


def _strip(results: Any) -> None:
    # Emptied anew, for it writes there what it has removed, and some results share a cache with their class.
    vars(_bare(results))["_cache"] = {}
    if hasattr(results, "remove_data"):
        results.remove_data()


def _is_classification(results: Any) -> bool:
    return not _CLASSIFICATION.isdisjoint(base.__name__ for base in type(results.model).__mro__)
