"""A run as a step of GitHub Actions: its job summary, its annotations and its outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scratch_project import Project

from pytest_speedacc.report.summary import RunReport
from pytest_speedacc.session.results import Results

GATES = """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_fine(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(min_accuracy=0.9)
def test_wrong(speedacc):
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets)
"""


class Step:
    """The files that the host hands to a step."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, folder = project, project.pytester.path
        self.summary, self.outputs = folder / "host" / "summary", folder / "host" / "outputs"
        self.summary.parent.mkdir()
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.outputs),
            "GITHUB_WORKSPACE": str(folder),
            "CI": "true",
        }.items():
            monkeypatch.setenv(name, value)

    def run(self, *options: str) -> list[str]:
        """The workflow commands that it prints."""
        result = self.project.run(*options)
        return [line for line in result.outlines if line.startswith("::")]

    def output(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.outputs.read_text("utf-8").splitlines())


@pytest.fixture
def step(project: Project, monkeypatch: pytest.MonkeyPatch) -> Step:
    return Step(project, monkeypatch)


def test_a_failure_is_summed_up_annotated_and_put_out(step: Step) -> None:
    step.project.write(GATES)
    (command,) = step.run("--speedacc-report=out/report.md")
    line = Path(step.project.pytester.path, "test_model.py").read_text().splitlines().index("def test_wrong(speedacc):")
    # A marker belongs to its function, and stands above it.
    assert command.startswith(f"::error file=test_model.py,line={line},title=speedacc%3A wrong::failed: ")
    text = step.summary.read_text("utf-8")
    assert text.startswith("### ❌ 1 of 2 model gates failed: `wrong` has accuracy 0 (at least 0.9)\n")
    assert "| gate | axis | baseline | here |" in text
    assert "| `wrong` | accuracy |  | 0 |  | at least 0.9 | ❌ failed |" in text
    assert "| `fine` |" in text.partition("<details>")[2]
    assert "| `fine` |" not in text.partition("<details>")[0]
    report = step.project.pytester.path / "out" / "report.md"
    assert step.output() == {"verdict": "failed", "failed": "1", "inconclusive": "0", "report": str(report)}
    assert report.read_text("utf-8").startswith(text.splitlines()[0])


def test_a_gate_in_the_summary_leads_to_its_test(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    step.project.write(GATES)
    step.run()
    assert "| `wrong` |" in step.summary.read_text("utf-8")
    step.summary.unlink()
    for name, value in {"SERVER_URL": "https://git.example", "REPOSITORY": "o/r", "SHA": "a" * 40}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    (command,) = step.run()
    line = re.search(r"line=(\d+)", command)
    assert line
    place = f"https://git.example/o/r/blob/{'a' * 40}/test_model.py#L{line[1]}"
    assert f"| [`wrong`]({place}) | accuracy |" in step.summary.read_text("utf-8")


def test_a_lost_gate_is_in_the_heading_counted_and_annotated_at_its_file(step: Step) -> None:
    step.project.write(GATES.replace("test_wrong", "test_right").replace("1 - model", "model"))
    step.project.run("--speedacc-update")
    step.summary.unlink()
    step.outputs.unlink()
    step.project.write(GATES.partition("@pytest.mark.speedacc(min_accuracy=0.9)\ndef test_wrong")[0])
    (command,) = step.run()
    assert command.startswith("::error file=test_model.py,title=lost gate::Lost gate: test_model.py::test_right ")
    assert step.summary.read_text("utf-8").startswith("### ❌ 1 gate was lost; 1 model gate passed\n")
    assert (step.output()["verdict"], step.output()["failed"]) == ("failed", "1")


def test_a_green_run_says_so_in_a_line(step: Step) -> None:
    step.project.write(GATES)
    assert step.run("-k", "fine") == []
    shown = step.summary.read_text("utf-8")
    assert shown.startswith("### ✅ 1 model gate passed\nMeasured on ")
    # That the command line left gates out is no secret.
    assert shown.strip().splitlines()[2:] == ["", "- Judged 1 of 2 gates: -k fine."]
    assert step.output()["verdict"] == "passed"


def test_a_run_without_a_gate_writes_nothing(step: Step) -> None:
    step.project.write("def test_it(): pass")
    assert step.run() == []
    assert not step.summary.exists()
    assert not step.outputs.exists()


def test_elsewhere_nothing_is_written(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    step.project.write(GATES)
    assert step.run() == []
    assert not step.summary.exists()


def test_names_and_reasons_are_data(step: Step) -> None:
    hostile = "a|b`c<img src=x>@octocat #1 ::error::x %0A\\n::set-output name=verdict::passed https://evil.example"
    step.project.write(f"""
@pytest.mark.speedacc(min_accuracy=0.9)
def test_wrong(speedacc):
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets, name='''{hostile}''')
""")
    (command,) = step.run()
    assert command.count("::") == 2, "one command, and nothing within it"
    text = step.summary.read_text("utf-8")
    for line in text.splitlines():
        # What looks like markup stands in backticks, where it is none.
        outside = re.sub(r"`[^`]*`", "", line)
        assert not re.search(r"<img|@octocat|https://evil", outside)
        assert not line.startswith("::")
    assert step.output()["verdict"] == "failed"


def test_a_summary_stays_within_the_host_s_limit(step: Step) -> None:
    step.summary.write_text("x" * 899_300)
    step.project.write(GATES)
    step.run()
    text = step.summary.read_text("utf-8")
    assert len(text.encode()) < 900_000
    assert "### ❌ 1 of 2 model gates failed" in text
    assert "_What is left out here stands in the report file._" in text


def test_more_annotations_than_the_host_shows_are_counted(step: Step) -> None:
    step.project.write("""
@pytest.mark.parametrize("number", range(12))
@pytest.mark.speedacc(min_accuracy=0.9)
def test_wrong(speedacc, number):
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets)
""")
    commands = step.run()
    assert len(commands) == 10
    assert commands[-1].endswith("::and 3 more: see the job summary")


def test_where_something_annotates_already_nothing_does(step: Step) -> None:
    step.project.pytester.makeconftest("""
        def pytest_configure(config):
            config.pluginmanager.register(object(), "pytest_github_actions_annotate_failures")
    """)
    step.project.write(GATES)
    assert step.run() == []
    assert step.summary.exists()
    # It tells of tests alone.
    step.project.write(GATES, 'tests."nowhere*".min_accuracy = 0.5')
    (command,) = step.run()
    assert "matches no gate of this run" in command


def test_a_slow_function_of_the_repository_is_where_the_annotation_stands(step: Step) -> None:
    step.project.pytester.makepyfile(
        features="""
        def normalise(batch):
            total = 0
            for number in range(20_000):
                total += number
            return batch
        """
    )
    step.project.write("""
from features import normalise

@pytest.mark.speedacc(max_latency="1 ns")
def test_slow(speedacc):
    speedacc.check(lambda batch: model(normalise(batch)), inputs, targets)
""")
    (command,) = step.run()
    assert command.startswith("::error file=features.py,line=1,title=speedacc%3A slow::failed: latency median")


def test_a_summary_that_cannot_be_written_is_told(step: Step) -> None:
    step.summary.mkdir()
    step.project.write(GATES)
    result = step.project.run()
    result.stdout.fnmatch_lines(["The job summary could not be written: *"])


def test_the_run_is_summed_up_once_for_all_that_tell_of_it(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RunReport] = []
    once = Results._report
    monkeypatch.setattr(Results, "_report", lambda results: made.append(once(results)) or made[-1])
    step.project.write(GATES)
    step.run("--speedacc-report=a.json", "--speedacc-report=b.json", "--speedacc-report=c.md")
    assert len(made) == 1
    assert step.summary.read_text("utf-8").startswith((step.project.pytester.path / "c.md").read_text("utf-8"))


def test_a_report_that_could_not_be_written_is_told_in_the_summary(step: Step) -> None:
    step.project.write(f"""
def test_fill():
    import pathlib
    pathlib.Path("out.md").mkdir()
{GATES}""")
    step.run("--speedacc-report=out.md")
    assert "\n\n--speedacc-report: " in step.summary.read_text("utf-8")
