"""One gate at a time on this machine: parallel workers and parallel runs must not time each other's noise."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_speedacc.errors import GateError

LONGEST_WAIT = 900.0
"""Seconds: a gate's budget is seconds, so a lock held for longer is not being timed under any more."""


@contextmanager
def timing_lock(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the machine's timing lock. Raises GateError when another process does not give it back."""
    from filelock import FileLock, Timeout

    # Named after the user: another user's lock file could not be opened, and no run may fail for that.
    lock = FileLock(Path(tempfile.gettempdir()) / f"pytest-speedacc-{getpass.getuser()}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("waiting for another gate on this machine to be timed")
        try:
            lock.acquire(timeout=LONGEST_WAIT)
        except Timeout:
            raise GateError(
                f"another process has held the timing lock {lock.lock_file} for {LONGEST_WAIT / 60:.0f} minutes: "
                "end that run, and run this one again."
            ) from None
    try:
        yield
    finally:
        lock.release()
