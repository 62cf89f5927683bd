"""The history of baselines: what git has of each file, however it came there, and nothing where it has none."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest
from baseline.baseline_examples import BASELINE, TEST, measured
from live.scratch_repository import Repository, start_repository
from msgspec.structs import replace
from scratch_project import Project

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.baseline.schema import StoredRatio, Updated
from pytest_speedacc.baseline.values import YARDSTICKS
from pytest_speedacc.live.tree.git import Finished
from pytest_speedacc.report.past import Moment, Past
from pytest_speedacc.session import past as reading
from pytest_speedacc.session.past import read_past

GATE = {(TEST, ""): TEST}
DAY = "2026-05-0{}T12:00:00+0000"


class History:
    """A repository, and the commits in it that changed one baseline."""

    def __init__(self, folder: Path) -> None:
        self.repository: Repository = start_repository(folder)
        self.folder = folder / "speedacc-baselines"
        self.file = baseline_path(self.folder, TEST, "")
        self.folder.mkdir()
        self.days = 0

    def write(self, content: bytes) -> None:
        self.file.write_bytes(content)

    def update(self, parameters: int, reason: str = "") -> None:
        """Write the baseline as an update does."""
        date = f"2026-01-02T03:04:{self.days:02}+00:00"
        self.write(
            encode_document(
                replace(BASELINE, parameters=parameters, updated=Updated(commit=None, date=date, reason=reason))
            )
        )

    def commit(self, subject: str) -> None:
        self.days += 1
        os.environ["GIT_COMMITTER_DATE"] = DAY.format(self.days)
        try:
            self.repository.commit(subject)
        finally:
            del os.environ["GIT_COMMITTER_DATE"]

    def moments(self, folder: Path | None = None) -> tuple[Moment, ...]:
        (past,), ends = read_past(folder or self.folder, GATE)
        assert (past.test, past.name, ends) == (TEST, "", "")
        return past.moments

    def parameters(self) -> list[float]:
        return [moment.values["parameters"][0] for moment in self.moments()]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three commits: an update with a reason, one without, and a change by hand."""
    history = History(tmp_path / "Modelle für alle")
    history.update(10, "first\nmodel")
    history.commit("Add a gate")
    history.update(20)
    history.commit("Retrain | on `May`")
    history.write(history.file.read_bytes().replace(b'"parameters": 20', b'"parameters": 25'))
    history.commit("By hand")
    return history


def test_each_commit_that_changed_it_has_its_values_and_its_reason(history: History) -> None:
    history.repository.commit("something else", other_txt="x")
    moments = history.moments()
    assert [(moment.date, moment.why) for moment in moments] == [
        ("2026-05-01", "first model"),
        ("2026-05-02", "Retrain | on `May`"),
        ("2026-05-03", "By hand"),
    ]
    assert history.parameters() == [10, 20, 25]
    assert moments[0].commit == history.repository.git("rev-parse", "HEAD~3")[:7]
    assert moments[0].values == {
        "accuracy": (0.9733333333333334, Kind.SCORE),
        "parameters": (10, Kind.COUNT),
        "model size": (5930, Kind.SIZE),
        "memory (Fast CPU)": (4096, Kind.SIZE),
    }


def test_a_time_is_told_as_the_multiple_of_the_yardstick(history: History) -> None:
    (key, record), *_ = measured().items()
    ratio = StoredRatio(version=1, log_ratio=0.0, spread=0.1, launches=5)
    history.write(encode_document(replace(BASELINE, environments={key: replace(record, yardstick=ratio)})))
    history.commit("Time it")
    assert history.moments()[-1].values["latency median (Fast CPU)"] == (1.0, YARDSTICKS)
    assert not any(axis.startswith("latency") for axis in history.moments()[0].values)


def test_a_merge_counts_once_and_as_a_whole(history: History) -> None:
    git = history.repository.git
    git("checkout", "--quiet", "-b", "feature")
    for parameters in (30, 40):
        history.update(parameters, f"{parameters} of them")
        history.commit("on the branch")
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "feature", "-m", "Merge feature")
    assert history.parameters() == [10, 20, 25, 40]
    assert history.moments()[-1].why == "40 of them"


DAMAGED = {
    "not JSON": b"\xff\x00 not JSON",
    "empty": b"",
    "nested": b"[" * 100_000,
    "another check's": encode_document(replace(BASELINE, test="tests/test_other.py::test_other")),
    "a newer version's": encode_document(BASELINE).replace(b'"schema": 1', b'"schema": 2'),
    "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=list(DAMAGED))
def test_damaged_files_are_passed_over(history: History, content: bytes) -> None:
    history.write(content)
    history.commit("Damage it")
    history.update(30)
    history.commit("Mend it")
    assert history.parameters() == [10, 20, 25, 30]


def test_a_file_that_is_too_large_is_never_read(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_DOCUMENT", 10_000)
    history.write(encode_document(BASELINE) + b" " * 10_000)
    history.commit("Blow it up")
    history.update(30)
    history.commit("Mend it")
    assert history.parameters() == [10, 20, 25, 30]


def test_all_of_them_together_are_bounded(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    size = history.file.stat().st_size
    monkeypatch.setattr(reading, "MOST_BYTES", 2 * size + 5)
    assert history.parameters() == [20, 25]


@pytest.mark.parametrize("most", ["MOST_COMMITS", "MOST_MOMENTS"])
def test_the_newest_are_read_and_no_more(history: History, monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    monkeypatch.setattr(reading, most, 2)
    assert history.parameters() == [20, 25]


def test_no_more_is_read_once_the_time_is_over(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SECONDS", 0.0)
    assert read_past(history.folder, GATE)[0] == ()


def test_a_link_in_place_of_the_file_is_passed_over(history: History, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_bytes(encode_document(replace(BASELINE, parameters=99)))
    history.file.unlink()
    history.file.symlink_to(tmp_path / "secret.json")
    history.commit("Link it")
    assert history.parameters() == [10, 20, 25]


def test_a_file_that_was_gone_for_a_while_goes_on(history: History) -> None:
    history.file.unlink()
    history.commit("Delete it")
    history.update(30)
    history.commit("Bring it back")
    assert history.parameters() == [10, 20, 25, 30]


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "cut"])
def test_a_damaged_repository_is_no_crash(history: History, damage: str) -> None:
    blob = history.repository.git("rev-parse", f"HEAD~1:speedacc-baselines/{history.file.name}")
    loose = history.repository.path / ".git" / "objects" / blob[:2] / blob[2:]
    whole = loose.read_bytes()
    loose.unlink()
    if damage != "missing":
        loose.write_bytes({"empty": b"", "garbage": b"garbage", "cut": whole[: len(whole) // 2]}[damage])
    past, _ = read_past(history.folder, GATE)
    known = [moment.values["parameters"][0] for each in past for moment in each.moments]
    # The others are read, or those before which git gives up.
    assert known in ([10, 25], [25], [])


def test_git_that_ends_in_the_middle_is_no_crash(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reading.run_git

    def cut(folder: Path, *arguments: str, **options: Any) -> Finished:
        finished = whole(folder, *arguments, **options)
        return replaced(finished, output=finished.output[:50]) if "--batch" in arguments else finished

    monkeypatch.setattr(reading, "run_git", cut)
    assert all(isinstance(each, Past) for each in read_past(history.folder, GATE)[0])


def test_a_shallow_clone_says_how_far_it_goes(history: History, tmp_path: Path) -> None:
    url, clone = history.repository.path.as_uri(), tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=2", url, str(clone)], check=True)
    (past,), ends = read_past(clone / "speedacc-baselines", GATE)
    assert [moment.values["parameters"][0] for moment in past.moments] == [20, 25]
    assert ends.startswith("This clone is shallow, and goes back to 2026-05-02: ")


def test_nothing_is_fetched_for_it(history: History, tmp_path: Path) -> None:
    history.repository.git("config", "uploadpack.allowFilter", "true")
    url, clone = history.repository.path.as_uri(), tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--filter=blob:none", url, str(clone)], check=True)
    assert read_past(clone / "speedacc-baselines", GATE) == ((), "")


def test_without_git_a_repository_or_a_baseline_there_is_none(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_past(history.folder, {("test_new.py::test_new", ""): "test_new.py::test_new"}) == ((), "")
    assert read_past(tmp_path / "nowhere", GATE) == ((), "")
    (tmp_path / "plain").mkdir()
    assert read_past(tmp_path / "plain", GATE) == ((), "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_past(history.folder, GATE) == ((), "")


def test_a_run_puts_it_into_the_reports_that_tell_it(project: Project) -> None:
    pytest.importorskip("jinja2")
    repository, reports = Repository(project.pytester.path), ("--speedacc-report=x.html", "--speedacc-report=x.json")
    repository.git("init", "--quiet", "--initial-branch=main")
    for weights in (10, 20):
        project.write(f"""
class Weighty:
    def __init__(self):
        self.weights = np.ones({weights})
    def predict(self, batch):
        return model(batch)

@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_it(speedacc):
    speedacc.check(Weighty(), inputs, targets)
""")
        project.run("--speedacc-update", f"--speedacc-reason={weights} <weights>")
        repository.commit("Update")
    project.run(*reports).assert_outcomes(passed=1)
    (past,) = json.loads((project.pytester.path / "x.json").read_text("utf-8"))["past"]
    assert [moment["why"] for moment in past["moments"]] == ["10 <weights>", "20 <weights>"]
    page = (project.pytester.path / "x.html").read_text("utf-8")
    assert "What the baselines were" in page
    assert "20 &lt;weights&gt;" in page
