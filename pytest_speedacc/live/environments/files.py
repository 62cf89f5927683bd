"""The files that say what to install: which of them differ between two revisions, and what in them counts."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_speedacc.live.tree.git import git_output, run_git

PYPROJECT = "pyproject.toml"
PYTHON_VERSION = ".python-version"
UV_LOCK = "uv.lock"
PYLOCK = "pylock*.toml"
FOREIGN_LOCKS = (
    *("poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock", "conda-lock.yml"),
    *("environment*.yml", "environment*.yaml"),
)
"""Of tools whose files uv does not read."""
REQUIREMENTS = ("requirements*.txt", "requirements/*.txt")
CONSTRAINTS = "constraints*.txt"
BUILT_FROM = (PYPROJECT, PYTHON_VERSION, UV_LOCK, PYLOCK, *FOREIGN_LOCKS, *REQUIREMENTS, CONSTRAINTS)
"""What decides which packages, and which Python, a project runs with."""
_TOLD = (*BUILT_FROM, "setup.py", "setup.cfg", "Pipfile", "*.lock", "*-lock.*", "requirements*.in", "conda*.y*ml")
"""What may decide it as well, and may change for other reasons."""
_INCLUDES = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S.*?)\s*(?:#.*)?")
_OWN_SOURCES = {"editable", "virtual"}
_OF_POETRY = ("dependencies", "dev-dependencies", "group", "extras", "source")


def changed_dependency_files(root: Path, base_sha: str, others: Iterable[str] = ()) -> list[str]:
    """The files that say what to install and differ between the base and the working tree, sorted; ``others`` as well.

    Paths are relative to the repository's root. Only what is ``deciding`` counts.
    """
    specs = [f":(top,glob)**/{pattern}" for pattern in _TOLD] + [f":(top,literal){name}" for name in others]
    changed = git_output(root, "diff", "--no-ext-diff", "--no-renames", "--name-only", "-z", base_sha, "--", *specs)
    new = git_output(root, "ls-files", "--full-name", "--others", "--exclude-standard", "-z", "--", *specs)
    top = Path(git_output(root, "rev-parse", "--show-toplevel").removesuffix("\n"))
    return sorted(
        name
        for name in {*changed.split("\0"), *new.split("\0")} - {""}
        if not name.endswith((PYPROJECT, UV_LOCK)) or _differs(top, name, base_sha)
    )


@dataclass(frozen=True, slots=True)
class Revision:
    """Where the files of one side's project lie."""

    folders: tuple[Path, ...]
    """The project's, and those above it up to ``top``."""
    top: Path
    """The repository's."""

    @classmethod
    def of(cls, path: Path, top: Path) -> Revision:
        """Of the project in ``path``."""
        return cls(tuple(folder for folder in (path, *path.parents) if folder.is_relative_to(top)), top)

    def found(self, *patterns: str) -> tuple[Path, ...]:
        """The files of the nearest folder that has any of these names, sorted."""
        for folder in self.folders:
            if files := sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}):
                return tuple(files)
        return ()

    def built_from(self) -> tuple[Path, ...]:
        """All that decides what the project runs with, with what these files include."""
        there = [file for pattern in BUILT_FROM for file in self.found(pattern)]
        return tuple(dict.fromkeys([*there, *self.with_included(file for file in there if file.suffix == ".txt")]))

    def with_included(self, files: Iterable[Path]) -> tuple[Path, ...]:
        """Requirement files with those that they include, as far as they lie in the repository."""
        known: dict[Path, None] = {}
        waiting = list(files)
        while waiting:
            file = Path(os.path.normpath(waiting.pop(0)))
            if file not in known and file.is_relative_to(self.top) and file.is_file():
                known[file] = None
                # Git sees a change in what a link leads to as one of that.
                waiting += [file.resolve(), *(file.parent / name for name in _included(file))]
        return tuple(known)

    def name(self, file: Path) -> str:
        """As git calls it."""
        return file.relative_to(self.top).as_posix()


def deciding(file: str, text: str) -> str:
    """What of a file's text decides what gets installed; all of it where nothing else is known of it."""
    read = {PYPROJECT: _of_pyproject, UV_LOCK: _of_lock}.get(PurePosixPath(file).name)
    try:
        return text if read is None else json.dumps(read(tomllib.loads(text)), sort_keys=True, default=str)
    except (tomllib.TOMLDecodeError, AttributeError):
        # No TOML, or with something else where a table should be.
        return text


def _of_pyproject(document: dict[str, Any]) -> object:
    project, tools = document.get("project", {}), document.get("tool", {})
    poetry = tools.get("poetry", {})
    return (
        [document.get(table) for table in ("build-system", "dependency-groups")],
        [project.get(key) for key in ("requires-python", "dependencies", "optional-dependencies", "dynamic")],
        [tools.get(tool) for tool in ("conda", "flit", "hatch", "pdm", "pixi", "uv")],
        [poetry.get(key) for key in _OF_POETRY],
    )


def _of_lock(document: dict[str, Any]) -> object:
    """All but the versions of the project itself, and of the others in its repository: these are not installed."""
    packages = document.pop("package", [])
    for package in packages:
        if _OWN_SOURCES & set(package.get("source", ())):
            package.pop("version", None)
    return document, packages


def read_table(file: Path) -> dict[str, Any]:
    """A ``pyproject.toml``; empty where it is not there, or cannot be read."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _differs(top: Path, name: str, base_sha: str) -> bool:
    path = top / name
    now = path.read_text("utf-8", "replace") if path.exists() else ""
    return deciding(name, run_git(top, "show", f"{base_sha}:{name}").output) != deciding(name, now)


def _included(file: Path) -> Iterator[str]:
    for line in file.read_text("utf-8", "replace").splitlines():
        if match := _INCLUDES.fullmatch(line):
            yield match[1]
