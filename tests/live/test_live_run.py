"""Live runs of repositories with two revisions: installs, options, faults, and what is left afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest
from live_project import DECIDING, GATE, LONGEST, ONE_LAUNCH, LiveProject, needs_proc, start_project

pytestmark = pytest.mark.slow

PASSED, FAILED, USAGE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
IN_WORKER = """
import os, signal, sys, tempfile, time
from pathlib import Path

scratch = Path(tempfile.gettempdir())
in_worker = sys.modules["__main__"].__spec__.name == "pytest_speedacc.live.workers.worker_plugin"
in_base = in_worker and "pytest-speedacc-base-" in __file__
"""
"""What a test file needs to misbehave in one kind of process only; the base lies in a folder of that name."""
LATER = """
import json
is_later = in_worker and not json.loads(Path(sys.argv[-1]).read_text())["statics"]
in_worker, in_base = in_worker and is_later, in_base and is_later
"""
"""And in a later launch only, whose gates have processes of their own."""


@pytest.fixture
def live(tmp_path: Path) -> LiveProject:
    """A project with one gate, committed."""
    project = start_project(tmp_path)
    project.commit(test_it_py=GATE)
    return project


TRAINED = """
import os
from pathlib import Path

def train():
    Path(os.environ["TMPDIR"], f"trained-{os.getpid()}").touch()
    return Model(2000)
""" + GATE.replace("    speedacc.check(Model(2000)", "    speedacc.check(speedacc.fit(train)")


def test_unchanged_passes_trains_once_a_side_and_may_be_warned_of_a_lost_gate(live: LiveProject) -> None:
    live.settings(f'{DECIDING}\nremoved = "warn"')
    live.commit(test_it_py=TRAINED, test_lost_py=GATE)
    (live.folder / "test_lost.py").unlink()
    run = live.run()
    assert run.code == PASSED, run.output
    check = run.check("test_it.py::test_it")
    assert check["outcome"] in ("passed", "inconclusive")
    assert "4 launches" in check["reason"]
    # The candidate's worker, the base's, and the gate's own test in this run.
    assert len(list(live.scratch.glob("trained-*"))) == 3
    assert "Lost gate: test_lost.py::test_it is in the base and not here, as a warning" in run.words
    assert live.left_behind() == []


def test_losing_the_last_gate_fails_the_run(live: LiveProject) -> None:
    (live.folder / "test_it.py").unlink()
    live.write(test_other_py="def test_other():\n    pass\n")
    run = live.run()
    assert run.code == FAILED, run.output
    assert "Lost gate: test_it.py::test_it is in the base and not here, which fails this run" in run.words


def test_the_first_gate_of_a_repository_passes_as_new(tmp_path: Path) -> None:
    live = start_project(tmp_path)
    live.commit()
    live.write(test_it_py=GATE)
    # Given by its path, so that nothing else of the base is collected either.
    run = live.run("test_it.py")
    assert run.code == PASSED, run.output
    assert run.check("test_it.py::test_it")["reason"].startswith("new gate")


def test_gates_that_are_not_selected_are_not_lost(live: LiveProject) -> None:
    live.commit(test_other_py=GATE.replace("test_it", "test_other"))
    live.write(test_other_py=GATE.replace("test_it", "test_other"), test_new_py=GATE.replace("test_it", "test_new"))
    run = live.run("-k", "test_new")
    assert run.code == PASSED, run.output
    assert "Lost gate" not in run.output


def test_collecting_only_runs_nothing(live: LiveProject) -> None:
    run = live.run("--collect-only", "--speedacc-against=no-such-revision")
    assert run.code == PASSED, run.output
    assert "Base: " not in run.output


def test_all_threads_are_measured_with_the_idle_side_stopped(live: LiveProject) -> None:
    live.settings(f'{ONE_LAUNCH}\nthreads = "all"')
    live.commit()
    run = live.run()
    assert run.code == PASSED, run.output
    assert "as many threads as configured, the idle side stopped" in run.output
    assert run.check("test_it.py::test_it")["reason"].endswith("one launch is too few for any verdict")


STRICT = """
from arrays import *
import pytest

pytestmark = pytest.mark.speedacc(max_parameters=100)

@pytest.mark.speedacc(max_latency="5 s", min_accuracy=0.5, max_latency_increase="60 %")
def test_it(speedacc):
    speedacc.check(Model(2000), x, y)

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_other(speedacc):
    speedacc.check(Model(2000), x, y)
"""
LOOSENED = (
    "pyproject.toml: not_compared was 'fail' in CI and is 'warn'",
    "test_it.py::test_it: min_accuracy was 0.5 and is gone",
    "test_it.py::test_it: max_latency was 5.00 s and is 6.00 s",
)


def test_loosened_policy_is_told_and_fails_nothing(live: LiveProject) -> None:
    live.commit(test_it_py=STRICT)
    live.settings(speedacc='not_compared = "warn"')
    live.write(test_it_py=STRICT.replace("5 s", "6 s").replace("min_accuracy=0.5, ", ""))
    run = live.run()
    assert run.code == PASSED, run.output
    assert [line for line in run.output.splitlines() if "Loosened" in line] == [
        f"Loosened: {sentence}." for sentence in LOOSENED
    ]
    assert run.live["loosened"] == list(LOOSENED)


@pytest.mark.slow
def test_loosened_policy_fails_where_the_base_says_so(live: LiveProject) -> None:
    """Whatever the change says; and a change of that setting alone, which has to come before, fails nothing."""
    live.settings('budget = "0.1 s"\nloosened = "fail"')
    live.commit(test_it_py=STRICT)
    live.settings('budget = "0.1 s"')
    run = live.run()
    assert run.code == PASSED, run.output
    assert "Loosened: pyproject.toml: [tool.speedacc.live] loosened was " in run.output
    live.write(test_it_py=STRICT.replace("5 s", "6 s"))
    run = live.run("--junitxml=j.xml")
    assert run.code == FAILED, run.output
    assert "FAILED speedacc::loosened - 2 settings were loosened" in run.output
    assert run.output.count(f"Loosened: {LOOSENED[2]}.") == 1
    assert 'set loosened = "warn" in [tool.speedacc.live] in a change that is merged before' in run.words
    assert run.live["loosened_fails"] is True
    document = json.loads(run.report.read_text("utf-8"))
    assert (document["verdict"], document["failed"]) == ("failed", True)
    assert document["headline"].startswith("2 settings were loosened here; 2 ")
    assert 'classname="speedacc" name="loosened"' in (live.folder / "j.xml").read_text("utf-8")


def test_settings_of_the_base_that_cannot_be_read_are_a_note(live: LiveProject) -> None:
    live.settings(speedacc="speed = 3")
    live.commit()
    live.settings()
    run = live.run()
    assert run.code == PASSED, run.output
    assert (
        "Note: whether this change loosens limits is not known: in the base, [tool.speedacc]: unknown key" in run.output
    )
    assert "Loosened" not in run.output


# Installs


def environment_of(tmp_path: Path, *, editable: Path) -> str:
    """The interpreter of a virtual environment over this one's packages, with ``editable`` on its path."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    ours = Path(sysconfig.get_paths()["purelib"])
    # addsitedir, because the packages of this environment may themselves be editable.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n", "utf-8")
    (site / "_project.pth").write_text(f"{editable}\n", "utf-8")
    (site / "project-1.dist-info").mkdir()
    (site / "project-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: project\nVersion: 1\n", "utf-8")
    url = f'{{"dir_info": {{"editable": true}}, "url": "{editable.parent.as_uri()}"}}'
    (site / "project-1.dist-info/direct_url.json").write_text(url, "utf-8")
    (site / "project-1.dist-info/RECORD").write_text("_project.pth,,\nproject-1.dist-info/METADATA,,\n", "utf-8")
    return str(folder / "bin/python")


@pytest.fixture
def src_project(tmp_path: Path) -> LiveProject:
    """A package in ``src`` whose model has three times as many weights as in the base."""
    project = start_project(tmp_path)
    project.settings(pytest='pythonpath = ["."]')
    package = project.folder / "src/ranker/__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("WEIGHTS = 10\n", "utf-8")
    gate = GATE.replace("60 %", '60 %", max_parameters_increase="5 %').replace("2000", "2000, ranker.WEIGHTS")
    project.commit(tests__test_it_py=f"import ranker\n{gate}")
    package.write_text("WEIGHTS = 30\n", "utf-8")
    return project


@pytest.mark.skipif(sys.platform == "win32", reason="the environment is laid out as on POSIX")
@pytest.mark.parametrize("own_python", [False, True])
def test_an_editable_install_is_the_base_s_in_the_base(
    src_project: LiveProject, tmp_path: Path, own_python: bool
) -> None:
    python = environment_of(tmp_path, editable=src_project.folder / "src")
    options = [f"--speedacc-base-python={os.path.relpath(python, src_project.folder)}"] if own_python else []
    run = src_project.run(*options, python=python)
    check = run.check("test_it.py::test_it", "max_parameters_increase")
    assert (run.code, check["outcome"]) == (FAILED, "failed"), run.output
    assert (check["observed"], check["reason"]) == (30, "3 x more against the base's 10")


def test_an_install_that_is_a_copy_is_refused_by_name(live: LiveProject, tmp_path: Path) -> None:
    installed = tmp_path / "installed/project-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: project\nVersion: 1\n", "utf-8")
    (installed / "direct_url.json").write_text(f'{{"dir_info": {{}}, "url": "{live.folder.as_uri()}"}}', "utf-8")
    run = live.run(PYTHONPATH=str(installed.parent))
    assert run.code == USAGE
    assert f"project is installed in {installed.parent} as a copy of this repository" in run.words
    assert "pip install -e ." in run.words


def test_a_module_of_the_other_tree_is_an_error_that_names_it(live: LiveProject) -> None:
    live.commit(
        lib__helper_py="",
        conftest_py=f"import sys\nsys.path.insert(0, {str(live.folder / 'lib')!r})\nimport helper\n",
    )
    run = live.run()
    assert run.code == FAILED, run.output
    error = run.gates["test_it.py::test_it"]["error"]
    assert f"imported helper from {live.folder / 'lib/helper.py'}, which belongs to the other revision" in error


# Options

PLUGINS = ("benchmark", "xdist", "pytest_cov", "pytest_rerunfailures", "pytest_randomly", "memray")
IN_INI = "-n2 -x --junitxml=junit.xml --log-file=pytest.log --cov=. --cov-fail-under=1 -m 'not slow'"
IN_ENVIRONMENT = "--reruns=2 --lf --benchmark-only --benchmark-json=bench.json -k test_it"


def test_options_of_other_plugins_do_not_reach_the_workers(live: LiveProject) -> None:
    for name in ("xdist", "pytest_cov", "pytest_rerunfailures", "pytest_randomly", "pytest_memray"):
        pytest.importorskip(name)
    live.settings(pytest=f'addopts = "{IN_INI}"\nmarkers = ["slow"]')
    run = live.run(
        "-n0", "--memray", "--deselect", "test_it.py::no", "test_it.py", plugins=PLUGINS, PYTEST_ADDOPTS=IN_ENVIRONMENT
    )
    assert run.code == PASSED, run.output
    assert run.check("test_it.py::test_it")["reason"].endswith("one launch is too few for any verdict")
    assert live.left_behind() == []


def test_running_in_parallel_is_refused(live: LiveProject) -> None:
    pytest.importorskip("xdist")
    run = live.run("-n2", plugins=["xdist"])
    assert run.code == USAGE
    assert "-n runs tests beside each other: run it without -n (-n0 overrides an addopts)" in run.words


# Faults


def test_a_worker_that_hangs_is_given_up(live: LiveProject) -> None:
    live.settings('timeout = "3 s"')
    live.commit(conftest_py=IN_WORKER + "if in_base:\n    while True:\n        signal.pause()\n")
    run = live.run()
    assert run.code == FAILED, run.output
    assert "the base worker did not answer (it did not connect" not in run.words
    assert "the base worker did not answer (no answer for 3 s) while collecting" in run.words
    assert "raise timeout in [tool.speedacc.live]" in run.words
    assert "Where it stood, the innermost call first: File" in run.words
    assert re.search(r'conftest\.py", line \d+ in <module>', run.output)
    assert live.left_behind() == []


MISBEHAVES = """
from arrays import *
import ctypes, faulthandler, os, sys, threading
import pytest

from pathlib import Path
in_worker = sys.modules["__main__"].__spec__.name == "pytest_speedacc.live.workers.worker_plugin"
in_base = False
{later}

class Misbehaves(Model):
    def __call__(self, batch):
        if in_worker and len(batch) == 1:
            self.stumbles()
        return super().__call__(batch)

    def stumbles(self):
        {how}

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_it(speedacc):
    speedacc.check(Misbehaves(2000), x, y)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
@pytest.mark.parametrize("launch", [1, 2])
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("ctypes.string_at(1)", "the candidate worker ended with signal SIGSEGV in test_it.py::test_it"),
        ("threading.Lock().acquire() and threading.Event().wait()", "the candidate worker did not answer (no answer"),
    ],
    ids=["segfault", "hang"],
)
def test_a_model_that_crashes_or_hangs_in_a_worker_is_named_with_its_stack(
    live: LiveProject, how: str, says: str, launch: int
) -> None:
    live.settings('timeout = "5 s"')
    live.commit()
    live.write(test_it_py=MISBEHAVES.replace("{how}", how).replace("{later}", LATER if launch > 1 else ""))
    run = live.run()
    assert run.code == FAILED, run.output
    assert f"launch {launch} came to nothing" in run.words
    assert says in run.words
    assert ("Fatal Python error: Segmentation fault" in run.output) == ("SEGV" in says)
    assert re.search(r'test_it\.py", line \d+ in stumbles', run.output)
    assert live.left_behind() == []


DEATHS = {
    "base, importing": "if in_base:\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    "candidate, in a fixture": """
@pytest.fixture(autouse=True)
def dies():
    if in_worker and not in_base:
        os.kill(os.getpid(), signal.SIGKILL)
""",
    "base, waiting in check": """
@pytest.fixture(autouse=True)
def kills():
    if in_base:
        (scratch / "part").write_text(str(os.getpid()))
        (scratch / "part").rename(scratch / "base.pid")
    elif in_worker:
        while not (scratch / "base.pid").exists():
            time.sleep(0.01)
        os.kill(int((scratch / "base.pid").read_text()), signal.SIGKILL)
""",
    "candidate, being timed": """
if in_worker and not in_base:
    def serve(self, *given):
        self._worker.channel.receive()
        os.kill(os.getpid(), signal.SIGKILL)

    sys.modules["__main__"].WorkerGate._serve = serve
""",
    "base, leaving without a word": """
@pytest.fixture(autouse=True)
def leaves():
    if in_base:
        print("so long", file=sys.__stderr__, flush=True)
        os._exit(7)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
@pytest.mark.parametrize("launch", [1, 2])
@pytest.mark.parametrize("death", DEATHS)
def test_a_worker_that_dies_is_named_by_the_gates_that_it_leaves_open(
    live: LiveProject, death: str, launch: int
) -> None:
    if launch > 1:
        live.settings(DECIDING)
    live.commit(conftest_py=IN_WORKER + (LATER if launch > 1 else "") + "import pytest\n" + DEATHS[death])
    run = live.run()
    side, _, moment = death.partition(", ")
    assert run.code == FAILED, run.output
    how = "exit code 7" if "without a word" in moment else "signal SIGKILL"
    assert f"launch {launch} came to nothing: the {side} worker ended with {how}" in run.words
    assert ("while collecting" if moment == "importing" else "in test_it.py::test_it") in run.words
    assert ("so long" in run.words) == ("without a word" in moment)
    assert live.left_behind() == []


def wait_for(path: Path) -> None:
    """Until a process of a run has made the file."""
    end = time.monotonic() + LONGEST
    while not path.exists():
        assert time.monotonic() < end, f"nothing made {path}"
        time.sleep(0.02)


WAITS = """
import pytest

def wait():
    if in_base:
        (scratch / "running").touch()
        signal.pause()

@pytest.fixture(autouse=True)
def waits():
    wait()
"""


@pytest.fixture(params=["while it is imported", "in a process of its own"])
def waiting(live: LiveProject, request: pytest.FixtureRequest) -> LiveProject:
    """A project whose base says in a file that it is running, and then waits for ever."""
    if request.param == "in a process of its own":
        live.settings(DECIDING)
        live.commit(conftest_py=IN_WORKER + LATER + WAITS)
    else:
        live.commit(conftest_py=IN_WORKER + WAITS + "wait()\n")
    return live


@needs_proc
def test_ctrl_c_leaves_nothing_behind(waiting: LiveProject) -> None:
    run = waiting.start()
    wait_for(waiting.scratch / "running")
    # The worker of either side, and perhaps the survey of the base.
    assert len(waiting.processes()) >= 2
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=LONGEST)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output
    assert waiting.left_behind() == []


@needs_proc
def test_what_a_killed_run_leaves_ends_by_itself_or_in_the_next_run(waiting: LiveProject) -> None:
    run = waiting.start()
    wait_for(waiting.scratch / "running")
    run.kill()
    run.communicate(timeout=LONGEST)
    end = time.monotonic() + LONGEST
    while waiting.processes() and time.monotonic() < end:
        time.sleep(0.02)
    assert waiting.processes() == []
    assert waiting.left_behind() != []
    waiting.commit(conftest_py="")
    waiting.settings()
    waiting.write(test_it_py="def test_nothing():\n    pass\n")
    assert "Lost gate" in waiting.run().output
    assert waiting.left_behind() == []


def test_two_runs_at_once_in_one_checkout_both_come_to_an_end(live: LiveProject) -> None:
    runs = [live.start() for _ in range(2)]
    for run in runs:
        output, _ = run.communicate(timeout=LONGEST)
        assert run.returncode == PASSED, output
        assert "1 launch in" in output
    assert live.left_behind() == []
