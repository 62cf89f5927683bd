"""What the system knows of this process: the cores that it may run on, its memory, its files and its children."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import psutil

CAN_PIN = hasattr(psutil.Process, "cpu_affinity")
"""Whether a process can be kept on some of the cores; macOS cannot."""
_TASKS = Path("/proc/self/task")


def allowed_cores() -> tuple[int, ...]:
    """Numbers of the cores that it may run on; none where the system does not tell."""
    return tuple(sorted(_process(os.getpid()).cpu_affinity())) if CAN_PIN else ()


def resident() -> int:
    """Bytes of it that are in memory; 0 where that cannot be read. Takes about ten microseconds."""
    try:
        memory: int = _process(os.getpid()).memory_info().rss
        return memory
    except (OSError, psutil.Error):
        return 0


def open_files() -> int:
    """Files, or handles, that it has open; 0 where they cannot be counted."""
    process = _process(os.getpid())
    try:
        count: int = process.num_fds() if psutil.POSIX else process.num_handles()
        return count
    except (OSError, psutil.Error):
        return 0


def children() -> tuple[str, ...]:
    """Process numbers of children that are running; none where they cannot be looked up."""
    try:
        # psutil asks every process of the machine who its parent is, which takes forty times as long.
        return tuple(child for task in _TASKS.iterdir() for child in (task / "children").read_text().split())
    except OSError:
        pass
    try:
        return tuple(str(child.pid) for child in _process(os.getpid()).children())
    except (OSError, psutil.Error):
        return ()


@cache
def _process(number: int) -> psutil.Process:
    # By number, since one that is forked is another process.
    return psutil.Process(number)
