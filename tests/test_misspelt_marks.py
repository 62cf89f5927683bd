"""Marks that are nearly ours stop a run without any settings as well, and those of others are left alone."""

from __future__ import annotations

import pytest
from scratch_project import Project, assert_says, output

LONE = """
import pytest
from pytest_speedacc.marks import SESSION

@pytest.mark.MARK
def test_it(request):
    assert SESSION not in request.config.stash
"""


def alone(project: Project, mark: str, *options: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    """A run of one test that is no gate, in a project without any settings."""
    project.pytester.makepyfile(test_model=LONE.replace("MARK", mark))
    loaded = [f"-p{name}" for name in ("speedacc", *plugins)]
    return project.pytester.runpytest_inprocess(*loaded, *options)


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["serial", "parallel"])
def test_a_misspelt_mark_stops_a_run_that_has_nothing_else_of_ours(project: Project, options: tuple[str, ...]) -> None:
    if options:
        pytest.importorskip("xdist")
    result = alone(project, "speedac(min_accuracy=0.99)", *options, plugins=("xdist",) if options else ())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, "unknown mark @pytest.mark.speedac on test_model.py::test_it. Did you mean speedacc?")
    assert "INTERNALERROR" not in output(result)


@pytest.mark.parametrize(
    ("mark", "registered"),
    [
        ("speed", ""),
        ("speedup(by=2)", ""),
        ("slow", ""),
        ("perf(budget=3, group='x', max_users=7)", ""),
        ("limits(min_accuracy=0.9)", "limits(**keywords): a conftest reads it"),
        ("speed_acc", "speed_acc: ours"),
        ("speed_acc(level=3)", "speed_acc: ours"),
    ],
)
def test_a_mark_of_somebody_else_is_left_alone_and_costs_nothing(project: Project, mark: str, registered: str) -> None:
    options = ("-o", f"markers={registered}") if registered else ()
    assert alone(project, mark, *options).ret == pytest.ExitCode.OK


HOOK = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.speedac(min_accuracy=2))
"""


def test_a_misspelt_mark_that_a_conftest_adds_stops_the_run(project: Project) -> None:
    project.pytester.makeconftest(HOOK)
    result = alone(project, "slow")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, "unknown mark @pytest.mark.speedac on test_model.py::test_it. Did you mean speedacc?")
