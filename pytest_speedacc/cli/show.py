"""``show``: the baselines of the project, and how old they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pytest_speedacc.axes.units import Kind, format_bytes, format_value
from pytest_speedacc.baseline import Baseline, list_folder
from pytest_speedacc.baseline.changes import quoted
from pytest_speedacc.cli.project import find_project
from pytest_speedacc.cli.width import terminal_width
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.table import fits, table_lines, wrapped

HEADER = ("test", "score", "parameters", "size", "memory", "updated", "age", "why")
GIVE_WAY = ("age", "memory", "size", "parameters")
"""What is left out where the terminal is too narrow, in this order."""
LONGEST_REASON = 60
"""Characters in a table."""
SHORTEST_REASON = 15
"""The same where the terminal is too narrow: of less nobody could tell which one it is."""


def show(here: Path) -> bool:
    """Print the baselines of the project of a folder; returns whether one cannot be read."""
    _, folder = find_project(here)
    shown = Path(os.path.relpath(folder, here)).as_posix()
    files = list(list_folder(folder))
    found = [baseline for _, baseline in files if baseline is not None]
    if not files:
        print(f"No baselines in {printable(shown)}: `python -m pytest --speedacc-missing` writes them.")
        return False
    if found:
        for line in _table([_cells(each) for each in found], terminal_width()):
            print(line)
        print()
        for line in _environments(found):
            print(printable(line))
    damaged = [path for path, baseline in files if baseline is None]
    for path in damaged:
        print(
            f"Cannot be read: {printable(os.path.relpath(path, here))}. A run of its gate says what is wrong with it."
        )
    return bool(damaged)


def title(baseline: Baseline) -> str:
    """The test, with the name of the check where it has one."""
    return f"{baseline.test} ({baseline.name})" if baseline.name else baseline.test


def _table(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """The rows in as many columns as fit the width, with a line that names the others."""
    lines = table_lines(HEADER, rows)
    if fits(lines, width):
        return lines
    # First the reasons give way, which `git log` and the files have whole.
    room = max(SHORTEST_REASON, max(len(why) for *_, why in rows) - max(map(len, lines)) + width)
    rows = [(*others, shortened(why, room)) for *others, why in rows]
    for count in range(len(GIVE_WAY) + 1):
        kept = [place for place, title in enumerate(HEADER) if title not in GIVE_WAY[:count]]
        lines = table_lines([HEADER[place] for place in kept], [[row[place] for place in kept] for row in rows])
        if fits(lines, width):
            break
    left = f"Too narrow for {', '.join(GIVE_WAY[:count])}."
    return [*lines, *(["", *wrapped(left, width)] if count else [])]


def _cells(baseline: Baseline) -> tuple[str, ...]:
    score = baseline.accuracy
    peaks = [record.memory.peak for record in baseline.environments.values() if record.memory is not None]
    return (
        title(baseline),
        f"{score.score} {format_value(score.value, Kind.SCORE)}" if score is not None else "-",
        format_value(baseline.parameters, Kind.COUNT) if baseline.parameters is not None else "-",
        format_bytes(baseline.model_size) if baseline.model_size is not None else "-",
        " to ".join(dict.fromkeys(map(format_bytes, (min(peaks), max(peaks))))) if peaks else "-",
        baseline.updated.date[:10],
        _age(baseline.updated.date),
        shortened(quoted(baseline.updated.reason).strip(' ()"'), LONGEST_REASON) or "-",
    )


def _age(date: str) -> str:
    then = datetime.fromisoformat(date)
    days = (datetime.now(UTC) - (then if then.tzinfo else then.replace(tzinfo=UTC))).days
    return "1 day" if days == 1 else f"{max(days, 0)} days"


def _environments(found: list[Baseline]) -> Iterator[str]:
    """Every environment, by its key, and how many of the baselines know it."""
    known: dict[str, list[str]] = {}
    for baseline in found:
        for key, record in baseline.environments.items():
            known.setdefault(f"{record.environment.describe()} ({key})", []).append(title(baseline))
    for environment, tests in known.items():
        share = "all of them" if len(tests) == len(found) else f"{len(tests)} of {len(found)}"
        yield f"Measured on {environment}: {share}."
