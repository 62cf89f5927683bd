"""A verdict in words: the failure text of one gate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.units import Kind, format_change, format_value
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, TradeSum, Verdict
from pytest_speedacc.report.printable import printable, shown_title
from pytest_speedacc.report.scale import scale_lines
from pytest_speedacc.report.sentences import ADVICE, formerly
from pytest_speedacc.report.table import fits, table_lines, wrapped

EXPLAINED = {
    "base": "What takes longer than in the base",
    "other": "What takes longer than in the other",
    "baseline": "What differs from the baseline's profile",
    "": "Where the time goes",
}
"""By whose profile it is compared with."""
OTHERS = "other versions than in the base, the first to suspect"
"""Of libraries."""
MOST_SUSPECTS = 4
"""That are shown of them."""
WIDEST = 10_000
"""Columns of a terminal that wraps nothing."""
CONTINUED = "    "
"""Before a further line of a headline, where nothing else begins so."""
MOST_OF_A_KIND = 3
"""Samples, classes or confusions that are shown where nobody asks for all."""
IN_HEADLINE = 3
"""Checks that a headline has room for."""
MOST_CHECKS = 12
"""Of a verdict, that are shown where nobody asks for all."""
WHOLE_SET = "whole set"
"""What the time of predicting all samples once is called."""


def headline(verdict: Verdict) -> str:
    """The news in one line: which axis, by how much, against what."""
    worst = verdict.worst()
    if not worst:
        first = next(iter(verdict.error.splitlines()), "")
        return f"cannot judge {shown_title(verdict.title)}: {printable(first)}"
    more = f"; and {len(worst) - IN_HEADLINE} more" if len(worst) > IN_HEADLINE else ""
    return printable(f"{verdict.outcome.word.replace('_', ' ')}: {'; '.join(map(_news, worst[:IN_HEADLINE]))}{more}")


def verdict_text(
    verdict: Verdict, environment: str, scale: Scale, *, width: int = WIDEST, is_verbose: bool = True
) -> str:
    """A verdict in a terminal of ``width`` columns: the news, the checks that matter, why, and how to accept it.

    ``is_verbose`` adds the other checks, what else was measured, and what that means at scale.
    """
    title = _title_lines(verdict, width)
    if not verdict.checks:
        # What a model raised may go on for lines.
        more = [f"  {printable(line)}" for line in verdict.error.splitlines()[1:]]
        return "\n".join([*title, *([""] if more else []), *more])
    lines = ["", *_check_lines(verdict, width, is_verbose)]
    if verdict.suspects:
        lines += ["", f"{OTHERS[:1].upper()}{OTHERS[1:]}:", f"  {suspects_text(verdict)}"]
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
            *(f"  {line}" for line in (verdict.flipped if is_verbose else _by_kind(verdict.flipped))),
        ]
    lines += [line for found in verdict.trades for line in ("", *_trade_lines(found))]
    if is_verbose:
        lines += _other_lines(verdict, environment, scale)
    lines += _note_lines(verdict, is_verbose)
    shown = [*title, *(part for line in lines for part in wrapped(printable(line), width, 2 + _indent(line)))]
    return "\n".join([*shown, *_accept_lines(verdict, width)])


def brief_text(verdict: Verdict, width: int = WIDEST) -> str:
    """A verdict after several others that failed: the news, notes, and how to accept it. ``-v`` shows all of each."""
    notes = [part for line in _note_lines(verdict, False) for part in wrapped(printable(line), width)]
    accept = [f"To accept it: {printable(verdict.accept)}"] if verdict.accept else []
    return "\n".join([*_title_lines(verdict, width), *([""] if notes else []), *notes, *accept])


def _note_lines(verdict: Verdict, is_verbose: bool) -> list[str]:
    return [f"Note: {note}." for note in verdict.notes if is_verbose or not note.startswith(ADVICE)]


def news_of(text: str) -> str:
    """The headline of a verdict's text, in one line again."""
    first, *others = text.splitlines() or [""]
    rest = itertools.takewhile(lambda line: line.startswith(CONTINUED), others)
    return " ".join([first, *(line.removeprefix(CONTINUED) for line in rest)])


def _title_lines(verdict: Verdict, width: int) -> list[str]:
    first, *others = wrapped(f"speedacc {headline(verdict)}", width, 0)
    return [first, *(f"{CONTINUED}{line}" for line in others)]


def _accept_lines(verdict: Verdict, width: int) -> list[str]:
    if not verdict.accept:
        return []
    # A command stays whole, to be copied.
    meant, command = "If this change is meant, accept it:", printable(verdict.accept)
    return ["", f"{meant} {command}"] if len(meant) + len(command) < width else ["", meant, command]


def _by_kind(flipped: Sequence[str]) -> Iterator[str]:
    """What was lost, in a line for samples, classes and confusions each: the first of them, the others counted."""
    for _, group in itertools.groupby(flipped, key=lambda line: line.split(maxsplit=1)[0].replace("and", "sample")):
        lines = list(group)
        others = int(lines.pop().split()[1]) if lines[-1].startswith("and ") else 0
        others += max(len(lines) - MOST_OF_A_KIND, 0)
        yield "; ".join([*lines[:MOST_OF_A_KIND], *([f"and {others} more"] if others else [])])


def suspects_text(verdict: Verdict) -> str:
    """The likeliest ones."""
    more = len(verdict.suspects) - MOST_SUSPECTS
    return ", ".join(verdict.suspects[:MOST_SUSPECTS]) + (f", and {more} more" if more > 0 else "")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _check_lines(verdict: Verdict, width: int, is_verbose: bool) -> list[str]:
    """The checks as a table, or as sentences where that does not fit: the worst first, those that passed counted."""
    loud = sorted((check for check in verdict.checks if check.outcome is not Outcome.PASSED), key=lambda c: -c.outcome)
    shown = list(verdict.checks) if is_verbose else loud[:MOST_CHECKS]
    header = ("axis", "observed", verdict.compared_with, "allowed", "outcome", "why")
    rows = [
        (axis(check), _observed(check), _former(check), check.allowed, check.outcome.word, check.reason)
        for check in shown
    ]
    lines = table_lines(header, rows)
    told = () if is_verbose else verdict.worst()[:IN_HEADLINE]
    if not fits(lines, width) or (told and len(shown) == 1):
        others_shown = [check for check in shown if check not in told]
        lines = [
            *_reasons(told),
            *(part for check in others_shown for part in _sentences(check, verdict.compared_with)),
        ]
    if others := len(verdict.checks) - len(shown):
        what = "passed" if len(shown) == len(loud) else "are not shown here"
        lines.append(f"{others} other check{'' if others == 1 else 's'} {what} (-v shows all).")
    return lines


def _reasons(told: Sequence[Check[str]]) -> Iterator[str]:
    """Why, of checks that the headline has told the rest of; what several have in common is said once."""
    reasons: dict[str, list[str]] = {}
    for check in told:
        reasons.setdefault(check.reason, []).append(axis(check))
    yield from (f"{', '.join(axes)}: {reason}" for reason, axes in reasons.items())


def _sentences(check: Check[str], compared_with: str) -> Iterator[str]:
    former = f", {compared_with} {_former(check)}" if check.reference is not None else ""
    yield f"{axis(check)}: {_observed(check)}{former}, allowed {check.allowed}"
    yield f"  {check.outcome.word.replace('_', ' ')}: {check.reason}"


def _other_lines(verdict: Verdict, environment: str, scale: Scale) -> Iterator[str]:
    """What was measured beside the checks, what a time means at scale, and where."""
    bounded = {(check.metric, check.statistic, check.slice) for check in verdict.checks}
    others = [row for row in verdict.observations if (row.metric, row.statistic, row.slice) not in bounded]
    if others:
        shown = "; ".join(observation_text(row, verdict.compared_with) for row in others)
        yield from ("", f"Also measured, not limited: {shown}.")
    if any(check.metric == "latency" and check.outcome is not Outcome.PASSED for check in verdict.checks):
        yield from ("", *scale_lines([verdict], scale))
    yield from ("", f"Measured on {environment}.")


def _trade_lines(found: TradeSum[str]) -> list[str]:
    """The sum of one trade: given, gained, and whether it allows that."""
    news = "allows this" if found.applies else "does not allow this"
    lines = [f"{found.source} {news}: {found.trade}"]
    for what, legs, terms in (
        ("given", found.given, "at most {} allowed"),
        ("gained", found.gained, "at least {} wanted"),
    ):
        for leg in legs:
            name = leg.axis.replace("_", " ")
            sign = "holds" if leg.holds else "does not hold"
            lines.append(f"  {what:6} {name} {leg.observed}; {terms.format(leg.wanted)}: {sign}")
    return lines


def observation_text(row: Observation, compared_with: str) -> str:
    """One measured number with its unit, and the former one, of ``compared_with``, beside it."""
    # A score has its own name, which is all that its note says.
    name = _name(row.note if row.metric == ACCURACY.name else row.metric, row.statistic, row.slice)
    if row.observed is None:
        return f"{name} not measured ({row.note})"
    shown = format_value(row.observed, row.kind)
    if row.reference is None or (former := format_value(row.reference, row.kind)) == shown:
        return f"{name} {shown}"
    if row.kind == Kind.TIME and compared_with == "baseline":
        # Of another process, at another time: the difference says nothing of the model.
        return f"{name} {shown} ({former} when the baseline was written)"
    change = format_change(row.observed, row.reference, row.kind, points=row.points)
    return f"{name} {shown} ({change} from {former} in the {compared_with})"


def axis(check: Check[str]) -> str:
    """``latency p95``; with the slice where there is one. A score has its own name."""
    return _name(check.title or check.metric, check.statistic, check.slice)


def _name(metric: str, statistic: str, part: str) -> str:
    title = WHOLE_SET if metric == "evaluation" else metric.replace("_", " ")
    return " ".join(filter(None, (title, statistic, f"[{shown_title(part)}]" if part else "")))


def _observed(check: Check[str]) -> str:
    if check.observed is None:
        return "not measured"
    text = format_value(check.observed, check.kind)
    if check.interval is None:
        return text
    low, high = (format_value(end, check.kind) for end in check.interval)
    return f"{text} (up to {high})" if is_open(check) else f"{text} ({low} to {high})"


def is_open(check: Check[str]) -> bool:
    """Whether its interval has no end below: no time is shorter than none at all."""
    return check.kind == Kind.CHANGE and check.interval is not None and check.interval[0] <= -1


def _news(check: Check[str]) -> str:
    before = f", was {_former(check)}" if check.reference is not None else ""
    return f"{axis(check)} {_observed(check)}{before}, allowed {check.allowed}"


def _former(check: Check[str]) -> str:
    return "" if check.reference is None else format_value(check.reference, check.kind)
