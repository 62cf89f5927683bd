"""How long the log of a live run is where CI is set, in a terminal of 80 columns: it fits a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import DECIDING, start_project

pytestmark = pytest.mark.thorough

LIVE = """
import pytest
from arrays import *

@pytest.mark.parametrize("number", range(NUMBER))
@pytest.mark.speedacc(max_latency_increase="60 %", max_accuracy_drop="0 pp", max_model_size_increase="5 %")
def test_it(speedacc, number):
    speedacc.check(Model(WORK), x, y)
"""


@pytest.mark.parametrize(("number", "work", "most", "end"), [(1, 9000, 40, "1 failed"), (10, 2001, 22, "10 passed")])
def test_a_live_run_takes_as_few(tmp_path: Path, number: int, work: int, most: int, end: str) -> None:
    project = start_project(tmp_path)
    project.settings(DECIDING)
    gates = LIVE.replace("NUMBER", str(number))
    project.commit(test_it_py=gates.replace("WORK", "2000"))
    project.commit(test_it_py=gates.replace("WORK", str(work)))
    run = project.run("--speedacc-against=HEAD~1", plugins=("benchmark",), CI="true", COLUMNS="80")
    before, wrote, after = run.output.partition("Wrote\n")
    # The report is the test's own, with a path that takes a line.
    lines = [*before.splitlines(), *after.splitlines()[1:]]
    assert wrote
    assert end in lines[-1], run.output
    assert len(lines) <= most, run.output
    own = [line for line in lines if not line.startswith(("benchmark: ", "rootdir: ", "FAILED ", "python -m "))]
    assert max(map(len, own)) <= 80, run.output
    # What a passing gate was found to be stands in its line.
    rows = [line for line in lines if line.startswith("test_it.py::") and line.endswith("  passed")]
    assert len(rows) == (6 if end == "10 passed" else 0)
    assert all("%" in row and "80 B" in row for row in rows)
    assert ("4 other gates passed (-v shows all)." in lines) == (end == "10 passed")
