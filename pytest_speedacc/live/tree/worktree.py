"""The base revision's files, checked out beside the candidate for the length of a run."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import Base
from pytest_speedacc.live.tree.contents import fill_large_files, fill_submodules
from pytest_speedacc.live.tree.git import environment, git_output, run_command, run_git
from pytest_speedacc.live.tree.identity import import_folders, map_path

CHECKOUT_TIMEOUT = 600.0
"""Seconds: a partial clone fetches the base's files while it checks them out."""
HASHED_BYTES = 512 * 1024**2
"""Shared data up to this size is hashed by its content, which takes about a second."""
LAST_LINES = 15
"""How much of a failed setup command's output is worth reading."""
_PREFIX = "pytest-speedacc-base-"
_LONGEST_SWEEP = 120.0


@dataclass(frozen=True, slots=True)
class Shared:
    """Untracked data of the candidate that the base sees too."""

    path: str
    """Relative to the folder that pytest runs in."""
    sha256: str
    """Of a file's content; of a folder's names, sizes and contents."""
    by_content: bool
    """False where the data is too large to read, and modification times stand in for the contents."""


@dataclass(frozen=True, slots=True)
class BaseTree:
    """The base's files."""

    path: Path
    """What corresponds to the candidate's root."""
    top: Path
    """What corresponds to the root of the candidate's repository."""
    sha: str
    """The commit that is checked out."""
    shared: tuple[Shared, ...]
    """What was linked from the candidate's tree."""


@contextmanager
def base_worktree(root: Path, base: Base, *, share: Sequence[str] = ()) -> Iterator[BaseTree]:
    """Check the base out outside the repository, and remove it afterwards, whatever happens.

    ``share`` lists untracked files and folders to link from ``root``. Raises ConfigError where the base cannot be made
    complete. What a killed run left behind is removed first.
    """
    with _scratch_folder(base.top) as scratch:
        # The same name as the candidate's: where the repository is itself a package, it is what tests import.
        top = scratch / (base.top.name or "base")
        try:
            _check_out(base, top)
            path = top / root.resolve().relative_to(base.top)
            if not path.is_dir():
                raise ConfigError(
                    f"The base {base.description} has no folder {path.relative_to(top)}, so its gates cannot "
                    "be run from there: run pytest from the root of the repository, or compare with a later "
                    "revision."
                )
            fill_submodules(base.top, top)
            fill_large_files(base.top, top, base.sha)
            shared = tuple(_link(entry, root, path) for entry in share)
            yield BaseTree(path, top, base.sha, shared)
        finally:
            # First, since git would not remove one whose own files a test has damaged.
            _remove(top)
            run_git(base.top, "worktree", "remove", "--force", "--force", str(top))


@contextmanager
def _scratch_folder(top: Path) -> Iterator[Path]:
    """A folder that this process owns for as long as it holds the lock in it, which no death can keep."""
    from filelock import FileLock, Timeout

    parent = Path(tempfile.gettempdir()).resolve()
    if parent.is_relative_to(top):
        raise ConfigError(
            f"The folder for temporary files, {parent}, lies in the repository, where the base would be "
            "mistaken for the candidate: set TMPDIR to a folder outside it."
        )
    # Between making a folder and locking it, another run would take it for one that a dead process left.
    guard = FileLock(parent / f"pytest-speedacc-sweep-{getpass.getuser()}.lock", timeout=_LONGEST_SWEEP)
    try:
        with guard:
            _sweep(parent, top)
            scratch = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
            lock = FileLock(scratch / "lock")
            lock.acquire()
    except Timeout:
        raise ConfigError(
            f"Another process has held {guard.lock_file} for {_LONGEST_SWEEP:g} s: end that run, and try again."
        ) from None
    try:
        yield scratch
    finally:
        lock.release()
        _remove(scratch)


def _sweep(parent: Path, top: Path) -> None:
    """Remove what runs left whose process was killed: their folders, and what git remembers of them here."""
    for scratch in parent.glob(f"{_PREFIX}*"):
        if _is_abandoned(scratch):
            _remove(scratch)
    for line in git_output(top, "worktree", "list", "--porcelain").splitlines():
        worktree = Path(line.removeprefix("worktree "))
        if line.startswith("worktree ") and worktree.parent.name.startswith(_PREFIX) and not worktree.exists():
            run_git(top, "worktree", "remove", "--force", "--force", str(worktree))


def _is_abandoned(scratch: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        # A link or another user's folder of this name is none of ours, and may have been put there to be
        # followed.
        if scratch.is_symlink() or (hasattr(os, "getuid") and scratch.stat().st_uid != os.getuid()):
            return False
        with FileLock(scratch / "lock", timeout=0):
            return True
    except (Timeout, FileNotFoundError):
        # Held by its owner, or just removed by it.
        return False


def _check_out(base: Base, top: Path) -> None:
    added = run_git(base.top, "worktree", "add", "--quiet", "--detach", str(top), base.sha, timeout=CHECKOUT_TIMEOUT)
    if added.code == 0:
        return
    words = added.errors.strip()
    if "No space left" in words:
        raise ConfigError(f"There is no space left in {top.parent} for the base: free some, or set TMPDIR elsewhere.")
    if "promisor" in words or "could not fetch" in words:
        raise ConfigError(
            f"This clone is partial and the files of the base {base.description} could not be fetched: "
            f"run `git fetch --refetch --no-filter origin {base.sha}`. git says: {words}"
        )
    if any(reason in words for reason in ("Permission denied", "Read-only file system", "could not create")):
        raise ConfigError(
            f"git cannot note a worktree in the repository {base.top}, which must be writable for a "
            f"comparison: allow this user to write to it, or run in a `git clone` of it. git says: {words}"
        )
    raise ConfigError(f"The base {base.description} could not be checked out: {words}")


def _link(entry: str, root: Path, path: Path) -> Shared:
    """Link one entry of ``share`` from the candidate's root into the base's."""
    where = f"[tool.speedacc.live] share = [{entry!r}]"
    relative = PurePosixPath(entry)
    if not relative.parts or relative.is_absolute() or PureWindowsPath(entry).drive or ".." in relative.parts:
        raise ConfigError(f"{where} must be a path below {root}, without '..'.")
    source, target = root / relative, path / relative
    if not source.exists():
        raise ConfigError(f"{where}: {source} does not exist, so there is nothing to share with the base.")
    # Not target.exists(): a tracked link whose end is missing is tracked all the same.
    tracked = git_output(path, "ls-files", "-z", "--", f":(literal){relative}").split("\0")[0]
    if tracked:
        raise ConfigError(
            f"{where}: the base has its own {tracked}, under version control: share only what is not, or "
            f"remove it with `git rm --cached -r {relative}` in an earlier commit."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.absolute(), target_is_directory=source.is_dir())
    except OSError as error:
        raise ConfigError(f"{where} cannot be linked into the base: {error}.") from error
    return _fingerprint(relative, source)


def shared_digests(root: Path, share: Sequence[str]) -> dict[str, str]:
    """What is in ``share`` and there, as ``digests`` tells it."""
    return digests([_fingerprint(PurePosixPath(entry), root / entry) for entry in share if (root / entry).exists()])


def digests(shared: Sequence[Shared]) -> dict[str, str]:
    """By path, as baselines record them: of what was read, since modification times differ with every checkout."""
    return {each.path: f"sha256:{each.sha256}" for each in shared if each.by_content}


def _fingerprint(relative: PurePosixPath, source: Path) -> Shared:
    files = [source] if source.is_file() else sorted(file for file in source.rglob("*") if file.is_file())
    by_content = sum(file.stat().st_size for file in files) <= HASHED_BYTES
    if source.is_file() and by_content:
        return Shared(str(relative), _sha256(source), by_content)
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        content = _sha256(file) if by_content else status.st_mtime_ns
        digest.update(
            f"{file.relative_to(source).as_posix()}\0{status.st_size}\0{content}\n".encode(errors="surrogateescape")
        )
    return Shared(str(relative), digest.hexdigest(), by_content)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def set_up(command: str, timeout: float, root: Path, base: Base, tree: BaseTree, python: str = "") -> None:
    """Run the setup command in the base for at most ``timeout`` seconds, importing the base's code.

    ``python`` is the interpreter that it finds first, where the base has its own. Raises ConfigError.
    """
    folders = [map_path(folder, base.top, tree.top) for folder in import_folders(sys.path, sys.meta_path, base.top)]
    inherited = os.environ.get("PYTHONPATH")
    first = {"PATH": os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])} if python else {}
    variables = first | {
        "PYTHONPATH": os.pathsep.join([*folders, *([inherited] if inherited else [])]),
        "SPEEDACC_BASE_SHA": base.sha,
        "SPEEDACC_CANDIDATE_ROOT": str(root),
    }
    where = f"[tool.speedacc.live] setup = {command!r}"
    try:
        finished = run_command(command, folder=tree.path, env=environment(variables), timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{where} did not end within {timeout:g} s in the base: make it quicker, or run it by hand in a "
            f"checkout of {base.sha[:9]} to see what it waits for."
        ) from None
    if finished.code:
        lines = (finished.output + finished.errors).strip().splitlines()[-LAST_LINES:]
        raise ConfigError("\n".join([f"{where} failed in the base with exit code {finished.code}:", *lines]))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        # A test or a setup command may have made folders that cannot be emptied.
        for current, _, _ in os.walk(folder):
            Path(current).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
