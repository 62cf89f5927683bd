"""Which pyproject.toml holds the settings of a run. It imports nothing heavy: every run of pytest asks."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_speedacc.errors import ConfigError

FILE = "pyproject.toml"
OWN = "speedacc"
NEAR = 0.85
"""How alike a table's or a mark's name must be to ours to be taken for a slip: ``speed`` and ``speedup`` are not."""


@dataclass(frozen=True, slots=True)
class Section:
    """The table ``[tool.speedacc]``, as it stands in a file."""

    path: Path
    """The file."""
    value: object
    """What it says; not yet known to be a table."""


def find_section(*starts: Path, strict: bool = True) -> Section | None:
    """The ``[tool.speedacc]`` that holds for a folder: the nearest upwards, up to the top of the repository.

    The first of ``starts`` that leads to one decides. Without a repository the search goes up to the root of the file
    system. Raises ConfigError for a file that cannot be read, for a table whose name is nearly ours, and for a second
    table further up. Unless it is ``strict``, files that do not speak of us are not read: that is quick.

    The second would be replaced as a whole by the nearer one, and nobody would see it: a ``tests/pyproject.toml`` could
    put out every limit of the repository. Only what is a project of its own, with ``[project]`` or ``[build-system]``,
    as each package of a monorepo is, ends the search: there everybody expects the package's own settings.
    """
    for start in dict.fromkeys(starts):
        if found := _upwards(start, strict):
            return found
    return None


def refuse_nested(folders: set[Path], used: Section | None) -> None:
    """Raise ConfigError for a gate whose own nearest settings are not those that are ``used`` in this run."""
    for folder in sorted(folders):
        own = find_section(folder)
        if own is None or (used is not None and own.path.samefile(used.path)):
            continue
        other = f"those of {used.path}" if used else "none"
        raise ConfigError(
            f"the gates in {folder} have the settings of {own.path}, and this run reads {other}: run pytest in "
            f"{own.path.parent}, or keep [tool.speedacc] in one file."
        )


def _upwards(start: Path, strict: bool) -> Section | None:
    found: Section | None = None
    for folder in (start, *start.parents):
        path = folder / FILE
        document = _read(path, strict=strict)
        tool = document.get("tool", {})
        if not isinstance(tool, dict):
            raise ConfigError(f"[tool] must be a table, not {tool!r}.")
        _refuse_near_misses(path, document, tool)
        if OWN in tool:
            if found is not None:
                raise ConfigError(
                    f"{found.path} and {path} both have [tool.speedacc], and the one would put out the other: keep one "
                    "of them. (A package of its own, whose pyproject.toml has [project], may have its own.)"
                )
            found = Section(path, tool[OWN])
            if "project" in document or "build-system" in document:
                break
        if (folder / ".git").exists():
            break
    return found


def _read(path: Path, *, strict: bool) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        return tomllib.loads(data.decode("utf-8")) if strict or b"speed" in data.lower() else {}
    except FileNotFoundError:
        return {}
    except OSError as error:
        if not strict:
            return {}
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # of the syntax or of the encoding, which TOML fixes to UTF-8
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error


def _refuse_near_misses(path: Path, document: dict[str, Any], tool: dict[str, Any]) -> None:
    for prefix, names in (("", document), ("tool.", tool)):
        for name in names:
            if prefix + name != f"tool.{OWN}" and is_near(name):
                raise ConfigError(f"{path}: nothing reads [{prefix}{name}]. Did you mean [tool.speedacc]?")


def is_near(name: str) -> bool:
    """Whether a name was probably meant to be ours. Case and signs do not matter."""
    plain = re.sub("[^a-z]", "", name.lower()).removeprefix("pytest")
    return difflib.SequenceMatcher(None, plain, OWN).ratio() >= NEAR
