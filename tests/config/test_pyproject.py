"""Which pyproject.toml holds the settings of a run, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_speedacc.config.project import load_project
from pytest_speedacc.config.pyproject import find_section
from pytest_speedacc.errors import ConfigError

TABLE = "[tool.speedacc]\nmin_accuracy = 0.9\n"
PYTEST = "[tool.pytest.ini_options]\n"
PACKAGE = '[project]\nname = "a"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository, in a folder whose own settings are none of its business."""
    write(tmp_path, "", TABLE)
    (tmp_path / "repository/.git").mkdir(parents=True)
    return tmp_path / "repository"


def write(folder: Path, below: str, text: str) -> Path:
    """Write a pyproject.toml, and return its folder."""
    (folder / below).mkdir(parents=True, exist_ok=True)
    (folder / below / "pyproject.toml").write_text(text, "utf-8")
    return folder / below


def found(*starts: Path) -> Path | None:
    section = find_section(*starts)
    return section and section.path.parent


@pytest.mark.parametrize("nested", [None, "", PYTEST], ids=["no file", "empty", "of pytest"])
def test_the_nearest_table_upwards_holds(repository: Path, nested: str | None) -> None:
    write(repository, "", TABLE)
    if nested is not None:
        write(repository, "tests/gates", nested)
    assert found(repository / "tests/gates") == repository


def test_the_search_ends_at_the_top_of_the_repository(repository: Path) -> None:
    assert found(repository / "tests") is None
    (repository / ".git").rmdir()
    assert found(repository / "tests") == repository.parent


def test_the_git_of_a_worktree_or_a_submodule_is_a_file(repository: Path) -> None:
    (repository / ".git").rmdir()
    (repository / ".git").write_text("gitdir: elsewhere\n", "utf-8")
    assert found(repository / "tests") is None


def test_where_the_root_leads_to_nothing_the_folder_of_the_run_decides(repository: Path, tmp_path: Path) -> None:
    write(repository, "", TABLE)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)
    assert found(elsewhere) is None
    assert found(elsewhere, repository / "tests") == repository


def test_a_second_table_on_the_way_is_an_error_that_names_both(repository: Path) -> None:
    write(repository, "", TABLE)
    write(repository, "tests", PYTEST + TABLE)
    with pytest.raises(ConfigError) as refusal:
        find_section(repository / "tests/gates")
    assert str(refusal.value).startswith(
        f"{repository / 'tests/pyproject.toml'} and {repository / 'pyproject.toml'} both have [tool.speedacc]"
    )


@pytest.mark.parametrize("above", [TABLE, PYTEST, PACKAGE + TABLE], ids=["settings", "none", "package with settings"])
def test_every_package_of_a_monorepo_has_its_own(repository: Path, above: str) -> None:
    write(repository, "", above)
    packages = [
        write(repository, "packages/a", PACKAGE + TABLE),
        write(repository, "packages/b", "[build-system]\nrequires = []\n" + TABLE),
    ]
    assert [found(package / "tests") for package in packages] == packages


@pytest.mark.parametrize(
    "name",
    [
        *("tool.pytest-speedacc", "tool.pytest_speedacc", "tool.speed-acc", "tool.speed_acc", "tool.speedAcc"),
        *("tool.SpeedAcc", "tool.spedacc", "tool.speedac", 'tool."speed acc"', "speedacc", "pytest-speedacc"),
    ],
)
@pytest.mark.parametrize("below", ["", "tests"])
def test_a_table_whose_name_is_nearly_ours_is_refused(repository: Path, name: str, below: str) -> None:
    write(repository, "", f"[{name}]\nmin_accuracy = 0.9\n")
    with pytest.raises(ConfigError, match=r"Did you mean \[tool\.speedacc\]\?") as refusal:
        find_section(repository / below)
    plain = name.replace('"', "")
    assert str(refusal.value).startswith(f"{repository / 'pyproject.toml'}: nothing reads [{plain}]")


@pytest.mark.parametrize("name", ["speed", "speedup", "speedtest", "access", "pytest", "pytest-benchmark", "ruff"])
def test_other_tools_are_left_alone(repository: Path, name: str) -> None:
    write(repository, "", f"[tool.{name}]\n{TABLE}")
    assert found(repository) == repository


def test_a_file_that_cannot_be_read_may_hold_the_settings(repository: Path) -> None:
    write(repository, "", "= broken")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        find_section(repository / "tests")
    # It does not speak of us, which is what a run without gates asks.
    assert find_section(repository / "tests", strict=False) is None
    assert found(write(repository, "package", PACKAGE + TABLE)) == repository / "package"


def test_names_and_folders_start_where_the_settings_are(repository: Path) -> None:
    write(repository, "", TABLE)
    project = load_project(repository / "tests")
    assert (project.root, project.baselines) == (repository, repository / "speedacc-baselines")
    assert project.named("gates/test_a.py::Test::test_it[x::y]") == "tests/gates/test_a.py::Test::test_it[x::y]"
    assert load_project(repository).named("tests/test_a.py::test_it") == "tests/test_a.py::test_it"
    # A root directory above the settings, as `--rootdir` can make it.
    (repository / "pyproject.toml").rename(write(repository, "part", "") / "pyproject.toml")
    above = load_project(repository, repository / "part")
    assert above.named("part/test_a.py::test_it") == "test_a.py::test_it"
