"""A verdict in words: the failure text of one gate and the summary of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.axis import Comparison
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import format_change, format_value
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.accuracy import formerly
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, TradeSum, Verdict
from pytest_speedacc.report.printable import printable, shown_title
from pytest_speedacc.report.scale import scale_lines
from pytest_speedacc.report.table import table_lines

EXPLAINED = {
    "base": "What takes longer than in the base",
    "other": "What takes longer than in the other",
    "baseline": "What differs from the baseline's profile",
    "": "Where the time goes",
}
"""By whose profile it is compared with."""
WHOLE_SET = "whole set"
"""What the time of predicting all samples once is called."""


def headline(verdict: Verdict) -> str:
    """The news in one line: which axis, by how much, against what."""
    worst = verdict.worst()
    if not worst:
        first = next(iter(verdict.error.splitlines()), "")
        return f"cannot judge {shown_title(verdict.title)}: {printable(first)}"
    more = f"; and {len(worst) - 3} more" if len(worst) > 3 else ""
    return printable(f"{verdict.outcome.word.replace('_', ' ')}: {'; '.join(map(_news, worst[:3]))}{more}")


def verdict_text(verdict: Verdict, environment: str, scale: Scale) -> str:
    """The whole verdict of a gate: the news, the table, the trades, what was measured and what it means at scale, the
    notes, and how to accept it."""
    lines = [f"speedacc {headline(verdict)}"]
    if not verdict.checks:
        # What a model raised may go on for lines.
        return "\n".join([*lines, *(f"  {printable(line)}" for line in verdict.error.splitlines()[1:])])
    rows = [
        (axis(check), _observed(check), _former(check), check.allowed, check.outcome.word, check.reason)
        for check in verdict.checks
    ]
    lines += ["", *table_lines(("axis", "observed", verdict.compared_with, "allowed", "outcome", "why"), rows)]
    if verdict.explained:
        lines += [
            "",
            f"{EXPLAINED[verdict.explained_beside]}, by a profile taken afterwards:",
            *(f"  {line}" for line in verdict.explained),
        ]
    if verdict.allocated:
        lines += ["", "What holds the peak, from a pass of its own:", *(f"  {line}" for line in verdict.allocated)]
    if verdict.flipped:
        lines += [
            "",
            f"Right {formerly(verdict.compared_with)} and wrong now:",
            *(f"  {line}" for line in verdict.flipped),
        ]
    lines += [line for found in verdict.trades for line in ("", *_trade_lines(found))]
    bounded = {(check.metric, check.statistic, check.slice) for check in verdict.checks}
    others = [row for row in verdict.observations if (row.metric, row.statistic, row.slice) not in bounded]
    if others:
        shown = "; ".join(observation_text(row, verdict.compared_with) for row in others)
        lines += ["", f"Also measured, not limited: {shown}."]
    if any(check.metric == "latency" and check.outcome is not Outcome.PASSED for check in verdict.checks):
        lines += ["", *scale_lines([verdict], scale)]
    lines += [f"Note: {note}." for note in verdict.notes]
    lines += ["", f"Measured on {environment}."]
    if verdict.accept:
        lines.append(f"If this change is meant, accept it: {verdict.accept}")
    return "\n".join(map(printable, lines))


def _trade_lines(found: TradeSum) -> list[str]:
    """The sum of one trade: given, gained, and whether it allows that."""
    news = "allows this" if found.applies else "does not allow this"
    lines = [f"{found.source} {news}: {found.trade}"]
    for what, legs, least in (("given", found.given, "at most"), ("gained", found.gained, "at least")):
        for leg in legs:
            name = leg.axis.replace("_", " ")
            sign = "holds" if leg.holds else "does not hold"
            lines.append(f"  {what:6} {name} {leg.observed}; {least} {leg.wanted} {sign}")
    return lines


def observation_text(row: Observation, compared_with: str) -> str:
    """One measured number with its unit, and the former one, of ``compared_with``, beside it."""
    name = _name(row.metric, row.statistic, row.slice)
    if row.observed is None:
        return f"{name} not measured ({row.note})"
    shown = format_value(row.observed, row.kind)
    if row.reference is None or (former := format_value(row.reference, row.kind)) == shown:
        return f"{name} {shown}"
    change = format_change(row.observed, row.reference, row.kind, points=row.points)
    return f"{name} {shown} ({change} from {former} in the {compared_with})"


def axis(check: Check) -> str:
    """``latency p95``; with the slice where there is one."""
    return _name(check.metric, check.statistic, check.slice)


def summary_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """One table for the run, a gate a line, and below it whatever is not a plain pass."""
    columns = _summary_columns(verdicts)
    rows = [
        (verdict.title, *_summary_cells(verdict, columns), verdict.outcome.word + _accepted(verdict))
        for verdict in verdicts
    ]
    lines = table_lines(("gate", *(title for title, _, _ in columns), "verdict"), rows)
    loud = [
        f"{check.outcome.word.replace('_', ' ')}: {shown_title(verdict.title)}: {axis(check)}: {check.reason}"
        for verdict in verdicts
        for check in verdict.checks
        if check.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED)
    ]
    loud += [
        f"differs from the baseline's profile: {shown_title(verdict.title)}: {line}"
        for verdict in verdicts
        for line in verdict.explained
        if verdict.explained_beside == "baseline" and verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED)
    ]
    loud += [f"note: {shown_title(verdict.title)}: {note}" for verdict in verdicts for note in verdict.notes]
    return [*lines, *([""] if loud else []), *map(printable, loud)]


def _accepted(verdict: Verdict) -> str:
    """What somebody accepted, so that no gate is green by it unseen."""
    found = [f"{axis(check)} {check.accepted}" for check in verdict.checks if check.accepted]
    return f"; accepted: {', '.join(found)}" if found else ""


def _summary_columns(verdicts: Sequence[Verdict]) -> list[tuple[str, str, str]]:
    """Title, axis and statistic of each: those of every model, and axes of the user's own that were measured."""
    measured = {row.metric for verdict in verdicts for row in verdict.observations if row.observed is not None}
    amounts = (axis for axis in AXES.values() if axis.compared is Comparison.AMOUNT and not axis.is_optional)
    return [
        ("score", ACCURACY.name, ""),
        ("median", LATENCY.name, "median"),
        ("p95", LATENCY.name, "p95"),
        *((axis.title, axis.name, "") for axis in amounts if not axis.is_own or axis.name in measured),
    ]


def _summary_cells(verdict: Verdict, columns: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    values = {(row.metric, row.statistic): row for row in verdict.observations if not row.slice}
    for _, metric, statistic in columns:
        row = values.get((metric, statistic))
        yield "-" if row is None or row.observed is None else format_value(row.observed, row.kind)


def _title(metric: str) -> str:
    return WHOLE_SET if metric == "evaluation" else metric.replace("_", " ")


def _name(metric: str, statistic: str, part: str) -> str:
    return " ".join(filter(None, (_title(metric), statistic, f"[{shown_title(part)}]" if part else "")))


def _observed(check: Check) -> str:
    if check.observed is None:
        return "not measured"
    text = format_value(check.observed, check.kind)
    if check.interval is None:
        return text
    low, high = (format_value(end, check.kind) for end in check.interval)
    return f"{text} ({low} to {high})"


def _news(check: Check) -> str:
    before = f", was {_former(check)}" if check.reference is not None else ""
    return f"{axis(check)} {_observed(check)}{before}, allowed {check.allowed}"


def _former(check: Check) -> str:
    return "" if check.reference is None else format_value(check.reference, check.kind)
