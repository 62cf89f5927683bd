"""``--speedacc-report=PATH.html``: the run as one page that needs nothing beside itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import Group, compared_axes
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.document import write_text
from pytest_speedacc.report.news import headline
from pytest_speedacc.report.past import HEIGHT, WIDTH, changes_of, lines_of
from pytest_speedacc.report.plot import NO_PICTURE, draw_plot, has_plot, misses_plot
from pytest_speedacc.report.printable import printable, shown_title
from pytest_speedacc.report.summary import LOUD, WORDS, Row, RunReport, rows_of, sections_of, short_title, why_of
from pytest_speedacc.report.text import observation_text

MOST_BYTES = 500_000
"""Of a page. One of more gates has the details of fewer of them."""
MOST_LOUD = 30
"""Gates that stand first, each with what failed or moved: nobody reads more."""
MOST_DRAWN = 100
"""Gates in the picture: of more, none would be seen."""
NO_DETAILS: dict[str, Any] = {"rows": [], "others": [], "notes": ()}
"""Of a gate for which there is no room."""
MOST_VALUES = 2500
"""Of all histories in a page; of many gates, each has fewer."""
SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INCONCLUSIVE: "?", Outcome.NOT_COMPARED: "∅"}


def write_page(path: Path, run: RunReport) -> None:
    """Write the page. Raises ConfigError without Jinja2, and for a file that cannot be written."""
    write_text(path, page(run))


def page(run: RunReport) -> str:
    """The page as HTML, in which every foreign word is text. Raises ConfigError without Jinja2."""
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        raise ConfigError("an HTML report needs Jinja2: install pytest-speedacc[report].") from error
    environment = Environment(
        loader=PackageLoader("pytest_speedacc.report", "."),
        autoescape=True,
        # What is markup already is no plain text.
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.jinja")
    common = {
        "title": headline(run).replace("`", ""),
        "outcome": _outcome(_sign(run)),
        "problems": [problem.splitlines() for problem in run.problems],
        "run": run,
        "checks": sum(len(verdict.checks) for verdict in run.verdicts),
        "sections": [
            *sections_of(run),
            *([("Remarks", (*run.remarks, *run.notes))] if run.remarks or run.notes else []),
        ],
        "plot": _plot(run),
        "no_picture": _no_picture(run),
        "groups": [_alternatives(group) for group in run.groups],
        "past": _past(run),
        "past_ends": run.past_ends,
        "line": {"width": WIDTH, "height": HEIGHT},
    }
    loud, gates = ([_gate(verdict) for verdict in those] for those in (_loud(run), run.verdicts))
    detailed = len(gates)
    while True:
        shown = min(MOST_LOUD, detailed)
        text: str = template.render(
            common,
            loud=loud[:shown],
            more_loud=max(len(loud) - shown, 0),
            gates=[*gates[:detailed], *(gate | NO_DETAILS for gate in gates[detailed:])],
            detailed=detailed,
        )
        if len(text.encode(errors="backslashreplace")) <= MOST_BYTES or not detailed:
            return text
        detailed //= 2


def _sign(run: RunReport) -> Outcome:
    """The outcome whose sign the heading has: not that of a pass where a reviewer has to look."""
    if run.failed:
        return Outcome.FAILED
    return run.outcome if run.is_plain else max(run.outcome, Outcome.INCONCLUSIVE)


def _loud(run: RunReport) -> Iterator[Verdict]:
    """What failed, what could not be told, and what moved, in this order."""
    for outcome in LOUD:
        yield from run.of(outcome)
    yield from (verdict for verdict in run.of(Outcome.PASSED) if any(row.has_moved for row in rows_of(verdict)))


def _gate(verdict: Verdict) -> dict[str, Any]:
    rows = rows_of(verdict)
    bounded = {(check.metric, check.statistic, check.slice) for check in verdict.checks}
    others = [row for row in verdict.observations if (row.metric, row.statistic, row.slice) not in bounded]
    return {
        "name": short_title(verdict),
        "title": shown_title(verdict.title),
        "outcome": _outcome(verdict.outcome),
        "error": verdict.error.splitlines(),
        "rows": [_cells(row) for row in rows],
        "loud": [_cells(row) for row in rows if row.outcome in LOUD or row.has_moved],
        "why": why_of(verdict),
        "notes": verdict.notes,
        "others": [observation_text(row, verdict.compared_with) for row in others],
        "accept": verdict.accept,
        "source": verdict.compared_with,
    }


def _alternatives(group: Group) -> dict[str, Any]:
    """A group as a table, the best score first, and what every policy would choose of it."""
    first = group.standings[0].alternative
    ordered = sorted(group.standings, key=lambda each: each.alternative.accuracy, reverse=first.higher_is_better)
    axes = [axis for axis in compared_axes() if any(axis.name in each.alternative.amounts for each in ordered)]
    one_file = len({each.alternative.title.partition("::")[0] for each in ordered}) == 1

    def named(title: str) -> str:
        return shown_title(title.partition("::")[2] or title if one_file else title)

    return {
        "name": group.name,
        "columns": ["score", *("median" if axis is LATENCY else axis.title for axis in axes)],
        "rows": [
            {
                "title": named(each.alternative.title),
                "cells": [
                    format_value(each.alternative.accuracy, Kind.SCORE),
                    *(_amount(each.alternative.amounts.get(axis.name), axis) for axis in axes),
                ],
                "on_front": each.on_front,
                "dominated_by": ", ".join(map(named, each.dominated_by)),
            }
            for each in ordered
        ],
        "choices": [(policy, named(title)) for policy, title in group.choices.items()],
    }


def _amount(value: float | None, axis: Axis) -> str:
    return "" if value is None else format_value(value, axis.unit)


def _past(run: RunReport) -> list[dict[str, Any]]:
    """The gates whose baseline changed, each with its axes over time and the commits that changed it."""
    known = {(past.test, past.name): past.moments for past in run.past}
    told = [(verdict, known.get((verdict.test, verdict.name), ())) for verdict in run.verdicts]
    found = [(verdict, moments) for verdict, moments in told if len(moments) > 1]
    # All of them share the room that the page has for it.
    series = sum(len(moments[-1].values) for _, moments in found)
    most = max(2, MOST_VALUES // max(series, 1))
    return [
        {
            "name": short_title(verdict),
            "lines": list(lines_of(moments[-most:])),
            "moments": list(zip(moments[-most:], changes_of(moments[-most:]), strict=True)),
            "left_out": max(len(moments) - most, 0),
        }
        for verdict, moments in found
    ]


def _cells(row: Row) -> dict[str, Any]:
    words = {name: getattr(row, name) for name in ("axis", "base", "here", "change", "allowed", "reason")}
    return {**words, "outcome": _outcome(row.outcome)}


def _outcome(outcome: Outcome) -> dict[str, str]:
    return {"word": WORDS[outcome], "sign": SIGNS[outcome], "key": outcome.word}


def _no_picture(run: RunReport) -> str:
    """Why there is none, though there is something to draw."""
    if misses_plot(run):
        return NO_PICTURE
    if has_plot(run) and len(run.verdicts) > MOST_DRAWN:
        return f"A picture of more than {MOST_DRAWN} gates would show none of them: run fewer for one."
    return ""


def _plot(run: RunReport) -> str:
    """The picture as SVG; empty without matplotlib, or without anything to draw."""
    if not has_plot(run) or len(run.verdicts) > MOST_DRAWN:
        return ""
    file = io.StringIO()
    draw_plot(file, run)
    # Without the prologue, which belongs to a file of its own.
    return file.getvalue().partition("<svg")[2].join(("<svg", ""))
