"""Bytecodes in a live run: counted on both sides, of the tests that ask, and compared to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import ONE_LAUNCH, start_project

GATE = """
from arrays import *
import pytest

pytestmark = pytest.mark.speedacc(max_bytecodes_increase="0 %", max_latency_increase="900 %")

def test_same(speedacc):
    speedacc.check(Model(1000), x, y)

def test_more(speedacc):
    speedacc.check(Model(WORK), x, y)
"""


@pytest.mark.slow
def test_a_turn_more_than_the_base_fails_and_no_more_passes(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings(ONE_LAUNCH)
    project.commit(test_it_py=GATE.replace("WORK", "1000"))
    project.write(test_it_py=GATE.replace("WORK", "1001"))
    run = project.run("--speedacc-against=HEAD")
    same, more = (run.check(f"test_it.py::{test}", "max_bytecodes_increase") for test in ("test_same", "test_more"))
    assert (same["outcome"], same["observed"]) == ("passed", same["reference"])
    assert (more["outcome"], more["observed"], more["reference"]) == ("failed", same["observed"] + 3, same["observed"])
    assert more["reason"].endswith(f"against the base's {same['observed']:,.0f}: +3 in Model.__call__ (arrays.py)")
    assert project.left_behind() == []
