"""Alternatives for one job as a table: which are worth a look, and which a policy would choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.judge.alternatives import Group, Standing, as_good, compared_axes
from pytest_speedacc.report.printable import printable, shortened, shown_title
from pytest_speedacc.report.table import fits, table_lines
from pytest_speedacc.report.text import WIDEST

NARROWEST_TITLE = 24
"""Characters of an alternative's name in a table that is too wide otherwise."""


def group_lines(group: Group, width: int = WIDEST) -> list[str]:
    """The alternatives, the best score first, and what every policy would choose among them.

    Where ``width`` has no room for names in both ends of the table they have numbers, and axes are left out.
    """
    first = group.standings[0].alternative
    ordered = sorted(group.standings, key=lambda each: each.alternative.accuracy, reverse=first.higher_is_better)
    lines = [f"Alternatives for {group.name}:", *_table(ordered, width)]
    chosen: dict[str, list[str]] = {}
    for policy, title in group.choices.items():
        chosen.setdefault(title, []).append(policy)
    lines += [
        f"By what was measured here, {' and '.join(names)} would choose {shown_title(title)}.{_ties(group, title)}"
        for title, names in chosen.items()
    ]
    return list(map(printable, lines))


def _ties(group: Group, title: str) -> str:
    """Who may as well be chosen; empty where nobody is."""
    same = as_good(group, title)
    verb, whom = ("is", "it") if len(same) == 1 else ("are", "one of them")
    names = " and ".join(map(shown_title, same))
    return f" {names} {verb} as good on every axis, so that the next run may choose {whom}." if same else ""


def _table(ordered: Sequence[Standing], width: int) -> list[str]:
    axes = list(compared_axes())
    titles = {each.alternative.title: shown_title(each.alternative.title) for each in ordered}
    lines = _lines(ordered, axes, titles, titles)
    if fits(lines, width):
        return lines
    numbers = {title: str(place) for place, title in enumerate(titles, 1)}
    numbered = {title: f"{numbers[title]} {shortened(shown, NARROWEST_TITLE)}" for title, shown in titles.items()}
    # A latency is what alternatives are looked at for; the others go from the last one on.
    while not fits(lines := _lines(ordered, axes, numbered, numbers), width) and axes[1:]:
        axes.pop()
    return lines


def _lines(
    ordered: Sequence[Standing], axes: Sequence[Axis], first: Mapping[str, str], last: Mapping[str, str]
) -> list[str]:
    """The table of so many axes, in which alternatives are called as ``first`` and ``last`` have it."""
    columns = ("median" if axis is LATENCY else axis.title for axis in axes)
    header = ("alternative", "score", *columns, "front", "dominated by")
    return table_lines(header, [_cells(each, axes, first, last) for each in ordered])


def _cells(
    standing: Standing, axes: Sequence[Axis], first: Mapping[str, str], last: Mapping[str, str]
) -> tuple[str, ...]:
    one = standing.alternative
    amounts = (format_value(one.amounts[axis.name], axis.unit) if axis.name in one.amounts else "-" for axis in axes)
    front = "yes" if standing.on_front else ""
    by = ", ".join(last[title] for title in standing.dominated_by)
    return (first[one.title], format_value(one.accuracy, Kind.SCORE), *amounts, front, by)
