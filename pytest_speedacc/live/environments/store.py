"""Where built environments are kept for the next run: in the user's folder, each once, and complete or not there."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

COMPLETE = "complete"
"""The file that names the finished environment, written last: without it there is none, whatever a killed process left.
"""
LONGEST_BUILD = 1800.0
"""Seconds that an environment may take, and that another run may be waited for that builds the same."""
KEPT_DAYS = 30
"""For which an environment stays that nobody uses."""


class BuildError(Exception):
    """Why there is no environment, in a sentence without a full stop."""


def cache_folder() -> Path:
    """The user's own folder for what can be made again, as uv's is found."""
    local = os.environ.get("LOCALAPPDATA") if os.name == "nt" else None
    return Path(os.environ.get("XDG_CACHE_HOME") or local or Path.home() / ".cache") / "pytest-speedacc/environments"


def kept(key: str, build: Callable[[Path], None], say: Callable[[str], None]) -> Path:
    """The finished environment of this key, which ``build`` makes in the folder it is given where there is none.

    Runs side by side make it once. Raises BuildError.
    """
    from filelock import FileLock, Timeout

    try:
        folder = cache_folder() / key
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock", timeout=LONGEST_BUILD):
            found = _finished(folder)
            if found is None:
                say(f"building the base's environment in {folder}")
                found = _make(folder, build)
            # When it was last used.
            (folder / COMPLETE).touch()
        _sweep(folder.parent)
    except Timeout:
        raise BuildError(f"another run has been building the same for {LONGEST_BUILD:g} s") from None
    # RuntimeError where nobody knows the user's home.
    except (OSError, RuntimeError) as error:
        raise BuildError(
            f"the folder for built environments cannot be used ({error}): set XDG_CACHE_HOME to one that can be written"
        ) from None
    return found


def interpreter(environment: Path) -> Path:
    """Of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _finished(folder: Path) -> Path | None:
    """What is there and can be used; an upgrade of Python may have removed its interpreter."""
    mark = folder / COMPLETE
    found = folder / mark.read_text("utf-8") if mark.is_file() else None
    return found if found is not None and interpreter(found).exists() else None


def _make(folder: Path, build: Callable[[Path], None]) -> Path:
    """Where nobody else writes: what a killed process started may still be writing into the folder of that one."""
    for former in folder.glob("environment-*"):
        shutil.rmtree(former, ignore_errors=True)
    made = folder / f"environment-{secrets.token_hex(4)}"
    try:
        build(made)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    part = folder / f"{COMPLETE}-{made.name}"
    part.write_text(made.name, "utf-8")
    part.replace(folder / COMPLETE)
    return made


def _sweep(cache: Path) -> None:
    """Remove what has not been used for long, finished or not, unless somebody is at it just now."""
    from filelock import FileLock, Timeout

    for folder in cache.iterdir():
        mark = folder / COMPLETE
        used = (mark if mark.exists() else folder).stat().st_mtime
        if time.time() - used > KEPT_DAYS * 86400:
            with suppress(Timeout), FileLock(folder / "lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
