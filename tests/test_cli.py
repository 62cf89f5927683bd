"""``python -m pytest_speedacc``, as it is called: files in, files and sentences out, and the exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from baseline.baseline_examples import BASELINE, TEST, measured
from live.scratch_repository import Repository, start_repository
from msgspec.structs import replace as changed
from report.report_examples import FULL, GREEN
from scratch_project import Project

from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.baseline.schema import Updated
from pytest_speedacc.cli.main import main
from pytest_speedacc.report.document import write_json
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.reading import read_report

COMMANDS = ("merge", "export", "schema", "show", "diff", "prune")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and the current folder."""
    (tmp_path / "pyproject.toml").write_text('[tool.speedacc]\nbaselines = "kept"\nmax_energy = 3\n', "utf-8")
    (tmp_path / "kept").mkdir()
    monkeypatch.chdir(tmp_path)
    # Nothing is wrapped, however wide the terminal of whoever runs this.
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


def store(folder: Path, **fields: object) -> Path:
    """Write a baseline that is like the example but for some fields."""
    baseline = changed(BASELINE, **fields)
    path = baseline_path(folder / "kept", baseline.test, baseline.name)
    path.write_bytes(encode_document(baseline))
    return path


class TestUsage:
    @pytest.mark.parametrize("arguments", [[], ["mend"], ["merge"], ["diff"], ["prune", "--yes", "--dry-run"]])
    def test_what_means_nothing_is_refused(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2

    def test_help_names_every_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert [name for name in COMMANDS if f"\n    {name} " not in said] == []

    def test_every_command_is_documented(self) -> None:
        page = (Path(__file__).parents[1] / "docs" / "reports.md").read_text("utf-8")
        assert [name for name in COMMANDS if f"python -m pytest_speedacc {name}" not in page] == []


class TestMerge:
    def test_one_report_is_rendered_as_the_run_rendered_it(self, here: Path) -> None:
        write_json(here / "a.json", FULL)
        assert main(["merge", "a.json", "-o", "b.json", "-o", "b.md"]) == 1
        assert (here / "b.md").read_text("utf-8") == markdown(FULL)
        assert read_report(here / "b.json") == FULL

    def test_a_run_and_a_merge_of_its_report_say_the_same(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write(
            """
@pytest.mark.speedacc(max_error=0.1, max_latency="1 ns", max_parameters_increase="0 %", min_confidence=0.5, group="it")
@pytest.mark.parametrize("wrong", [0, 30])
def test_it(speedacc, wrong):
    speedacc.check(lambda batch: np.zeros(len(batch)) if wrong else model(batch), inputs, targets, score="mae")
"""
        )
        project.run("--speedacc-report=a.json", "--speedacc-report=a.md")
        monkeypatch.chdir(project.pytester.path)
        assert main(["merge", "a.json", "-o", "b.md", "-o", "b.json"]) == 1
        assert Path("b.md").read_text("utf-8") == Path("a.md").read_text("utf-8")
        ran, merged = (json.loads(Path(name).read_text("utf-8")) for name in ("a.json", "b.json"))
        assert {**merged, "date": ""} == {**ran, "date": ""}

    @pytest.mark.parametrize(("worst", "code"), [(GREEN, 0), (FULL, 1), (replace(GREEN, fails=True), 1)])
    def test_the_worst_decides(self, here: Path, worst: object, code: int, capsys: pytest.CaptureFixture[str]) -> None:
        write_json(here / "a.json", GREEN)
        write_json(here / "b.json", worst)
        assert main(["merge", "a.json", "b.json", "-o", "all.md"]) == code
        assert f"Wrote {here / 'all.md'}." in capsys.readouterr().out

    @pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
    def test_a_run_that_failed_by_its_settings_fails_here(
        self, project: Project, ci: str, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write(
            """
@pytest.mark.speedacc(max_memory_increase="5 %")
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""
        )
        if ci:
            monkeypatch.setenv("CI", ci)
        assert project.run("--speedacc-report=a.json").ret == code
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.chdir(project.pytester.path)
        assert main(["merge", "a.json", "-o", "b.md"]) == code
        sign = "❌" if code else "⚠️"
        assert (
            Path("b.md")
            .read_text("utf-8")
            .startswith(f"### {sign} 1 of 1 model gate could not be compared: `it` (memory)")
        )

    def test_files_of_one_name_are_told_apart_by_their_folder(self, here: Path) -> None:
        for folder in ("x", "y"):
            (here / folder).mkdir()
            write_json(here / folder / "speedacc.json", GREEN)
        assert main(["merge", "x/speedacc.json", "y/speedacc.json", "-o", "all.json"]) == 0
        assert [verdict.name for verdict in read_report(here / "all.json").verdicts] == ["x/speedacc", "y/speedacc"]

    def test_what_it_cannot_do_it_says(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_json(here / "a.json", GREEN)
        (here / "b.json").write_text('{"schema": 2}', "utf-8")
        for arguments, said in (
            (["a.json", "-o", "all.txt"], "speedacc: --output=all.txt: a report is JSON, Markdown, a page or a plot"),
            (["a.json", "./a.json", "-o", "all.md"], f"speedacc: the report {here / 'a'} is given twice."),
            (["a.json", "none.json", "-o", "all.md"], "speedacc: none.json cannot be read: No such file"),
            (
                ["a.json", "b.json", "-o", "all.md"],
                "speedacc: b.json is no report of --speedacc-report at $: Object missing",
            ),
        ):
            assert main(["merge", *arguments]) == 2
            assert capsys.readouterr().err.startswith(said)
        assert not (here / "all.md").exists()

    def test_in_github_actions_it_writes_the_job_summary(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here / "summary.md"))
        write_json(here / "a.json", FULL)
        assert main(["merge", "a.json", "-o", "all.json"]) == 1
        assert (here / "summary.md").read_text("utf-8") == markdown(FULL) + "\n"


class TestExport:
    def test_it_goes_to_the_output_or_a_file(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_json(here / "a.json", FULL)
        assert main(["export", "a.json", "--format", "bencher"]) == 0
        said = capsys.readouterr().out
        assert main(["export", "a.json", "--format", "bencher", "-o", "out/b.json"]) == 0
        assert (here / "out/b.json").read_text("utf-8") == said
        assert len(json.loads(said)) == 2


class TestShow:
    def test_every_baseline_is_a_row_with_its_age(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        date = (datetime.now(UTC) - timedelta(days=40, hours=1)).isoformat(timespec="seconds")
        store(here, updated=Updated(commit=None, date=date, reason="twice the features"))
        store(here, name="small", parameters=None, accuracy=None, environments={**measured(), **measured("Slow CPU")})
        assert main(["show"]) == 0
        said = capsys.readouterr().out
        plain, small = (next(line for line in said.splitlines() if line.startswith(start)) for start in STARTS)
        assert re.split("  +", plain) == [
            TEST,
            "accuracy 0.973333",
            "650",
            "5.79 KiB",
            "4.00 KiB",
            date[:10],
            "40 days",
            "twice the features",
        ]
        assert re.split("  +", small)[:4] == [f"{TEST} (small)", "-", "-", "5.79 KiB"]
        assert re.search(r"^Measured on Fast CPU.*: all of them\.$", said, re.M)
        assert re.search(r"^Measured on Slow CPU.*: 1 of 2\.$", said, re.M)

    def test_one_that_cannot_be_read_is_named_and_fails(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store(here)
        (here / "kept" / "other.json").write_text("{", "utf-8")
        assert main(["show"]) == 1
        assert "Cannot be read: kept/other.json." in capsys.readouterr().out

    def test_without_any_it_says_how_they_are_written(self, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["show"]) == 0
        assert "No baselines in kept: `python -m pytest --speedacc-missing` writes them." in capsys.readouterr().out


STARTS = (f"{TEST}  ", f"{TEST} (small)")


class TestDiff:
    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
        """A branch off main, in a project that lies below the top."""
        found = start_repository(tmp_path / "repository")
        root = found.path / "model"
        (root / "kept").mkdir(parents=True)
        (root / "pyproject.toml").write_text('[tool.speedacc]\nbaselines = "kept"\n', "utf-8")
        for name in ("", "same", "gone"):
            store(root, name=name)
        found.commit("Train")
        found.git("switch", "--quiet", "-c", "feature")
        monkeypatch.chdir(root)
        monkeypatch.setenv("COLUMNS", "1000")
        return found

    def test_what_moved_is_told_for_each_axis(self, repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
        root = repository.path / "model"
        again = Updated(commit=None, date="2026-02-02T03:04:05+00:00", reason="twice the features")
        store(root, parameters=1300, accuracy=changed(BASELINE.accuracy, value=0.98), updated=again)
        store(root, name="new", updated=again)
        baseline_path(root / "kept", TEST, "gone").unlink()
        assert main(["diff", "main"]) == 0
        said = capsys.readouterr().out
        assert re.match(r"Baselines here beside [0-9a-f]+ Train \(merge base with main\):\n", said)
        rows = [re.split("  +", line) for line in said.splitlines()]
        assert ["accuracy", "0.973333", "0.98", "+0.667 pp"] in rows
        assert ["parameters", "650", "1,300", "+100 %"] in rows
        assert 'In the file: accuracy.value 0.9733333333333334 -> 0.98, parameters 650 -> 1300 ("twice' in said
        assert f"{TEST} (gone): the file is gone\n" in said
        assert f'{TEST} (new): new ("twice the features")\n' in said
        assert "same" not in said
        assert said.endswith("\n3 of 4 baselines moved.\n")

    def test_what_was_changed_by_hand_is_said_to_be(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store(repository.path / "model", model_size=7000)
        assert main(["diff", "HEAD"]) == 0
        said = capsys.readouterr().out
        assert "In the file: model_size 5930 -> 7000 (by hand: no update wrote this)." in said

    def test_without_a_difference_it_says_so(self, repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["diff", "main"]) == 0
        assert capsys.readouterr().out.endswith("\n0 of 3 baselines moved.\n")

    @pytest.mark.parametrize(("ref", "said"), [("mian", "There is no revision mian. Did you mean main?"), ("-x", "")])
    def test_a_wrong_revision_is_refused(
        self, repository: Repository, ref: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diff", "--", ref]) == 2
        assert f"speedacc: {said}" in capsys.readouterr().err

    def test_a_damaged_file_is_named(self, repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
        baseline_path(repository.path / "model/kept", TEST, "").write_text("{}", "utf-8")
        assert main(["diff", "main"]) == 2
        assert "is damaged at $.schema" in capsys.readouterr().err


GATES = """
import pytest

@pytest.mark.speedacc(min_accuracy=0.9)
def test_here(speedacc):
    pass

@pytest.mark.slow
@pytest.mark.speedacc(min_accuracy=0.9)
def test_slow(speedacc):
    pass
"""
PLUGINS = "pytest_benchmark.plugin,pytest_speedacc.plugin"


class TestPrune:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A project with baselines of gates that are there, deselected, renamed, not collected, and gone."""
        (tmp_path / "kept").mkdir()
        (tmp_path / "tests").mkdir()
        (tmp_path / "pyproject.toml").write_text('[tool.speedacc]\nbaselines = "kept"\n', "utf-8")
        ini = "[pytest]\naddopts = -m 'not slow' --ignore=tests/test_ignored.py -p no:randomly\nmarkers = slow\n"
        (tmp_path / "pytest.ini").write_text(ini, "utf-8")
        for name in ("test_it", "test_ignored"):
            (tmp_path / f"tests/{name}.py").write_text(GATES, "utf-8")
        for test in (
            "tests/test_it.py::test_here",
            "tests/test_it.py::test_slow",
            "tests/test_ignored.py::test_here",
            "tests/test_it.py::test_gone[a]",
            "tests/test_no_file.py::test_gone",
        ):
            path = store(tmp_path, test=test)
            path.with_name(f"{path.stem}.{'0' * 16}.npz").touch()
        (tmp_path / "kept" / "damaged.json").write_text("{", "utf-8")
        return tmp_path

    def run(self, folder: Path, *options: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_speedacc", "prune", *options],
            cwd=folder,
            # Of the plugins that happen to be here, loading all takes longer than the rest.
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": PLUGINS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    @pytest.mark.slow
    def test_what_has_no_gate_is_listed_and_then_deleted(self, folder: Path) -> None:
        before = {path.name for path in folder.glob("kept/*")}
        gone = {name for name in before if "gone" in name}
        assert len(gone) == 4
        code, said = self.run(folder)
        assert code == 0, said
        assert set(re.findall(r"^Would delete kept/(.*)$", said, re.M)) == gone
        assert "  of tests/test_it.py::test_gone[a]" in said
        assert "Left: kept/damaged.json cannot be read" in said
        assert "since tests/test_ignored.py is there and nothing was collected from it." in said
        assert said.endswith("Nothing was deleted: add --yes to delete them.\n")
        assert {path.name for path in folder.glob("kept/*")} == before
        code, said = self.run(folder, "--yes")
        assert (code, len(re.findall("^Deleted kept/", said, re.M))) == (0, 4)
        assert {path.name for path in folder.glob("kept/*")} == before - gone

    @pytest.mark.slow
    def test_where_tests_cannot_be_collected_nothing_is_deleted(self, folder: Path) -> None:
        before = {path.name for path in folder.glob("kept/*")}
        (folder / "tests/test_broken.py").write_text("import nothing_of_this_name\n", "utf-8")
        code, said = self.run(folder, "--yes")
        assert code == 2
        assert "nothing_of_this_name" in said
        assert "failed in" in said
        assert {path.name for path in folder.glob("kept/*")} == before


def test_junit_names_the_gate_that_failed_and_what_it_came_to(project: Project) -> None:
    project.write(
        """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_bad(speedacc):
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets)
"""
    )
    project.run("--junitxml=junit.xml")
    suite = ElementTree.parse(project.pytester.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    [case] = suite.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("test_model", "test_bad")
    [failure] = case.iter("failure")
    assert failure.get("message") == "speedacc failed: accuracy 0, allowed at least 0.9"
    assert {"speedacc.verdict": "failed", "speedacc.accuracy": "0.0"}.items() <= {
        it.get("name"): it.get("value") for it in case.iter("property")
    }.items()
