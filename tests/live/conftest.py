"""Real repositories to compare revisions of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository

from pytest_speedacc.live.workers.side import Side


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main with the commits one and two, and feature with three; its path has a space and an umlaut."""
    repository = start_repository(tmp_path / "mein Modell für alle")
    repository.commit("one", model_py="SPEED = 1\n")
    repository.git("tag", "-a", "v1", "-m", "first")
    repository.commit("two", model_py="SPEED = 2\n")
    repository.git("switch", "--quiet", "--create", "feature")
    repository.commit("three", model_py="SPEED = 3\n")
    return repository


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, here and in every process started from here."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def side(tmp_path: Path) -> Side:
    """How workers of a tree without anything in it are started."""
    tree = tmp_path / "a tree"
    tree.mkdir()
    (tree / "pytest.ini").write_text("[pytest]\n", "utf-8")
    return Side(
        label="candidate",
        root=tree,
        other_root=tmp_path / "another",
        folder=tree,
        python=sys.executable,
        sys_path=tuple(sys.path),
        one_thread=True,
        rootdir=tree,
        ini_file=tree / "pytest.ini",
    )
