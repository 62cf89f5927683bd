"""A baseline that git ignores in part is committed in part: who updates it is told, and so is who lacks the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from live.scratch_repository import Repository, start_repository
from scratch_project import Project, assert_says, output

from pytest_speedacc.live.tree.ignored import add_command, ignored

GATE = """
@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""
DOCUMENT = "speedacc-baselines/test_model--test_it.json"


@pytest.fixture
def repository(project: Project) -> Repository:
    root = project.pytester.path
    project.write(GATE)
    Repository(root).git("init", "--quiet", "--initial-branch=main")
    return Repository(root)


def arrays(repository: Repository) -> Path:
    [path] = repository.path.glob("speedacc-baselines/*.npz")
    return path.relative_to(repository.path)


@pytest.mark.parametrize("rule", ["*.npz", "*.json"])
def test_an_update_says_what_git_ignores_until_it_is_added(project: Project, repository: Repository, rule: str) -> None:
    repository.write(_gitignore=f"# data\n{rule}\n")
    first = project.run("--speedacc-update")
    path = arrays(repository) if rule == "*.npz" else Path(DOCUMENT)
    told = f"git ignores {path.name} by the rule `{rule}` (.gitignore:2), so that a commit leaves it out"
    command = f"git add -f {path.as_posix()}"
    # In a note, whose words may be on several lines.
    for run in (first, project.run("--speedacc-update")):
        words = " ".join(output(run).split())
        assert told in words
        assert f"`{command}`" in words
        assert ("was not written" in words) == (run is not first)
    repository.git(*command.split()[1:])
    assert "git ignores" not in output(project.run("--speedacc-update"))


def test_an_update_says_nothing_of_files_that_git_takes(project: Project, repository: Repository) -> None:
    repository.write(_gitignore="*.npz\n!speedacc-baselines/*.npz\n")
    assert "git ignores" not in output(project.run("--speedacc-update"))


def test_a_baseline_that_was_not_committed_at_all_names_the_rule(
    project: Project, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.path / "speedacc-baselines").mkdir()
    assert "git ignores" not in output(project.run())
    repository.write(_gitignore="*.json\n")
    monkeypatch.setenv("CI", "true")
    run = project.run()
    run.assert_outcomes(failed=1)
    words = " ".join(output(run).split())
    assert "git ignores test_model--test_it.json by the rule `*.json` (.gitignore:1): if it was written" in words
    assert f"`git add -f {DOCUMENT}`" in words


@pytest.mark.parametrize("in_ci", [True, False])
def test_a_baseline_that_was_committed_in_part_fails_and_names_the_rule(
    project: Project, repository: Repository, in_ci: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(_gitignore="*.npz\n")
    project.run("--speedacc-update").assert_outcomes(passed=1)
    path = arrays(repository)
    (repository.path / path).unlink()
    if in_ci:
        monkeypatch.setenv("CI", "true")
    run = project.run()
    run.assert_outcomes(failed=1)
    words = " ".join(output(run).split())
    assert "is missing, and test_model--test_it.json refers to it ($.predictions). Git ignores it by the rule" in words
    assert f"`*.npz` (.gitignore:1), so it was not committed: add it where it was written, by `git add -f {path}`" in (
        words
    )
    assert "damaged" not in words
    monkeypatch.delenv("CI", raising=False)
    # The way out: it is written anew, though nothing that is compared has changed.
    again = project.run("--speedacc-update")
    again.assert_outcomes(passed=1)
    assert "wrote speedacc-baselines/test_model--test_it.json" in output(again)
    assert (repository.path / path).exists()
    project.run().assert_outcomes(passed=1)


def test_a_missing_part_that_nothing_ignores_asks_whether_it_was_committed(
    project: Project, repository: Repository
) -> None:
    project.run("--speedacc-update")
    (repository.path / arrays(repository)).unlink()
    run = project.run()
    run.assert_outcomes(failed=1)
    words = " ".join(output(run).split())
    assert "($.predictions). Was it committed? Restore it from version control, or write it anew" in words


def test_outside_a_repository_nothing_is_ignored(tmp_path: Path) -> None:
    assert ignored(tmp_path, [tmp_path / "a.npz"]) == {}
    assert ignored(tmp_path / "gone", [tmp_path / "gone" / "a.npz"]) == {}


def test_without_git_nothing_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = start_repository(tmp_path / "ein Projekt für alle")
    repository.write(_gitignore="*.npz\n")
    path = repository.path / "ü a.npz"
    assert ignored(repository.path, [path]) == {path: "`*.npz` (.gitignore:1)"}
    assert add_command(path, repository.path) == "`git add -f 'ü a.npz'`"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ignored(repository.path, [path]) == {}


class TestReason:
    """A reason that is given is recorded, or said not to be."""

    LOST = "so that the reason given is not recorded"

    def test_where_nothing_has_changed(self, project: Project) -> None:
        project.write(GATE)
        assert self.LOST not in output(project.run("--speedacc-update", "--speedacc-reason=the first one"))
        again = project.run("--speedacc-update", "--speedacc-reason=another")
        assert_says(again, f"was not written: nothing that is compared has changed, {self.LOST}")
        assert self.LOST not in output(project.run("--speedacc-update"))

    def test_where_a_limit_is_violated(self, project: Project) -> None:
        wrong = GATE.replace("model, inputs", "lambda batch: 1 - model(batch), inputs")
        project.write(wrong.replace('max_accuracy_drop="0 pp"', "min_accuracy=1.0"))
        violated = project.run("--speedacc-update", "--speedacc-reason=why")
        assert f"because a limit is violated, {self.LOST}" in " ".join(output(violated).split())

    def test_where_only_what_is_missing_is_written(self, project: Project) -> None:
        project.write(GATE)
        assert self.LOST not in output(project.run("--speedacc-missing", "--speedacc-reason=the first one"))
        again = project.run("--speedacc-missing", "--speedacc-reason=another")
        assert_says(again, f"was not written: it is there, and --speedacc-missing leaves it alone, {self.LOST}")
        assert "was not written" not in output(project.run("--speedacc-missing"))
