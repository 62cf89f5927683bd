"""Steps without a score in a live run: their outputs beside those of the base."""

from __future__ import annotations

import pytest
from live_project import LiveProject, Run, start_project

pytestmark = pytest.mark.slow

GATES = """
import numpy as np
import pytest
from steps import *

texts = [f"Word number {place} of many" for place in range(30)]
step = pytest.mark.speedacc(max_churn="10 %", max_memory_increase="900 %", max_latency_increase="900 %")

@step
def test_changed(speedacc):
    speedacc.check(split, texts, score=None)

@step
def test_rounded(speedacc):
    speedacc.check(vectors, texts, score=None, slices={"long": np.arange(30) > 9})

@step
def test_scored(speedacc):
    speedacc.check(split, texts, score=None) if SCORED else speedacc.check(len_of, texts, [1] * 30)
"""
STEPS = """
import numpy as np

SCORED = {scored}

def split(batch):
    return [text.{how}().split() for text in batch]

def vectors(batch):
    return [{{"length": len(text), "vector": np.sqrt(np.arange(1.0, len(text))) * {factor}}} for text in batch]

def len_of(batch):
    return [1 for text in batch]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LiveProject:
    project = start_project(tmp_path_factory.mktemp("steps"))
    project.commit(test_steps_py=GATES, steps_py=STEPS.format(how="lower", factor=1.0, scored=False))
    project.write(steps_py=STEPS.format(how="upper", factor=1.0 + 1e-9, scored=True))
    return project


@pytest.fixture(scope="module")
def run(project: LiveProject) -> Run:
    return project.run()


def test_outputs_that_are_not_the_base_s_fail(run: Run) -> None:
    check = run.check("test_steps.py::test_changed", "max_churn")
    assert (check["outcome"], check["observed"]) == ("failed", 1.0)
    assert check["reason"].startswith("30 of 30 outputs are not those of the base, the first: samples 0, 1, 2, 3, 4")


def test_rounding_does_not(run: Run) -> None:
    found = [check for check in run.gates["test_steps.py::test_rounded"]["checks"] if check["setting"] == "max_churn"]
    assert [(check["slice"], check["outcome"], check["observed"]) for check in found] == [
        ("", "passed", 0.0),
        ("long", "passed", 0.0),
    ]


def test_the_other_axes_are_compared_as_of_any_gate(run: Run) -> None:
    assert run.check("test_steps.py::test_rounded", "max_memory_increase")["outcome"] == "passed"
    assert "launch" in run.check("test_steps.py::test_rounded")["reason"]


def test_a_score_and_none_are_not_compared(run: Run) -> None:
    check = run.check("test_steps.py::test_scored", "max_churn")
    assert check["outcome"] == "not_compared"
    assert "was judged on another evaluation set or by another score" in check["reason"]
