"""A latency tolerance without a base revision: ratios to the yardstick, from real launches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scratch_project import PRELUDE, Project, assert_says, output

pytestmark = pytest.mark.slow

TESTS = """
import os
from pathlib import Path

def work(batch):
    for _ in range(300 * int(Path("amount").read_text())):
        labels = model(batch)
    return labels

@pytest.mark.speedacc(max_stored_latency_increase="100 %")
def test_it(speedacc):
    if Path("exits").exists() and "MALLOC_TOP_PAD_" in os.environ:
        os._exit(7)  # in a worker only
    speedacc.check(work, inputs, targets)
"""


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a baseline, which every test takes a copy of."""
    folder = tmp_path_factory.mktemp("updated")
    (folder / "test_model.py").write_text(PRELUDE + TESTS, "utf-8")
    (folder / "pyproject.toml").write_text("[tool.speedacc]\n", "utf-8")
    (folder / "amount").write_text("1", "utf-8")
    command = [sys.executable, "-m", "pytest", "-pbenchmark", "-pspeedacc", "--speedacc-budget=0.05"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(tmp_path_factory.mktemp("lock"))}
    environment = {name: value for name, value in alone.items() if name != "CI"}
    subprocess.run([*command, "--speedacc-update"], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE)
    return folder


@pytest.fixture
def accepted(project: Project, updated: Path) -> Path:
    """Such a project: the file of its baseline."""
    shutil.copytree(updated, project.pytester.path, dirs_exist_ok=True)
    (path,) = Path("speedacc-baselines").glob("*.json")
    return path


def test_an_unchanged_model_passes_and_one_five_times_as_slow_fails(project: Project, accepted: Path) -> None:
    (record,) = json.loads(accepted.read_text())["environments"].values()
    assert record["yardstick"]["launches"] == 5
    before = accepted.read_bytes()
    report = Path("report.json")
    project.run_apart(f"--speedacc-report={report}").assert_outcomes(passed=1)
    (check,) = json.loads(report.read_text())["gates"][0]["checks"]
    assert check["outcome"] in ("passed", "inconclusive")
    assert check["interval"][0] < check["observed"] < check["interval"][1]
    Path("amount").write_text("5")
    slower = project.run_apart()
    slower.assert_outcomes(failed=1)
    assert_says(slower, "speedacc failed: latency median +*, allowed worse by at most 100 %")
    assert_says(slower, "ratio to the yardstick, 5 launches now and 5 in the baseline")
    assert accepted.read_bytes() == before


def test_beside_other_tests_nothing_is_compared(project: Project, accepted: Path) -> None:
    result = project.run_apart("-n1", plugins=("xdist", "xdist.looponfail"))
    assert result.parseoutcomes() == {"not_compared": 1}
    assert_says(
        result, "not compared: *the ratio to the yardstick could not be measured: tests that run beside each other"
    )


def test_a_worker_that_ends_is_named(project: Project, accepted: Path) -> None:
    Path("exits").touch()
    result = project.run_apart("--speedacc-not-compared=fail")
    result.assert_outcomes(failed=1)
    assert "launch 1 came to nothing: the candidate worker ended with exit code 7" in output(result)
