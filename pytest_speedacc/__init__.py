"""Performance regression gating of machine-learning models, as a pytest plugin.

The ``speedacc`` fixture and marker are explained by ``pytest --fixtures`` and ``pytest --markers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_speedacc.adapters import Adapter, count_parameters, model_size
    from pytest_speedacc.adapters.base import ParameterCount
    from pytest_speedacc.axes.axis import Axis
    from pytest_speedacc.errors import ConfigError, GateError
    from pytest_speedacc.measure.stages import stage

__all__ = [
    "Adapter",
    "Axis",
    "ConfigError",
    "GateError",
    "ParameterCount",
    "count_parameters",
    "model_size",
    "stage",
]

_HOMES = {
    "Adapter": "pytest_speedacc.adapters",
    "Axis": "pytest_speedacc.axes.axis",
    "ParameterCount": "pytest_speedacc.adapters.base",
    "ConfigError": "pytest_speedacc.errors",
    "GateError": "pytest_speedacc.errors",
    "count_parameters": "pytest_speedacc.adapters",
    "model_size": "pytest_speedacc.adapters",
    "stage": "pytest_speedacc.measure.stages",
}


def __getattr__(name: str) -> Any:
    """Import on first use: pytest imports this package at the start of every run, also of those without a gate."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # Kept, so that the next use finds it at once: a stage may stand in the way of every prediction.
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
