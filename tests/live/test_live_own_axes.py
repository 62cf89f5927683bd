"""An axis and an adapter of a user's own in a live run: either side measures with its own conftest."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import ONE_LAUNCH, start_project

from pytest_speedacc.session.both_baselines import base_settings

CONFTEST = """
from pytest_speedacc import Axis

def pytest_speedacc_axes():
    return [Axis("energy", "J", measure=lambda model, inputs: model.weights / 2)]
"""
GATE = """
from arrays import *
import pytest

@pytest.mark.speedacc(max_energy_increase="5 %", max_latency_increase="900 %")
def test_it(speedacc):
    speedacc.check(Model(10, weights=WEIGHTS), x, y, metrics={"cost": WEIGHTS})

@pytest.mark.speedacc(max_cost_increase="5 %", max_latency_increase="900 %")
def test_cost(speedacc):
    speedacc.check(Model(10, weights=WEIGHTS), x, y, metrics={"cost": WEIGHTS})
"""


@pytest.mark.slow
def test_it_is_measured_on_both_sides_and_new_where_the_base_has_none(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(ONE_LAUNCH)
    project.commit(test_it_py=GATE.replace("WEIGHTS", "20").replace("max_energy_increase", "max_parameters_increase"))
    project.commit(test_it_py=GATE.replace("WEIGHTS", "20"), conftest_py=CONFTEST)
    new = project.run("--speedacc-against=HEAD~1").check("test_it.py::test_it", "max_energy_increase")
    assert (new["outcome"], new["reason"]) == ("passed", "new axis: the base does not have it")

    project.write(test_it_py=GATE.replace("WEIGHTS", "22"))
    run = project.run("--speedacc-against=HEAD")
    energy = run.check("test_it.py::test_it", "max_energy_increase")
    assert (energy["outcome"], energy["observed"], energy["reference"], energy["unit"]) == ("failed", 11, 10, "J")
    assert energy["reason"] == "+10 % against the base's 10 J"
    assert run.check("test_it.py::test_cost", "max_cost_increase")["reason"] == "+10 % against the base's 20"
    assert project.left_behind() == []


@pytest.mark.slow
def test_an_axis_that_was_dropped_hides_nothing_that_was_loosened(tmp_path: Path) -> None:
    gate = GATE.replace("WEIGHTS", "20").replace("max_energy_increase", "max_parameters_increase")
    project = start_project(tmp_path)
    project.settings(ONE_LAUNCH, speedacc='max_energy = "30 J"')
    project.commit(test_it_py=gate.replace("900 %", "800 %"), conftest_py=CONFTEST)
    project.settings(ONE_LAUNCH)
    project.write(test_it_py=gate, conftest_py="")
    run = project.run("--speedacc-against=HEAD")
    assert "is not known" not in run.output
    assert run.live["loosened"] == [
        f"both gates: {sentence}"
        for sentence in ("max_energy was 30 J and is gone", "max_latency_increase was 800 % and is 900 %")
    ]


def test_the_baselines_of_a_base_with_an_axis_of_its_own_are_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.speedacc]\nbaselines = "kept"\nmax_energy = "3 J"\n', "utf-8")
    project = base_settings(tmp_path, tmp_path)
    assert project is not None
    assert project.baselines == tmp_path / "kept"
