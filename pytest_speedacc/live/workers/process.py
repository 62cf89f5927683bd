"""What the operating system does for a fair comparison: one core, one thread, a steady allocator.

Linux first. Elsewhere what cannot be done is done without, and ``limitations`` says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from pytest_speedacc.live.workers import allocator
from pytest_speedacc.measure import clocks, threads
from pytest_speedacc.measure.this_process import CAN_PIN, allowed_cores

GROUPS = hasattr(os, "killpg")
"""Whether one signal reaches a process with all that it has started."""
_ALLOWED = allowed_cores()

CLEANERS = ("resource_tracker", "torch_shm_manager")
"""Processes of multiprocessing, loky and torch that remove shared memory when those that have used it are gone."""
LONGEST_CLEANING = 2.0
"""Seconds for that, and for what a process does at its exit."""

_NOT_FOR_WORKERS = ("PYTEST_ADDOPTS", "COV_CORE_", "COVERAGE_PROCESS_")
"""Beginnings of names: options travel on the command line, and a process whose coverage is traced is slow."""


class Process(Protocol):
    """What is needed of ``subprocess.Popen``."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has one. Raises subprocess.TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""


def worker_environment(one_thread: bool, hash_seed: int) -> dict[str, str]:
    """The environment of a worker, set before it starts because libraries read it when they are loaded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_WORKERS)}
    return {
        **kept,
        **allocator.ENVIRONMENT,
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


def end(process: Process) -> None:
    """End a process with all it has started."""
    if GROUPS:
        _wait_for(kill_but_cleaners(_group(process.pid)))
        _signal(process, signal.SIGKILL)
    else:
        _each(process, psutil.Process.kill)
    process.wait()


def finish(process: Process) -> None:
    """Wait a moment for a process that has nothing more to do: it may have something to remove."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LONGEST_CLEANING)


def kill_but_cleaners(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Kill all but those that clean up after the others, and tell which these are."""
    cleaners = []
    for each in processes:
        with contextlib.suppress(psutil.Error):
            if any(name in word for word in each.cmdline() for name in CLEANERS):
                # It may have been stopped with the others.
                each.resume()
                cleaners.append(each)
            else:
                each.kill()
    return cleaners


def _wait_for(cleaners: Sequence[psutil.Process]) -> None:
    end = clocks.seconds() + LONGEST_CLEANING
    while any(map(_runs, cleaners)) and clocks.seconds() < end:
        time.sleep(0.002)


def _runs(process: psutil.Process) -> bool:
    # One whose parent is gone may be left as a name that nobody takes away, in a container without an init process.
    with contextlib.suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _group(leader: int) -> Iterator[psutil.Process]:
    """The processes of a group; none for 0."""
    for pid in psutil.pids() if leader else ():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getpgid(pid) == leader:
                yield psutil.Process(pid)


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


def stop(process: Process) -> None:
    """Stop an idle worker with all its threads, so that none spins while the other side is timed."""
    if GROUPS:
        _signal(process, signal.SIGSTOP)
    else:
        _each(process, psutil.Process.suspend)


def resume(process: Process) -> None:
    """Let a stopped worker go on."""
    if GROUPS:
        _signal(process, signal.SIGCONT)
    else:
        _each(process, psutil.Process.resume)


def _signal(process: Process, number: int) -> None:
    if not process.pid:
        return
    # One that has ended is noticed when it is next spoken to; macOS forbids signals to it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _each(process: Process, act: Callable[[psutil.Process], None]) -> None:
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
