"""One gate at a time on this machine: parallel workers and parallel runs must not time each other's noise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_speedacc.errors import GateError

LONGEST_WAIT = 900.0
"""Seconds: a gate's budget is seconds, so a lock held for longer is not being timed under any more."""


@contextmanager
def timing_lock(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the machine's timing lock; ``say`` is told when that means to wait.

    A process that ends, however it ends, gives it back. Raises GateError when another one does not, or when the
    temporary folder has no room for the lock's empty file.
    """
    from filelock import FileLock, Timeout

    try:
        lock = FileLock(lock_path())
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say("waiting for another gate on this machine to be timed")
            lock.acquire(timeout=LONGEST_WAIT)
    except Timeout:
        raise GateError(
            f"other processes have held the timing lock {lock_path()} for {LONGEST_WAIT / 60:.0f} minutes: "
            "end those runs, and run this one again."
        ) from None
    except OSError as error:
        raise GateError(
            f"the timing lock cannot be taken in the temporary folder ({error}): make it writable, or point TMPDIR "
            "to a folder that is."
        ) from error
    try:
        yield
    finally:
        lock.release()


def lock_path(of: str = "") -> Path:
    """The file of the timing lock, or of another lock of the name ``of``: the same for all processes of one user.

    Not for all users: another user's file could not be opened, and no run may fail for that.
    """
    user = os.getuid() if hasattr(os, "getuid") else "windows"  # whose temporary folder is the user's own
    return Path(tempfile.gettempdir()) / f"pytest-speedacc-{user}{'-' * bool(of)}{of}.lock"
