"""The git command line, asked quietly: which commit is the base, or why there is none."""

from __future__ import annotations

import difflib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.depth import ENOUGH

GIT_TIMEOUT = 60.0
"""Seconds for a question that git answers from what is on disk."""

# What `git rev-parse --local-env-vars` lists, less the configuration, which says how the user runs git and
# not where.
_OF_ONE_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_COUNTED = re.compile(r"[~^:]|@\{")
"""Ends the name in a revision that is counted from it, such as ``main~1``, ``main^`` or ``main@{1}``."""
_QUIET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_OPTIONAL_LOCKS": "0",
}
# The user's hooks are for their own checkouts. Large files are filled in from the local store afterwards:
# their filter would fetch them, and would fail a checkout where git-lfs is not installed.
_OPTIONS = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "advice.detachedHead=false"),
    *("-c", "filter.lfs.process="),
    *("-c", "filter.lfs.smudge="),
    *("-c", "filter.lfs.required=false"),
)


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


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    """Its exit status."""
    output: str
    """What it wrote to its standard output."""
    errors: str
    """What it wrote to its standard error."""


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
    top = _top_level(root)
    _refuse_dirty_submodules(top)
    return Base(ref, sha, how, described(root, sha), top, is_head=sha == head_of(root), notes=notes)


def head_of(root: Path) -> str:
    """The full name of this checkout's commit. Raises ConfigError where there is none."""
    top = _top_level(root)
    head = find_commit(root, "HEAD")
    if head is None:
        raise ConfigError(f"{top} has no commit yet, so there is no base: run `git commit` first.")
    return head


def described(root: Path, sha: str) -> str:
    """The commit's short name and subject."""
    return git_output(root, "log", "-1", "--format=%h %s", sha).strip()


def find_commit(root: Path, revision: str) -> str | None:
    """The full name of the commit that ``revision`` leads to, or None."""
    # In two steps, because `:/words^{commit}` would look for the suffix in commit messages.
    found = run_git(root, "rev-parse", "--verify", "--quiet", revision)
    if found.code:
        return None
    commit = run_git(root, "rev-parse", "--verify", "--quiet", f"{found.output.strip()}^{{commit}}")
    return commit.output.strip() if commit.code == 0 else None


def run_git(folder: Path, *arguments: str, timeout: float = GIT_TIMEOUT, given: str = "") -> Finished:
    """Run git in ``folder``: no outer hook's variables, English, no prompts, hooks or downloads.

    It reads what is ``given`` on its standard input.
    Raises ConfigError where there is no git, or where it takes longer than ``timeout`` seconds.
    """
    try:
        return run_command(
            ["git", "-C", str(folder), *_OPTIONS, *arguments],
            folder=folder,
            env=environment(_QUIET),
            timeout=timeout,
            given=given,
        )
    except FileNotFoundError:
        raise ConfigError(
            "git was not found, and a comparison with another revision needs it: install git, or put it on "
            "PATH, so that `git --version` answers."
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"`git {arguments[0]}` took longer than {timeout:g} s in {folder}: run `git -C '{folder}' "
            f"{' '.join(arguments)}` by hand to see what it waits for."
        ) from None


def git_output(folder: Path, *arguments: str, timeout: float = GIT_TIMEOUT) -> str:
    """What git writes to its standard output. Raises ConfigError with git's own words where it fails."""
    finished = run_git(folder, *arguments, timeout=timeout)
    if finished.code:
        raise ConfigError(f"`git {' '.join(arguments)}` failed in {folder}: {finished.errors.strip()}")
    return finished.output


def run_command(
    command: Sequence[str] | str, *, folder: Path, env: Mapping[str, str], timeout: float, given: str = ""
) -> Finished:
    """Run a command, or a line for the shell, which reads what is ``given``; when it is given up, what it started ends.

    Raises subprocess.TimeoutExpired after ``timeout`` seconds and OSError where it cannot be started.
    """
    with subprocess.Popen(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE if given else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        # Its own group: a child that outlived it would go on writing into a folder that is being removed.
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(given or None, timeout=timeout)
        except BaseException:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            raise
    return Finished(process.returncode, output, errors)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, less what ties git to the repository of an outer hook, with ``changes``."""
    return {name: value for name, value in os.environ.items() if name not in _OF_ONE_REPOSITORY} | dict(changes)


def has_changes(root: Path) -> bool:
    """Whether a file under version control is not as HEAD has it."""
    return bool(git_output(root, "status", "--porcelain", "--untracked-files=no").strip())


def is_shallow(root: Path) -> bool:
    """Whether the clone holds only the last part of its history."""
    return run_git(root, "rev-parse", "--is-shallow-repository").output.strip() == "true"


def _top_level(root: Path) -> Path:
    finished = run_git(root, "rev-parse", "--show-toplevel")
    if finished.code == 0:
        return Path(finished.output.removesuffix("\n")).resolve()
    if "dubious ownership" in finished.errors:
        raise ConfigError(
            f"git does not trust {root}, because another user owns it: "
            f"run `git config --global --add safe.directory '{root}'`."
        )
    if "not a git repository" in finished.errors:
        raise ConfigError(
            f"{root} is not in a git repository, so there is no other revision to compare with: run this in "
            "a clone, or start one with `git init`."
        )
    if "must be run in a work tree" in finished.errors:
        raise ConfigError(f"{root} is a bare repository without files to test: run this in a `git clone` of it.")
    raise ConfigError(f"git cannot use {root}: {finished.errors.strip()}")


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
