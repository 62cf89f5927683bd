"""What a clone without the base is told to do is what git takes, and helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scratch_repository import Repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import resolve_base
from pytest_speedacc.session.both_sides import ITSELF, _itself


def clone(of: Repository, path: Path, *options: str) -> Repository:
    of.git("clone", "--quiet", *options, of.path.as_uri(), str(path))
    return Repository(path)


def obey(root: Repository, ref: str) -> list[str]:
    """Run what the refusal of ``ref`` says, and return that."""
    with pytest.raises(ConfigError) as error:
        resolve_base(root.path, ref)
    commands = re.findall("`git (fetch .*?)`", str(error.value))
    for command in commands:
        root.git(*command.split())
    return commands


UNSHALLOW = "fetch --unshallow"
FETCH = "fetch origin main:refs/remotes/origin/main"


@pytest.mark.parametrize(
    ("options", "ref", "commands"),
    [
        (("--depth=1", "--branch=main"), "origin/main~1", [UNSHALLOW]),
        (("--depth=1", "--branch=main"), "origin/main^", [UNSHALLOW]),
        (("--depth=1", "--branch=main"), "main^", [UNSHALLOW]),
        (("--depth=1", "--branch=main"), "HEAD~1", [UNSHALLOW]),
        (("--depth=1", "--branch=feature"), "origin/main~1", [FETCH, UNSHALLOW]),
        (("--depth=1", "--branch=feature"), "origin/main^{commit}~1", [FETCH, UNSHALLOW]),
        (("--single-branch", "--branch=feature"), "origin/main~1", [FETCH]),
    ],
)
def test_the_way_to_a_revision_that_is_counted(
    repository: Repository, tmp_path: Path, options: tuple[str, ...], ref: str, commands: list[str]
) -> None:
    other = clone(repository, tmp_path / "other", *options)
    assert obey(other, ref) == commands
    assert resolve_base(other.path, ref).sha == repository.git("rev-parse", "main~1")


def test_a_revision_that_is_nowhere_is_not_fetched(repository: Repository, tmp_path: Path) -> None:
    whole = clone(repository, tmp_path / "whole", "--branch=main")
    assert obey(whole, "origin/main~9") == ["fetch --all --tags"]


def test_a_commit_beside_itself_says_that_the_clone_is_shallow(repository: Repository, tmp_path: Path) -> None:
    shallow = clone(repository, tmp_path / "shallow", "--depth=1", "--branch=main")
    why = "name what was there before, such as the last release, by --speedacc-against=REF"
    assert _itself(shallow.path) == (
        f"{ITSELF}: this clone is shallow and holds nothing before it, so give actions/checkout "
        f"`with: {{fetch-depth: 0}}`, or run `git fetch --unshallow`, and {why}"
    )
    shallow.git("fetch", "--quiet", "--unshallow")
    assert _itself(shallow.path) == f"{ITSELF}: {why}"
