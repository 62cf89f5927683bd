"""What the baselines said before: the values of a gate at each commit that changed its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_speedacc.axes.units import format_change, format_value
from pytest_speedacc.measure.score import lies_within_unit

WIDTH, HEIGHT, EDGE = 160, 32, 3
"""Of a line, in the units of its picture."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a baseline file says from one commit on."""

    commit: str
    """Its short name."""
    date: str
    """The day of the commit: ``2026-05-03``."""
    why: str
    """The reason that its update was given, else the subject of the commit."""
    values: Mapping[str, tuple[float, str]]
    """By axis, each with what it is measured in."""


@dataclass(frozen=True, slots=True)
class Past:
    """The baseline file of one check, as far as it is known."""

    test: str
    """The node id, as the verdict has it."""
    name: str
    """``check(name=...)``; empty for the only one."""
    moments: tuple[Moment, ...]
    """The oldest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One axis over time, in words and as a line."""

    axis: str
    first: str
    last: str
    change: str
    """From the first to the last; empty where they are the same."""
    points: tuple[tuple[float, float], ...]
    """Across and down, the oldest first."""


def changes_of(moments: tuple[Moment, ...]) -> Iterator[str]:
    """The values that each commit changed, in words; of the first one all that it has."""
    before: Mapping[str, tuple[float, str]] = {}
    for moment in moments:
        news = ((axis, value) for axis, value in moment.values.items() if before.get(axis) != value)
        yield ", ".join(f"{axis} {format_value(*value)}" for axis, value in news)
        before = moment.values


def lines_of(moments: tuple[Moment, ...]) -> Iterator[Line]:
    """The axes that have two values at least, which is the least that makes a line."""
    for axis in dict.fromkeys(axis for moment in moments for axis in moment.values):
        found = [(place, *moment.values[axis]) for place, moment in enumerate(moments) if axis in moment.values]
        (_, first, _), (_, last, kind) = found[0], found[-1]
        if len(found) < 2 or any(each[2] != kind for each in found):
            continue
        amounts = [amount for _, amount, _ in found]
        change = format_change(last, first, kind, points=lies_within_unit(axis)) if last != first else ""
        places = [place for place, _, _ in found]
        yield Line(axis, format_value(first, kind), format_value(last, kind), change, _points(places, amounts))


def _points(places: list[int], amounts: list[float]) -> tuple[tuple[float, float], ...]:
    """In proportion within the edges; what is the same throughout lies in the middle."""
    low, high = min(amounts), max(amounts)
    start, end = places[0], places[-1]

    def scaled(value: float, least: float, most: float, room: int) -> float:
        return round(EDGE + (room - 2 * EDGE) * ((value - least) / (most - least) if most > least else 0.5), 1)

    return tuple(
        (scaled(place, start, end, WIDTH), round(HEIGHT - scaled(amount, low, high, HEIGHT), 1))
        for place, amount in zip(places, amounts, strict=True)
    )
