"""The timing lock between real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types

import pytest

pytest.importorskip("filelock")

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import lock
from pytest_speedacc.measure.lock import lock_path, timing_lock

HOLDER = """
import sys
from pytest_speedacc.measure.lock import timing_lock

with timing_lock(print):
    print("held", flush=True)
    sys.stdin.readline()
print("given back", flush=True)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A temporary folder of the test's own, in this process and in those it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def holder(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_process_waits_until_another_gives_the_lock_back(holder):
    said = []

    def say(text):
        said.append(text)
        holder.stdin.write("go\n")
        holder.stdin.flush()

    with timing_lock(say):
        assert said == [f"waiting for another run on this machine to be timed ({lock_path()})"]
        assert holder.stdout.readline() == "given back\n"


def test_a_long_wait_is_said_again_and_again(holder, monkeypatch):
    monkeypatch.setattr(lock, "SAID_EVERY", 0.05)
    times = iter([1000.0, 1000.0, 1020.0, 1040.0])
    monkeypatch.setattr(lock, "time", types.SimpleNamespace(monotonic=lambda: next(times)))
    said = []

    def say(text):
        said.append(text)
        if len(said) == 3:
            holder.kill()

    with timing_lock(say):
        assert said[0] == f"waiting for another run on this machine to be timed ({lock_path()})"
        assert [re.search(r", for (\d+) s by now \(", text)[1] for text in said[1:]] == ["20", "40"]


def test_a_lock_that_is_not_given_back_is_an_error_in_the_end(holder, monkeypatch):
    monkeypatch.setattr(lock, "LONGEST_WAIT", 0.1)
    with (
        pytest.raises(GateError, match=r"other processes have held the timing lock .* end those runs"),
        timing_lock(lambda text: None),
    ):
        pytest.fail("two processes hold the lock")


def test_the_lock_of_a_killed_process_blocks_nobody(holder):
    holder.kill()
    holder.wait()
    assert lock_path().exists() or os.name == "nt"
    with timing_lock(lambda text: pytest.fail("waited for the dead")):
        pass


def test_the_lock_is_given_back_after_an_error(folder):
    with pytest.raises(ZeroDivisionError), timing_lock(print):
        1 / 0  # noqa: B018
    with timing_lock(lambda text: pytest.fail("the lock is still held")):
        pass


def test_a_folder_that_cannot_be_written_is_a_clear_error(folder, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone" / "file"))
    (folder / "gone").write_text("a file where a folder should be")
    with (
        pytest.raises(GateError, match=r"the timing lock cannot be taken in the temporary folder .* point TMPDIR"),
        timing_lock(print),
    ):
        pytest.fail("a lock without a file")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="named after the user id of POSIX")
def test_the_lock_needs_no_name_for_its_user(folder, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987654)  # without an entry in the password file, as in containers
    assert lock_path().name == "pytest-speedacc-987654.lock"
