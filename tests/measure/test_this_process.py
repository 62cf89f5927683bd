"""What is read of this process is what the system says of it, and nothing where the system does not say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pytest_speedacc.measure import this_process
from pytest_speedacc.measure.this_process import allowed_cores, children, open_files, resident

linux = pytest.mark.skipif(sys.platform != "linux", reason="held against /proc")


@linux
def test_cores_are_those_of_the_scheduler() -> None:
    before = os.sched_getaffinity(0)
    assert allowed_cores() == tuple(sorted(before))
    os.sched_setaffinity(0, {max(before)})
    try:
        assert allowed_cores() == (max(before),)
    finally:
        os.sched_setaffinity(0, before)


@linux
def test_memory_is_what_the_kernel_counts() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert resident() == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), abs=2**20)


@linux
def test_a_process_that_is_forked_reads_its_own_memory() -> None:
    # In a process of its own, with no threads that a fork would lose.
    program = """
import os, sys
from pytest_speedacc.measure.this_process import resident
before = resident()
child = os.fork()
if child == 0:
    filled = b"x" * 2**26
    os._exit(resident() < before + 2**25)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_open_file_is_counted(tmp_path: Path) -> None:
    before = open_files()
    with (tmp_path / "file").open("w"):
        assert open_files() == before + 1
    assert open_files() == before


@pytest.mark.parametrize("tasks", [Path("/proc/self/task"), Path("/nowhere")], ids=["quickly", "by psutil"])
def test_a_child_is_found_while_it_runs(monkeypatch: pytest.MonkeyPatch, tasks: Path) -> None:
    monkeypatch.setattr(this_process, "_TASKS", tasks)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert str(child.pid) in children()
    finally:
        child.communicate(b"\n")
    assert str(child.pid) not in children()


def test_nothing_is_said_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise psutil.AccessDenied(os.getpid())

    for name in ("memory_info", "num_fds", "num_handles", "children"):
        monkeypatch.setattr(psutil.Process, name, refused, raising=False)
    monkeypatch.setattr(this_process, "_TASKS", Path("/nowhere"))
    monkeypatch.setattr(this_process, "CAN_PIN", False)
    assert (allowed_cores(), resident(), open_files(), children()) == ((), 0, 0, ())
