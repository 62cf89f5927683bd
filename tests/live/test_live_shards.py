"""A live run on two machines: each gate is compared on one of them, and what the change lost is lost in both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_project import LiveProject, Run, start_project

from pytest_speedacc.judge.live_increase import SUITE_ALPHA
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.reading import read_report

pytestmark = pytest.mark.slow

GATE = """
@pytest.mark.speedacc(max_latency_increase="900 %")
def test_NAME(speedacc):
    speedacc.check(Model(500), x, y)
"""
SPY = """
rates = set()

def pytest_configure(config):
    if config.option.speedacc_against:
        from pytest_speedacc.session import both_sides

        undecided, too_slow = both_sides.undecided, both_sides.too_slow
        both_sides.undecided = lambda *args, **keywords: rates.add(keywords["rate"]) or undecided(*args, **keywords)
        both_sides.too_slow = lambda *args: rates.add(args[3]) or too_slow(*args)

def pytest_terminal_summary(config):
    print("rates", *rates, config.pluginmanager.get_plugin("speedacc-live").alpha)
"""
"""Says by which error rates a live run went: those of the run, and that of a check in its verdict."""


def gates(*names: str) -> str:
    return "from arrays import *\nimport pytest\n" + "".join(GATE.replace("NAME", name) for name in names)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LiveProject:
    """A base with gates in two files, of which the candidate lost one and has a new one."""
    project = start_project(tmp_path_factory.mktemp("shards"))
    project.commit(test_a_py=gates("a", "b"), test_c_py=gates("c", "goes"))
    project.write(test_c_py=gates("c", "is_new"), conftest_py=SPY)
    return project


@pytest.fixture(scope="module")
def runs(project: LiveProject) -> tuple[Run, Run]:
    # Outside CI addopts may hold it, which no worker of either side must see.
    hidden = {"PYTEST_ADDOPTS": "--speedacc-shard=2/2"}
    return project.run("--speedacc-shard=1/2", **hidden), project.run("--speedacc-shard=2/2", **hidden)


def shard(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.report.read_text("utf-8"))["shard"]
    return found


def test_each_gate_is_compared_in_one_shard(runs: tuple[Run, Run]) -> None:
    found = [set(run.gates) for run in runs]
    assert found == [{"test_a.py::test_a", "test_a.py::test_b"}, {"test_c.py::test_c", "test_c.py::test_is_new"}]
    assert [shard(run)["part"] for run in runs] == [1, 2]
    assert shard(runs[0])["suite"] == shard(runs[1])["suite"]
    assert all("launch" in runs[0].check(f"test_a.py::test_{name}")["reason"] for name in "ab")
    assert runs[1].check("test_c.py::test_is_new")["reason"].startswith("new gate")


def test_the_error_rate_is_shared_with_the_gates_of_the_other_shard(runs: tuple[Run, Run]) -> None:
    half = SUITE_ALPHA / 2
    # A new gate needs none, as in a run of all.
    for run, compared in zip(runs, (2, 1), strict=True):
        assert f"rates {half} {half / compared}\n" in run.output


def test_what_the_change_lost_fails_both_and_is_told_once_of_both(runs: tuple[Run, Run], tmp_path: Path) -> None:
    for run in runs:
        assert run.code == pytest.ExitCode.TESTS_FAILED, run.output
        assert run.live["removed"] == ["test_c.py::test_goes"]
        assert run.output.count("Lost gate: test_c.py::test_goes is in the base and not here") == 2
    merged = merge({str(place): read_report(run.report) for place, run in enumerate(runs)})
    assert merged.removed == ("test_c.py::test_goes",)
    assert len(merged.lost) == 1
    assert len(merged.verdicts) == 4
    assert merged.failed
    assert merged.problems == ()


def test_a_shard_without_a_gate_is_green_where_nothing_was_lost(project: LiveProject) -> None:
    run = project.run("--speedacc-shard=3/3", "-k", "test_a or test_b")
    assert run.code == pytest.ExitCode.OK, run.output
    assert "Shard 3 of 3 has no gate: the suite's 2 gates are in other shards." in run.output
    lost = project.run("--speedacc-shard=9/9")
    assert lost.code == pytest.ExitCode.TESTS_FAILED, lost.output
