"""How the environment of a base is built, read off its files: from a lock, or from requirements and tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pytest_speedacc.live.environments.files import (
    CONSTRAINTS,
    FOREIGN_LOCKS,
    PYLOCK,
    PYPROJECT,
    REQUIREMENTS,
    UV_LOCK,
    Revision,
    read_table,
)

OWN_NAME = "pytest-speedacc"
USUAL = "requirements.txt"
"""What a project needs itself; other files of requirements may be for other occasions."""
Has = Callable[[str], bool]
"""Whether the candidate's environment has a distribution of this name."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment is built from."""

    files: tuple[Path, ...]
    """What says which packages it has, ``pyproject.toml`` not among them where a lock says more."""
    folder: Path
    """Where uv is called."""
    call: tuple[str, ...] = ()
    """What it is called with; empty where it cannot read the files."""
    asked: str = ""
    """Which extras and groups of the project, in words."""

    def said(self, base: Revision) -> str:
        """In words: ``uv.lock, with the extra test``."""
        return ", ".join([*map(base.name, self.files), *filter(None, [self.asked])])


def recipe_of(base: Revision, candidate: Revision, changed: Collection[Path], has: Has) -> Recipe | None:
    """How the environment of a base is built; None where it says nowhere what to install.

    A lock comes before requirements, and what ``changed`` before what did not.
    """
    made = (_of_uv(base, candidate, has), _of_pylock(base), _foreign(base), _loose(base, candidate, has))
    there = [recipe for recipe in made if recipe is not None]
    differing = [recipe for recipe in there if any(file in changed for file in recipe.files if file.name != PYPROJECT)]
    return next(iter([*differing, *there]), None)


def project_file(revision: Revision) -> Path | None:
    """The nearest ``pyproject.toml`` that says what to install, to whatever tool."""
    files = [folder / PYPROJECT for folder in revision.folders]
    return next((file for file in files if _tells(table := read_table(file)) or _is_poetry(table)), None)


def _of_uv(base: Revision, candidate: Revision, has: Has) -> Recipe | None:
    files = base.found(UV_LOCK)
    options, asked = _wanted(base, candidate, has)
    # Nothing of the worktree, which ends with the run.
    call = ("sync", "--frozen", "--no-default-groups", "--no-install-workspace", "--no-install-package", OWN_NAME)
    project = project_file(base)
    return Recipe(files, (project or files[0]).parent, (*call, *options), asked) if files else None


def _of_pylock(base: Revision) -> Recipe | None:
    files = base.found(PYLOCK)[:1]
    return Recipe(files, files[0].parent, ("pip", "install", "-r", files[0].name)) if files else None


def _foreign(base: Revision) -> Recipe | None:
    files = base.found(*FOREIGN_LOCKS)
    return Recipe(files, files[0].parent) if files else None


def _loose(base: Revision, candidate: Revision, has: Has) -> Recipe | None:
    """Of requirements, constraints and pyproject's tables together."""
    required = [file for file in base.found(*REQUIREMENTS) if _is_fulfilled(file, base, candidate, has)]
    project = project_file(base)
    tables = [project] if project and _tells(read_table(project)) else []
    if not required and not tables:
        return Recipe((project,), project.parent) if project else None
    constraints = base.found(CONSTRAINTS)
    options, asked = _wanted(base, candidate, has) if tables else ((), "")
    # Extras and groups are those of a pyproject.toml where uv is called.
    folder = tables[0].parent if tables else base.folders[0]
    given = [("-r", file) for file in (*required, *tables)] + [("-c", file) for file in constraints]
    read = [part for option, file in given for part in (option, os.path.relpath(file, folder))]
    files = (*base.with_included((*required, *constraints)), *tables)
    return Recipe(files, folder, ("pip", "install", *read, *options), asked)


def _wanted(base: Revision, candidate: Revision, has: Has) -> tuple[tuple[str, ...], str]:
    """The extras and groups of the base all of whose distributions the candidate's environment has: for uv, in words.

    By what the candidate's tables say of them where they do, since those are what its environment was made from.
    """
    theirs, ours = (read_table(file) if (file := project_file(revision)) else {} for revision in (base, candidate))
    options: list[str] = []
    said: list[str] = []
    for option, tables in (("extra", _extras), ("group", _groups)):
        names = sorted(
            name
            for name in tables(theirs)
            if all(map(has, _names(table := ours if name in tables(ours) else theirs, tables(table)[name])))
        )
        options += [part for name in names for part in (f"--{option}", name)]
        said += [f"the {option}{'s' * (len(names) > 1)} {', '.join(names)}"] if names else []
    return tuple(options), f"with {' and '.join(said)}" if said else ""


def _extras(table: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
    extras: Mapping[str, Sequence[Any]] = table.get("project", {}).get("optional-dependencies", {})
    return extras


def _groups(table: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
    groups: Mapping[str, Sequence[Any]] = table.get("dependency-groups", {})
    return groups


def _names(table: Mapping[str, Any], entries: Sequence[Any], seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The distributions of an extra or a group, with those of what it includes."""
    own = canonicalize_name(table.get("project", {}).get("name", ""))
    for entry in entries:
        inner: list[tuple[str, Sequence[Any]]] = []
        if isinstance(entry, Mapping):
            name = entry.get("include-group", "")
            inner = [(name, _groups(table).get(name, []))]
        elif (requirement := _requirement(entry)) is not None:
            if requirement.name == own:
                inner = [(extra, _extras(table).get(extra, [])) for extra in requirement.extras]
            else:
                yield requirement.name
        for name, included in inner:
            if name not in seen:
                yield from _names(table, included, (*seen, name))


def _is_fulfilled(file: Path, base: Revision, candidate: Revision, has: Has) -> bool:
    """Whether a file of requirements is what the candidate's environment was made from as well."""
    own = candidate.top / file.relative_to(base.top)
    lines = (own if own.is_file() else file).read_text("utf-8", "replace").splitlines()
    named = (_requirement(line.partition(" #")[0].partition(" --hash")[0].strip(" \\")) for line in lines)
    return file.name == USUAL or all(has(requirement.name) for requirement in named if requirement)


def _requirement(line: str) -> Requirement | None:
    """A requirement that holds here, its name in its usual form; None for anything else."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return None
    requirement.name = canonicalize_name(requirement.name)
    return requirement if requirement.marker is None or requirement.marker.evaluate({"extra": ""}) else None


def _tells(table: Mapping[str, Any]) -> bool:
    """Whether it says what to install in the way of all tools."""
    project = table.get("project", {})
    has_own = {"dependencies", "optional-dependencies"} & {*project, *project.get("dynamic", ())}
    return bool(has_own) or "dependency-groups" in table


def _is_poetry(table: Mapping[str, Any]) -> bool:
    return "poetry" in table.get("tool", {}) and not _tells(table)
