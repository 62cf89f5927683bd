"""The one table of limits and tolerances: marker, pyproject, help and documentation come from it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from pytest_speedacc.config.units import Kind, parse_quantity, split_quantity, unit_text
from pytest_speedacc.errors import ConfigError


class Role(StrEnum):
    """What a setting bounds: the value itself, or its worsening or change against the baseline."""

    MINIMUM = "at least"
    MAXIMUM = "at most"
    WORSENING = "worse by at most"
    CHANGE = "changed in at most"


class Unit(StrEnum):
    """How a bound's number is to be read."""

    PLAIN = ""
    """In the metric's own unit: seconds, bytes, a count, the score itself."""
    RELATIVE = "%"
    """A fraction of the baseline's magnitude."""
    POINTS = "pp"
    """A difference of two scores that lie within 0 to 1."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One limit or tolerance that a user can write."""

    name: str
    """The keyword of the marker and the key in pyproject."""
    metric: str
    """The axis it bounds."""
    kind: Kind
    """What the axis is measured in."""
    role: Role
    """Whether it bounds the value or its worsening."""
    help: str
    """One line for people."""
    example: str
    """A value as a user would write it."""
    quantile: float | None = None
    """For a latency, the quantile; None elsewhere."""

    @property
    def statistic(self) -> str:
        """``median`` or ``p95`` for a latency, empty elsewhere."""
        return statistic_name(self.quantile) if self.quantile is not None else ""

    @property
    def is_tolerance(self) -> bool:
        """True for a bound on the change against a baseline."""
        return self.role in (Role.WORSENING, Role.CHANGE)

    @property
    def is_sliced(self) -> bool:
        """True where a slice of the evaluation set has a value of its own."""
        return self.metric in SLICED

    @property
    def is_noisy(self) -> bool:
        """True where the verdict rests on a statistical test of times."""
        return self.metric == "latency"


@dataclass(frozen=True, slots=True)
class Bound:
    """A setting with the value that somebody gave it."""

    setting: Setting
    value: float
    """The number, with per cent and points as fractions: 0.03 is 3 %."""
    unit: Unit
    """How ``value`` is to be read."""


def statistic_name(quantile: float) -> str:
    """``0.5`` is the ``median``, ``0.95`` is ``p95``."""
    return "median" if quantile == 0.5 else f"p{quantile * 100:g}"


_SCORE, _TIME, _SIZE, _COUNT = Kind.SCORE, Kind.TIME, Kind.SIZE, Kind.COUNT
_LEAST, _MOST, _WORSE = Role.MINIMUM, Role.MAXIMUM, Role.WORSENING

_TABLE = (
    Setting("min_accuracy", "accuracy", _SCORE, _LEAST, "smallest score", "0.95"),
    Setting("max_error", "accuracy", _SCORE, _MOST, "largest score, where lower is better", "3.2"),
    Setting("max_latency", "latency", _TIME, _MOST, "largest median time of a call", '"2 ms"', 0.5),
    Setting("max_latency_p50", "latency", _TIME, _MOST, "the same as max_latency", '"2 ms"', 0.5),
    Setting("max_latency_p90", "latency", _TIME, _MOST, "largest 90th percentile", '"4 ms"', 0.9),
    Setting("max_latency_p95", "latency", _TIME, _MOST, "largest 95th percentile", '"5 ms"', 0.95),
    Setting("max_latency_p99", "latency", _TIME, _MOST, "largest 99th percentile", '"9 ms"', 0.99),
    Setting("max_parameters", "parameters", _COUNT, _MOST, "most learned parameters", "50_000"),
    Setting("max_model_size", "model_size", _SIZE, _MOST, "largest serialised model", '"10 MiB"'),
    Setting("max_memory", "memory", _SIZE, _MOST, "largest peak that inference allocates", '"64 MiB"'),
    Setting("max_training_time", "training_time", _TIME, _MOST, "longest training in speedacc.fit", '"10 s"'),
    Setting("max_training_memory", "training_memory", _SIZE, _MOST, "largest peak that training allocates", '"1 GiB"'),
    Setting("min_confidence", "confidence", _SCORE, _LEAST, "smallest mean of the largest probability", "0.8"),
    Setting("max_accuracy_drop", "accuracy", _SCORE, _WORSE, "how much worse the score may get", '"0.2 pp"'),
    Setting("max_latency_increase", "latency", _TIME, _WORSE, "how much the median may grow", '"3 %"', 0.5),
    Setting("max_latency_p95_increase", "latency", _TIME, _WORSE, "how much p95 may grow", '"20 %"', 0.95),
    Setting("max_parameters_increase", "parameters", _COUNT, _WORSE, "how much their number may grow", '"0 %"'),
    Setting("max_model_size_increase", "model_size", _SIZE, _WORSE, "how much the size may grow", '"1 %"'),
    Setting("max_memory_increase", "memory", _SIZE, _WORSE, "how much the peak may grow", '"5 %"'),
    Setting("max_churn", "churn", Kind.FRACTION, Role.CHANGE, "share of samples with another prediction", '"1 %"'),
)
SETTINGS = {setting.name: setting for setting in _TABLE}


SLICED = frozenset({"accuracy", "confidence", "churn"})
"""Axes that are means over samples, so that a slice of them has its own."""
SMALLEST_TAIL_TOLERANCE = 0.2
"""The six hundred calls a side that are timed at least leave a p95 about this uncertain."""


def parse_bound(name: str, value: object, source: str) -> Bound:
    """Turn one keyword of the marker or key of pyproject, a name of ``SETTINGS``, into a Bound.

    Raises ConfigError, naming ``source``, for a value without its unit or out of range.
    """
    setting = SETTINGS[name]
    where = f"{source}: {name}"
    if setting.kind is Kind.SCORE:
        parse_score = _parse_drop if setting.is_tolerance else _parse_score
        return Bound(setting, *parse_score(value, setting, where))
    if setting.is_tolerance:
        fraction = parse_quantity(value, Kind.FRACTION, where)
        if setting.quantile not in (None, 0.5) and fraction < SMALLEST_TAIL_TOLERANCE:
            raise ConfigError(
                f"{where} = {value!r} is finer than tails can be told apart: "
                f"allow {SMALLEST_TAIL_TOLERANCE:.0%} or more."
            )
        return Bound(setting, fraction, Unit.RELATIVE)
    if setting.kind is Kind.COUNT:
        return Bound(setting, _parse_count(value, setting, where), Unit.PLAIN)
    return Bound(setting, parse_positive(value, setting.kind, where), Unit.PLAIN)


def parse_positive(value: object, kind: Kind, where: str) -> float:
    """Read a time or size above zero, in the unit of ``kind``. Raises ConfigError."""
    number = parse_quantity(value, kind, where)
    if number == 0:
        raise ConfigError(f"{where} = {value!r} must be above zero.")
    return number


def suggestion(name: str, names: Iterable[str]) -> str:
    """``Did you mean 'max_latency'?`` or, where nothing is near, all the names. Case does not matter."""
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"Did you mean {by_lower[near[0]]!r}?" if near else f"Known are {', '.join(by_lower.values())}."


def _parse_drop(value: object, setting: Setting, where: str) -> tuple[float, Unit]:
    number, unit = split_quantity(value, where, setting.example)
    if not isinstance(value, str):
        # In the score's own unit, unless the score lies within 0 to 1: that shows when it is judged.
        return number, Unit.PLAIN
    if unit not in (Unit.POINTS, Unit.RELATIVE):
        raise ConfigError(
            f'{where} = {value!r} has {unit_text(unit)}; write "0.2 pp" for points of a score within 0 to 1, '
            "\"1 %\" for a share of the baseline's score, or a bare number in the score's own unit."
        )
    return number / 100, Unit(unit)


def _parse_score(value: object, setting: Setting, where: str) -> tuple[float, Unit]:
    if not _is_finite(value):
        raise ConfigError(f"{where} = {value!r} must be the score itself, a plain number such as {setting.example}.")
    return float(value), Unit.PLAIN


def _parse_count(value: object, setting: Setting, where: str) -> float:
    # A whole float is welcome: people write 25e6.
    if not _is_finite(value) or value < 0 or value % 1:
        raise ConfigError(f"{where} = {value!r} must be a whole number such as {setting.example}.")
    return float(value)


def _is_finite(value: object) -> TypeGuard[int | float]:
    # Compared rather than converted: an int may be too large for a float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
