"""An update that is killed, whenever, leaves the old baseline or the new one, whole; so do two updates at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from baseline_examples import BASELINE, TEST
from msgspec.structs import replace

from pytest_speedacc.baseline import baseline_path, load_baseline, load_predictions, save_baseline
from pytest_speedacc.baseline.files import digest_of, former_predictions_path, predictions_path
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.baseline.update import UNFINISHED, UNSEEN

OLD = (replace(BASELINE, parameters=1), np.array([0, 0, 0]))
NEW = (replace(BASELINE, parameters=2), np.array([1, 1, 1]))
LATER = (replace(BASELINE, parameters=3), np.array([2, 2, 2]))
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return baseline_path(tmp_path / "baselines", TEST, "")


def held(path: Path) -> int | None:
    """The parameters of the baseline in the file, once its predictions are seen to be its own; None without a file."""
    baseline = load_baseline(path, TEST, "")
    if baseline is None:
        return None
    predictions = load_predictions(path, baseline)
    assert predictions is not None
    assert predictions.tolist() == [baseline.parameters - 1] * 3
    return baseline.parameters


def begin(path: Path, before: str) -> None:
    """The files before an update: those of another one, of one with the former names, or none."""
    shutil.rmtree(path.parent, ignore_errors=True)
    if before != "nothing":
        save_baseline(path, *OLD)
    if before == "former names":
        (arrays,) = path.parent.glob("*.npz")
        arrays.replace(former_predictions_path(path))


def assert_whole(path: Path, before: str) -> int | None:
    """Old or new, whole; what is left over cannot be committed as a baseline's, and is gone after the next update."""
    found = held(path)
    assert found in ((None, 2) if before == "nothing" else (1, 2))
    save_baseline(path, *LATER)
    assert held(path) == 3
    digest = load_baseline(path, TEST, "").predictions
    assert {each.name for each in path.parent.iterdir()} == {path.name, predictions_path(path, digest).name}
    return found


# Each kill is a fork of one process, which has everything imported. A profile function sees every call of a function
# written in C before it begins, so that none of those to the operating system is forgotten here.
KILLING = """
import os, signal, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from test_baseline_kills import NEW, assert_whole, begin
from pytest_speedacc.baseline import save_baseline

path, before = Path(sys.argv[2]), sys.argv[3]
fsync, found, ended = os.fsync, [], None
while ended != 0:
    os.fsync = lambda file: None  # of this process, which nobody kills
    begin(path, before)
    child = os.fork()
    if child == 0:
        os.fsync, left = fsync, len(found)

        def count(frame, event, function):
            global left
            if event == "c_call":
                left -= (function.__module__ or type(function.__self__).__module__) in ("posix", "_io", "io")
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        save_baseline(path, *NEW)
        sys.setprofile(None)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL), ended
    found.append(assert_whole(path, before))
print(found)
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["another update", "nothing", "former names"])
def test_a_kill_at_any_call_of_the_system_leaves_a_whole_baseline(path: Path, tmp_path: Path, before: str) -> None:
    program = [sys.executable, "-c", KILLING, str(Path(__file__).parent), str(path), before]
    # The lock of updates is there: waiting for one of another test would be calls that are counted.
    alone = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    ran = subprocess.run(program, env=alone, capture_output=True, text=True, timeout=120)
    assert ran.stderr == ""
    found = ran.stdout.strip("[]\n").split(", ")
    old = "None" if before == "nothing" else "1"
    switch = found.index("2")
    # One switch, with calls on either side of it.
    assert found == [old] * switch + ["2"] * (len(found) - switch)
    assert switch > 20
    assert len(found) - switch > 5


GATE = """
import numpy as np
import pytest

inputs = np.arange(60.0).reshape(-1, 1)

@pytest.mark.speedacc(min_accuracy=0.5)
def test_it(speedacc):
    right = int(open("right").read())
    speedacc.check(lambda batch: (batch[:, 0] < right).astype(int), inputs, np.ones(60, int))
"""
CHANGING = "mkdir|openat|write|fsync|rename|unlink|unlinkat|rmdir|ftruncate|chmod|link|symlink"


def can_trace() -> bool:
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o/dev/null", "true"], capture_output=True).returncode == 0


@pytest.mark.thorough
@pytest.mark.skipif(not can_trace(), reason="needs strace, and the permission to trace")
def test_a_real_update_that_is_killed_at_any_change_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(GATE)
    (tmp_path / "pyproject.toml").write_text("[tool.speedacc]\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    folder, test = tmp_path / "speedacc-baselines", "test_it.py::test_it"
    path = baseline_path(folder, test, "")

    def update(right: int, *tracer: object) -> int:
        (tmp_path / "right").write_text(str(right))
        options = ["-q", "-pno:cacheprovider", "--speedacc-budget=0.01", "--speedacc-update"]
        command = [*map(str, tracer), sys.executable, "-m", "pytest", *options]
        return subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True).returncode

    def right() -> int:
        baseline = load_baseline(path, test, "")
        predictions = load_predictions(path, baseline)
        assert baseline.accuracy.value == pytest.approx(predictions.sum() / 60)
        return int(predictions.sum())

    assert update(59) == 0
    old = {file.name: file.read_bytes() for file in folder.iterdir()}
    staged = folder / UNFINISHED / UNSEEN
    new = predictions_path(path, digest_of(encode_predictions((np.arange(60) < 58).astype(int)))).name
    # Only calls that touch these are counted, which are those of the update.
    touched = [folder, staged.parent, staged, path, *(folder / name for name in (*old, new))]
    touched += [staged / path.name, staged / new]
    log = tmp_path.with_name("trace")
    tracer = ["strace", "-f", "-o", log, *(option for file in touched for option in ("-P", file))]
    assert update(58, *tracer, "-e", f"trace=/^({CHANGING})$") == 0
    assert {file.name for file in folder.iterdir()} == {path.name, new}
    calls = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE)
    seen: Counter[str] = Counter()
    found = []
    for call in calls:
        seen[call] += 1
        shutil.rmtree(folder)
        folder.mkdir()
        for name, content in old.items():
            (folder / name).write_bytes(content)
        assert update(58, *tracer, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={seen[call]}") < 0
        found.append(right())
        status = ["git", "-C", tmp_path, "ls-files", "--others", "speedacc-baselines"]
        listed = subprocess.run(status, check=True, capture_output=True, text=True).stdout
        assert {Path(line).name for line in listed.splitlines()} <= {*old, new}
    assert found == [59] * found.count(59) + [58] * found.count(58)
    assert found.count(59) > 5
    assert found.count(58) > 1
    assert update(57) == 0
    assert right() == 57
    assert len(list(folder.iterdir())) == 2
