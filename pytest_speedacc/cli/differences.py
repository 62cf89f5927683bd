"""``diff REF``: what this branch moves in the baseline files, from git alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pytest_speedacc.axes.units import format_change, format_value
from pytest_speedacc.baseline import Baseline
from pytest_speedacc.baseline.changes import GONE, changes, quoted
from pytest_speedacc.baseline.document import decode_document
from pytest_speedacc.baseline.files import read_baseline
from pytest_speedacc.baseline.values import Value, values_of
from pytest_speedacc.cli.project import find_project
from pytest_speedacc.cli.show import title
from pytest_speedacc.live.tree.base import Base, resolve_base
from pytest_speedacc.live.tree.git import git_output
from pytest_speedacc.measure.score import lies_within_unit
from pytest_speedacc.report.printable import printable
from pytest_speedacc.report.table import table_lines


def show_differences(here: Path, ref: str) -> bool:
    """Print what moved since the commit that ``ref`` leads to; a difference is no failure."""
    _, folder = find_project(here)
    base = resolve_base(here, ref)
    print(f"Baselines here beside {printable(base.description)} ({printable(base.how)}):")
    then, now = _at(base, folder), _here(folder)
    moved = 0
    for name in sorted({*then, *now}):
        before, after = then.get(name), now.get(name)
        if lines := list(_lines(before, after)):
            moved += 1
            for line in ("", *lines):
                print(line)
    print(f"\n{moved} of {len({*then, *now})} baselines moved.")
    return False


def _at(base: Base, folder: Path) -> dict[str, Baseline]:
    """The baselines of the commit, by the name of their file."""
    inside = Path(os.path.relpath(folder.resolve(), base.top)).as_posix()
    listed = git_output(base.top, "ls-tree", "-z", "--name-only", base.sha, "--", f"{inside}/").split("\0")
    found = {}
    for place in filter(_is_baseline, listed):
        text = git_output(base.top, "cat-file", "blob", f"{base.sha}:{place}")
        data = text.encode("utf-8", "surrogateescape")
        found[place.rpartition("/")[2]] = decode_document(Path(f"{base.sha[:12]}:{place}"), data)
    return found


def _here(folder: Path) -> dict[str, Baseline]:
    found = {path.name: read_baseline(path) for path in folder.glob("*") if _is_baseline(path.name)}
    return {name: baseline for name, baseline in found.items() if baseline is not None}


def _is_baseline(name: str) -> bool:
    return name.lower().endswith(".json")


def _lines(before: Baseline | None, after: Baseline | None) -> Iterator[str]:
    """The news of one file; nothing where it says the same."""
    known = after or before
    assert known is not None, "one of the two has it"
    if after is None:
        yield printable(f"{title(known)}: {GONE}")
        return
    if before is None:
        yield printable(f"{title(known)}: new{quoted(after.updated.reason)}")
        yield from table_lines(("axis", "here"), [(axis, _shown(value)) for axis, value in values_of(after).items()])
        return
    said = changes(before, after)
    if not said:
        return
    yield printable(title(known))
    if rows := list(_moved(before, after)):
        yield from table_lines(("axis", "base", "here", "change"), rows)
    yield from (printable(f"In the file: {sentence}.") for sentence in said)


def _moved(before: Baseline, after: Baseline) -> Iterator[tuple[str, str, str, str]]:
    was, now = values_of(before), values_of(after)
    for axis in dict.fromkeys((*was, *now)):
        old, new = was.get(axis), now.get(axis)
        if old == new:
            continue
        change = ""
        if old is not None and new is not None:
            change = format_change(new[0], old[0], new[1], points=lies_within_unit(axis))
        yield axis, _shown(old), _shown(new), change


def _shown(value: Value | None) -> str:
    return "-" if value is None else format_value(*value)
