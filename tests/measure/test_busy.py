"""Waiting for a processor: what others cause is told, and what the model causes is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="what the scheduler of Linux counts")
if not hasattr(os, "sched_getaffinity"):
    pytest.skip("what the scheduler of Linux counts", allow_module_level=True)

from pytest_speedacc.measure import busy, clocks
from pytest_speedacc.measure.busy import QUIET, look, since
from pytest_speedacc.measure.clocks import Clocks

ME = os.getpid()
TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = 10.0


@dataclass(frozen=True)
class Proc:
    """A process as ``/proc`` shows it."""

    parent: int = 1
    name: str = "python"
    began: int = 500
    seconds: float = 0.0
    threads: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """What a folder like ``/proc`` says at one moment, in seconds."""

    processes: dict[int, Proc]
    everyone: float = 0.0
    stolen: float = 0.0
    throttled: float = 0.0
    pressure: float | None = None

    def write(self, root: Path) -> Path:
        proc = root / "proc"
        for number, process in self.processes.items():
            spent = round(process.seconds * TICKS)
            fields = ["S", process.parent, *[0] * 9, spent, 0, 0, 0, 0, 0, 1, 0, process.began]
            put(proc / str(number) / "stat", f"{number} ({process.name}) {' '.join(map(str, fields))}\n")
            for thread, (used, delayed) in process.threads.items():
                counts = f"{round(used * 1e9)} {round(delayed * 1e9)} 7\n"
                put(proc / str(number) / "task" / str(thread) / "schedstat", counts)
        first, *rest = sorted(os.sched_getaffinity(0))
        line = f"{round(self.everyone * TICKS)} 0 0 0 0 0 0 {round(self.stolen * TICKS)} 0 0"
        idle = [f"cpu{core} 0 0 0 9 0 0 0 0 0 0" for core in rest]
        put(proc / "stat", "\n".join(["cpu 9 9 9 9 9 9 9 9 0 0", f"cpu{first} {line}", *idle, "intr 1"]))
        put(proc / "self" / "cgroup", "0::/\n")
        put(root / "sys/fs/cgroup/cpu.stat", f"usage_usec 1\nthrottled_usec {round(self.throttled * 1e6)}\n")
        if self.pressure is not None:
            put(proc / "pressure" / "cpu", f"some avg10=1.00 avg60=1.00 avg300=1.00 total={round(self.pressure * 1e6)}")
        return proc


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """How busy the machine was in the ten seconds in which it came to be like ``after``."""
    monkeypatch.setattr(os, "getloadavg", lambda: (5.1, 0, 0))

    def measured(after: Machine):
        now = [0]
        monkeypatch.setattr(clocks, "CLOCKS", Clocks(lambda: 0, lambda: now[0], 1))
        at_first = {
            number: replace(process, seconds=0.0, threads=dict.fromkeys(process.threads, (0.0, 0.0)))
            for number, process in after.processes.items()
        }
        proc = Machine(at_first, pressure=None if after.pressure is None else 0.0).write(tmp_path)
        before = look(proc)
        now[0] = round(SECONDS * 1e9)
        after.write(tmp_path)
        return since(before, proc)

    return measured


MODEL = Proc(parent=2, seconds=3.9, threads={ME: (3.9, 6.1)})
"""It ran for 3.9 of ten seconds and waited for the rest."""
NEIGHBOUR = Proc(parent=2, began=100, seconds=6.1)


def test_what_another_process_takes_is_told(measured):
    found = measured(Machine({ME: MODEL, 77: NEIGHBOUR}, everyone=10.0))
    assert found.share == pytest.approx(0.61)
    assert found.together == pytest.approx(0.61)
    text = str(replace(found, cores=2))
    assert text == "waited 61 % of the time for a processor; load 5.1 on 2 cores"


@pytest.mark.parametrize(
    "processes",
    [
        pytest.param({ME: MODEL, 77: Proc(parent=ME, seconds=6.1)}, id="child"),
        pytest.param({ME: MODEL, 77: Proc(parent=ME), 78: Proc(parent=77, seconds=6.1)}, id="grandchild"),
        pytest.param({ME: MODEL, 77: Proc(parent=1, seconds=6.1)}, id="orphan"),
        pytest.param(
            {ME: MODEL, 9: Proc(name="systemd", began=1), 77: Proc(parent=9, seconds=6.1)}, id="adopted orphan"
        ),
        pytest.param({ME: MODEL, 77: Proc(name="a) S 1 (b"), 78: Proc(parent=77, seconds=6.1)}, id="odd name"),
        pytest.param({ME: Proc(seconds=10, threads={ME: (3.9, 6.1), ME + 1: (6.1, 3.9)})}, id="thread"),
    ],
)
def test_what_the_model_starts_is_the_models(measured, processes):
    assert measured(Machine(processes, everyone=10.0)).share == pytest.approx(0)


@pytest.mark.parametrize(
    "neighbour",
    [
        pytest.param(replace(NEIGHBOUR, parent=1), id="older than the run"),
        pytest.param(replace(NEIGHBOUR, began=900), id="of another parent"),
    ],
)
def test_what_it_did_not_start_is_not(measured, neighbour):
    assert measured(Machine({ME: MODEL, 2: Proc(began=1), 77: neighbour}, everyone=10.0)).share == pytest.approx(0.61)


def test_of_a_processor_that_both_kept_busy_others_have_their_part(measured):
    processes = {ME: MODEL, 77: NEIGHBOUR, 78: Proc(parent=ME, seconds=6.1)}
    assert measured(Machine(processes, everyone=16.1)).share == pytest.approx(0.61 / 2)


def test_nobody_waits_for_more_than_others_used(measured):
    processes = {ME: MODEL, 77: replace(NEIGHBOUR, seconds=0.5)}
    assert measured(Machine(processes, everyone=4.4)).share == pytest.approx(0.05)


def test_threads_that_wait_at_the_same_time_are_told_by_the_longest_and_together(measured):
    model = Proc(parent=2, seconds=8, threads={ME: (4.0, 2.0), ME + 1: (4.0, 4.0)})
    found = measured(Machine({ME: model, 77: replace(NEIGHBOUR, seconds=12)}, everyone=20.0))
    assert found.share == pytest.approx(0.4 * 12 / 16)
    assert found.together == pytest.approx(0.6 * 12 / 16)


def test_what_a_virtual_machine_was_not_given_is_told(measured):
    model = Proc(parent=2, seconds=9, threads={ME: (10.0, 0.0)})
    assert measured(Machine({ME: model}, everyone=8.0, stolen=2.0)).share == pytest.approx(0.2)


def test_a_quota_that_was_used_up_is_the_models(measured):
    found = measured(Machine({ME: MODEL, 77: NEIGHBOUR}, everyone=10.0, throttled=6.1))
    assert found.share == pytest.approx(0)


def test_a_system_that_does_not_count_by_thread_tells_of_pressure(measured):
    model = replace(MODEL, threads={})
    found = measured(Machine({ME: model, 77: NEIGHBOUR}, everyone=10.0, pressure=6.1))
    assert found.share == pytest.approx(0.61)


def test_of_a_system_that_does_not_tell_nothing_is_said(tmp_path, measured):
    assert look(tmp_path / "nothing") is None
    assert since(None) is QUIET
    assert measured(Machine({ME: replace(MODEL, threads={}), 77: NEIGHBOUR}, everyone=10.0)) is QUIET


@pytest.mark.parametrize(
    ("pools", "remedy"),
    [
        ([("openmp", 8), ("openblas", 2)], "set OMP_NUM_THREADS=2"),
        ([("openmp", 2), ("openblas", 2), ("mkl", 1)], "set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"),
        ([("openmp", 1), ("something", 9)], "let it start at most 2"),
    ],
)
def test_more_busy_threads_than_cores_are_a_remark_with_what_to_set(measured, monkeypatch, pools, remedy):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    info = [{"internal_api": name, "num_threads": threads} for name, threads in pools]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: info)
    monkeypatch.setattr(busy, "usable_cores", lambda: 2.0)
    crowd = Proc(parent=2, seconds=20, threads={ME + thread: (2.5, 7.0) for thread in range(8)})
    found = measured(Machine({ME: crowd}, everyone=20.0))
    assert found.remarks == (f"the model keeps 8 threads busy on 2 cores, where they wait for each other: {remedy}",)
    assert found.share == 0
    # Beside others, who knows.
    assert measured(Machine({ME: crowd, 77: replace(NEIGHBOUR, seconds=10)}, everyone=30.0)).remarks == ()
    # An orphan of this user may be the model's, and may be of another job.
    orphan = Proc(parent=1, began=900, seconds=10, threads={77: (5.0, 5.0)})
    assert measured(Machine({ME: crowd, 77: orphan}, everyone=30.0)).remarks == ()
    two = Proc(parent=2, seconds=20, threads={ME: (10.0, 0.0), ME + 1: (9.0, 0.5), ME + 2: (0.5, 0.1)})
    assert measured(Machine({ME: two}, everyone=20.0)).remarks == ()


BURN = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end:\n    pass"
SCRIPT = """
import os, subprocess, sys, time

from pytest_speedacc.measure.busy import look, since

os.sched_setaffinity(0, {int(sys.argv[1])})

def waited():
    return int(open("/proc/thread-self/schedstat").read().split()[1]) * 1e-9

def busy_for_a_moment():
    input()
    began, before, delayed = time.monotonic(), look(), waited()
    while time.monotonic() < began + 0.5:
        pass
    share = since(before).share
    print(share, (waited() - delayed) / (time.monotonic() - began), flush=True)

print("ready", flush=True)
busy_for_a_moment()
own = [subprocess.Popen([sys.executable, "-c", sys.argv[2]]) for _ in range(4)]
try:
    busy_for_a_moment()
finally:
    for each in own:
        each.kill()
        each.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="this kernel does not count it by thread")
@pytest.mark.races(reason="the rest of the machine has its part")
def test_real_processes_on_one_core():
    """Four of another parent are others; four of its own are its own, whatever else runs."""
    core = min(os.sched_getaffinity(0))
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SCRIPT, str(core), BURN]
    burning = []
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as model:
        try:
            assert model.stdout.readline() == "ready\n"
            for _ in range(4):
                burning.append(subprocess.Popen([sys.executable, "-c", BURN]))
                os.sched_setaffinity(burning[-1].pid, {core})
            share, waited = told(model)
            assert share > 0.3
            assert share == pytest.approx(waited, abs=0.2)
            for each in burning:
                each.kill()
            share, waited = told(model)
            assert waited > 0.3
            # All but what else runs on this core.
            assert share < 0.9 * waited
        finally:
            for each in burning:
                each.kill()
                each.wait()
            model.stdin.close()


def told(model):
    """What it measures next."""
    model.stdin.write("\n")
    model.stdin.flush()
    return [float(each) for each in model.stdout.readline().split()]
