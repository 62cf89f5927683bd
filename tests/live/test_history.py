"""Which commits this checkout descends from."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_repository import Repository

from pytest_speedacc.live.tree.history import foreign


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
