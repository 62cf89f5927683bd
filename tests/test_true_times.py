"""What a run says of warm-up and of a busy machine."""

from __future__ import annotations

import json
import re

import pytest
from scratch_project import Project, assert_says

from pytest_speedacc.measure.busy import Busy

LIMIT = """
@pytest.mark.speedacc(max_latency="{limit}")
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""


@pytest.fixture
def busy(monkeypatch):
    """A machine on which every model waits for most of the time."""
    monkeypatch.setattr(
        "pytest_speedacc.check.measuring.since",
        lambda looked: Busy(0.61, 1.0, 0.39, 5.1, 2.0, ("8 threads on 2 cores",)),
    )


def observed(pytester, statistic):
    (gate,) = json.loads((pytester.path / "r.json").read_text())["gates"]
    (row,) = [row for row in gate["measured"] if (row["metric"], row["statistic"]) == ("latency", statistic)]
    return row


def test_the_first_call_and_the_number_of_untimed_ones_are_reported(pytester):
    project = Project(pytester)
    project.write(LIMIT.format(limit="10 s"))
    assert project.run("--speedacc-report=r.json").ret == pytest.ExitCode.OK
    note = r"a call of 1 sample, .*calls after \d+ untimed ones, the first of all [\d.]+ [nµm]?s"
    assert re.fullmatch(note, observed(pytester, "median")["note"])


def test_a_limit_that_fails_on_a_busy_machine_is_inconclusive_and_says_why(pytester, busy, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    project = Project(pytester)
    project.write(LIMIT.format(limit="100 ns"))
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    assert_says(result, "*inconclusive*waited 61 % of the time for a processor; load 5.1 on 2 cores, which others had*")
    assert_says(result, "*8 threads on 2 cores*")


def test_where_ci_is_set_a_run_that_could_not_tell_anything_is_not_green(pytester, busy, monkeypatch):
    monkeypatch.setenv("CI", "true")
    project = Project(pytester)
    project.write(LIMIT.format(limit="100 ns"))
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "*Every latency check was inconclusive, so this run shows nothing and fails*")


def test_a_limit_that_is_kept_on_a_busy_machine_stands(pytester, busy):
    project = Project(pytester)
    project.write(LIMIT.format(limit="10 s"))
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*inconclusive*")
