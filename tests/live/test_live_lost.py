"""Gates that a change loses in a live run, whatever makes them disappear, and what the command line leaves out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from live_project import LiveProject, Run, start_project

pytestmark = pytest.mark.slow

PASSED, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED
GATES = """
from arrays import *
import pytest

pytestmark = pytest.mark.gate
"""
GATE = """
@pytest.mark.speedacc(max_latency_increase="900 %")
def test_NAME(speedacc):
    speedacc.check(Model(500), x, y)
"""
SKIPPED = """
@pytest.mark.skip
def test_skipped_on_both(speedacc):
    speedacc.check(Model(500), x, y)

def test_leaves_on_both(speedacc):
    pytest.skip("no data anywhere")
"""
COMPARED = """
def test_compared(speedacc):
    speedacc.compare(Model(500), Model(500), x, y, max_churn="0 %")
"""


def gates(*names: str) -> str:
    """A test file with these gates."""
    return GATES + "".join(GATE.replace("NAME", name) for name in names)


def lost(run: Run) -> set[str]:
    """The gates that a run calls lost, without their folder."""
    lines = [line for line in run.output.splitlines() if line.startswith("Lost gate: ")]
    return {line.removeprefix("Lost gate: ").partition(" ")[0].rpartition("/")[2] for line in lines}


MARKERS = 'markers = ["gate"]\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LiveProject:
    """A base with gates that the candidate loses in every way there is; its tests are given as a folder."""
    project = start_project(tmp_path_factory.mktemp("lost"))
    project.settings(pytest=MARKERS + 'addopts = "--deselect=tests/gates/test_a.py::test_never"')
    project.commit(
        tests__gates__test_a_py=gates("stays", "is_deleted", "is_skipped", "skips", "is_deselected", "never", "is_none")
        + SKIPPED
        + COMPARED,
        tests__gates__test_file_py=gates("of_a_deleted_file"),
        tests__gates__test_ignored_py=gates("of_an_ignored_file"),
        tests__gates__test_module_py=gates("of_a_skipped_module"),
        tests__gates__test_taken_py=gates("taken_by_a_conftest", "passed_by_a_conftest"),
        tests__gates__test_both_py=SKIPPED.replace("def test", "@pytest.mark.skip\ndef test").join([GATES, ""]),
        tests__elsewhere__test_e_py=gates("elsewhere"),
        tests__test_unit_py="def test_unit():\n    pass\n",
    )
    addopts = "--ignore=tests/gates/test_ignored.py --deselect=tests/gates/test_a.py::test_is_deselected"
    project.settings(pytest=f'{MARKERS}addopts = "{addopts}"\ntestpaths = ["tests/elsewhere"]')
    (project.folder / "tests/gates/test_file.py").unlink()
    (project.folder / "tests/elsewhere/test_e.py").unlink()
    changed = gates("stays", "is_skipped", "skips", "is_deselected", "never", "is_new") + SKIPPED + COMPARED
    for old, new in (
        ("def test_is_skipped", "@pytest.mark.skip\ndef test_is_skipped"),
        ("def test_compared", "@pytest.mark.skipif(True, reason='x')\ndef test_compared"),
        ("def test_skips(speedacc):", "def test_skips(speedacc):\n    pytest.skip('not today')"),
    ):
        assert old in changed
        changed = changed.replace(old, new)
    project.write(
        tests__gates__test_a_py=f"{changed}\ndef test_is_none():\n    pass\n",
        tests__elsewhere__test_other_py="def test_other():\n    pass\n",
        tests__gates__test_module_py="import pytest\npytest.importorskip('nowhere_to_be_found')\n",
        tests__gates__conftest_py="""
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "taken" not in item.nodeid or "passed_by" in item.nodeid]

def pytest_runtest_protocol(item):
    return "passed_by" in item.nodeid or None
""",
    )
    return project


@pytest.fixture(scope="module")
def run(project: LiveProject) -> Run:
    """The documented command line: the gates' folder, with a live base."""
    run = project.run("tests/gates")
    # Here and not in a test, so that what is run again has a new run.
    assert "Lost gate: " in run.output, run.output
    return run


@pytest.mark.races(reason="once, on a machine with other tests beside it, the run named no lost gate; why was not kept")
def test_every_gate_that_the_base_judges_and_the_candidate_does_not_is_lost(run: Run) -> None:
    assert run.code == FAILED, run.output
    assert lost(run) == {
        "test_a.py::test_is_deleted",
        "test_a.py::test_is_skipped",
        "test_a.py::test_skips",
        "test_a.py::test_is_deselected",
        "test_a.py::test_is_none",
        "test_a.py::test_compared",
        "test_file.py::test_of_a_deleted_file",
        "test_ignored.py::test_of_an_ignored_file",
        "test_module.py::test_of_a_skipped_module",
        "test_taken.py::test_taken_by_a_conftest",
        "test_taken.py::test_passed_by_a_conftest",
    }, run.output
    assert {name.rpartition("/")[2] for name in run.live["removed"]} == lost(run)


def test_what_the_environment_leaves_out_is_lost_as_what_settings_do(project: LiveProject) -> None:
    hidden = "-k stays --deselect=tests/gates/test_a.py::test_is_new tests/gates/test_a.py"
    run = project.run("tests/gates/test_a.py", "tests/gates/test_both.py", "-mgate", PYTEST_ADDOPTS=hidden)
    assert run.code == FAILED, run.output
    names = ("is_deleted", "is_skipped", "skips", "is_deselected", "is_none", "compared")
    assert lost(run) >= {f"test_a.py::test_{name}" for name in names}, run.output
    assert "test_a.py::test_stays" not in lost(run)


def test_what_is_there_is_compared(run: Run) -> None:
    assert run.check("test_a.py::test_stays")["outcome"] in ("passed", "inconclusive")
    assert run.check("test_a.py::test_is_new")["reason"].startswith("new gate")


def test_a_test_that_is_given_by_its_name_loses_no_other(project: LiveProject) -> None:
    run = project.run("tests/gates/test_a.py::test_stays", "tests/gates/test_a.py::test_is_new")
    assert run.code == PASSED, run.output
    assert lost(run) == set()
    # And nothing of what the settings leave out.
    asked = "tests/gates/test_a.py::test_stays tests/gates/test_a.py::test_is_new"
    assert f"Judged every gate that was asked for: {asked}." in run.output


def test_what_the_command_line_selects_is_lost_and_nothing_else(project: LiveProject) -> None:
    run = project.run("tests", "-k", "stays or deleted or unit", "--deselect=tests/gates/test_file.py")
    assert run.code == FAILED, run.output
    assert lost(run) == {"test_a.py::test_is_deleted"}
    assert re.search(
        "Judged 1 of [0-9]+ gates: -k 'stays or deleted or unit' .*--deselect=tests/gates/test_file.py", run.output
    )


def test_testpaths_that_were_narrowed_lose_what_the_base_s_own_had(project: LiveProject) -> None:
    run = project.run()
    assert run.code == FAILED, run.output
    assert {"test_a.py::test_stays", "test_e.py::test_elsewhere"} <= lost(run)


def test_a_root_directory_that_a_change_moves_switches_nothing_off(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(speedacc="max_parameters = 5", pytest=MARKERS)
    project.commit(tests__test_it_py=gates("stays", "goes"))
    project.write(tests__pytest_ini="[pytest]\nmarkers = gate\n", tests__test_it_py=gates("stays"))
    run = project.run("tests")
    assert run.code == FAILED, run.output
    assert "rootdir: " in run.output
    assert "configfile: pytest.ini" in run.output
    assert run.check("test_it.py::test_stays", "max_parameters")["outcome"] == "failed"
    assert "one launch" in run.check("test_it.py::test_stays")["reason"]
    assert lost(run) == {"test_it.py::test_goes"}


def accept(project: LiveProject, **files: str) -> None:
    """Commit gates with their baselines."""
    project.write(**files)
    command = [sys.executable, "-m", "pytest", "-pspeedacc", "--speedacc-budget=0.05", "--speedacc-update"]
    subprocess.run(command, cwd=project.folder, env=project.environment(), check=True, capture_output=True)
    project.commit()


def test_a_gate_that_leaves_its_baseline_is_lost_once(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(pytest=MARKERS)
    accept(project, tests__test_it_py=gates("stays", "goes"))
    project.write(tests__test_it_py=gates("stays"))
    run = project.run(CI="true")
    assert run.code == FAILED, run.output
    told = [line for line in run.output.splitlines() if line.startswith("FAILED ")]
    assert told == [
        "FAILED tests/test_it.py::test_goes - Lost gate: tests/test_it.py::test_goes is in the base and not here"
    ]
    (sentence,) = json.loads(run.report.read_text("utf-8"))["lost"]
    assert sentence == (
        "Lost gate: tests/test_it.py::test_goes is in the base and not here, and its baseline "
        'speedacc-baselines/tests-test_it--test_goes.json is left, which fails this run (removed = "fail"): restore '
        'the gate, or, once a change that sets removed = "warn" is merged, remove it with '
        "python -m pytest_speedacc prune --yes, which a reviewer sees."
    )
    assert sentence in run.words


def test_a_gate_that_was_renamed_with_its_baseline_is_named_as_renamed(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(pytest=MARKERS)
    accept(project, test_it_py=gates("former"))
    project.write(test_it_py=gates("present"))
    for path in (project.folder / "speedacc-baselines").iterdir():
        if path.suffix == ".json":
            path.write_text(path.read_text("utf-8").replace("::test_former", "::test_present"), "utf-8")
        path.rename(path.with_name(path.name.replace("test_former", "test_present")))
    run = project.run()
    assert run.code == FAILED, run.output
    assert (
        "Renamed gate: test_it.py::test_former of the base is test_it.py::test_present here, and the two were not "
        "compared, which fails this run" in run.words
    )
    assert 'If that is meant, set removed = "warn" in [tool.speedacc.live] in a change that is merged' in run.words
    assert lost(run) == set()
