"""A gate in a forked process of its own: real processes, which end in every way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pytest_speedacc.live.workers.last_words import ask_where, last_words

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
START = """
import ctypes, os, signal, subprocess, sys, time
from pytest_speedacc.live.workers.last_words import tell_where
from pytest_speedacc.live.workers.own_process import run_in_child
tell_where()
parent = os.getpid()
seen = []
print("some words")
def gate():
{body}
run_in_child(gate)
print("the next one", seen, os.getpid() == parent, flush=True)
"""


def start(folder: Path, body: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A worker that runs one gate, which does what the ``body`` says."""
    log, script = folder / "log", folder / "worker.py"
    script.write_text(START.format(body="".join(f"    {line}\n" for line in body.splitlines())), "utf-8")
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, str(script)], stdout=output, stderr=subprocess.STDOUT), log


def test_a_gate_leaves_nothing_in_the_worker(tmp_path: Path) -> None:
    worker, log = start(tmp_path, "seen.append(1)\nprint('the gate', os.getpid() == parent)")
    assert worker.wait(60) == 0
    # What was said before is said once.
    assert log.read_text() == "some words\nthe gate False\nthe next one [] True\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("ctypes.string_at(1)", -signal.SIGSEGV),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os._exit(7)", 7),
        # No sign that all is well: only the worker's own code gives that.
        ("os._exit(0)", 0),
        ("raise KeyboardInterrupt", 1),
        ("sys.exit(0)", 1),
    ],
)
def test_a_worker_ends_as_its_gate_did(tmp_path: Path, body: str, code: int) -> None:
    worker, log = start(tmp_path, body)
    assert worker.wait(60) == code
    assert "the next one" not in log.read_text()


def test_a_crash_is_told_once_and_where_it_was(tmp_path: Path) -> None:
    worker, log = start(tmp_path, "ctypes.string_at(1)")
    worker.wait(60)
    text = log.read_text()
    assert text.count("Fatal Python error") == 1
    assert "in gate" in last_words(log)


def test_a_gate_that_hangs_tells_where_when_its_worker_is_asked(tmp_path: Path) -> None:
    worker, log = start(tmp_path, "print('now', flush=True)\nwhile True: signal.pause()")
    try:
        while "now" not in log.read_text():
            assert worker.poll() is None
        ask_where(worker, log)
        assert "in gate" in last_words(log)
        assert "waitpid" not in last_words(log)
    finally:
        for process in (*psutil.Process(worker.pid).children(), worker):
            process.kill()
        worker.wait()


def test_a_gate_that_was_asked_leaves_a_worker_that_can_be_asked(tmp_path: Path) -> None:
    script = START.format(body="    pass\n") + "def later():\n    while True: signal.pause()\nlater()\n"
    (tmp_path / "worker.py").write_text(script, "utf-8")
    log = tmp_path / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen([sys.executable, str(tmp_path / "worker.py")], stdout=output, stderr=output)
    try:
        while "the next one" not in log.read_text():
            assert worker.poll() is None
        ask_where(worker, log)
        assert "in later" in last_words(log)
    finally:
        worker.kill()
        worker.wait()


def test_a_gate_ends_with_its_worker_and_what_it_started_ends_with_it(tmp_path: Path) -> None:
    beside = "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
    worker, log = start(tmp_path, f"beside = {beside}\nprint(f'<{{beside.pid}}>', flush=True)")
    assert worker.wait(60) == 0
    pid = int(log.read_text().partition("<")[2].partition(">")[0])
    gone(pid)
    worker, log = start(tmp_path, "print(f'<{os.getpid()}>', flush=True)\nwhile True: signal.pause()")
    while ">" not in log.read_text():
        assert worker.poll() is None
    worker.kill()
    worker.wait()
    gone(int(log.read_text().partition("<")[2].partition(">")[0]))


KEEPS = """
import atexit, tempfile
from multiprocessing.shared_memory import SharedMemory
global folder, memory
folder, memory = tempfile.TemporaryDirectory(dir={folder!r}, prefix="gate-"), SharedMemory(create=True, size=1)
atexit.register(print, "the end of", "the gate" if os.getpid() != parent else "the worker")
atexit.register(lambda: print(sorted(os.listdir({folder!r}))))
print(f"<{{memory.name}}>")
"""


def test_what_a_gate_registers_for_its_exit_is_done_and_what_its_worker_has_is_left_to_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    text = "import atexit, tempfile\nmine = tempfile.TemporaryDirectory(dir={folder!r}, prefix='worker-')\n"
    text += "atexit.register(print, 'the end of the worker')\n"
    script = text.format(folder=str(kept)) + START.format(
        body="".join(f"    {line}\n" for line in KEEPS.format(folder=str(kept)).splitlines())
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    said = done.stdout
    assert said.count("the end of the gate") == said.count("the end of the worker") == 1, done.stderr
    assert said.index("the end of the gate") < said.index("the next one") < said.index("the end of the worker")
    # While the gate's exit was under way, its worker's folder was there.
    assert "['gate-" in said
    assert ", 'worker-" in said
    assert list(kept.iterdir()) == []
    shared = Path("/dev/shm") / said.partition("<")[2].partition(">")[0]
    end = time.monotonic() + 20
    while shared.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_exit_that_hangs_keeps_the_next_gate_waiting_for_a_moment_only(tmp_path: Path) -> None:
    body = "from pytest_speedacc.live.workers import own_process\nown_process.LONGEST_CLEANING = 0.1\n"
    worker, log = start(tmp_path, f"import atexit\n{body}atexit.register(signal.pause)")
    assert worker.wait(60) == 0
    assert "the next one" in log.read_text()


def gone(pid: int) -> None:
    """Wait until there is no such process, or no more than its name."""
    end = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.01)
