"""Real repositories to compare revisions of."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository


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
