"""Gates on bytecodes, from the marker to the baseline that another machine compares with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scratch_project import Project

from pytest_speedacc.baseline.document import decode_document, encode_document

TEST = """
def looped(batch):
    for _ in range({turns}):
        pass
    return model(batch)

@pytest.mark.speedacc({marker})
def test_it(speedacc):
    speedacc.check(looped, inputs, targets{more})
"""
ABOVE = 'max_bytecodes_increase="0 %"'


def write(project: Project, marker: str, turns: int = 1000, more: str = "") -> None:
    project.write(TEST.format(marker=marker, turns=turns, more=more))


def run(project: Project, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    result = project.run("--speedacc-report=report.json", *options)
    return result, json.loads(Path(project.pytester.path, "report.json").read_text("utf-8"))["gates"][0]


def stored(project: Project) -> Path:
    """The baseline file."""
    (path,) = project.pytester.path.rglob("*test_it*.json")
    return path


def elsewhere(project: Project, **versions: str) -> None:
    """Have the baseline be of another machine, with these versions where they differ from this one's."""
    path = stored(project)
    baseline = decode_document(path, path.read_bytes())
    (record,) = baseline.environments.values()
    other = replace(record.environment, cpu="Another CPU")
    record = replace(record, environment=other, versions=record.versions | versions)
    path.write_bytes(encode_document(replace(baseline, environments={other.key: record})))


def outcome(gate: dict[str, Any]) -> tuple[str, str]:
    (check,) = [check for check in gate["checks"] if check["setting"] == "max_bytecodes_increase"]
    return check["outcome"], check["reason"]


def test_a_limit_holds(project: Project) -> None:
    for limit, outcomes in ((1000, {"failed": 1}), (10_000, {"passed": 1})):
        write(project, f"max_bytecodes={limit}")
        result, gate = run(project)
        result.assert_outcomes(**outcomes)
    (row,) = [row for row in gate["measured"] if row["metric"] == "bytecodes"]
    assert 3000 < row["observed"] < 3030
    # Which calls go into C is up to the version of Python.
    assert re.search(r" in your code and 0 in libraries, 2 frames, \d C calls$", row["note"])


def test_one_turn_in_a_thousand_more_is_a_failure_without_a_base_revision(project: Project) -> None:
    write(project, ABOVE)
    run(project, "--speedacc-update")[0].assert_outcomes(passed=1)
    assert outcome(run(project)[1])[0] == "passed"
    write(project, ABOVE, turns=1001)
    result, gate = run(project)
    result.assert_outcomes(failed=1)
    found, reason = outcome(gate)
    assert found == "failed"
    assert reason.startswith("+0.09")
    assert "against the baseline's 3," in reason


def test_a_baseline_of_another_machine_holds_with_the_same_versions(project: Project) -> None:
    write(project, ABOVE)
    run(project, "--speedacc-update")
    elsewhere(project)
    assert outcome(run(project)[1])[0] == "passed"
    write(project, ABOVE, turns=1010)
    assert outcome(run(project)[1])[0] == "failed"


def test_a_baseline_of_other_versions_is_not_compared_and_says_which(project: Project) -> None:
    write(project, ABOVE)
    run(project, "--speedacc-update")
    elsewhere(project, numpy="1.0.0", python="3.9.1")
    found, reason = outcome(run(project, "--speedacc-not-compared=warn")[1])
    assert found == "not_compared"
    assert reason.startswith(
        "bytecodes hold for the same Python and libraries only, and of those the baseline knows none "
        f"(numpy 1.0.0 -> {np.__version__}, python 3.9 -> "
    )
    assert "--speedacc-update" in reason


def test_calls_of_another_batch_size_are_not_compared(project: Project) -> None:
    write(project, ABOVE)
    run(project, "--speedacc-update")
    write(project, ABOVE, more=", batch_size=2")
    found, reason = outcome(run(project, "--speedacc-not-compared=warn")[1])
    assert found == "not_compared"
    assert "the baseline's bytecodes are not of batch_size=2" in reason


def test_who_has_not_asked_sees_nothing_of_it(project: Project) -> None:
    write(project, "min_accuracy=0.5")
    result, gate = run(project, "--speedacc-update")
    assert "bytecodes" not in str(result.stdout)
    assert [row for row in gate["measured"] if row["metric"] == "bytecodes"] == []
    assert "bytecodes" not in stored(project).read_text("utf-8")


def test_they_are_traded(project: Project) -> None:
    trade = 'trades=[{"give": {"bytecodes": "1 %"}, "gain": {"parameters": "10 %"}}]'
    write(project, f'min_accuracy=0.5, max_bytecodes_increase="0 %", {trade}')
    run(project, "--speedacc-update")
    write(project, f'min_accuracy=0.5, max_bytecodes_increase="0 %", {trade}', turns=1005)
    assert outcome(run(project)[1])[0] == "failed"


def test_what_cannot_be_counted_fails(project: Project) -> None:
    project.write(
        """
import threading

def threaded(batch):
    thread = threading.Thread(target=model, args=(batch,))
    thread.start()
    thread.join()
    return model(batch)

@pytest.mark.speedacc(max_bytecodes=10_000)
def test_it(speedacc):
    speedacc.check(threaded, inputs, targets)
"""
    )
    result, gate = run(project)
    result.assert_outcomes(failed=1)
    assert gate["checks"][0]["reason"].startswith("cannot be measured here: the model runs Python in threads")


def test_compare_counts_both(project: Project) -> None:
    project.write(
        """
def looped(batch):
    for _ in range(100):
        pass
    return model(batch)

@pytest.mark.speedacc
def test_it(speedacc):
    speedacc.compare(looped, model, inputs, targets, max_bytecodes_increase="50 %")
"""
    )
    result, gate = run(project)
    result.assert_outcomes(failed=1)
    found, reason = outcome(gate)
    assert found == "failed"
    assert "against the other's" in reason
    assert re.search(r": \+3\d\d in looped \(test_model.py\)$", reason)
