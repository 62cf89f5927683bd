"""Which commit is the base, and the sentence for each reason why there is none."""

from __future__ import annotations

import os
import re
import select
import subprocess
from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.live.tree.git import run_command, run_git

ENOUGH = (
    "In GitHub Actions two commits are enough for --speedacc-against=auto on a pull request; give actions/checkout "
    "these lines:\n\n    with:\n      fetch-depth: 2\n\n"
)


def refusal(root: Path, ref: str) -> str:
    with pytest.raises(ConfigError) as error:
        resolve_base(root, ref)
    return str(error.value)


def clone(of: Repository, path: Path, *options: str) -> Repository:
    of.git("clone", "--quiet", *options, of.path.as_uri(), str(path))
    return Repository(path)


def test_a_branch_means_its_merge_base(repository: Repository) -> None:
    two = repository.git("rev-parse", "main")
    repository.git("switch", "--quiet", "main")
    repository.commit("four", model_py="SPEED = 4\n")
    repository.git("switch", "--quiet", "feature")
    base = resolve_base(repository.path, "main")
    assert (base.sha, base.how, base.is_head) == (two, "merge base with main", False)
    assert base.description == f"{two[:7]} two"
    assert base.top == repository.path.resolve()


def test_a_remote_branch_means_its_merge_base(repository: Repository, tmp_path: Path) -> None:
    fork = clone(repository, tmp_path / "fork", "--branch", "main")
    fork.commit("mine")
    base = resolve_base(fork.path, "origin/feature")
    assert (base.sha, base.how) == (repository.git("rev-parse", "main"), "merge base with origin/feature")


@pytest.mark.parametrize(
    ("ref", "expected", "how"),
    [
        ("v1", "main~1", "the tag"),
        ("HEAD~1", "main", "the commit"),
        ("HEAD", "feature", "the commit"),
        (":/tw", "main", "the commit"),
        ("main~1", "main~1", "the commit"),
    ],
)
def test_anything_else_means_itself(repository: Repository, ref: str, expected: str, how: str) -> None:
    base = resolve_base(repository.path, ref)
    assert (base.sha, base.how) == (repository.git("rev-parse", expected), how)
    assert base.is_head == (ref == "HEAD")


def test_a_short_name_means_itself_even_beside_the_branch(repository: Repository) -> None:
    repository.git("switch", "--quiet", "main")
    four = repository.commit("four")
    repository.git("switch", "--quiet", "feature")
    assert resolve_base(repository.path, four[:10]).sha == four


def test_a_folder_of_the_repository(repository: Repository) -> None:
    repository.commit("four", service__model_py="")
    assert resolve_base(repository.path / "service", "main").top == repository.path.resolve()


def test_an_outer_hook_does_not_decide_which_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = start_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / "index"))
    assert resolve_base(repository.path, "HEAD").top == repository.path.resolve()
    monkeypatch.delenv("GIT_DIR")
    assert "is not in a git repository" in refusal(tmp_path, "HEAD")


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.path))
    assert refusal(repository.path, "main") == (
        "git was not found, and a comparison with another revision needs it: install git, or put it on PATH, "
        "so that `git --version` answers."
    )


def test_no_repository(tmp_path: Path) -> None:
    assert refusal(tmp_path, "main") == (
        f"{tmp_path} is not in a git repository, so there is no other revision to compare with: run this in "
        "a clone, or start one with `git init`."
    )


def test_a_bare_repository(repository: Repository, tmp_path: Path) -> None:
    bare = clone(repository, tmp_path / "bare", "--bare")
    assert refusal(bare.path, "main") == (
        f"{bare.path} is a bare repository without files to test: run this in a `git clone` of it."
    )


def test_a_repository_of_another_user(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    # git's own switch for testing what it does with another user's repository.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert refusal(repository.path, "main") == (
        f"git does not trust {repository.path}, because another user owns it: "
        f"run `git config --global --add safe.directory '{repository.path}'`."
    )


def test_no_commit(tmp_path: Path) -> None:
    empty = start_repository(tmp_path / "empty")
    assert refusal(empty.path, "main") == (
        f"{empty.path} has no commit yet, so there is no base: run `git commit` first."
    )


@pytest.mark.parametrize("ref", ["", "--all", "^main", "^v1"])
def test_no_revision_at_all(repository: Repository, ref: str) -> None:
    assert refusal(repository.path, ref) == (
        f"{ref!r} is not a revision: name a branch, a tag or a commit, such as origin/main."
    )


def test_a_misspelt_branch(repository: Repository) -> None:
    assert refusal(repository.path, "featrue") == (
        "There is no revision featrue. Did you mean feature? `git branch --all` and `git tag` list what "
        "there is; `git fetch --all --tags` gets what is new."
    )


def test_a_remote_branch_without_the_remote(repository: Repository) -> None:
    assert refusal(repository.path, "upstream/feature").startswith(
        "There is no revision upstream/feature. Did you mean feature?"
    )


def test_a_commit_that_is_not_here(repository: Repository) -> None:
    assert refusal(repository.path, "1" * 40).startswith(f"There is no revision {'1' * 40}. `git branch")


def test_a_file_is_no_base(repository: Repository) -> None:
    assert refusal(repository.path, "HEAD:model.py") == (
        "HEAD:model.py is not a commit: name a branch, a tag or a commit, as `git log --oneline` lists them."
    )


def test_a_remote_branch_that_was_not_fetched(repository: Repository, tmp_path: Path) -> None:
    one = clone(repository, tmp_path / "one", "--single-branch", "--branch", "feature")
    message = refusal(one.path, "origin/main")
    assert message == (
        "This clone has no origin/main. If it exists there, run `git fetch origin main:refs/remotes/origin/main`."
    )
    one.git(*re.findall("`git (.*?)`", message)[0].split())
    assert resolve_base(one.path, "origin/main").sha == repository.git("rev-parse", "main")


def test_a_shallow_clone_without_the_branch(repository: Repository, tmp_path: Path) -> None:
    shallow = clone(repository, tmp_path / "shallow", "--depth=1", "--branch", "feature")
    message = refusal(shallow.path, "origin/main")
    assert message == (
        f"This clone is shallow and has no origin/main. {ENOUGH}Elsewhere run `git fetch origin "
        "main:refs/remotes/origin/main` and `git fetch --unshallow`."
    )
    for command in re.findall("`git (.*?)`", message):
        shallow.git(*command.split())
    assert resolve_base(shallow.path, "origin/main").sha == repository.git("rev-parse", "main")


def test_a_shallow_clone_without_the_merge_base(repository: Repository, tmp_path: Path) -> None:
    repository.git("switch", "--quiet", "main")
    repository.commit("four", other_py="")
    shallow = clone(repository, tmp_path / "shallow", "--depth=1", "--no-single-branch", "--branch", "feature")
    assert refusal(shallow.path, "origin/main") == (
        f"This clone is shallow and does not reach back to where HEAD left origin/main. {ENOUGH}Elsewhere run `git "
        "fetch --unshallow`."
    )
    shallow.git("fetch", "--unshallow")
    assert resolve_base(shallow.path, "origin/main").sha == repository.git("rev-parse", "main~1")


@pytest.mark.parametrize("ref", ["HEAD~1", "0123456789abcdef"])
def test_a_shallow_clone_without_the_commit(repository: Repository, tmp_path: Path, ref: str) -> None:
    shallow = clone(repository, tmp_path / "shallow", "--depth=1")
    assert refusal(shallow.path, ref) == (
        f"This clone is shallow and does not reach back to {ref}. {ENOUGH}Elsewhere run `git fetch --unshallow`."
    )


def test_no_common_ancestor(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--orphan", "elsewhere")
    repository.commit("unrelated")
    assert refusal(repository.path, "main") == (
        "HEAD and main have no common ancestor, so there is no merge base: name a commit to compare with, "
        "for example the one that `git rev-parse main` prints."
    )


@pytest.fixture
def with_submodule(repository: Repository, tmp_path: Path) -> Repository:
    library = start_repository(tmp_path / "library")
    library.commit("library", lib_py="A = 1\n")
    repository.git("submodule", "--quiet", "add", library.path.as_uri(), "lib")
    repository.commit("with a submodule")
    return repository


def test_a_clean_submodule_with_untracked_files(with_submodule: Repository) -> None:
    with_submodule.write(lib__cache_txt="")
    assert resolve_base(with_submodule.path, "main").how == "merge base with main"


def test_a_modified_submodule(with_submodule: Repository) -> None:
    with_submodule.write(lib__lib_py="A = 2\n")
    assert refusal(with_submodule.path, "main") == (
        "The submodule lib has changes that are not committed, and would be compared with what the base "
        "recorded: run `git -C 'lib' commit` and `git add 'lib'`, or `git -C 'lib' stash`."
    )


def test_a_submodule_at_another_commit(with_submodule: Repository) -> None:
    Repository(with_submodule.path / "lib").commit("ahead", lib_py="A = 2\n")
    assert refusal(with_submodule.path, "main") == (
        "The submodule lib is not at the commit that the candidate records: run `git submodule update "
        "'lib'` to get that one, or `git add 'lib'` to compare the one that is checked out."
    )
    with_submodule.git("add", "lib")
    assert resolve_base(with_submodule.path, "main").how == "merge base with main"


def test_a_git_that_hangs(repository: Repository) -> None:
    with pytest.raises(ConfigError, match=r"`git -c` took longer than 0\.2 s .* by hand to see what it waits for"):
        run_git(repository.path, "-c", "alias.wait=!tail -f /dev/null", "wait", timeout=0.2)


def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(subprocess.TimeoutExpired):
        run_command("tail -f /dev/null > fifo & wait", folder=tmp_path, env=dict(os.environ), timeout=2)
    # Its end closes the last writer, which makes the fifo readable: the end of the file.
    assert select.select([reader], [], [], 10)[0]
    assert os.read(reader, 1) == b""
    os.close(reader)
