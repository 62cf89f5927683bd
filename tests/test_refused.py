"""A run that is refused before its first test says why: in summary, annotations, outputs and reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from scratch_project import Project, output
from test_github import GATES, Step

USAGE = pytest.ExitCode.USAGE_ERROR
NO_BASE = "--speedacc-against=nowhere"
REPORTS = ("--speedacc-report=r.json", "--speedacc-report=r.html", "--speedacc-report=r.md")


@pytest.fixture
def step(project: Project, monkeypatch: pytest.MonkeyPatch) -> Step:
    for name in ("GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    return Step(project, monkeypatch)


def assert_told(step: Step, news: str, reports: tuple[str, ...] = ("r.json", "r.html", "r.md")) -> None:
    """Everything that somebody may look at says that nothing was judged, and why."""
    heading, *_ = step.summary.read_text("utf-8").splitlines()
    assert heading.startswith("### ❌ No model gate was judged: ")
    plain = re.sub(r"[\\`\u200b]", "", heading)
    assert news in plain
    outputs = step.output()
    assert (outputs["verdict"], outputs["failed"], bool(outputs["report"])) == ("failed", "0", bool(reports))
    folder = step.project.pytester.path
    for name in reports:
        text = (folder / name).read_text("utf-8")
        if name.endswith(".json"):
            document = json.loads(text)
            assert (document["verdict"], document["failed"]) == ("failed", True)
            assert document["headline"].startswith("No model gate was judged: ")
            assert any(news in problem for problem in document["problems"])
        else:
            assert "No model gate was judged: " in text


def test_a_base_that_cannot_be_chosen_is_a_failure_of_the_run(step: Step) -> None:
    step.project.write(GATES)
    result = step.project.run(NO_BASE, *REPORTS, "--junitxml=j.xml")
    assert result.ret == USAGE
    # A failure, which -q and editors count.
    result.assert_outcomes(failed=1)
    (failed,) = [line for line in result.outlines if line.startswith("FAILED ")]
    assert failed.startswith("FAILED speedacc::run - ")
    assert "is not in a git repository" in failed
    annotations = [line for line in result.outlines if line.startswith("::error ")]
    assert len(annotations) == 1
    assert "is not in a git repository" in annotations[0]
    # Said in full once in the log, and in the annotation.
    assert output(result).count("so there is no other revision to compare with") == 2 + 1
    assert_told(step, "is not in a git repository")
    suite = ElementTree.parse(step.project.pytester.path / "j.xml").getroot()[0]
    assert suite.get("failures") == "1"


@pytest.mark.parametrize(
    ("tests", "pyproject", "news"),
    [
        (GATES.replace("min_accuracy", "min_acuracy"), "", "unknown key 'min_acuracy'"),
        (GATES, 'tests."nowhere*".min_accuracy = 0.5', "matches no gate of this run"),
        (GATES, "min_acuracy = 0.5", "unknown key 'min_acuracy'"),
    ],
    ids=["marker", "pattern", "settings"],
)
def test_settings_that_mean_nothing_are_told_as_well(step: Step, tests: str, pyproject: str, news: str) -> None:
    step.project.write(tests, pyproject)
    result = step.project.run(*REPORTS)
    assert result.ret == USAGE
    assert sum(line.startswith("::error ") for line in result.outlines) == 1
    assert_told(step, news)


def test_options_of_a_file_are_refused_in_sight(step: Step) -> None:
    step.project.write(GATES)
    step.project.pytester.makefile(".ini", pytest="[pytest]\naddopts = --collect-only")
    result = step.project.run("--speedacc-report=r.json", "-cpytest.ini")
    assert result.ret == USAGE
    assert_told(step, "--collect-only comes from addopts", ("r.json",))


def test_a_report_that_cannot_be_written_keeps_no_other_from_it(step: Step) -> None:
    step.project.write(GATES)
    (step.project.pytester.path / "r.md").mkdir()
    assert step.project.run("--speedacc-report=r.md", "--speedacc-report=r.json").ret == USAGE
    assert_told(step, "r.md is a folder", ("r.json",))


def test_the_workers_of_a_parallel_run_leave_it_to_their_controller(step: Step) -> None:
    pytest.importorskip("xdist")
    step.project.write(GATES, 'tests."nowhere*".min_accuracy = 0.5')
    result = step.project.run("-n1", *REPORTS, plugins=("xdist",))
    assert result.ret == USAGE
    assert step.summary.read_text("utf-8").count("###") == 1
    assert [line for line in result.outlines if line.startswith("FAILED speedacc::run - ")] != []
    assert "matches no gate of this run" in json.loads(Path("r.json").read_text("utf-8"))["problems"][0]


def test_what_to_paste_stays_to_be_pasted(project: Project) -> None:
    pytest.importorskip("jinja2")
    from pytest_speedacc.report.markdown import markdown
    from pytest_speedacc.report.page import page
    from pytest_speedacc.report.summary import RunReport

    problem = (
        "The base is not here. Give the checkout these lines:\n\n    with:\n      fetch-depth: 2\n\nThat is `all`."
    )
    run = RunReport((), problems=(problem,))
    text = markdown(run)
    assert text.startswith("### ❌ No model gate was judged: The base is not here\n")
    assert text.endswith("\nThat is `all`.\n")
    assert "\n```yaml\nwith:\n  fetch-depth: 2\n```\n" in text
    assert "    with:<br>      fetch-depth: 2<br>" in page(run)


def test_a_page_without_its_picture_is_told_in_the_log(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jinja2")
    from pytest_speedacc.report import plot

    project.write(GATES)
    assert plot.NO_PICTURE not in " ".join(project.run("--speedacc-report=x.html").outlines)
    monkeypatch.setattr(plot, "_has_matplotlib", lambda: False)
    assert plot.NO_PICTURE in " ".join(project.run("--speedacc-report=x.html").outlines)
    assert plot.NO_PICTURE not in " ".join(project.run("--speedacc-report=x.md").outlines)
