"""[tool.speedacc] holds whatever directory pytest calls its root, and no table is passed over in silence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scratch_project import PRELUDE, Project, assert_says, output

LIMITED = '[tool.speedacc.tests."tests/test_deep.py::test_it"]\nmin_accuracy = 2\n'
GATE = """
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""


@pytest.fixture
def repository(project: Project) -> Path:
    """Settings at the top, a gate in ``tests``, and a pytest.ini there that makes ``tests`` pytest's root."""
    top = project.pytester.path
    (top / ".git").mkdir()
    (top / "tests").mkdir()
    (top / "tests/pytest.ini").write_text("[pytest]\n")
    (top / "tests/test_deep.py").write_text(PRELUDE + GATE)
    (top / "pyproject.toml").write_text(LIMITED)
    return top


def test_a_root_directory_below_the_settings_switches_nothing_off(repository: Path, project: Project) -> None:
    result = project.run("tests")
    assert_says(result, "rootdir: */tests")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "speedacc failed: accuracy 1, allowed at least 2")


def test_nor_does_a_root_directory_that_is_elsewhere(repository: Path, project: Project, tmp_path: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.speedacc]\nmin_accuracy = 2\n")
    result = project.run(f"--rootdir={tmp_path}", "tests")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "speedacc failed: accuracy 1, allowed at least 2")


def test_baselines_are_filed_and_found_under_one_name(repository: Path, project: Project) -> None:
    (repository / "pyproject.toml").write_text('[tool.speedacc]\nmax_accuracy_drop = "0 pp"\n')
    # Typed where the user stands.
    command = 'python -m pytest "tests/test_deep.py::test_it" --speedacc-update'
    assert_says(project.run("tests"), f"no baseline yet: create it with {command}")
    assert project.run("tests", "--speedacc-update").ret == pytest.ExitCode.OK
    [path] = repository.rglob("*.json")
    assert path == repository / "speedacc-baselines/tests-test_deep--test_it.json"
    assert json.loads(path.read_text())["test"] == "tests/test_deep.py::test_it"
    for ini in (True, False):
        if not ini:
            (repository / "tests/pytest.ini").unlink()
        result = project.run("tests", "--speedacc-not-compared=fail")
        assert result.ret == pytest.ExitCode.OK, output(result)


def test_a_table_between_a_gate_and_the_settings_is_an_error_that_names_both(
    repository: Path, project: Project
) -> None:
    (repository / "tests/pytest.ini").unlink()
    (repository / "tests/pyproject.toml").write_text("[tool.speedacc]\n")
    for arguments in ((), ("tests",)):
        result = project.run(*arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert_says(result, "speedacc: */tests/pyproject.toml and */pyproject.toml both have [tool.speedacc], and")


@pytest.mark.parametrize("above", ["", "[tool.speedacc]\nmin_accuracy = 0.5\n"], ids=["none", "settings"])
def test_a_package_of_a_monorepo_has_its_own_settings_and_is_not_judged_by_others(
    repository: Path, project: Project, monkeypatch: pytest.MonkeyPatch, above: str
) -> None:
    (repository / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{above}")
    (repository / "tests").rename(repository / "package")
    (repository / "package/pytest.ini").unlink()
    (repository / "package/pyproject.toml").write_text('[project]\nname = "a"\n[tool.speedacc]\nmin_accuracy = 2\n')
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    reads = "those of */pyproject.toml" if above else "none"
    # In as many lines as the terminal has them in.
    told = " ".join(output(result).split())
    assert re.search(
        r"the gates in \S+/package have the settings of \S+/package/pyproject.toml, and this run reads "
        + reads.replace("*", r"\S+")
        + r": run pytest in \S+/package, or keep",
        told,
    )
    monkeypatch.chdir(repository / "package")
    result = project.run("--rootdir=.")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "speedacc failed: accuracy 1, allowed at least 2")


def test_a_nested_table_is_an_error_in_a_parallel_run(repository: Path, project: Project) -> None:
    pytest.importorskip("xdist")
    (repository / "tests/pytest.ini").unlink()
    (repository / "tests/pyproject.toml").write_text("[tool.speedacc]\n")
    result = project.run("-n1", plugins=("xdist",))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, "speedacc: */tests/pyproject.toml and */pyproject.toml both have [tool.speedacc], and")
    assert "INTERNALERROR" not in output(result)
