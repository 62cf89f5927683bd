"""A file that the base looked for in vain, because git does not have it and nobody shared it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pytest_speedacc.live.tree.git import run_git
from pytest_speedacc.live.tree.worktree import BaseTree

_PATH = re.compile(r"(?<!\w)'([^'\n]+)'|\"([^\"\n]+)\"|(/[^\s:'\",]+)")
"""Paths in what somebody else's code says of a file that is missing."""


def unshared(said: str, root: Path, tree: BaseTree) -> str:
    """What to write so that the base has the file that ``said`` names, as the end of a sentence; empty where none is.

    That is a file below ``root`` which this checkout has and the base, in ``tree``, has not.
    """
    for found in _PATH.finditer(said):
        named = Path(next(filter(None, found.groups())))
        if named.is_absolute() and not named.is_relative_to(tree.path):
            continue
        inside = named.relative_to(tree.path) if named.is_absolute() else named
        # As much of it as is missing: a folder where all of that is.
        for entry in reversed([inside, *inside.parents][:-1]):
            if ".." in entry.parts:
                break
            if (tree.path / entry).exists():
                continue
            # What this change adds to git the base cannot have.
            if (root / entry).exists() and not run_git(root, "ls-files", "--", f":(literal){entry}").output:
                return (
                    f"; {entry.as_posix()} is here and not in git, so the base has none: write "
                    f"share = [{json.dumps(entry.as_posix(), ensure_ascii=False)}] into [tool.speedacc.live]"
                )
            break
    return ""
