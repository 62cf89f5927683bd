"""What a model may give for what it gains: ``{ give = { accuracy = "0.5 pp" }, gain = { latency = "30 %" } }``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_speedacc.axes import TRADED
from pytest_speedacc.axes.axis import Setting
from pytest_speedacc.axes.units import split_quantity, unit_text
from pytest_speedacc.config.settings import Bound, Unit, suggestion
from pytest_speedacc.errors import ConfigError

EXAMPLE = 'trades = [{ give = { accuracy = "0.5 pp" }, gain = { latency = "30 %" } }]'


@dataclass(frozen=True, slots=True)
class Term:
    """How much of one axis is given or gained."""

    axis: str
    """A key of TRADED: ``error`` is a relative change of 1 - score, the others are as they are measured."""
    value: float
    """With per cent and points as fractions. A factor is kept as the fraction of the former value that it adds or
    saves."""
    unit: Unit
    """How ``value`` is to be read."""
    written: str
    """As the user wrote it: ``30 %``."""

    @property
    def setting(self) -> Setting:
        """The tolerance of the axis."""
        return TRADED[self.axis]


@dataclass(frozen=True, slots=True)
class Trade:
    """A worsening that is bought by a gain. All of its terms must hold."""

    give: tuple[Term, ...]
    gain: tuple[Term, ...]
    source: str
    """The table or marker that it stands in."""

    def __str__(self) -> str:
        """``give accuracy 0.5 pp for latency 30 %``."""
        given, gained = (" and ".join(f"{t.axis} {t.written}" for t in terms) for terms in (self.give, self.gain))
        return f"give {given} for {gained}"


def parse_trades(value: object, where: str) -> tuple[Trade, ...]:
    """Read the list. Raises ConfigError, naming ``where``, for what is wrong, contradicts itself or cannot happen."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{where} must be a list, as in {EXAMPLE}.")
    source = where.rpartition(": ")[0] or where
    return tuple(_trade(entry, f"{where}[{number}]", source) for number, entry in enumerate(value))


def parse_gain(axis: str, amount: object, where: str) -> Term:
    """Read one gain, such as ``"2 x"`` or ``"30 %"``. Raises ConfigError."""
    return _term(axis, amount, where, True)


def term_units(axis: str) -> tuple[str, ...]:
    """What an amount of the axis, a key of TRADED, may be in; one of accuracy may be a bare number as well."""
    return ("pp", "%") if axis == "accuracy" else ("%", "x")


def widened(trade: Trade) -> tuple[Bound, ...]:
    """What a trade allows the axes that it gives, as tolerances; ``error`` is read when the former score is known."""
    return tuple(Bound(term.setting, term.value, term.unit) for term in trade.give if term.axis != "error")


def check_applies(trades: Sequence[Trade], bounds: Sequence[Bound]) -> None:
    """Raises ConfigError for a trade that beside these tolerances can never excuse anything."""
    tolerances = {bound.setting.name: bound for bound in bounds if bound.setting.is_tolerance}
    for trade in trades:
        for term in trade.give:
            tolerance = tolerances.get(term.setting.name)
            if tolerance is None and term.setting.is_noisy:
                # A live run compares it all the same, by its default.
                continue
            if tolerance is None:
                raise ConfigError(
                    f"{trade.source}: the trade to {trade} can never apply: {term.setting.name} is not set, so no "
                    f"worsening of {term.axis} fails anything. Set it, or drop the trade."
                )
            if term.axis != "error" and tolerance.unit is term.unit and term.value <= tolerance.value:
                raise ConfigError(
                    f"{trade.source}: the trade to {trade} can never apply: {term.setting.name} allows as much "
                    "without any gain."
                )


def _trade(entry: object, where: str, source: str) -> Trade:
    if not isinstance(entry, Mapping) or set(entry) != {"give", "gain"}:
        raise ConfigError(f"{where} must have give and gain, and nothing else, as in {EXAMPLE}.")
    give, gain = (_terms(entry[side], f"{where}.{side}", side == "gain") for side in ("give", "gain"))
    settings = {term.setting.name for term in give} & {term.setting.name for term in gain}
    if settings:
        axis = next(term.axis for term in gain if term.setting.name in settings)
        raise ConfigError(f"{where} contradicts itself: it gives and gains {axis}.")
    return Trade(give, gain, source)


def _terms(value: object, where: str, is_gain: bool) -> tuple[Term, ...]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f'{where} must name at least one axis with its amount, such as {{ latency = "30 %" }}.')
    return tuple(_term(axis, amount, f"{where}.{axis}", is_gain) for axis, amount in value.items())


def _term(axis: str, amount: Any, where: str, is_gain: bool) -> Term:
    if axis not in TRADED:
        raise ConfigError(f"{where}: {axis!r} cannot be traded. {suggestion(axis, TRADED)}")
    number, unit = split_quantity(amount, where, '"30 %"')
    # A gain of what is better high makes it more, as does giving of what is better low.
    grows = is_gain is TRADED[axis].higher_is_better
    plain = not isinstance(amount, str)
    if plain and axis != "accuracy":
        raise ConfigError(f'{where} = {amount!r} has no unit: write "30 %" or "5 x".')
    if number == 0:
        raise ConfigError(f"{where} = {amount!r} trades nothing.")
    if plain:
        return Term(axis, number, Unit.PLAIN, f"{number:g}")
    if unit not in term_units(axis):
        known = '"0.5 pp" or "1 %"' if axis == "accuracy" else '"30 %" or "5 x"'
        raise ConfigError(f"{where} = {amount!r} has {unit_text(unit)}; it takes {known}.")
    if unit == "pp":
        if number > 100:
            raise ConfigError(f"{where} = {amount!r} can never happen: a score has 100 points.")
        return Term(axis, number / 100, Unit.POINTS, amount)
    if unit == "x":
        return Term(axis, _of_factor(number, where, amount, grows), Unit.RELATIVE, amount)
    if not grows and number >= 100 and axis != "accuracy":
        raise ConfigError(f"{where} = {amount!r} can never happen: nothing would be left of it.")
    return Term(axis, number / 100, Unit.RELATIVE, amount)


def _of_factor(factor: float, where: str, amount: object, grows: bool) -> float:
    if factor <= 1:
        raise ConfigError(f'{where} = {amount!r} must be above 1: "5 x" is five times as much, or a fifth.')
    return factor - 1 if grows else 1 - 1 / factor
