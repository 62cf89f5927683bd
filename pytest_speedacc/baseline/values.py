"""The numbers of a baseline that gates compare, by what each is called where people read it."""

from __future__ import annotations

import math

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline.schema import Baseline

Value = tuple[float, str]
"""A number and its kind."""
YARDSTICKS = "yardsticks"
"""What a stored time is a multiple of."""


def values_of(baseline: Baseline) -> dict[str, Value]:
    """Every number that a gate compares, by its axis, and by its environment where it holds for one only."""
    found: dict[str, Value] = {}
    if baseline.accuracy is not None:
        found[baseline.accuracy.score] = (baseline.accuracy.value, Kind.SCORE)
    if baseline.parameters is not None:
        found["parameters"] = (baseline.parameters, Kind.COUNT)
    if baseline.model_size is not None:
        found["model size"] = (baseline.model_size, Kind.SIZE)
    found |= {name: (metric.value, "") for name, metric in (baseline.metrics or {}).items()}
    for record in baseline.environments.values():
        where = f" ({record.environment.cpu})"
        if record.memory is not None:
            found[f"memory{where}"] = (record.memory.peak, Kind.SIZE)
        found |= {f"{name}{where}": (metric.value, "") for name, metric in (record.metrics or {}).items()}
    return found


def paces_of(baseline: Baseline) -> dict[str, Value]:
    """The median times of a call, each as a multiple of the yardstick of its environment, which alone is comparable."""
    return {
        f"latency median ({record.environment.cpu})": (math.exp(record.yardstick.log_ratio), YARDSTICKS)
        for record in baseline.environments.values()
        if record.yardstick is not None
    }
