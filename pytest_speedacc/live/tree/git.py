"""The git command line, asked quietly."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.errors import ConfigError

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
class Finished:
    """A command that has ended."""

    code: int
    """Its exit status."""
    output: str
    """What it wrote to its standard output."""
    errors: str
    """What it wrote to its standard error."""


def head_of(root: Path) -> str:
    """The full name of this checkout's commit. Raises ConfigError where there is none."""
    top = top_level(root)
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


def top_level(root: Path) -> Path:
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
