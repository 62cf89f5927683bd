"""Baseline files without their gate: what a run has lost shows there, without any other revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.baseline import Content, baseline_path, content, guessed_test, is_named_after, list_folder
from pytest_speedacc.config.project import Project
from pytest_speedacc.session.narrowed import Narrowed

PRUNE = "python -m pytest_speedacc prune --yes"
"""What removes the files of gates that are gone."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found of gates, by the names that baselines are filed under."""

    gates: Set[str]
    """All that were collected."""
    broken: Set[str]
    """Files and folders of tests that could not be collected."""
    taken: Set[str]
    """Of the gates, those that neither ran nor were left out by the command line."""
    skipped: Set[str]
    """Those that were skipped as a whole."""
    idle: Set[str]
    """Of the gates, those that were skipped one by one."""
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

    @property
    def nodeid(self) -> str:
        """What is gone."""
        return f"{self.test} ({self.name})" if self.name else self.test

    @property
    def shown(self) -> str:
        """The file, as it is named from here."""
        return Path(os.path.relpath(self.path)).as_posix()

    def sentence(self, fails: bool) -> str:
        """What the summary says of it."""
        gone, shown = self.nodeid, self.shown
        verb = _verb(fails)
        if self.renamed:
            return (
                f"Renamed gate: by its content {gone} is {self.renamed} now, and its baseline is not, {verb}: "
                f"run --speedacc-missing for the new one, and remove {shown} with {PRUNE}."
            )
        return (
            f"Lost gate: {gone} has a baseline and is not in this run, {verb}: restore the gate, or remove {shown} "
            f"with {PRUNE}, which a reviewer sees."
        )


@dataclass(frozen=True, slots=True)
class Damaged:
    """A baseline file that cannot be read, and whose gate is not there to say so."""

    path: Path

    @property
    def nodeid(self) -> str:
        """What is gone."""
        return guessed_test(self.path) or Path(os.path.relpath(self.path)).as_posix()

    def sentence(self, fails: bool) -> str:
        """What the summary says of it."""
        test = guessed_test(self.path)
        whose = f"by its name it may be of {test}" if test else "its name does not tell whose it is"
        return (
            f"Lost gate: the baseline file {Path(os.path.relpath(self.path)).as_posix()} cannot be read, and {whose}; "
            f"no gate of this run has it, {_verb(fails)}: restore the file and its gate, or delete it (git rm), which "
            "a reviewer sees."
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A gate that was collected and that something other than the command line took out of the run."""

    nodeid: str

    def sentence(self, fails: bool) -> str:
        """What the summary says of it."""
        return (
            f"Lost gate: {self.nodeid} was collected, and addopts, PYTEST_ADDOPTS or a hook left it out of this run, "
            f"{_verb(fails)}: take that back, or leave it out on the command line."
        )


Lost = Orphan | Damaged | Taken


@dataclass(frozen=True, slots=True)
class Missing:
    """What a run should have had and does not have."""

    lost: tuple[Lost, ...] = ()
    skipped: frozenset[str] = frozenset()
    """Gates whose whole file was skipped."""
    idle: frozenset[str] = frozenset()
    """Those and others that were skipped, of which a baseline says that they belong to the run."""


def find_missing(project: Project, narrowed: Narrowed, found: Found) -> Missing:
    """The gates that this run should have had, as far as its command line goes."""
    files = dict(list_folder(project.baselines))
    filed = {
        baseline.test
        for path, baseline in files.items()
        if baseline is not None and path == baseline_path(project.baselines, baseline.test, baseline.name)
    }
    # Of a gate without a baseline nobody has said that it belongs to every run: addopts = "-m 'not slow'" is usual.
    taken = tuple(map(Taken, sorted(found.taken & filed)))
    if narrowed.selection.is_partial:
        return Missing(taken, idle=frozenset(found.idle & filed))
    deselected = tuple(map(project.named, narrowed.selection.deselect))
    new = {key: test for key, test in found.contents.items() if test not in filed}
    orphans, skipped, damaged = [], set(), []
    for path, baseline in files.items():
        if baseline is None:
            damaged.append(path)
            continue
        file, _, name = baseline.test.partition("::")
        if not narrowed.collects(project.root / file, name) or _lies_in(file, found.broken):
            continue
        if deselected and baseline.test.startswith(deselected):
            continue
        if _lies_in(file, found.skipped):
            skipped.add(baseline.test)
            continue
        if baseline.test in found.gates and baseline.name in found.checks.get(baseline.test, {baseline.name}):
            continue
        key = None if baseline.test in found.gates else content(baseline)
        orphans.append(Orphan(baseline.test, baseline.name, path, new.get(key, "") if key else ""))
    idle = frozenset((found.idle & filed) | skipped)
    return Missing((*taken, *orphans, *_unclaimed(damaged, project, narrowed, found)), frozenset(skipped), idle)


def _unclaimed(paths: Iterable[Path], project: Project, narrowed: Narrowed, found: Found) -> Iterator[Damaged]:
    """Those of the damaged files that are no gate's of this run and should have been, as far as their names tell."""

    def inside(place: Path, name: str = "") -> str:
        if project.root.resolve().is_relative_to(place):
            return ""
        return Path(os.path.relpath(place, project.root.resolve())).as_posix() + (f"::{name}" if name else "")

    asked = [*map(inside, narrowed.whole), *(inside(*test) for test in narrowed.tests)]
    # A gate that passed has said by which names it reads its files.
    unknown = found.gates - found.checks.keys()
    excused = [
        *map(inside, narrowed.ignored),
        *map(project.named, narrowed.selection.deselect),
        *found.broken,
        *found.skipped,
        *unknown,
    ]
    read = {baseline_path(project.baselines, test, name) for test, names in found.checks.items() for name in names}
    for path in paths:
        if (
            any(is_named_after(path, place) for place in asked)
            and not any(is_named_after(path, place) for place in excused)
            and not narrowed.ignores(project.root / guessed_test(path).partition("::")[0])
            and path.with_suffix(".json") not in read
        ):
            yield Damaged(path)


def _verb(fails: bool) -> str:
    return 'which fails this run (removed = "fail")' if fails else "as a warning"


def _lies_in(file: str, places: Set[str]) -> bool:
    return any(
        place in ("", ".") or file == place.partition("::")[0] or file.startswith(f"{place}/") for place in places
    )
