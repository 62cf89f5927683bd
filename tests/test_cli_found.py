"""``python -m pytest_speedacc`` where it is started and shown: the project is pytest's, and the text fits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from baseline.baseline_examples import BASELINE
from live.scratch_repository import Repository, start_repository
from msgspec.structs import replace

from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.baseline.schema import Updated
from pytest_speedacc.cli.main import main
from pytest_speedacc.cli.project import find_project

OWN = "[tool.speedacc]\n"
PLAIN = "[tool.pytest.ini_options]\naddopts = '-ra --of-a-conftest'\n"


def store(folder: Path, parameters: int = 650, reason: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    baseline = replace(BASELINE, parameters=parameters, updated=replace(BASELINE.updated, reason=reason))
    assert isinstance(baseline.updated, Updated)
    baseline_path(folder, baseline.test, baseline.name).write_bytes(encode_document(baseline))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project with one baseline, that moved since main, and the current folder below its tests."""
    found = start_repository(tmp_path / "repository")
    found.write(pyproject_toml=PLAIN, tests__deep__conftest_py="raise SystemExit('nobody imports this')\n")
    store(found.path / "speedacc-baselines")
    found.commit("Train")
    store(found.path / "speedacc-baselines", parameters=640)
    monkeypatch.chdir(found.path / "tests" / "deep")
    monkeypatch.setenv("COLUMNS", "1000")
    return found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", PLAIN),
        ("pytest.ini", "[pytest]\n"),
        ("tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
        ("setup.py", ""),
        ("pyproject.toml", OWN),
    ],
)
def test_a_subfolder_is_of_the_project_that_pytest_finds(repository: Repository, file: str, text: str) -> None:
    (repository.path / "pyproject.toml").unlink()
    (repository.path / file).write_text(text, "utf-8")
    assert find_project(Path.cwd()) == (repository.path, repository.path / "speedacc-baselines")


def test_every_command_finds_the_baselines_from_a_subfolder(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "main"]) == 0
    assert "1 of 1 baselines moved." in capsys.readouterr().out
    assert main(["show"]) == 0
    assert "640" in capsys.readouterr().out
    (repository.path / "tests" / "deep" / "conftest.py").unlink()
    (repository.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", "utf-8")
    assert main(["prune"]) == 0
    assert "Would delete ../../speedacc-baselines/" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["show"], ["diff", "main"], ["prune"]])
def test_where_there_is_no_project_the_folder_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"speedacc: no project was found in {tmp_path} or above it: neither [tool.speedacc]")
    assert said.out == ""


def test_a_folder_of_baselines_alone_is_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "speedacc-baselines")
    assert main(["show"]) == 0
    assert "650" in capsys.readouterr().out


def test_an_error_of_several_lines_keeps_them_and_is_wrapped(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Train again")
    repository.git("clone", "--quiet", "--depth=1", repository.path.as_uri(), str(tmp_path / "shallow"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest_speedacc", "diff", "origin/main~1"],
        cwd=tmp_path / "shallow",
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "\n\n    with:\n      fetch-depth: 2\n\nElsewhere run `git fetch --unshallow`.\n" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80


@pytest.mark.parametrize(
    ("columns", "why", "left"),
    [
        (1000, "twice the features for half the time", ""),
        (125, "...", ""),
        (115, "...", "age"),
        (80, "...", "age, memory, size, parameters"),
    ],
)
def test_reasons_and_then_columns_give_way_to_a_narrow_terminal(
    repository: Repository,
    columns: int,
    why: str,
    left: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store(repository.path / "speedacc-baselines", reason="twice the features for half the time")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["show"]) == 0
    said = capsys.readouterr().out
    header, _, row = said.splitlines()[:3]
    assert why in row
    assert len(row) <= columns
    assert re.split("  +", header)[-1] == "why"
    assert [name for name in ("age", "memory", "size", "parameters") if name not in header] == (
        left.split(", ") if left else []
    )
    assert ("Too narrow for" in said) == bool(left)
    assert f"Too narrow for {left}.\n" in said or not left
