"""One live run of a change that tries to make itself green in every way that files and settings offer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from live_project import LONGEST, LiveProject, Run, start_project

from pytest_speedacc.report.sentences import SENTENCES

BY_HAND, UNREPLACED = SENTENCES["by hand"], SENTENCES["unreplaced"]
pytestmark = pytest.mark.slow

GATES = """
import json
from pathlib import Path
from arrays import *
import pytest

weights = json.loads((Path(__file__).parent / "data/weights.json").read_text())

@pytest.mark.speedacc(max_accuracy_drop="1 pp")
def test_shared(speedacc):
    speedacc.check(Model(2000, wrong=weights["wrong"]), x, y)

@pytest.mark.speedacc(max_accuracy_drop="1 pp")
def test_deleted(speedacc):
    speedacc.check(Model(2000, wrong=weights["wrong"]), x, y)

@pytest.mark.speedacc(max_accuracy_drop="1 pp")
def test_expected(speedacc):
    speedacc.check(Model(2000, wrong=weights["wrong"]), x, y)

@pytest.mark.xfail
@pytest.mark.speedacc(max_accuracy_drop="1 pp")
def test_expected_in_both(speedacc):
    speedacc.check(Model(2000, wrong=weights["wrong"]), x, y)

@pytest.mark.speedacc(max_accuracy_drop="1 pp")
def test_forged(speedacc):
    speedacc.check(Model(WORK), x, y)

@pytest.mark.speedacc(max_parameters_increase="5 %", max_latency_increase="60 %")
def test_edited(speedacc):
    speedacc.check(Model(2000, weights=WEIGHTS), x, y)
"""
EXPECTS = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_expected":
            item.add_marker(pytest.mark.xfail(reason="trust me"))
"""
LOST = """
from arrays import *

def test_lost(speedacc):
    speedacc.check(Model(2000), x, y)
"""
SETTINGS = """
[tool.speedacc]
min_accuracy = 0.1
[tool.speedacc.live]
launches = 6
share = ["data"]
setup = 'touch "$TMPDIR/set-up-by-WHO"'
"""
FORGED = {
    "metric": "latency",
    "statistic": "median",
    "ratio": 1000.0,
    "interval": [1.0, 1000.0],
    "reason": "trust me",
    "date": "2026-01-02T03:04:05+00:00",
}


def gates(work: int, weights: int) -> str:
    return GATES.replace("WORK", str(work)).replace("WEIGHTS", str(weights))


def edit(project: LiveProject, test: str, **fields: object) -> None:
    """Change a baseline file by hand."""
    path = project.folder / f"speedacc-baselines/test_it--{test}.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LiveProject:
    """A base with baselines, and a hostile change that is not committed."""
    project = start_project(tmp_path_factory.mktemp("hostile"))
    project.write(
        _gitignore="__pycache__/\n.pytest_cache/\ndata/\n",
        data__weights_json='{"wrong": 0}',
        test_it_py=gates(2000, 10),
        test_lost_py=LOST,
        pyproject_toml=SETTINGS.replace("WHO", "base"),
    )
    command = [sys.executable, "-m", "pytest", "-pspeedacc", "-q", "--speedacc-budget=0.05"]
    subprocess.run(
        [*command, "--speedacc-update", "--speedacc-reason=the first"],
        cwd=project.folder,
        env=project.environment(),
        check=True,
        timeout=LONGEST,
    )
    project.commit()

    hostile = 'removed = "warn"\nthreads = "all"\n[tool.pytest.ini_options]\naddopts = "--speedacc-not-compared=warn"\n'
    project.write(
        conftest_py=EXPECTS,
        data__weights_json='{"wrong": 1}',
        test_it_py=gates(20000, 20),
        pyproject_toml=SETTINGS.replace("WHO", "change").replace("= 0.1", "= 0.05") + hostile,
    )
    (project.folder / "test_lost.py").unlink()
    edit(project, "test_edited", parameters=20)
    (project.folder / "speedacc-baselines/test_it--test_deleted.json").unlink()
    edit(project, "test_forged", accepted=[{**FORGED, "base": project.repository.git("rev-parse", "HEAD")}])
    return project


@pytest.fixture(scope="module")
def run(project: LiveProject) -> Run:
    return project.run(CI="true")


def test_the_run_fails(run: Run) -> None:
    assert run.code == pytest.ExitCode.TESTS_FAILED, run.output


def test_the_base_is_set_up_by_the_base(run: Run, project: LiveProject) -> None:
    assert [path.name for path in project.scratch.glob("set-up-by-*")] == ["set-up-by-base"], run.output
    assert "one thread, one core" in run.live["mode"]
    for name, was, now in (("removed", "fail", "warn"), ("threads", "one", "all")):
        sentence = (
            f'pyproject.toml: [tool.speedacc.live] {name} was "{was}" and is "{now}"; this run goes by the base\'s'
        )
        assert sentence in run.live["loosened"]
        assert f"Loosened: {sentence}." in run.output


def test_a_lost_gate_cannot_be_called_a_warning_by_the_change_that_lost_it(run: Run) -> None:
    left = "its baseline speedacc-baselines/test_lost--test_lost.json is left"
    lost = f"Lost gate: test_lost.py::test_lost is in the base and not here, and {left}, which fails this run"
    assert f'{lost} (removed = "fail")' in run.words
    assert run.output.count("Lost gate: test_lost.py::test_lost ") == 2, "in full, and in the short summary"


def test_options_in_addopts_are_listed(run: Run) -> None:
    sentence = "--speedacc-not-compared=warn holds by addopts, and the command line does not show it"
    assert sentence in run.live["loosened"]
    assert f"Loosened: {sentence}." in run.output


def test_a_limit_that_was_lowered_is_listed(run: Run) -> None:
    # Once for all gates that it was lowered for.
    assert "all 6 gates: min_accuracy was 0.1 and is 0.05" in run.live["loosened"]


def test_a_forged_acceptance_is_refused_by_name(run: Run, project: LiveProject) -> None:
    assert run.check("test_it.py::test_forged")["outcome"] == "failed"
    base = project.repository.git("rev-parse", "HEAD")[:7]
    refusal = (
        f'the accepted latency median of +9.99e+04 % against {base} ("trust me") does not count: this run measures +'
    )
    assert f"Note: {refusal}" in run.output


def test_weights_that_both_sides_load_are_held_against_the_baseline(run: Run) -> None:
    check = run.check("test_it.py::test_shared", "max_accuracy_drop")
    assert check["outcome"] == "failed"
    assert check["reason"].startswith("held against the baseline file as well: ")
    assert run.check("test_it.py::test_forged", "max_accuracy_drop")["outcome"] == "passed"
    assert "Note: data is not what the baseline was made with (sha256 " in run.output


def test_a_baseline_that_was_edited_by_hand_is_shown_with_both_values(run: Run) -> None:
    assert run.check("test_it.py::test_edited", "max_parameters_increase")["outcome"] == "failed"
    sentence = "test_it.py::test_edited: parameters 10 -> 20 (by hand: no update wrote this)"
    assert sentence in run.live["changed_baselines"]
    assert f"Changed baseline: {sentence}." in run.output
    assert f"Note: {BY_HAND}" in run.output
    assert "accepted: parameters" not in run.output


def test_a_gate_whose_baseline_file_is_gone_is_held_against_the_base_s(run: Run) -> None:
    check = run.check("test_it.py::test_deleted", "max_accuracy_drop")
    assert check["outcome"] == "failed"
    assert check["reason"].startswith(UNREPLACED)
    assert "Changed baseline: test_it.py::test_deleted: the file is gone." in run.output


def test_a_gate_that_is_expected_to_fail_now_is_listed(run: Run) -> None:
    assert run.check("test_it.py::test_expected", "max_accuracy_drop")["outcome"] == "failed"
    sentence = "test_it.py::test_expected: it is expected to fail (xfail), which no mark of the base says"
    assert [each for each in run.live["loosened"] if "xfail" in each] == [sentence]
    assert f"Loosened: {sentence}." in run.output


EXITS = """
import os
from arrays import *

def model(batch):
    os._exit(0)

def test_it(speedacc):
    BODY
"""


@pytest.mark.parametrize("body", ["speedacc.check(model, x, y)", "model(x)"], ids=["in the check", "before it"])
def test_a_model_that_leaves_with_exit_code_0_is_caught(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    project = start_project(tmp_path_factory.mktemp("exits"))
    project.commit(test_it_py=LOST.replace("test_lost", "test_it"))
    project.write(test_it_py=EXITS.replace("BODY", body))
    run = project.run()
    assert run.code == pytest.ExitCode.TESTS_FAILED, run.output
    assert "the candidate worker ended with exit code 0" in run.words
    assert project.left_behind() == []
