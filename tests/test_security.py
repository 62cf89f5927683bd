"""Each claim of SECURITY.md names a test that exists, and the one that has no other test is shown here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from scratch_project import Project, assert_says, output

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!it |---)", line)]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
LEAVES = """
import os

def leaving(batch):
    os._exit(0)

@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(leaving, inputs, targets)
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_each_claim_names_a_test_that_exists(row: str) -> None:
    claims = NAMED.findall(row)
    assert claims, "no test is named"
    for file, name in claims:
        found: list[ast.stmt] = ast.parse((ROOT / file).read_text("utf-8")).body
        for part in name.split("::"):
            (place,) = [node for node in found if getattr(node, "name", "") == part]
            found = getattr(place, "body", [])


def test_there_are_claims() -> None:
    assert len(ROWS) > 15


def test_a_model_that_leaves_with_exit_code_0_is_green_in_one_process_and_caught_by_another(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write(LEAVES)
    alone = project.run_apart()
    # What nothing within the process can prevent: this is why the page asks for another.
    assert alone.ret == pytest.ExitCode.OK
    assert "passed" not in output(alone)
    caught = project.run_apart("-n1", plugins=("xdist",))
    assert caught.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(caught, "worker 'gw0' crashed while running 'test_model.py::test_it'")
