"""What a lost worker leaves: real processes that crash and hang, and logs as they come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_speedacc.live.workers.last_words import ask_where, last_words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
TELLS = "from pytest_speedacc.live.workers.last_words import tell_where; tell_where()\n"


def start(folder: Path, code: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A process whose output goes to a log, once it has said that it is there."""
    log, script = folder / "log", folder / "model.py"
    script.write_text(TELLS + "import os, sys, faulthandler, threading\nprint('some words', flush=True)\n" + code)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
    return process, log


def test_a_crash_tells_where(tmp_path: Path) -> None:
    process, log = start(tmp_path, "def predict():\n    faulthandler._sigsegv()\npredict()\n")
    assert process.wait(60) < 0
    words = last_words(log).splitlines()
    assert words[:4] == [
        "Its last words:",
        "some words",
        "Fatal Python error: Segmentation fault",
        "Where it stood, the innermost call first:",
    ]
    assert words[4].endswith('model.py", line 5 in predict')
    assert len(words) == 6  # and nothing of the names of modules that follow


HANGS = """
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as pytest does while a test runs
beside = threading.Thread(target=threading.Event().wait, daemon=True)
beside.start()
def predict():
    sys.stdin.read()
print("now", flush=True)
predict()
"""


def test_a_process_that_hangs_tells_where_when_it_is_asked(tmp_path: Path) -> None:
    process, log = start(tmp_path, HANGS)
    try:
        while "now" not in log.read_text():
            assert process.poll() is None
        ask_where(process, log)
        assert process.poll() is None
        words = last_words(log).splitlines()
        assert words[:4] == ["Its last words:", "some words", "now", "Where it stood, the innermost call first:"]
        assert words[4].endswith("in predict")
        assert len(words) == 6  # not where the thread beside it stands
    finally:
        process.communicate()


def test_nobody_waits_for_a_process_that_has_ended(tmp_path: Path) -> None:
    process, log = start(tmp_path, "")
    process.wait(60)
    ask_where(process, log)
    assert last_words(log) == "Its last words:\nsome words"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("", "It said nothing."),
        ("a\nb\n", "Its last words:\na\nb"),
        ("\n".join(map(str, range(40))), "Its last words:\n" + "\n".join(map(str, range(25, 40)))),
        (
            "a\nThread 0x1 (most recent call first):\n  File 1\n\nThread 0x2 (most recent call first):\n  File 2\nrest",
            "Its last words:\na\nWhere it stood, the innermost call first:\n  File 2",
        ),
        (
            "Current thread 0x1 (most recent call first):\n" + "".join(f"  File {n}\n" for n in range(30)),
            "It said nothing.\nWhere it stood, the innermost call first:\n"
            + "\n".join(f"  File {n}" for n in range(10)),
        ),
    ],
)
def test_logs(tmp_path: Path, log: str, says: str) -> None:
    path = tmp_path / "log"
    path.write_text(log)
    assert last_words(path) == says
