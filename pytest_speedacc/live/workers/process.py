"""What the operating system does for a fair comparison: one core, one thread, a steady allocator.

Linux first. Elsewhere what cannot be done is done without, and ``limitations`` says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from pytest_speedacc.measure import threads
from pytest_speedacc.measure.this_process import CAN_PIN, allowed_cores

GROUPS = hasattr(os, "killpg")
"""Whether one signal reaches a process with all that it has started."""
_ALLOWED = allowed_cores()

STEADY_ALLOCATOR = {
    # Whether a process hits the mmap threshold is a coin tossed at its start: keep every block instead.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


_NOT_FOR_WORKERS = ("PYTEST_ADDOPTS", "COV_CORE_", "COVERAGE_PROCESS_")
"""Beginnings of names: options travel on the command line, and a process whose coverage is traced is slow."""


def worker_environment(one_thread: bool, hash_seed: int) -> dict[str, str]:
    """The environment of a worker, set before it starts because libraries read it when they are loaded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_WORKERS)}
    return {
        **kept,
        **STEADY_ALLOCATOR,
        **(dict.fromkeys(threads.ALL, "1") if one_thread else {}),
        "PYTHONHASHSEED": str(hash_seed),
    }


def start(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, its output going to ``log``."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all it has started."""
    if GROUPS:
        _signal(process, signal.SIGKILL)
    else:
        _each(process, psutil.Process.kill)
    process.wait()


def pin(cores: tuple[int, ...]) -> None:
    """Keep every thread of this process on ``cores``; on all that were allowed at its start when empty."""
    if not CAN_PIN:
        return
    wanted, process = cores or _ALLOWED, psutil.Process()
    if not psutil.LINUX:
        process.cpu_affinity(wanted)
        return
    # Threads inherit the mask of their creator, so those that exist already have to be moved one by one.
    for thread in process.threads():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, wanted)


def quiet_core() -> tuple[int, ...]:
    """The core to time on: the last allowed one, because the first takes most of the machine's interrupts."""
    return _ALLOWED[-1:] if CAN_PIN else ()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop an idle worker with all its threads, so that none spins while the other side is timed."""
    if GROUPS:
        _signal(process, signal.SIGSTOP)
    else:
        _each(process, psutil.Process.suspend)


def resume(process: subprocess.Popen[bytes]) -> None:
    """Let a stopped worker go on."""
    if GROUPS:
        _signal(process, signal.SIGCONT)
    else:
        _each(process, psutil.Process.resume)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # One that has ended is noticed when it is next spoken to; macOS forbids signals to it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _each(process: subprocess.Popen[bytes], act: Callable[[psutil.Process], None]) -> None:
    """Have it done to a process and to all it has started, one after the other."""
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process.pid)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                act(each)


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends, however that happens."""
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(parent_death_signal, signal.SIGKILL, 0, 0, 0)


def limitations() -> list[str]:
    """What this platform cannot do for a fair comparison, in sentences."""
    if CAN_PIN:
        return []
    return ["this system cannot pin a process to a core, so launches differ more and more of them are needed"]
