"""Quantities with their units: read from settings, and written for people.

Inside the package there is one unit per kind: seconds, bytes, a count, a fraction (0.03 is 3 %), a score.
Pretty units exist only here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pytest_speedacc.errors import ConfigError


class Kind(StrEnum):
    """What a number measures, and with it the unit it has inside the package."""

    SCORE = "score"
    TIME = "s"
    SIZE = "bytes"
    COUNT = "count"
    FRACTION = "fraction"
    RATE = "1/s"
    CHANGE = "change"
    """A fraction of the former value, with its sign: 0.03 is 3 % more."""


_MICRO, _MU = "\u00b5", "\u03bc"
"""Keyboards write the micro sign in two ways that look alike."""
_TIMES = {"ns": 1e-9, "us": 1e-6, f"{_MICRO}s": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
UNITS: dict[str, Mapping[str, float]] = {Kind.TIME: _TIMES, Kind.SIZE: _SIZES, Kind.FRACTION: {"%": 0.01}}
_RATIOS: dict[str, tuple[str, str]] = {
    Kind.COUNT: ("more", "fewer"),
    Kind.SIZE: ("larger", "smaller"),
    Kind.TIME: ("longer", "shorter"),
}
EXAMPLES: dict[str, str] = {Kind.TIME: '"5 ms"', Kind.SIZE: '"64 MiB"', Kind.FRACTION: '"5 %"'}

_ROUNDS_UP = 0.9995
"""What three digits round up to one of a unit is written in that unit: never ``1000 ms``."""

NUMBER = r"(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
"""As it is written before a unit: ``1_000``, ``2.5``, ``.5``, ``1e-3``."""
_QUANTITY = re.compile(rf"\s*([+-]?{NUMBER})\s*([^\W\d_]*|%)\s*")  # letters or a per cent sign


def parse_quantity(value: object, kind: str, where: str) -> float:
    """Read a time, a size or a fraction that carries its unit, such as ``"5 ms"``, into the unit of ``kind``.

    Raises ConfigError, naming ``where``, for a missing or foreign unit and for anything but a finite number
    that is not negative.
    """
    units, example = UNITS[kind], EXAMPLES[kind]
    number, unit = split_quantity(value, where, example)
    if unit not in units:
        raise ConfigError(
            f"{where} = {value!r} has {unit_text(unit)}; it takes one of {', '.join(units)}, as in {example}."
        )
    return number * units[unit]


def parse_in_unit(value: object, unit: str, where: str) -> float:
    """Read a number that is in ``unit``, whether or not that is written behind it: ``3`` or ``"3 J"``.

    It may be negative. Raises ConfigError, naming ``where``, for another unit and for anything but a finite number.
    """
    text = str(value).strip()
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{where} = {value!r} must be a number{f' in {unit}' if unit else ''}.")
    return number


def split_quantity(value: object, where: str, example: str) -> tuple[float, str]:
    """Split ``"0.5 pp"`` into ``(0.5, "pp")``; the unit of a bare number is empty.

    Raises ConfigError, naming ``where`` and showing ``example``, for anything but a finite number that is not
    negative.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ConfigError(f"{where} = {value!r} must be a number with its unit, as in {example}.")
    number = float(match[1])
    if not 0 <= number < math.inf:
        raise ConfigError(f"{where} = {value!r} must be finite and not negative.")
    return number, match[2].replace(_MU, _MICRO)


def quantity_pattern(units: Iterable[str], *, above_zero: bool) -> str:
    """What ``split_quantity`` reads with one of these units, as an expression that JavaScript understands as well."""
    known = "|".join(unit.replace(_MICRO, f"[{_MICRO}{_MU}]") for unit in units)
    # Some digit before the exponent is none of 0.
    digit = r"(?=[\d_.]*[1-9])" if above_zero else ""
    return rf"^\s*\+?{digit}{NUMBER}\s*(?:{known})\s*$"


def unit_text(unit: str) -> str:
    """The unit that somebody wrote, in a sentence that goes on with what is right."""
    return f"the unit {unit!r}" if unit else "no unit"


def format_seconds(value: float) -> str:
    """``0.00215`` becomes ``2.15 ms``."""
    for unit in ("s", "ms", f"{_MICRO}s"):
        if value >= _ROUNDS_UP * _TIMES[unit]:
            return f"{_three_digits(value / _TIMES[unit])} {unit}"
    return f"{_three_digits(value / _TIMES['ns'])} ns"


def format_bytes(value: float) -> str:
    """``67108864`` becomes ``64.0 MiB``; below one KiB the bytes are written out."""
    for unit in ("GiB", "MiB", "KiB"):
        if value >= _ROUNDS_UP * _SIZES[unit]:
            return f"{_three_digits(value / _SIZES[unit])} {unit}"
    return f"{value:.0f} B"


def format_value(value: float, kind: str) -> str:
    """Write a number of the given kind for people, with its unit."""
    match kind:
        case Kind.TIME:
            return format_seconds(value)
        case Kind.SIZE:
            return format_bytes(value)
        case Kind.COUNT:
            return f"{value:,.0f}"
        case Kind.RATE:
            return f"{_three_digits(value)} /s"
        case Kind.FRACTION:
            return f"{value * 100:.6g} %"
        case Kind.CHANGE:
            return f"{value * 100:+z.3g} %"
        case Kind.SCORE:
            # z: a perfect negated error is -0.0.
            return f"{value:z.6g}"
        case _:
            return f"{value:z.6g} {kind}".rstrip()


def format_change(observed: float, reference: float, kind: str, *, points: bool) -> str:
    """Write the change from ``reference`` to ``observed``: ``-0.2 pp``, ``+3.1 %``, ``4.5 x fewer``, ``+512 B``.

    A score changes in ``points`` where it lies within 0 to 1 by definition, else in its own unit. Other kinds
    change in per cent, from three times up and a third down as a ratio, and from nothing by an amount.
    """
    if kind == Kind.SCORE:
        # Scores are quotients: what is left of equal ones after subtraction is not a change.
        difference = round(observed - reference, 12)
        return f"{difference * 100:+z.3g} pp" if points else f"{difference:+z.4g}"
    if reference == 0 or min(observed, reference) < 0:
        added = observed - reference
        return f"{'-' if added < 0 else '+'}{format_value(abs(added), kind)}"
    ratio = observed / reference
    more, less = _RATIOS.get(kind, ("more", "less"))
    if ratio >= 3:
        return f"{_times(ratio)} x {more}"
    if 0 < ratio <= 1 / 3:
        return f"{_times(1 / ratio)} x {less}"
    return f"{(ratio - 1) * 100:+z.3g} %"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a kind; as text, as it is written for people."""

    value: float
    kind: str

    def __str__(self) -> str:
        return format_value(self.value, self.kind)


@dataclass(frozen=True, slots=True)
class Change:
    """A number of a kind beside the former one; as text, the change as it is written for people."""

    observed: float
    former: float
    kind: str
    points: bool = False

    def __str__(self) -> str:
        return format_change(self.observed, self.former, self.kind, points=self.points)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 999.5 else f"{value:#.3g}".removesuffix(".")
