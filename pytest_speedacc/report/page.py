"""``--speedacc-report=PATH.html``: the run as one page that needs nothing beside itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.document import write_text
from pytest_speedacc.report.news import headline
from pytest_speedacc.report.past import HEIGHT, WIDTH, changes_of, lines_of
from pytest_speedacc.report.plot import draw_plot, has_plot
from pytest_speedacc.report.printable import printable, shown_title
from pytest_speedacc.report.summary import (
    LOUD,
    WORDS,
    Row,
    RunReport,
    rows_of,
    sections_of,
    short_title,
    why_of,
)
from pytest_speedacc.report.text import observation_text

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
    text: str = environment.get_template("page.html.jinja").render(
        title=headline(run).replace("`", ""),
        outcome=_outcome(_sign(run)),
        problems=[problem.splitlines() for problem in run.problems],
        run=run,
        loud=[_gate(verdict) for verdict in _loud(run)],
        gates=[_gate(verdict) for verdict in run.verdicts],
        checks=sum(len(verdict.checks) for verdict in run.verdicts),
        sections=[*sections_of(run), *([("Remarks", (*run.remarks, *run.notes))] if run.remarks or run.notes else [])],
        plot=_plot(run),
        past=_past(run),
        past_ends=run.past_ends,
        line={"width": WIDTH, "height": HEIGHT},
    )
    return text


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


def _past(run: RunReport) -> list[dict[str, Any]]:
    """The gates whose baseline changed, each with its axes over time and the commits that changed it."""
    known = {(past.test, past.name): past.moments for past in run.past}
    found = []
    for verdict in run.verdicts:
        moments = known.get((verdict.test, verdict.name), ())
        if len(moments) > 1:
            found.append((verdict, moments))
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


def _plot(run: RunReport) -> str:
    """The picture as SVG; empty without matplotlib, or without anything to draw."""
    if not has_plot(run):
        return ""
    file = io.StringIO()
    draw_plot(file, run)
    # Without the prologue, which belongs to a file of its own.
    return file.getvalue().partition("<svg")[2].join(("<svg", ""))
