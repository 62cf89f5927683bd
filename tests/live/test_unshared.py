"""Where the base misses a file that git does not have, the run says which line shares it."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import LiveProject, start_project
from scratch_repository import start_repository

from pytest_speedacc.live.tree.unshared import unshared
from pytest_speedacc.live.tree.worktree import BaseTree

SHARE = "is here and not in git, so the base has none: write share = [{}] into [tool.speedacc.live]"


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, BaseTree]:
    """A checkout with weights and more, and its base without."""
    root, base = tmp_path / "here", tmp_path / "base" / "here"
    for path in (root / "weights/m.pkl", root / "data/big/x.npy", root / "data/small.csv", base / "data/small.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root, BaseTree(base, base, "a" * 40, ())


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: '{base}/weights/m.pkl'", "weights"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'weights/m.pkl'", "weights"),
        ("the base's own gate comes to nothing: KeyError: '{base}/weights/m.pkl'", "weights"),
        ('OSError: cannot open "data/big/x.npy"', "data/big"),
        ("RuntimeError: {base}/data/big/x.npy: no such file", "data/big"),
        # There in both, or in neither, or somewhere else.
        ("ValueError: '{base}/data/small.csv' is damaged", ""),
        ("FileNotFoundError: '{base}/nowhere/m.pkl'", ""),
        ("FileNotFoundError: '/somewhere/weights/m.pkl'", ""),
        ("FileNotFoundError: '../here/weights/m.pkl'", ""),
        ("AssertionError: no", ""),
    ],
)
def test_the_entry_is_as_much_of_the_path_as_is_missing(trees: tuple[Path, BaseTree], said: str, entry: str) -> None:
    root, tree = trees
    found = unshared(said.format(base=tree.path), root, tree)
    assert found == (f"; {entry} " + SHARE.format(f'"{entry}"') if entry else "")


def test_what_the_change_adds_to_git_cannot_be_shared(tmp_path: Path) -> None:
    repository = start_repository(tmp_path / "here")
    repository.commit("new", data__new_csv="1")
    tree = BaseTree(tmp_path, tmp_path, "a" * 40, ())
    assert unshared("FileNotFoundError: 'data/new.csv'", repository.path, tree) == ""
    repository.git("rm", "--cached", "--quiet", "data/new.csv")
    assert 'share = ["data"]' in unshared("FileNotFoundError: 'data/new.csv'", repository.path, tree)


@pytest.mark.slow
def test_a_base_that_misses_an_ignored_file_names_share(tmp_path: Path) -> None:
    live: LiveProject = start_project(tmp_path)
    live.write(_gitignore="__pycache__/\n.pytest_cache/\nweights/\n", weights__work_txt="100\n")
    live.commit(
        test_it_py="""
from arrays import *
from pathlib import Path
import pytest

@pytest.mark.speedacc(max_parameters_increase="0 %")
def test_it(speedacc):
    work = int((Path(__file__).parent / "weights" / "work.txt").read_text())
    speedacc.check(Model(work), x, y)
"""
    )
    check = live.run().check("test_it.py::test_it", "max_parameters_increase")
    assert "weights " + SHARE.format('"weights"') in check["reason"]
