"""Tests that are no gates beside those that are, and gates whose tests take no arguments."""

from __future__ import annotations

import json
import re

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.session.ending import AUTOUSE

HELPERS = """
pytestmark = pytest.mark.speedacc(min_accuracy=0.9)

def test_gate(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(gate=False)
def test_helper():
    assert len(inputs) == 60

@pytest.mark.speedacc(gate=False)
class TestHelpers:
    def test_plain(self):
        assert len(targets) == 60

    @pytest.mark.speedacc(max_latency="5 s")
    def test_gate_below(self, speedacc):
        speedacc.check(model, inputs, targets)
"""


def judged(project: Project) -> list[str]:
    """The tests in the report."""
    gates = json.loads((project.pytester.path / "out.json").read_text())["gates"]
    return [gate["test"].partition("::")[2] for gate in gates]


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
def test_the_nearest_marker_says_what_is_no_gate(project: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("xdist")
    project.write(HELPERS)
    result = project.run("--speedacc-report=out.json", *options, plugins=("xdist",) if options else ())
    result.assert_outcomes(passed=4)
    assert sorted(judged(project)) == ["TestHelpers::test_gate_below", "test_gate"]


def test_a_helper_that_is_not_said_to_be_one_is_told_how(project: Project) -> None:
    project.write(HELPERS.replace("@pytest.mark.speedacc(gate=False)\ndef", "def"))
    result = project.run()
    result.assert_outcomes(passed=3, failed=1)
    assert_says(result, "If it is no gate, mark it @pytest.mark.speedacc(gate=False).")


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        (
            "@pytest.mark.speedacc(gate=False, min_accuracy=0.9)",
            "marker: gate=False says that the test is no gate, and min_accuracy= is for one: keep one of the two.",
        ),
        (
            "@pytest.mark.speedacc(policy='internal')\n@pytest.mark.speedacc(gate=False)",
            "marker: gate=False says that the test is no gate, and policy= is for one: keep one of the two.",
        ),
        ("@pytest.mark.speedacc(gate='no')", "marker: gate = 'no' must be True or False."),
        ("@pytest.mark.speedacc(gaet=False)", "marker: unknown key 'gaet'. Did you mean 'gate'?"),
    ],
    ids=["limits", "another-marker", "text", "misspelt"],
)
def test_what_contradicts_it_is_refused(project: Project, marker: str, sentence: str) -> None:
    project.write(f"\n{marker}\ndef test_it():\n    pass\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, f"speedacc: test_model.py::test_it: {sentence}")


def test_it_is_refused_as_well_where_there_is_no_gate_and_no_setting(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.speedacc(gate=False, min_accuracy=0.9)
        def test_it():
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "benchmark", "-p", "speedacc")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_check_in_what_is_no_gate_fails(project: Project) -> None:
    project.write(
        """
@pytest.mark.speedacc(gate=False)
def test_it(speedacc):
    assert speedacc
    speedacc.check(model, inputs, targets)
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(
        result,
        "speedacc: check was called in a test that is marked speedacc(gate=False), where nothing is judged: "
        "remove gate=False, or the call.",
    )


CASE = """
import unittest

def bad(batch):
    return 1 - model(batch)

@pytest.mark.speedacc(min_accuracy=0.9)
class TestModel(unittest.TestCase):
LINES
    def test_good(self):
        self.speedacc.check(model, inputs, targets)

    def test_bad(self):
        self.speedacc.check(bad, inputs, targets)

    def test_hidden(self):
        with self.assertRaises(BaseException):
            self.speedacc.check(bad, inputs, targets)

    def test_hidden_by_a_skip(self):
        try:
            self.speedacc.check(bad, inputs, targets)
        except BaseException:
            self.skipTest("not today")

    def test_nothing(self):
        pass

    def test_own_failure(self):
        self.assertEqual(1, 2)

    def test_skipped(self):
        self.skipTest("not today")

    @unittest.expectedFailure
    def test_expected(self):
        self.speedacc.check(bad, inputs, targets)

    @pytest.mark.speedacc(gate=False)
    def test_helper(self):
        pass
"""


def test_the_lines_that_are_offered_to_a_testcase_work(project: Project) -> None:
    project.write(CASE.replace("LINES", ""))
    without = project.run("-k", "nothing")
    without.assert_outcomes(failed=1, deselected=8)
    [offered] = re.findall(r"(?m)^(    @pytest\.fixture.*\n.*\n.*)$", str(without.stdout))
    assert offered == AUTOUSE
    project.write(CASE.replace("LINES", f"{offered}\n"))
    result = project.run("--speedacc-report=out.json")
    result.assert_outcomes(passed=2, failed=5, skipped=1, xfailed=1)
    assert_says(result, "speedacc: limits are set (min_accuracy) and the test never called check()")
    assert_says(result, "*AssertionError: 1 != 2")
    # As itself, and as the two that hid it; pytest does not print an expected one.
    assert len(re.findall(r"(?m)^speedacc failed: accuracy 0, allowed at least 0.9$", output(result))) == 3
    tests = ["bad", "expected", "good", "hidden", "hidden_by_a_skip", "nothing", "own_failure"]
    assert sorted(judged(project)) == [f"TestModel::test_{name}" for name in tests]


def test_a_testcase_whose_test_asks_for_an_argument_is_told_as_well(project: Project) -> None:
    project.write(
        """
import unittest

@pytest.mark.speedacc(min_accuracy=0.9)
class TestModel(unittest.TestCase):
    def test_argument(self, speedacc):
        speedacc.check(model, inputs, targets)

    def test_own_failure(self):
        self.assertEqual(1, 2)
"""
    )
    result = project.run()
    result.assert_outcomes(failed=2)
    assert_says(result, "give it to the unittest.TestCase by these lines, and call self.speedacc.check(")
    assert_says(result, "*AssertionError: 1 != 2")
    assert "TypeError" not in output(result)
