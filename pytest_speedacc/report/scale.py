"""What a latency means at scale: milliseconds become hours at a hundred thousand requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from pytest_speedacc.axes.units import format_seconds
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.report.table import table_lines

_UNITS = (("h", Decimal(3600)), ("min", Decimal(60)), ("s", Decimal(1)))


@dataclass(frozen=True, slots=True)
class Row:
    """One model's latency, translated."""

    title: str
    seconds: float
    """Of a request."""
    times: tuple[str, ...]
    """Of so many requests each, one after the other: ``1.83 h``."""
    costs: tuple[str, ...]
    """The same in money; empty without a price."""


def at_scale(verdict: Verdict, scale: Scale) -> list[Row]:
    """The median latency of a gate, and of what it was compared with, translated."""
    median = next((row for row in verdict.observations if (row.metric, row.statistic) == ("latency", "median")), None)
    if median is None or median.observed is None:
        return []
    former = _former_median(verdict)
    rows = [(verdict.title, median.observed), *([] if former is None else [(f"  {verdict.compared_with}", former)])]
    return [_row(title, seconds, scale) for title, seconds in rows]


def scale_lines(verdicts: Sequence[Verdict], scale: Scale) -> list[str]:
    """A table of every gate's latency at scale; nothing where none was measured."""
    rows = [row for verdict in verdicts for row in at_scale(verdict, scale)]
    if not rows:
        return []
    header = ["", "a request", *(f"{count:,} requests" for count in scale.requests)]
    cells = [
        [row.title, format_seconds(row.seconds), *(_cell(row, place) for place in range(len(scale.requests)))]
        for row in rows
    ]
    return table_lines(header, cells)


def duration(seconds: float, requests: int) -> str:
    """So many requests one after the other, from a second on in the largest unit that fits: ``10.97 min``.

    Rounded half up in decimal, as people round: 42.95 ms a request is 4.30 s for a hundred.
    """
    total = Decimal(repr(seconds)) * requests
    if total < 1:
        return format_seconds(float(total))
    unit, length = next(((unit, length) for unit, length in _UNITS if total >= length), _UNITS[-1])
    return f"{_rounded(total / length):,} {unit}"


def _row(title: str, seconds: float, scale: Scale) -> Row:
    times = tuple(duration(seconds, requests) for requests in scale.requests)
    price = scale.price_per_hour
    costs = () if price is None else tuple(_cost(seconds, requests, price) for requests in scale.requests)
    return Row(title, seconds, times, costs)


def _cost(seconds: float, requests: int, price_per_hour: float) -> str:
    return f"{_rounded(Decimal(repr(seconds)) * requests / 3600 * Decimal(repr(price_per_hour))):,}"


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _cell(row: Row, place: int) -> str:
    return f"{row.times[place]}, cost {row.costs[place]}" if row.costs else row.times[place]


def _former_median(verdict: Verdict) -> float | None:
    """The stored median, or in a live run the base's, by the ratio that was measured beside it."""
    median = next(row for row in verdict.observations if (row.metric, row.statistic) == ("latency", "median"))
    if median.reference is not None or median.observed is None:
        return median.reference
    change = next(
        (check for check in verdict.checks if check.setting == "max_latency_increase" and check.observed is not None),
        None,
    )
    if change is None or change.observed is None or change.kind != "change":
        return None
    return median.observed / (1 + change.observed)
