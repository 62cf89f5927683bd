"""Which commit is the base that a revision names, or why there is none."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.depth import ENOUGH
from pytest_speedacc.live.tree.git import described, find_commit, git_output, head_of, is_shallow, run_git, top_level

_COUNTED = re.compile(r"[~^:]|@\{")
"""Ends the name in a revision that is counted from it, such as ``main~1``, ``main^`` or ``main@{1}``."""


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that the candidate is compared with."""

    ref: str
    """As the user wrote it."""
    sha: str
    """The full name of the commit."""
    how: str
    """How the ref led to the commit: ``merge base with main``, ``the tag`` or ``the commit``."""
    description: str
    """The commit's short name and subject."""
    top: Path
    """The root of the candidate's repository, which may lie above the folder that pytest runs in."""
    is_head: bool
    """Whether it is the candidate's own commit, so that only uncommitted changes can differ."""
    notes: tuple[str, ...] = ()
    """What was noticed on the way to it."""


def resolve_base(root: Path, ref: str) -> Base:
    """The commit that ``ref`` stands for: of a branch its merge base with HEAD, of anything else itself.

    Raises ConfigError where there is no such commit, or where it could not be compared with ``root``.
    """
    head_of(root)
    # A caret leaves commits out, and git gives it back as the name of one.
    if not ref or ref.startswith(("-", "^")):
        raise ConfigError(f"{ref!r} is not a revision: name a branch, a tag or a commit, such as origin/main.")
    named = find_commit(root, ref)
    if named is None:
        raise ConfigError(_missing(root, ref))
    full_name = run_git(root, "rev-parse", "--symbolic-full-name", ref).output.strip()
    if full_name.startswith(("refs/heads/", "refs/remotes/")) and ref not in ("HEAD", "@"):
        sha, how = _merge_base(root, ref, named), f"merge base with {ref}"
    else:
        sha, how = named, "the tag" if full_name.startswith("refs/tags/") else "the commit"
    return base_at(root, ref, sha, how)


def base_at(root: Path, ref: str, sha: str, how: str, notes: tuple[str, ...] = ()) -> Base:
    """The commit ``sha`` as the base. Raises ConfigError where it could not be compared with ``root``."""
    top = top_level(root)
    _refuse_dirty_submodules(top)
    return Base(ref, sha, how, described(root, sha), top, is_head=sha == head_of(root), notes=notes)


def _merge_base(root: Path, ref: str, named: str) -> str:
    found = run_git(root, "merge-base", "HEAD", named)
    if found.code == 0:
        return found.output.strip()
    if is_shallow(root):
        raise ConfigError(
            f"This clone is shallow and does not reach back to where HEAD left {ref}. {ENOUGH}Elsewhere run `git fetch "
            "--unshallow`."
        )
    raise ConfigError(
        f"HEAD and {ref} have no common ancestor, so there is no merge base: name a commit to compare with, "
        f"for example the one that `git rev-parse {ref}` prints."
    )


def _missing(root: Path, ref: str) -> str:
    """The sentence for a ref that leads to no commit."""
    shallow = is_shallow(root)
    remotes = git_output(root, "remote").split()
    # Of `origin/main~1` the branch alone can be fetched, and its ancestors come with it.
    start = _COUNTED.split(ref, maxsplit=1)[0]
    remote, _, branch = start.partition("/")
    if remote in remotes and branch and find_commit(root, start) is None:
        fetch = f"git fetch {remote} {branch}:refs/remotes/{start}"
        if shallow:
            return (
                f"This clone is shallow and has no {start}. {ENOUGH}Elsewhere run `{fetch}` and `git fetch "
                "--unshallow`."
            )
        return f"This clone has no {start}.{_near_miss(root, start)} If it exists there, run `{fetch}`."
    if shallow and (re.search(r"[~^@]", ref) or re.fullmatch("[0-9a-f]{7,64}", ref)):
        return f"This clone is shallow and does not reach back to {ref}. {ENOUGH}Elsewhere run `git fetch --unshallow`."
    if not run_git(root, "rev-parse", "--verify", "--quiet", ref).code and not re.fullmatch("[0-9a-f]{40,64}", ref):
        return f"{ref} is not a commit: name a branch, a tag or a commit, as `git log --oneline` lists them."
    return (
        f"There is no revision {ref}.{_near_miss(root, ref)} `git branch --all` and `git tag` list what "
        "there is; `git fetch --all --tags` gets what is new."
    )


def _near_miss(root: Path, ref: str) -> str:
    names = git_output(root, "for-each-ref", "--format=%(refname:short)").splitlines()
    close = difflib.get_close_matches(ref, names, n=1, cutoff=0.75)
    if not close:
        close = [name for name in names if name.rpartition("/")[2] == ref.rpartition("/")[2]][:1]
    return f" Did you mean {close[0]}?" if close else ""


def _refuse_dirty_submodules(top: Path) -> None:
    """The base gets each submodule as recorded; the candidate must not have another one by accident."""
    if not (top / ".gitmodules").exists():
        return
    status = git_output(top, "status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=untracked")
    for entry in status.split("\0"):
        # 1 <XY> <sub> <mH> <mI> <mW> <hH> <hI> <path>, where <sub> is S, C (other commit), M (modified), U
        if not entry.startswith("1 "):
            continue
        fields = entry.split(" ", 8)
        submodule, path = fields[2], fields[8]
        if submodule[0] == "S" and submodule[2] == "M":
            raise ConfigError(
                f"The submodule {path} has changes that are not committed, and would be compared with what "
                f"the base recorded: run `git -C '{path}' commit` and `git add '{path}'`, or `git -C "
                f"'{path}' stash`."
            )
        if submodule[0] == "S" and submodule[1] == "C":
            raise ConfigError(
                f"The submodule {path} is not at the commit that the candidate records: run `git submodule "
                f"update '{path}'` to get that one, or `git add '{path}'` to compare the one that is checked "
                "out."
            )
