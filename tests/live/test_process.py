from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_speedacc.live.workers import allocator, process
from pytest_speedacc.measure import threads

needs_affinity = pytest.mark.skipif(not process.CAN_PIN, reason="this system cannot pin")
PINNED = """
import os, sys, threading
os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
from pytest_speedacc.live.workers import allocator, process

def masks():
    return {frozenset(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task")}

done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
(core,) = process.quiet_core()
process.pin((core,))
print(masks() == {frozenset({core})}, core == max(os.sched_getaffinity(0)))
process.pin(())
print(masks() == {frozenset(map(int, sys.argv[1].split(",")))})
done.set()
"""


def python(*arguments: str, log: Path) -> subprocess.Popen[bytes]:
    """A Python process as workers are started."""
    return process.start([sys.executable, *arguments], log.parent, os.environ, log)


def state(pid: int) -> str:
    """The letter that Linux gives a process's state; X for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def wait_until(pid: int, states: str) -> None:
    """Until a process is in one of these states."""
    end = time.monotonic() + 20
    while state(pid) not in states:
        assert time.monotonic() < end, f"{pid} is {state(pid)} and not one of {states}"


@needs_affinity
@pytest.mark.parametrize("allowed", [slice(0, 1), slice(None)])
def test_every_thread_is_pinned_to_an_allowed_core_and_let_go_to_all_of_them(allowed: slice) -> None:
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[allowed]))
    done = subprocess.run([sys.executable, "-c", PINNED, cores], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True", "True"], done.stderr


def test_without_pinning_nothing_is_pinned_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CAN_PIN", False)
    process.pin((10**6,))
    assert process.quiet_core() == ()
    assert len(process.limitations()) == 1


def test_libraries_are_told_before_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    one, all_threads = (process.worker_environment(one, hash_seed=5) for one in (True, False))
    assert (one["OMP_NUM_THREADS"], all_threads["OMP_NUM_THREADS"]) == ("1", "7")
    assert {one[name] for name in threads.ALL} == {"1"}
    assert one["PYTHONHASHSEED"] == all_threads["PYTHONHASHSEED"] == "5"
    assert allocator.ENVIRONMENT.items() <= one.items()
    assert allocator.ENVIRONMENT.items() <= all_threads.items()


@pytest.mark.parametrize("name", ["PYTEST_ADDOPTS", "COV_CORE_SOURCE", "COVERAGE_PROCESS_START"])
def test_options_and_tracers_do_not_travel_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("MY_MODELS", "there")
    environment = process.worker_environment(True, hash_seed=0)
    assert name not in environment
    assert environment["MY_MODELS"] == "there"


@pytest.mark.skipif(sys.platform != "linux", reason="states are read in /proc")
@pytest.mark.parametrize("groups", [True, False], ids=["by signals to the group", "one after the other"])
def test_a_stopped_process_goes_on_and_ends_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: bool
) -> None:
    monkeypatch.setattr(process, "GROUPS", groups)
    child = "import signal, subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
    log = tmp_path / "log"
    parent = python("-c", f"{child}; print('there', flush=True); signal.pause()", log=log)
    end = time.monotonic() + 20
    while not log.read_bytes():
        assert time.monotonic() < end
    (born,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    process.stop(parent)
    wait_until(parent.pid, "T")
    wait_until(int(born), "T")
    process.resume(parent)
    wait_until(parent.pid, "SR")
    process.stop(parent)
    process.end(parent)
    assert parent.returncode == -signal.SIGKILL
    end = time.monotonic() + 20
    while state(int(born)) not in "ZX":
        assert time.monotonic() < end


@pytest.mark.parametrize("groups", [True, False])
def test_a_process_that_has_ended_needs_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: bool
) -> None:
    monkeypatch.setattr(process, "GROUPS", groups)
    ended = python("-c", "", log=tmp_path / "log")
    ended.wait()
    process.stop(ended)
    process.resume(ended)
    process.end(ended)
    assert ended.returncode == 0


SHARES = """
import signal
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(create=True, size=1)
print(memory.name, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is looked for in /dev/shm")
@pytest.mark.parametrize("stopped", [False, True])
def test_what_cleans_up_after_a_process_has_the_time_to(tmp_path: Path, stopped: bool) -> None:
    log = tmp_path / "log"
    started = python("-c", SHARES, log=log)
    while not (name := log.read_text().strip()):
        assert started.poll() is None
    shared = Path("/dev/shm") / name
    assert shared.exists()
    if stopped:
        process.stop(started)
    process.end(started)
    left = shared.exists()
    shared.unlink(missing_ok=True)
    assert not left
