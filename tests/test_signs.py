"""The sign of a run and the level of an annotation follow whether it fails, and not only what it came to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report.report_examples import FAST, GREEN, SLOWER
from scratch_project import Project
from test_github import Step

from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.page import page
from pytest_speedacc.report.summary import RunReport
from pytest_speedacc.session.github import Actions, annotation_lines

UNTOLD = replace(FAST, checks=(SLOWER,))
APART = replace(FAST, checks=(replace(SLOWER, outcome=Outcome.NOT_COMPARED),))
COMPARES_NOTHING = """
@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_new(speedacc):
    speedacc.check(model, inputs, targets)
"""


@pytest.mark.parametrize(
    ("run", "sign"),
    [
        (GREEN, "✅"),
        (replace(GREEN, fails=True), "❌"),
        (replace(GREEN, loosened=("5 % -> 9 %",)), "⚠️"),
        (replace(GREEN, loosened=("5 % -> 9 %",), loosened_fails=True), "❌"),
        (RunReport((UNTOLD,)), "⚠️"),
        (RunReport((UNTOLD,), fails=True), "❌"),
        (RunReport((APART,)), "⚠️"),
        (RunReport((APART,), fails=True), "❌"),
        (RunReport((FAST,), problems=("x.svg could not be written",)), "❌"),
        (RunReport((FAST,), lost=("gone",), losses_fail=True), "❌"),
        (RunReport((FAST,), lost=("gone",)), "⚠️"),
    ],
)
def test_a_run_that_fails_has_the_sign_of_failure(run: RunReport, sign: str) -> None:
    pytest.importorskip("jinja2")
    assert markdown(run).startswith(f"### {sign} ")
    (heading,) = [line for line in page(run).splitlines() if line.startswith("<h1>")]
    assert ('class="sign failed"' in heading) is (sign == "❌")
    assert ('class="sign passed"' in heading) is (sign == "✅")


@pytest.mark.parametrize("verdict", [UNTOLD, APART])
@pytest.mark.parametrize(("fails", "level"), [(True, "error"), (False, "warning")])
def test_what_fails_the_run_is_annotated_as_an_error(verdict, fails: bool, level: str, tmp_path: Path) -> None:
    lines = annotation_lines(Actions(None, None, tmp_path), RunReport((verdict, FAST)), tmp_path, lambda _: fails)
    assert [line.partition(" ")[0] for line in lines] == [f"::{level}"]


@pytest.mark.parametrize(
    ("options", "level", "sign"), [((), "error", "❌"), (("--speedacc-not-compared=warn",), "warning", "⚠️")]
)
def test_what_could_not_be_compared_fails_where_ci_is_set(
    project: Project, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], level: str, sign: str
) -> None:
    step = Step(project, monkeypatch)
    project.write(COMPARES_NOTHING)
    (command,) = step.run(*options)
    assert command.startswith(f"::{level} file=test_model.py,")
    assert step.summary.read_text("utf-8").startswith(
        f"### {sign} 1 of 1 model gate could not be compared: `new` (accuracy)"
    )


def test_a_run_that_decided_nothing_has_the_sign_of_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step(project, monkeypatch)
    # A few calls prove no 95th percentile.
    project.write("""
import time

def slow(batch):
    time.sleep(0.02)
    return model(batch)

@pytest.mark.speedacc(max_latency_p95="1 s")
def test_near(speedacc):
    speedacc.check(slow, inputs, targets)
""")
    step.run()
    assert step.output()["verdict"] == "inconclusive"
    assert step.summary.read_text("utf-8").startswith("### ❌ 1 of 1 model gate could not be told: `near`")
