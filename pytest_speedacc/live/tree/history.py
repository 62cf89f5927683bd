"""The commit of this checkout, and whether one that a file names is among those that it descends from."""

from __future__ import annotations

from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.git import find_commit, is_shallow, run_git

GIT_SECONDS = 10.0


def checked_out(root: Path) -> str | None:
    """Commit of the repository around ``root``, with ``-dirty`` when tracked files differ from it.

    None without git, a repository, or a first commit.
    """
    command = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        described = run_git(root, *command, timeout=GIT_SECONDS)
    except (ConfigError, OSError):
        return None
    return described.output.strip() or None if described.code == 0 else None


def foreign(root: Path, sha: str) -> str:
    """Why the commit ``sha`` is none that HEAD descends from, in words that follow its name; empty where it is one."""
    if find_commit(root, sha) is None:
        if is_shallow(root):
            return (
                "is not in this clone, which is shallow: the base alone needs two commits, and this one the whole "
                "history, so give actions/checkout `with: {fetch-depth: 0}`"
            )
        return "is no commit of this repository"
    if run_git(root, "merge-base", "--is-ancestor", sha, "HEAD").code:
        return "is no commit that this checkout descends from"
    return ""
