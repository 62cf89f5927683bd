"""Upgrades whose releases are fetched from the package index: of scikit-learn, as the example shows, and of Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/upgrade"

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="a script for a POSIX shell, and environments laid out so"),
]


@pytest.fixture
def uv() -> str:
    found: str = pytest.importorskip("uv").find_uv_bin()
    return found


def variables(uv: str, folder: Path) -> dict[str, str]:
    """With caches of their own, but for uv's: what that has fetched before is no matter of these tests."""
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(uv).parent), os.environ["PATH"]]),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "UV_CACHE_DIR": cache,
        "PYTHON": sys.executable,
        "COLUMNS": "300",
    }


def test_the_slow_release_is_found_by_a_change_of_a_file_of_requirements(uv: str, tmp_path: Path) -> None:
    """``CI=true pytest --speedacc-against=HEAD~1`` names the versions, and the functions of the library."""
    command = ["sh", EXAMPLE / "show.sh", tmp_path / "repository"]
    done = subprocess.run(command, env=variables(uv, tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "speedacc failed: latency median +" in done.stdout
    assert "  scikit-learn 1.5.2 -> 1.9.1, numpy 2.2.6 -> 2.4.6" in done.stdout
    assert "LogisticRegression.predict (sklearn/linear_model/_base.py:" in done.stdout
    assert "requirements.txt changed since the base, which ran with an environment of its own" in done.stdout


GATE = """
import numpy as np, pytest, sys

x = np.random.default_rng(0).normal(size=(50, 4))

def model(batch):
    return (batch @ np.ones((4, 400))).sum(axis=1) > 0

@pytest.mark.speedacc(max_latency_increase="400 %", max_accuracy_drop="1 pp", max_memory_increase="900 %",
                      max_bytecodes_increase="5 %")
def test_it(speedacc):
    speedacc.check(model, x, model(x))
"""


def test_another_python_is_compared_in_all_but_what_holds_for_one(uv: str, tmp_path: Path) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    other = "3.11" if here != "3.11" else "3.12"
    repository = tmp_path / "repository"
    repository.mkdir()
    # Where pyenv looks as well, whose commands are there for each version and work where that is asked for.
    (repository / ".python-version").write_text(f"{other}\n")
    find = [uv, "python", "find", "--offline", "--no-project", other]
    if subprocess.run(find, cwd=repository, capture_output=True, check=False).returncode:
        pytest.skip(f"there is no Python {other}")
    git = ["git", "-C", str(repository), "-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    (repository / "test_it.py").write_text(GATE)
    (repository / "requirements.txt").write_text("numpy\n")
    for version in (other, here):
        (repository / ".python-version").write_text(f"{version}\n")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", f"With Python {version}"], check=True)
    environment = {**variables(uv, tmp_path), "CI": "true", "PYTEST_ADDOPTS": ""}
    options = ["-p", "no:cacheprovider", "--speedacc-against=HEAD~1", f"--speedacc-report={tmp_path / 'report.json'}"]
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    document = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (gate,) = document["gates"]
    outcomes = {check["setting"]: check["outcome"] for check in gate["checks"]}
    assert outcomes.pop("max_bytecodes_increase") == "not_compared"
    assert set(outcomes.values()) == {"passed"}, done.stdout
    assert any(f"python {other}." in note and f" -> {here}." in note for note in gate["notes"]), gate["notes"]
    assert any(f"built from requirements.txt for Python {other}" in note for note in document["live"]["notes"])
