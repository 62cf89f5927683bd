"""One limit or tolerance as a user writes it: read, checked, and turned into a bound."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.axes.axis import Setting
from pytest_speedacc.axes.units import Kind, parse_in_unit, parse_quantity, split_quantity, unit_text
from pytest_speedacc.errors import ConfigError


class Unit(StrEnum):
    """How a bound's number is to be read."""

    PLAIN = ""
    """In the metric's own unit: seconds, bytes, a count, the score itself."""
    RELATIVE = "%"
    """A fraction of the baseline's magnitude."""
    POINTS = "pp"
    """A difference of two scores that lie within 0 to 1."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A setting with the value that somebody gave it."""

    setting: Setting
    value: float
    """The number, with per cent and points as fractions: 0.03 is 3 %."""
    unit: Unit
    """How ``value`` is to be read."""


DROP_UNITS = (Unit.POINTS, Unit.RELATIVE)
"""What a drop of the score may be in; a bare number is in the score's own unit."""
OWN_AXIS = (
    "An axis of yours is known where pytest_speedacc_axes returns its Axis or, for a test and its marker, where its "
    "name stands literally in metrics={...} of that test: not in a variable, nor in a helper."
)
"""How one that nobody knows becomes known."""
SLIP = 0.7
"""How alike two names are that differ by a slip or two: ``enrgy`` and ``energy``, not ``cost`` and ``count``."""
SMALLEST_TAIL_TOLERANCE = 0.2
"""The six hundred calls a side that are timed at least leave a p95 about this uncertain."""
_SETTING = re.compile(r"(max|min)_([a-z][a-z0-9_]*?)(_increase|_drop)?")


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
    if setting.kind not in (Kind.TIME, Kind.SIZE):
        return Bound(setting, parse_in_unit(value, setting.kind, where), Unit.PLAIN)
    return Bound(setting, parse_positive(value, setting.kind, where), Unit.PLAIN)


def parse_positive(value: object, kind: str, where: str) -> float:
    """Read a time or size above zero, in the unit of ``kind``. Raises ConfigError."""
    number = parse_quantity(value, kind, where)
    if number == 0:
        raise ConfigError(f"{where} = {value!r} must be above zero.")
    return number


def one_of(value: object, allowed: Sequence[str], where: str) -> Any:
    """``value``, which is one of the words that are ``allowed``. Raises ConfigError for any other."""
    if value not in allowed:
        raise ConfigError(f"{where} = {value!r} must be one of {', '.join(map(repr, allowed))}.")
    return value


def suggestion(name: str, names: Iterable[str]) -> str:
    """``Did you mean 'max_latency'?`` or, where nothing is near, all the names. Case does not matter."""
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"Did you mean {by_lower[near[0]]!r}?" if near else f"Known are {', '.join(by_lower.values())}."


def is_slip(name: str, names: Iterable[str]) -> bool:
    """Whether a name is so near to one of ``names`` that it was probably meant to be that one. Case does not matter."""
    return bool(difflib.get_close_matches(name.lower(), [known.lower() for known in names], n=1, cutoff=SLIP))


def split_setting(name: str) -> tuple[str, str, str] | None:
    """``max_energy_increase`` as ``("max", "energy", "_increase")``; None for what is no limit and no tolerance."""
    match = _SETTING.fullmatch(name)
    return (match[1], match[2], match[3] or "") if match else None


def _parse_drop(value: object, setting: Setting, where: str) -> tuple[float, Unit]:
    number, unit = split_quantity(value, where, setting.example)
    if not isinstance(value, str):
        # In the score's own unit, unless the score lies within 0 to 1: that shows when it is judged.
        return number, Unit.PLAIN
    if unit not in DROP_UNITS:
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
