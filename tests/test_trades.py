"""Trades, policies, alternatives and scale in whole runs: what a user writes, and reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scratch_project import SIZED, Project, assert_says, output

PASSED, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED

LARGE, SMALL = "Sized(100_000, 0)", "Sized(1_000, 1)"
TRADE = 'trades=[{"give": {"accuracy": "2 pp"}, "gain": {"model_size": "50 x"}}]'


def source_of(built: str, marker: str) -> str:
    return f"""{SIZED}
@pytest.mark.speedacc(max_accuracy_drop="0 pp", {marker})
def test_it(speedacc):
    speedacc.check({built}, inputs, targets)
"""


def gate(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.pytester.path / "out.json").read_text())
    return document["gates"][0]


@pytest.mark.parametrize(("marker", "code"), [(TRADE, PASSED), ("", FAILED)])
def test_points_for_a_smaller_model(project: Project, marker: str, code: pytest.ExitCode) -> None:
    project.write(source_of(LARGE, marker))
    assert project.run("--speedacc-update").ret == PASSED
    project.write(source_of(SMALL, marker))
    result = project.run("--speedacc-report=out.json")
    assert result.ret == code
    if marker:
        (trade,) = gate(project)["trades"]
        assert trade["applies"] is True
        assert trade["source"] == "marker"
        assert [leg["observed"] for leg in trade["given"]] == ["-1.67 pp"]
        (check,) = gate(project)["checks"]
        assert check["reason"].startswith("marker allows to give accuracy 2 pp for model_size 50 x, and gained is")
        assert_says(
            result, "note: test_model.py::test_it: marker allows to give *: given is accuracy -1.67 pp, gained is"
        )


def test_a_trade_that_does_not_hold_shows_its_sum(project: Project) -> None:
    project.write(source_of(LARGE, TRADE))
    assert project.run("--speedacc-update").ret == PASSED
    project.write(source_of("Sized(50_000, 1)", TRADE))
    result = project.run()
    assert result.ret == FAILED
    assert_says(result, "marker does not allow this: give accuracy 2 pp for model_size 50 x")
    assert_says(result, "  given  accuracy -1.67 pp; at most 2 pp allowed: holds")
    assert_says(result, "  gained model size -50 %; at least 50 x wanted: does not hold")


def test_a_comparison_says_what_a_trade_allowed(project: Project) -> None:
    project.write(f"""{SIZED}
def test_it(speedacc):
    speedacc.compare({SMALL}, {LARGE}, inputs, targets, max_accuracy_drop="0 pp", {TRADE})
""")
    result = project.run()
    assert result.ret == PASSED
    assert_says(
        result,
        "note: test_model.py::test_it (compare): compare() allows to give accuracy 2 pp for model_size 50 x: "
        "given is accuracy -1.67 pp, gained is*",
    )


def test_trades_and_policies_come_from_pyproject(project: Project) -> None:
    pyproject = """
[tool.speedacc.policies.shop]
extends = "customer-facing"
trades = [{ give = { accuracy = "2 pp" }, gain = { model_size = "50 %" } }]
"""
    marker = 'policy="shop"'
    source = source_of(LARGE, marker).replace('max_accuracy_drop="0 pp", ', "")
    project.write(source, pyproject)
    assert project.run("--speedacc-update").ret == PASSED
    project.write(source.replace(LARGE, SMALL), pyproject)
    result = project.run("--speedacc-report=out.json")
    assert result.ret == PASSED, output(result)
    assert gate(project)["trades"][0]["source"] == "[tool.speedacc.policies.shop]"


def test_a_trade_that_can_never_apply_ends_the_run(project: Project) -> None:
    project.write(source_of(LARGE, 'trades=[{"give": {"memory": "5 %"}, "gain": {"latency": "5 %"}}]'))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, "the trade to give memory 5 % for latency 5 % can never apply: max_memory_increase is not set")


GROUP = """
@pytest.mark.speedacc(min_accuracy=0.1, group="signs")
@pytest.mark.parametrize("wrong", [0, 20])
def test_it(speedacc, wrong):
    # Slower by far where it is wrong as well, so that no busy machine swaps the two.
    predict = lambda model, batch: (sum(range(50_000 if wrong else 0)), model.predict(batch))[1]
    speedacc.check(Sized(1000 * (wrong + 1), wrong), inputs, targets, predict=predict)
"""


def test_alternatives_are_laid_side_by_side(project: Project) -> None:
    pytest.importorskip("matplotlib")
    project.write(SIZED + GROUP)
    result = project.run("--speedacc-report=out.json", "--speedacc-report=out.svg")
    assert result.ret == PASSED
    assert_says(result, "Alternatives for signs:")
    assert_says(result, "test_model.py::test_it[20]  0.666667 * test_model.py::test_it[0]")
    assert_says(
        result,
        "By what was measured here, customer-facing and internal-analytics would choose test_model.py::test_it[0].",
    )
    (group,) = json.loads((project.pytester.path / "out.json").read_text())["groups"]
    assert group["alternatives"][1] == {
        "gate": "test_model.py::test_it[20]",
        "on_front": False,
        "dominated_by": ["test_model.py::test_it[0]"],
    }
    assert group["choices"]["customer-facing"] == "test_model.py::test_it[0]"
    assert b"<svg" in (project.pytester.path / "out.svg").read_bytes()


def test_scale_is_in_the_summary_where_it_is_configured(project: Project) -> None:
    source = """
@pytest.mark.speedacc(min_accuracy=1)
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""
    project.write(source, "requests = [1_000]\nprice_per_hour = 3.6")
    result = project.run()
    assert_says(result, "At scale, one request after the other:")
    assert_says(result, "1,000 requests")
    project.write(source)
    assert "At scale" not in output(project.run())


def test_a_slow_model_fails_with_what_that_means_at_scale(project: Project) -> None:
    project.write(
        """
def slow(batch):
    return [sum(range(20_000)) * 0 + label for label in model(batch)]

@pytest.mark.speedacc(max_latency="1 us")
def test_it(speedacc):
    speedacc.check(slow, inputs, targets)
"""
    )
    result = project.run("-v")
    assert result.ret == FAILED
    assert_says(result, "*a request  100 requests  10,000 requests  100,000 requests")
