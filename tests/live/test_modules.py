"""Which of the modules of a process lie outside both trees."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from pytest_speedacc.live.workers.modules import files_of, outside


def module(file: object = None, *path: Path) -> ModuleType:
    """A module of this file, and a package with these parts."""
    made = ModuleType("made")
    if file is not None:
        made.__file__ = file  # type: ignore[assignment]
    if path:
        made.__path__ = list(map(str, path))
    return made


class MadeUp(ModuleType):
    """As torch.classes, in which everything is found, and nothing can be listed."""

    def __getattr__(self, name: str) -> object:
        return object()


@pytest.fixture
def trees(tmp_path: Path) -> tuple[str, str]:
    """Of the candidate and of the base."""
    for name in ("candidate", "base", "site"):
        (tmp_path / name).mkdir()
    return str(tmp_path / "candidate"), str(tmp_path / "base")


def test_only_what_has_no_part_in_either_tree_is_outside(trees: tuple[str, str], tmp_path: Path) -> None:
    site = tmp_path / "site"
    Path(trees[0], "mine.py").touch()
    (site / "linked.py").symlink_to(Path(trees[0], "mine.py"))
    modules = {
        "linked": module(str(site / "linked.py")),
        "json": json,
        "library": module(str(site / "library.py")),
        "conftest": module(f"{trees[0]}/conftest.py"),
        "model": module(f"{trees[1]}/model.py"),
        "google": module(str(site / "google" / "__init__.py"), site / "google", Path(trees[0], "google")),
        "package": module(str(site / "package" / "__init__.py"), site / "package"),
        "builtin": module(),
        "odd": module(3),
        "__main__": module(str(site / "main.py")),
        "__mp_main__": module(str(site / "main.py")),
        "stub": None,
        "classes": MadeUp("classes"),
    }
    assert list(outside(modules, trees)) == ["json", "library", "package"]  # type: ignore[arg-type]
    assert files_of(modules)["library"] == str(site / "library.py")  # type: ignore[arg-type]
