"""Whether a commit that a file names is one that this checkout descends from."""

from __future__ import annotations

from pathlib import Path

from pytest_speedacc.live.tree.git import find_commit, is_shallow, run_git


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
