"""Alternatives for one job as a table: which are worth a look, and which a policy would choose."""

from __future__ import annotations

from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.judge.alternatives import Group, Standing, as_good, compared_axes
from pytest_speedacc.report.printable import printable, shown_title
from pytest_speedacc.report.table import table_lines


def group_lines(group: Group) -> list[str]:
    """The alternatives, the best score first, and what every policy would choose among them."""
    first = group.standings[0].alternative
    ordered = sorted(group.standings, key=lambda each: each.alternative.accuracy, reverse=first.higher_is_better)
    columns = ("median" if axis is LATENCY else axis.title for axis in compared_axes())
    header = ("alternative", "score", *columns, "front", "dominated by")
    lines = [f"Alternatives for {group.name}:", *table_lines(header, [_cells(each) for each in ordered])]
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


def _cells(standing: Standing) -> tuple[str, ...]:
    one = standing.alternative
    amounts = (
        format_value(one.amounts[axis.name], axis.unit) if axis.name in one.amounts else "-" for axis in compared_axes()
    )
    front = "yes" if standing.on_front else ""
    return (
        one.title,
        format_value(one.accuracy, Kind.SCORE),
        *amounts,
        front,
        ", ".join(map(shown_title, standing.dominated_by)),
    )
