"""What a checkout leaves out: submodules and large files, filled in from what is on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.git import find_commit, git_output

_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_ANNEX = b"/annex/objects/"
_ANNEX_OBJECTS = ".git/annex/objects/"
_LARGEST_POINTER = 1024
"""Bytes; git-lfs takes nothing larger for a pointer."""


def fill_submodules(candidate: Path, base: Path) -> None:
    """Check out the submodules that ``base`` records and ``candidate`` has, from the candidate's own objects.

    Raises ConfigError where a recorded commit is not among them.
    """
    for entry in git_output(base, "ls-files", "--stage", "-z").split("\0"):
        if not entry.startswith("160000 "):
            continue
        stage, _, path = entry.partition("\t")
        sha = stage.split()[1]
        source, target = candidate / path, base / path
        # Without it on the candidate's side either, the two are equal.
        if not (source / ".git").exists():
            continue
        if find_commit(source, sha) is None:
            raise ConfigError(
                f"The base records the submodule {path} at {sha[:9]}, which is not on this machine: "
                f"run `git -C '{path}' fetch origin {sha}`."
            )
        # Not a clone, which would need the commit to be reachable from a branch, nor a second worktree, which
        # would have to be taken back from the submodule's repository.
        git_output(target, "init", "--quiet")
        objects = git_output(source, "rev-parse", "--git-path", "objects").removesuffix("\n")
        (target / ".git/objects/info/alternates").write_text(f"{(source / objects).resolve()}\n", "utf-8")
        git_output(target, "checkout", "--quiet", "--detach", sha)
        fill_submodules(source, target)


def fill_large_files(candidate: Path, base: Path, sha: str) -> None:
    """Put contents in place of the large-file pointers of ``base``, where ``candidate`` has contents too.

    Raises ConfigError for a file whose content is not on this machine.
    """
    pointers = list(_pointers(base))
    if not pointers:
        return
    common = (candidate / git_output(candidate, "rev-parse", "--git-common-dir").strip()).resolve()
    for pointer in pointers:
        relative = pointer.relative_to(base)
        content = _local_content(pointer, common)
        if content is not None:
            # A copy: a test that wrote to a link would change the repository's own.
            pointer.unlink()
            shutil.copyfile(content, pointer)
        elif not _is_pointer(candidate / relative):
            annexed = not _read_start(pointer).startswith(_LFS)
            command = "git annex get --all" if annexed else f"git lfs fetch origin {sha}"
            also = "" if annexed else " (once before: `git lfs install`)"
            raise ConfigError(
                f"The base has only a pointer to the large file {relative.as_posix()}, and its content is "
                f"not on this machine: run `{command}`{also}."
            )


def _pointers(folder: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
        for name in (*files, *folders):
            if _is_pointer(path := Path(current, name)):
                yield path


def _is_pointer(path: Path) -> bool:
    if path.is_symlink():
        return _ANNEX_OBJECTS in str(path.readlink()) and not path.exists()
    if not path.is_file() or path.stat().st_size >= _LARGEST_POINTER:
        return False
    return _read_start(path).startswith((_LFS, _ANNEX))


def _read_start(path: Path) -> bytes:
    if path.is_symlink():
        return b""
    with path.open("rb") as stream:
        return stream.read(_LARGEST_POINTER)


def _local_content(pointer: Path, common: Path) -> Path | None:
    """Where the repository whose shared folder is ``common`` keeps the content, or None."""
    if pointer.is_symlink():
        content = common / "annex/objects" / str(pointer.readlink()).partition(_ANNEX_OBJECTS)[2]
    elif (text := _read_start(pointer)).startswith(_LFS):
        # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: "oid sha256:" and 64 digits on a line of
        # its own
        digest = text.partition(b"oid sha256:")[2][:64].decode("ascii", "replace")
        content = common / "lfs/objects" / digest[:2] / digest[2:4] / digest
    else:
        return None
    return content if content.is_file() else None
