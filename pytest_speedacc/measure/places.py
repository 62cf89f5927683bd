"""Whose a piece of code is, and how the file that it is in is shown."""

from __future__ import annotations

import sysconfig
from pathlib import Path

COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")
"""Functions of their own before Python 3.12, and since then a part of the one that they stand in."""
OWN = str(Path(__file__).parents[1])
"""This package's folder."""
_LIBRARIES = (*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")), OWN)


def is_library(file: str) -> bool:
    """Whether this is a library's file, or the interpreter's, and none of the user's."""
    return file.startswith((*_LIBRARIES, "<")) or "site-packages" in file or not file.endswith(".py")


def package(file: str) -> str:
    """The top folder of an installed library; empty for anything else, such as a user's folder of that name."""
    return next(iter(_installed(file)), "")


def shown(file: str, root: Path) -> str:
    """From its package on where it is installed, relative to the project at ``root`` where it lies in it, else by name.

    In this order, for an environment may lie in the project, and the two revisions of a live run share it.
    """
    path = Path(file)
    if parts := _installed(file):
        return "/".join(parts)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _installed(file: str) -> tuple[str, ...]:
    """The path from the package on; empty for what is not installed."""
    parts = Path(file).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return parts[parts.index(folder) + 1 :]
    return ()
