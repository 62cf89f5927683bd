"""Which commit this checkout is, and which ones it descends from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scratch_project import Project
from scratch_repository import Repository

from pytest_speedacc.live.tree import history
from pytest_speedacc.live.tree.history import checked_out, foreign


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1"])
def test_a_commit_of_its_history_is_not_foreign(repository: Repository, revision: str) -> None:
    assert foreign(repository.path, repository.git("rev-parse", f"{revision}^{{commit}}")) == ""


def test_a_commit_of_another_branch_is_foreign(repository: Repository) -> None:
    feature = repository.git("rev-parse", "HEAD")
    repository.git("switch", "--quiet", "main")
    assert foreign(repository.path, feature) == "is no commit that this checkout descends from"


@pytest.mark.parametrize("revision", ["HEAD:model.py", "HEAD^{tree}"])
def test_what_is_no_commit_is_foreign(repository: Repository, revision: str) -> None:
    found = repository.git("rev-parse", revision)
    assert foreign(repository.path, found) == "is no commit of this repository"
    assert foreign(repository.path, "1" * 40) == "is no commit of this repository"


def test_a_commit_beyond_a_shallow_clone_is_said_to_be(repository: Repository, tmp_path: Path) -> None:
    first = repository.git("rev-parse", "main")
    clone = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(clone))
    assert foreign(clone, first) == (
        "is not in this clone, which is shallow: the base alone needs two commits, and this one the whole history, so "
        "give actions/checkout `with: {fetch-depth: 0}`"
    )


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert checked_out(tmp_path) is None
    (tmp_path / "model.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    git(tmp_path, "tag", "-a", "-m", "v1", "v1")
    sha = git(tmp_path, "rev-parse", "HEAD")
    assert checked_out(tmp_path) == sha
    (tmp_path / "notes.txt").write_text("untracked")
    assert checked_out(tmp_path) == sha
    (tmp_path / "model.py").write_text("2")
    assert checked_out(tmp_path) == f"{sha}-dirty"


def test_no_commit_without_a_repository_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert checked_out(tmp_path) is None
    assert checked_out(tmp_path / "missing") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out(tmp_path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs a script in place of git")
def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "git"
    hanging.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(history, "GIT_SECONDS", 0.1)
    assert checked_out(tmp_path) is None


def test_an_update_records_the_commit_that_is_checked_out(project: Project) -> None:
    project.write(
        """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""
    )
    folder = project.pytester.path
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    project.run("--speedacc-update").assert_outcomes(passed=1)
    (written,) = (folder / "speedacc-baselines").rglob("*.json")
    stored = json.loads(written.read_text())
    (here,) = stored["environments"].values()
    assert stored["updated"]["commit"] == here["commit"] == git(folder, "rev-parse", "HEAD")
