"""A change of nothing but the packages: the base runs with its own, and what got slower is found by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from live_project import DECIDING, ONE_LAUNCH, LiveProject, Run, start_project
from tiny_wheels import offline, tiny_wheel

FAILED = pytest.ExitCode.TESTS_FAILED
GATE = """
from arrays import *
import pytest
import tiny
from importlib.metadata import version

import mine

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_it(speedacc):
    assert version("mine") == "1.0"
    speedacc.check(Model(tiny.WORK * mine.FACTOR), x, y)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the environment is laid out as on POSIX"),
]


class Upgrade:
    """A repository whose base pins tiny 1.0 and whose change pins 2.0, which is what its own environment has."""

    def __init__(self, folder: Path) -> None:
        self.uv = pytest.importorskip("uv").find_uv_bin()
        self.wheels = folder / "wheels"
        tiny_wheel(self.wheels, "1.0", 400)
        tiny_wheel(self.wheels, "2.0", 4000)
        self.project: LiveProject = start_project(folder)
        self.variables = offline(self.wheels, folder / "scratch")
        self.python = folder / "head/bin/python"
        self._run(self.uv, "venv", "--python", sys.executable, str(folder / "head"))
        self._run(self.uv, "pip", "install", "--python", str(self.python), "tiny==2.0")
        # The project itself, in editable mode, from a folder that nothing but its environment knows.
        self.project.write(src__mine_py="FACTOR = 1")
        (site,) = (folder / "head").glob("lib/python*/site-packages")
        (site / "mine.pth").write_text(f"{self.project.folder / 'src'}\n", "utf-8")
        (site / "mine-1.0.dist-info").mkdir()
        (site / "mine-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        url = json.dumps({"dir_info": {"editable": True}, "url": self.project.folder.as_uri()})
        (site / "mine-1.0.dist-info/direct_url.json").write_text(url, "utf-8")

    def commit(self, live: str, base: str = "tiny==1.0\n", change: str = "tiny==2.0\n") -> None:
        self.project.settings(live)
        self.project.commit(test_it_py=GATE, requirements_txt=base)
        self.project.write(requirements_txt=change)

    def run(self, *options: str, **variables: str) -> Run:
        return self.project.run(*options, python=str(self.python), **{**self.variables, **variables})

    def built(self) -> list[Path]:
        """The environments in the cache."""
        return list((Path(self.variables["XDG_CACHE_HOME"]) / "pytest-speedacc/environments").glob("*/environment-*"))

    def _run(self, *command: str) -> None:
        environment = self.project.environment(**self.variables)
        subprocess.run(command, env=environment, check=True, capture_output=True)


@pytest.fixture
def upgrade(tmp_path: Path) -> Upgrade:
    return Upgrade(tmp_path)


def test_a_slower_release_is_found_and_named_by_a_change_of_a_file_of_requirements(upgrade: Upgrade) -> None:
    upgrade.commit(DECIDING)
    run = upgrade.run(CI="true")
    gate = run.gates["test_it.py::test_it"]
    assert (run.code, gate["verdict"]) == (FAILED, "failed"), run.output
    assert run.check("test_it.py::test_it")["observed"] > 1
    assert gate["suspects"] == ["tiny 1.0 -> 2.0"]
    assert "Other versions than in the base, the first to suspect: tiny 1.0 -> 2.0" in run.words
    (note,) = [note for note in run.live["notes"] if "requirements.txt" in note]
    assert note == (
        "requirements.txt changed since the base, which ran with an environment of its own, built from requirements.txt"
    )
    assert upgrade.project.left_behind() == []


def test_what_cannot_be_built_is_not_compared_and_says_so(upgrade: Upgrade) -> None:
    upgrade.commit(ONE_LAUNCH, base="tiny==1.5\n")
    run = upgrade.run(CI="true")
    check = run.check("test_it.py::test_it")
    assert (run.code, check["outcome"]) == (FAILED, "not_compared"), run.output
    assert "the base's environment could not be built from requirements.txt: `uv pip install -r" in check["reason"]
    assert "there is no version of tiny==1.5" in check["reason"]
    assert upgrade.built() == []


def test_a_command_builds_where_it_is_told_to(upgrade: Upgrade) -> None:
    make = f"{upgrade.uv} venv --python {sys.executable} $SPEEDACC_ENVIRONMENT && "
    install = f"{upgrade.uv} pip install --python $SPEEDACC_ENVIRONMENT -r requirements.txt"
    # Which python runs the base's setup is the base's as well.
    setup = 'python -c "import sys, tiny; sys.exit(tiny.WORK != 400)"'
    upgrade.commit(f"{ONE_LAUNCH}\nenvironment = {json.dumps(make + install)}\nsetup = {json.dumps(setup)}")
    run = upgrade.run()
    assert "other versions than in the base: tiny 1.0 -> 2.0" in run.gates["test_it.py::test_it"]["notes"], run.output
    assert len(upgrade.built()) == 1


@pytest.mark.thorough
def test_a_base_that_ends_with_the_wrong_packages_is_told_with_why_it_had_them(upgrade: Upgrade) -> None:
    upgrade.commit(ONE_LAUNCH, base="tiny==1.5\n")
    upgrade.project.commit(
        requirements_txt="tiny==1.5\n",
        conftest_py="import os, tiny\nif 'pytest-speedacc-base-' in os.getcwd():\n    os._exit(3)\n",
    )
    upgrade.project.write(requirements_txt="tiny==2.1\n")
    run = upgrade.run(CI="true")
    assert run.code == FAILED
    assert "the base worker ended with exit code 3" in run.words
    assert any("could not be built from requirements.txt" in note for note in run.live["notes"]), run.output
