"""Baseline files without their gate: what a run has lost shows there, without any other revision."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.baseline import Content, content, kept, read_folder
from pytest_speedacc.config.project import Project
from pytest_speedacc.narrowed import Narrowed


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found of gates, by the names that baselines are filed under."""

    gates: Set[str]
    """All that were collected."""
    broken: Set[str]
    """Files and folders of tests that could not be collected."""
    skipped: Set[str]
    """Those that were skipped as a whole."""
    checks: Mapping[str, Set[str]]
    """The names of the checks of each gate that passed."""
    contents: Mapping[Content, str]
    """The gates that were judged, by what they were judged on."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A baseline file whose gate is gone."""

    test: str
    name: str
    """Of the check."""
    path: Path
    """The file."""
    renamed: str
    """The gate that has its content now; empty for none."""

    def sentence(self, fails: bool) -> str:
        """What the summary says of it."""
        gone = f"{self.test} ({self.name})" if self.name else self.test
        shown = Path(os.path.relpath(self.path)).as_posix()
        verb = 'which fails this run (removed = "warn" or "fail")' if fails else "as a warning"
        if self.renamed:
            return (
                f"Renamed gate: by its content {gone} is {self.renamed} now, and its baseline is not, {verb}: "
                f"run --speedacc-missing for the new one, and delete {shown}."
            )
        return (
            f"Lost gate: {gone} has a baseline and is not in this run, {verb}: restore the gate, or delete {shown} "
            "(git rm), which a reviewer sees."
        )


@dataclass(frozen=True, slots=True)
class Missing:
    """What the baseline files say that a run does not have."""

    orphans: tuple[Orphan, ...] = ()
    skipped: frozenset[str] = frozenset()
    """Gates whose whole file was skipped."""


def find_missing(project: Project, narrowed: Narrowed, found: Found) -> Missing:
    """The baselines whose gate this run should have had, as far as its command line goes."""
    if narrowed.selects:
        return Missing()
    files = dict(read_folder(project.baselines))
    filed = {baseline.test for baseline in files.values()}
    new = {key: test for key, test in found.contents.items() if test not in filed}
    orphans, skipped = [], set()
    for path, baseline in files.items():
        file = baseline.test.partition("::")[0]
        if not narrowed.collects(project.root / file) or _lies_in(file, found.broken):
            continue
        if _lies_in(file, found.skipped):
            skipped.add(baseline.test)
            continue
        if baseline.test in found.gates and baseline.name in found.checks.get(baseline.test, {baseline.name}):
            continue
        others = {kept(other): other.test for other in files.values() if other.test in found.gates}
        key = content(baseline)
        renamed = (new.get(key, "") if key else "") or others.get(kept(baseline), "")
        orphans.append(Orphan(baseline.test, baseline.name, path, "" if renamed == baseline.test else renamed))
    return Missing(tuple(orphans), frozenset(skipped))


def _lies_in(file: str, places: Set[str]) -> bool:
    return any(
        place in ("", ".") or file == place.partition("::")[0] or file.startswith(f"{place}/") for place in places
    )
