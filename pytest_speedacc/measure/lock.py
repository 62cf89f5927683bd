"""One gate at a time on this machine: parallel workers and parallel runs must not time each other's noise."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_speedacc.errors import GateError

if TYPE_CHECKING:
    from filelock import FileLock

LONGEST_WAIT = 900.0
"""Seconds: a gate's budget is seconds, so a lock held for longer is not being timed under any more."""
SAID_EVERY = 20.0
"""Seconds of waiting after which it is said again, and for how long by now."""


@contextmanager
def timing_lock(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the machine's timing lock; ``say`` is told when that means to wait.

    A process that ends, however it ends, gives it back. Raises GateError when another one does not, or when the
    temporary folder has no room for the lock's empty file.
    """
    from filelock import FileLock

    try:
        lock = FileLock(lock_path())
        _acquire(lock, say)
    except OSError as error:
        raise GateError(
            f"the timing lock cannot be taken in the temporary folder ({error}): make it writable, or point TMPDIR "
            "to a folder that is."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, say: Callable[[str], None]) -> None:
    from filelock import Timeout

    began, waited, told = time.monotonic(), 0.0, False
    while waited < LONGEST_WAIT:
        try:
            lock.acquire(timeout=min(SAID_EVERY, LONGEST_WAIT - waited) if told else 0)
            return
        except Timeout:
            waited = time.monotonic() - began
            for_long = f", for {waited:.0f} s by now" if told else ""
            say(f"waiting for another run on this machine to be timed{for_long} ({lock_path()})")
            told = True
    raise GateError(
        f"other processes have held the timing lock {lock_path()} for {LONGEST_WAIT / 60:.0f} minutes: "
        "end those runs, and run this one again."
    )


def lock_path(of: str = "") -> Path:
    """The file of the timing lock, or of another lock of the name ``of``: the same for all processes of one user.

    Not for all users: another user's file could not be opened, and no run may fail for that.
    """
    user = os.getuid() if hasattr(os, "getuid") else "windows"  # whose temporary folder is the user's own
    return Path(tempfile.gettempdir()) / f"pytest-speedacc-{user}{'-' * bool(of)}{of}.lock"
