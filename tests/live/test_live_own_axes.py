"""An axis and an adapter of a user's own in a live run: either side measures with its own conftest."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import ONE_LAUNCH, start_project

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
