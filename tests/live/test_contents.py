"""Submodules and large files of the base come from this machine, or are asked for by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.live.tree.worktree import base_worktree

OLD, NEW = b"old weights " * 200, b"new weights " * 200


def base_file(repository: Repository, name: str) -> bytes:
    """A file of the base as a run finds it."""
    with base_worktree(repository.path, resolve_base(repository.path, "HEAD~1")) as tree:
        return (tree.path / name).read_bytes()


def refusal(repository: Repository) -> str:
    with pytest.raises(ConfigError) as error:
        base_file(repository, "weights.bin")
    return str(error.value)


def pointer_to(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()


def store(repository: Repository, content: bytes) -> None:
    """Put a content where git-lfs keeps it."""
    digest = hashlib.sha256(content).hexdigest()
    path = repository.path / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.fixture
def with_large_file(repository: Repository) -> Repository:
    """Two revisions of a large file; the candidate's tree has the content of the second."""
    weights = repository.path / "weights.bin"
    weights.write_bytes(pointer_to(OLD))
    repository.commit("old weights", _gitattributes="*.bin filter=lfs diff=lfs merge=lfs -text\n")
    weights.write_bytes(pointer_to(NEW))
    repository.commit("new weights")
    # As `git lfs install` leaves it, on a machine where the filter would fail.
    repository.git("config", "filter.lfs.smudge", "false")
    repository.git("config", "filter.lfs.process", "false")
    repository.git("config", "filter.lfs.required", "true")
    weights.write_bytes(NEW)
    return repository


def test_a_large_file_comes_from_the_local_store(with_large_file: Repository) -> None:
    store(with_large_file, OLD)
    assert base_file(with_large_file, "weights.bin") == OLD


def test_a_large_file_that_is_not_here(with_large_file: Repository) -> None:
    sha = with_large_file.git("rev-parse", "HEAD~1")
    assert refusal(with_large_file) == (
        "The base has only a pointer to the large file weights.bin, and its content is not on this machine: "
        f"run `git lfs fetch origin {sha}` (once before: `git lfs install`)."
    )


def test_a_candidate_of_pointers_has_a_base_of_pointers(with_large_file: Repository) -> None:
    (with_large_file.path / "weights.bin").write_bytes(pointer_to(NEW))
    assert base_file(with_large_file, "weights.bin") == pointer_to(OLD)


@pytest.fixture
def with_annex(repository: Repository) -> Repository:
    weights = repository.path / "weights.bin"
    weights.symlink_to(".git/annex/objects/aa/bb/KEY-old/KEY-old")
    repository.commit("old weights")
    weights.unlink()
    weights.write_bytes(NEW)
    repository.commit("new weights")
    return repository


def test_an_annexed_file_comes_from_the_local_store(with_annex: Repository) -> None:
    content = with_annex.path / ".git/annex/objects/aa/bb/KEY-old/KEY-old"
    content.parent.mkdir(parents=True)
    content.write_bytes(OLD)
    assert base_file(with_annex, "weights.bin") == OLD


def test_an_annexed_file_that_is_not_here(with_annex: Repository) -> None:
    assert refusal(with_annex) == (
        "The base has only a pointer to the large file weights.bin, and its content is not on this machine: "
        "run `git annex get --all`."
    )


@pytest.fixture
def with_submodules(repository: Repository, tmp_path: Path) -> Repository:
    """A submodule within a submodule, at other commits in base and candidate; their origins are gone."""
    inner, outer = start_repository(tmp_path / "inner"), start_repository(tmp_path / "outer")
    inner.commit("inner one", inner_txt="1")
    outer.git("submodule", "--quiet", "add", inner.path.as_uri(), "inner")
    outer.commit("outer one", outer_txt="1")
    repository.git("submodule", "--quiet", "add", outer.path.as_uri(), "outer")
    repository.git("submodule", "--quiet", "update", "--init", "--recursive")
    repository.commit("base")
    Repository(repository.path / "outer").commit("outer two", outer_txt="2")
    repository.commit("candidate")
    inner.path.rename(tmp_path / "inner gone")
    outer.path.rename(tmp_path / "outer gone")
    return repository


def test_submodules_come_from_the_candidates_objects(with_submodules: Repository) -> None:
    assert base_file(with_submodules, "outer/outer.txt") == b"1"
    assert base_file(with_submodules, "outer/inner/inner.txt") == b"1"
    assert (with_submodules.path / "outer/outer.txt").read_text() == "2"
    assert Repository(with_submodules.path / "outer").worktrees() == []


def test_a_submodule_commit_that_is_not_here(repository: Repository) -> None:
    library = start_repository(repository.path.parent / "library")
    library.commit("one", lib_txt="1")
    repository.git("submodule", "--quiet", "add", library.path.as_uri(), "lib")
    repository.git("update-index", "--cacheinfo", f"160000,{'1' * 40},lib")
    repository.git("commit", "--quiet", "-m", "base")
    repository.commit("candidate")
    with pytest.raises(ConfigError) as error:
        base_file(repository, "lib/lib.txt")
    assert str(error.value) == (
        "The base records the submodule lib at 111111111, which is not on this machine: "
        f"run `git -C 'lib' fetch origin {'1' * 40}`."
    )


def test_a_submodule_that_the_candidate_has_not_either(with_submodules: Repository) -> None:
    with_submodules.git("submodule", "--quiet", "deinit", "--force", "outer")
    with base_worktree(with_submodules.path, resolve_base(with_submodules.path, "HEAD~1")) as tree:
        assert list((tree.path / "outer").iterdir()) == []
