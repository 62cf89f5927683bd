"""Accepting a slower and larger model in one live run, and what that counts for in the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_project import DECIDING, start_project

from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.session.both_baselines import base_settings, since_reader

GATE = """
from arrays import *
import pytest

@pytest.mark.speedacc(max_latency_increase="40 %", max_parameters_increase="5 %")
def test_it(speedacc):
    speedacc.check(Model(WORK, weights=WEIGHTS), x, y)
"""


def gate(work: int, weights: int) -> str:
    return GATE.replace("WORK", str(work)).replace("WEIGHTS", str(weights))


@pytest.mark.slow
def test_what_is_accepted_passes_in_the_live_run_that_follows(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(DECIDING)
    project.commit(test_it_py=gate(3000, 20))
    base = project.repository.git("rev-parse", "HEAD")
    project.write(test_it_py=gate(9000, 25))

    update = project.run("--speedacc-update", "--speedacc-reason=twice the features")
    assert update.code == pytest.ExitCode.OK, update.output
    slower, larger = update.check("test_it.py::test_it"), update.check("test_it.py::test_it", "max_parameters_increase")
    assert slower["reason"].startswith(f'accepted now, against {base[:7]} ("twice the features"): ')
    assert larger["reason"].startswith('accepted in the baseline file: 25 ("twice the features"); +25 %')
    (file,) = project.folder.glob("speedacc-baselines/*.json")
    stored = json.loads(file.read_text("utf-8"))
    (entry,) = stored["accepted"]
    assert (entry["base"], entry["reason"], stored["parameters"]) == (base, "twice the features", 25)
    assert entry["interval"][0] < entry["ratio"] < entry["interval"][1]

    project.settings("launches = 6")
    project.commit()
    later = project.run("--speedacc-against=HEAD~1")
    assert later.code == pytest.ExitCode.OK, later.output
    slower, larger = later.check("test_it.py::test_it"), later.check("test_it.py::test_it", "max_parameters_increase")
    assert (slower["outcome"], larger["outcome"]) == ("passed", "passed")
    assert slower["observed"] > 0.5
    assert slower["allowed"].startswith("worse by at most 40 % on top of the accepted +")
    assert project.left_behind() == []


@pytest.fixture
def base(tmp_path: Path) -> Path:
    top = tmp_path / "base"
    top.mkdir()
    return top


def since(base: Path, test: str) -> SinceBase:
    """Of a test, whose own folder has no baseline."""
    read = since_reader(parse_project({}, base.parent), base_settings(base, base), lambda sha: "")
    return read((f"test_it.py::{test}", ""))


def test_the_base_s_file_is_looked_for_where_the_base_keeps_it(base: Path) -> None:
    (base / "pyproject.toml").write_text('[tool.speedacc]\nbaselines = "elsewhere"\n', "utf-8")
    (base / "elsewhere").mkdir()
    (base / "elsewhere/test_it--test_it.json").write_text("damaged", "utf-8")
    assert not since(base, "test_it").known
    assert since(base, "test_other").known


def test_a_base_whose_settings_cannot_be_read_has_unknown_files(base: Path) -> None:
    (base / "pyproject.toml").write_text("[tool.speedacc]\nbaselnes = 1\n", "utf-8")
    assert not since(base, "test_it").known
