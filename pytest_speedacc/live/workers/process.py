"""What the operating system does for a fair comparison: one core, one thread, a steady allocator.

Linux first. Elsewhere what cannot be done is done without, and ``limitations`` says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CAN_PIN = hasattr(os, "sched_setaffinity") and Path("/proc/self/task").is_dir()
CAN_STOP = hasattr(signal, "SIGSTOP")
_ALLOWED = os.sched_getaffinity(0) if CAN_PIN else set()

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)
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
    return {**kept, **STEADY_ALLOCATOR, **(ONE_THREAD if one_thread else {}), "PYTHONHASHSEED": str(hash_seed)}


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
    if sys.platform == "win32":
        process.kill()
    else:
        _signal(process, signal.SIGKILL)
    process.wait()


def pin(cores: tuple[int, ...]) -> None:
    """Keep every thread of this process on ``cores``; on all that were allowed at its start when empty."""
    if not CAN_PIN:
        return
    wanted = set(cores) or _ALLOWED
    # Threads inherit the mask of their creator, so those that exist already have to be moved one by one.
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), wanted)


def quiet_core() -> tuple[int, ...]:
    """The core to time on: the last allowed one, because the first takes most of the machine's interrupts."""
    return (max(_ALLOWED),) if CAN_PIN else ()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop an idle worker with all its threads, so that none spins while the other side is timed."""
    _signal(process, signal.SIGSTOP)


def resume(process: subprocess.Popen[bytes]) -> None:
    """Let a stopped worker go on."""
    _signal(process, signal.SIGCONT)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # One that has ended is noticed when it is next spoken to; macOS forbids signals to it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends, however that happens."""
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(parent_death_signal, signal.SIGKILL, 0, 0, 0)


def limitations(all_threads: bool) -> list[str]:
    """What this platform cannot do for a fair comparison, in sentences."""
    missing = []
    if not CAN_PIN:
        missing.append(
            "this system cannot pin a process to a core, so launches differ more and more of them are needed"
        )
    if all_threads and not CAN_STOP:
        missing.append("this system cannot stop an idle worker, whose threads may disturb the other")
    return missing
