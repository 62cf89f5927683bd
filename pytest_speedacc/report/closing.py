"""The end of a run in a terminal: a gate a line, with what changed, and below it what no gate's own text says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.axis import Comparison
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.printable import printable, shortened, shown_title
from pytest_speedacc.report.sentences import NO_BASELINE
from pytest_speedacc.report.summary import row_of
from pytest_speedacc.report.table import fits, table_lines
from pytest_speedacc.report.text import WIDEST, axis

NARROWEST_TITLE = 24
"""Characters of a gate's name: shorter, and nobody knows which it is."""
WIDEST_TITLE = 40
"""Characters of it that come before columns in which nothing is compared."""
UNCHANGED = "same"
MOST_ROWS = 12
"""Of a table that nobody asked to be whole."""
MOST_QUIET = 6
"""Of these that passed and in which nothing moved: enough to see that the run compared what it should."""
OF_ITS_OWN = (
    (re.compile(f"({NO_BASELINE}: create it with python -m pytest ).*? --speedacc-update"), r"\1--speedacc-missing"),
    (re.compile("python -m pytest (?!-).*? --speedacc-update"), "python -m pytest TEST --speedacc-update"),
    (re.compile(r"^wrote (.*)/[^/]+\.json: review it and commit it$"), r"wrote into \1: review that and commit it"),
)
"""What differs in sentences of several gates that say the same, and what stands for it there."""


@dataclass(frozen=True, slots=True)
class Found:
    """One axis of one gate."""

    value: str
    """What was measured; empty where nothing was."""
    change: str = ""
    """Against the base or baseline, with its interval; empty where nothing bounds it."""
    has_moved: bool = False
    is_accepted: bool = False
    worst: Outcome | None = None
    """Of what bounds it; None where nothing does."""

    @property
    def whole(self) -> str:
        """As a wide table has it."""
        return ", ".join(filter(None, (self.value, self.change))) or "-"

    def short(self, is_beside_changes: bool) -> str:
        """As a narrow one has it: the change; or the value, which of what did not change says more than that."""
        told = self.change if is_beside_changes or self.change != UNCHANGED else self.value
        return f"{told or self.value or '-'}{' accepted' if self.is_accepted else ''}"


@dataclass(frozen=True, slots=True)
class Column:
    """One axis of every gate."""

    title: str
    cells: tuple[Found, ...]

    @property
    def short(self) -> tuple[str, ...]:
        """The cells as a narrow table has them: values where nothing changed in any, beside which none is a change."""
        are_changes = any(cell.change not in ("", UNCHANGED) for cell in self.cells)
        return tuple(cell.short(are_changes) for cell in self.cells)

    @property
    def width(self) -> int:
        """Characters that it takes in a narrow table, with the space before it."""
        return 2 + max(map(len, (self.title, *self.short)))

    @property
    def news(self) -> int:
        """How much it says: of what did not pass, what moved, what was compared, what is limited, or values alone."""
        if any(cell.worst not in (None, Outcome.PASSED) for cell in self.cells):
            return 4
        if any(cell.has_moved for cell in self.cells):
            return 3
        return 2 if any(cell.change for cell in self.cells) else any(cell.worst is not None for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is said of one gate, and perhaps of others as well."""

    verdict: Verdict
    word: str
    """What it is: a ``note``, or how a check came out."""
    text: str

    @property
    def sentence(self) -> str:
        """Of this gate alone."""
        return f"{self.word}: {shown_title(self.verdict.title)}: {self.text}"

    @property
    def kind(self) -> str:
        """The same of any gate: a format with a place for its name."""
        text = self.text
        for pattern, other in OF_ITS_OWN:
            text = pattern.sub(other, text)
        return f"{self.word}: {{}}: {_escaped(text)}"


def summary_lines(
    verdicts: Sequence[Verdict],
    *,
    width: int = WIDEST,
    is_verbose: bool = True,
    fails: Callable[[Outcome], bool] = lambda outcome: False,
) -> list[str]:
    """One table for the run, a gate a line, and below it whatever is not a plain pass and is told nowhere else.

    A row has values and changes where ``width`` has room for both, or ``is_verbose`` asks for them. A narrow one has
    the changes, and the values of columns in which nothing changed, without the columns that say the least; of these,
    what moved is told below. Of many gates those that matter have rows, the worst first, and the others are counted.
    What ``fails`` has told its reason by itself.
    """
    everything = verdicts
    if not is_verbose:
        verdicts = _that_matter(verdicts)
    columns = [column for column in _columns(verdicts) if column.news or any(cell.value for cell in column.cells)]
    cells = zip(*(column.cells for column in columns), strict=True) if columns else [()] * len(verdicts)
    rows = [
        (verdict.title, *(cell.whole for cell in found), verdict.outcome.word + _accepted(verdict))
        for verdict, found in zip(verdicts, cells, strict=True)
    ]
    lines = table_lines(("gate", *(column.title for column in columns), "verdict"), rows)
    told: dict[str, list[str]] = {}
    if not is_verbose and not fits(lines, width):
        lines, told = _narrow(verdicts, columns, width)
    if others := len(everything) - len(verdicts):
        all_passed = sum(each.outcome is not Outcome.PASSED for each in everything) <= MOST_ROWS
        gates = "1 other gate" if others == 1 else f"{others} other gates"
        lines.append(f"{gates} {'passed' if all_passed else 'not shown here'} (-v shows all).")
    loud = [
        *(sentence.format(_titles(titles)) for sentence, titles in told.items()),
        *_merged(_notes(everything, is_verbose)),
        *_merged(_open(everything), fails=None if is_verbose else fails),
    ]
    return [*lines, *([""] if loud else []), *map(printable, loud)]


def _that_matter(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The worst first, then what was accepted, what moved, and some of the others where none is worse."""
    loud = sorted((each for each in verdicts if each.outcome is not Outcome.PASSED), key=lambda v: -v.outcome)
    passed = [each for each in verdicts if each.outcome is Outcome.PASSED]
    # A line that counts one gate takes as much room as its row.
    if len(verdicts) <= (MOST_ROWS if loud else MOST_QUIET + 1):
        return [*loud, *passed]
    ranks = [(_rank(each), each) for each in passed]
    accepted, moved, quiet = ([each for own, each in ranks if own == rank] for rank in range(3))
    # What somebody accepted is always told, so that no gate is green by it unseen.
    shown = [*loud[:MOST_ROWS], *accepted]
    shown += moved[: max(MOST_ROWS - len(shown), 0)]
    return shown if loud else [*shown, *quiet[: max(MOST_QUIET - len(shown), 0)]]


def _rank(passed: Verdict) -> int:
    """How much a reader wants to see a gate that passed: 0 the most."""
    return 0 if _is_by_acceptance(passed) else 1 if _has_moved(passed) else 2


def _narrow(
    verdicts: Sequence[Verdict], columns: Sequence[Column], width: int
) -> tuple[list[str], dict[str, list[str]]]:
    """The table of changes in so many characters, and what of them it has no room for, with the gates of each."""
    words = ["accepted" if _is_by_acceptance(verdict) else verdict.outcome.word for verdict in verdicts]
    last = 2 + max(map(len, ("verdict", *words)))
    titles = [shown_title(verdict.title) for verdict in verdicts]
    longest = max(map(len, titles))
    kept = list(columns)
    while kept:
        # Of several that say as little, the last one. A column of values alone is not worth half of a name.
        least = min(reversed(kept), key=lambda column: column.news)
        title = min(longest, NARROWEST_TITLE if least.news > 1 else WIDEST_TITLE)
        if sum(column.width for column in kept) + last + title <= width:
            break
        kept.remove(least)
    room = max(width - last - sum(column.width for column in kept), NARROWEST_TITLE)
    if longest > room and len({verdict.test.partition("::")[0] for verdict in verdicts}) == 1:
        # Of one file, whose name is where the tests ran.
        titles = [title.partition("::")[2] or title for title in titles]
    cells = [column.short for column in kept]
    rows = [
        (shortened(title, room), *(short[place] for short in cells), word)
        for place, (title, word) in enumerate(zip(titles, words, strict=True))
    ]
    told: dict[str, list[str]] = {}
    for place, verdict in enumerate(verdicts):
        moved = [
            f"{column.title} {column.cells[place].change}"
            for column in columns
            if column not in kept and column.cells[place].has_moved
        ]
        if moved:
            told.setdefault(f"moved: {{}}: {_escaped(', '.join(moved))}", []).append(shown_title(verdict.title))
        for check in verdict.checks:
            if check.accepted:
                sentence = f"accepted: {{}}: {_escaped(f'{axis(check)} {check.accepted}')}"
                told.setdefault(sentence, []).append(shown_title(verdict.title))
    return table_lines(("gate", *(column.title for column in kept), "verdict"), rows), told


def _merged(told: Iterator[Told], fails: Callable[[Outcome], bool] | None = None) -> Iterator[str]:
    """What is of one kind, once for all gates. A single one that ``fails`` has told it beside its failure."""
    kinds: dict[str, list[Told]] = {}
    for each in told:
        kinds.setdefault(each.kind, []).append(each)
    for kind, found in kinds.items():
        if len(found) > 1:
            yield kind.format(_titles([shown_title(each.verdict.title) for each in found]))
        elif fails is None or not fails(found[0].verdict.outcome):
            yield found[0].sentence


def _open(verdicts: Sequence[Verdict]) -> Iterator[Told]:
    """What could not be told or compared, and why."""
    for verdict in verdicts:
        open_axes: dict[tuple[str, str], list[str]] = {}
        for check in verdict.checks:
            if check.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED):
                open_axes.setdefault((check.outcome.word.replace("_", " "), check.reason), []).append(axis(check))
        for (word, reason), axes in open_axes.items():
            yield Told(verdict, word, f"{', '.join(axes)}: {reason}")


def _notes(verdicts: Sequence[Verdict], is_verbose: bool) -> Iterator[Told]:
    """What else is told below the table."""
    for verdict in verdicts:
        unclear = verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED)
        if verdict.explained_beside == "baseline" and unclear:
            for line in verdict.explained:
                yield Told(verdict, "differs from the baseline's profile", line)
        # Those of a gate that failed stand beside its failure.
        for note in verdict.notes if verdict.outcome is not Outcome.FAILED or is_verbose else ():
            yield Told(verdict, "note", note)


def _escaped(text: str) -> str:
    """As a format holds it."""
    return text.replace("{", "{{").replace("}", "}}")


def _titles(titles: Sequence[str]) -> str:
    """What several gates have in common is told once."""
    return titles[0] if len(titles) == 1 else f"{titles[0]} and {len(titles) - 1} more"


def _has_moved(verdict: Verdict) -> bool:
    return any(row_of(check, verdict).has_moved for check in verdict.checks if check.limit is None)


def _is_by_acceptance(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.PASSED and any(check.accepted for check in verdict.checks)


def _accepted(verdict: Verdict) -> str:
    """What somebody accepted, so that no gate is green by it unseen."""
    found = [f"{axis(check)} {check.accepted}" for check in verdict.checks if check.accepted]
    return f"; accepted: {', '.join(found)}" if found else ""


def _columns(verdicts: Sequence[Verdict]) -> Iterator[Column]:
    """Those of every model, and axes of the user's own that were measured."""
    measured = {row.metric for verdict in verdicts for row in verdict.observations if row.observed is not None}
    amounts = (each for each in AXES.values() if each.compared is Comparison.AMOUNT and not each.is_optional)
    for title, metric, statistic in (
        ("score", ACCURACY.name, ""),
        ("median", LATENCY.name, "median"),
        ("p95", LATENCY.name, "p95"),
        *((each.title, each.name, "") for each in amounts if not each.is_own or each.name in measured),
    ):
        yield Column(title, tuple(_found(verdict, metric, statistic) for verdict in verdicts))


def _found(verdict: Verdict, metric: str, statistic: str) -> Found:
    place = (metric, statistic, "")
    row = next((row for row in verdict.observations if (row.metric, row.statistic, row.slice) == place), None)
    value = "" if row is None or row.observed is None else format_value(row.observed, row.kind)
    checks = [check for check in verdict.checks if (check.metric, check.statistic, check.slice) == place]
    worst = max((check.outcome for check in checks), default=None)
    for check in checks:
        if check.limit is None:
            told = row_of(check, verdict)
            # Exact values that are equal; of a time there is always something to say.
            is_same = bool(told.change) and not told.has_moved and check.kind != Kind.CHANGE
            change = UNCHANGED if is_same else told.change
            return Found(value, change, told.has_moved, bool(check.accepted), worst)
    return Found(value, worst=worst)
