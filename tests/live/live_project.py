"""A repository with gates, and live runs in it, each in a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from schema_checks import REPORT, faults_of
from scratch_repository import Repository, start_repository

NOT_KEPT = ("CI", "COV", "GITHUB_", "GITLAB_", "PYTEST_")
"""Variables that decide about runs, by how they begin."""
LONGEST = 120
"""Seconds after which a run counts as hanging."""
ARRAYS = """
import numpy as np
from pytest_speedacc.adapters import register
from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.adapters.callables import CallableAdapter

x = np.random.default_rng(0).normal(size=(50, 4))
y = (x[:, 0] > 0).astype(int)

class Model:
    def __init__(self, work, weights=10, memory=0, wrong=False, says=""):
        self.work, self.weights, self.memory, self.wrong, self.says = work, weights, memory, wrong, says

    def __call__(self, batch):
        for _ in range(self.work):
            pass
        np.empty(self.memory)
        if self.says:
            print(self.says)
        return (batch[:, 0] > self.wrong).astype(int)

class ModelAdapter(CallableAdapter):
    def recognises(self, names):
        return "arrays.Model" in names

    def count_parameters(self, model):
        return ParameterCount(model.weights)

    def serialise(self, model):
        return bytes(8 * model.weights)

register(ModelAdapter())
"""
"""A model that takes time in proportion to its ``work``, and is always right unless told otherwise."""
ONE_LAUNCH = 'budget = "0.1 s"'
"""For what does not depend on a time: it ends before the second launch, and what is timed cannot be told."""
DECIDING = "launches = 4"
"""The fewest that can tell."""
GATE = """
from arrays import *
import pytest

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_it(speedacc):
    speedacc.check(Model(2000), x, y)
"""
"""A test file with a gate whose tolerance no busy machine exceeds."""


@dataclass(frozen=True)
class Run:
    """A finished run."""

    code: int
    output: str
    report: Path

    @cached_property
    def gates(self) -> dict[str, dict[str, Any]]:
        """The verdicts by node id, without its folder and with the name of the check."""
        document = json.loads(self.report.read_text("utf-8"))
        return {
            gate["test"].rpartition("/")[2] + (f" {gate['name']}" if gate["name"] else ""): gate
            for gate in document["gates"]
        }

    @cached_property
    def live(self) -> dict[str, Any]:
        """The report's account of the live run."""
        found: dict[str, Any] = json.loads(self.report.read_text("utf-8"))["live"]
        return found

    def check(self, gate: str, setting: str = "max_latency_increase") -> dict[str, Any]:
        """One check of a gate."""
        assert gate in self.gates, f"{gate} is not in {sorted(self.gates)}\n{self.output}"
        (found,) = [check for check in self.gates[gate]["checks"] if check["setting"] == setting]
        return found

    @property
    def words(self) -> str:
        """The output with every stretch of white space as one space."""
        return " ".join(self.output.split())


@dataclass(frozen=True)
class LiveProject:
    """A repository whose base is its last commit, and its candidate the working tree."""

    repository: Repository
    folder: Path
    """Where pytest runs, in the repository or below it."""
    scratch: Path
    """The folder for temporary files of every run."""

    def commit(self, **files: str) -> None:
        """Write files (named as ``Repository.write`` wants them) and commit everything."""
        self.write(**files)
        self.repository.commit("a change")

    def write(self, **files: str) -> None:
        """Write files below ``folder``."""
        Repository(self.folder).write(**files)

    def settings(self, live: str = ONE_LAUNCH, *, speedacc: str = "", pytest: str = "") -> None:
        """Write the three tables of pyproject.toml."""
        tables = {"tool.speedacc": speedacc, "tool.speedacc.live": live, "tool.pytest.ini_options": pytest}
        self.write(pyproject_toml="".join(f"[{name}]\n{text}\n" for name, text in tables.items()))

    def command(self, *options: str, plugins: Sequence[str] = (), python: str = sys.executable) -> list[str]:
        """The command line of a run."""
        named = [f"-p{name}" for name in ("speedacc", *plugins)]
        return [python, "-m", "pytest", *named, "--speedacc-budget=0.05", "--speedacc-against=HEAD", *options]

    def environment(self, **variables: str) -> dict[str, str]:
        """Only the plugins that a run names are loaded."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_KEPT)}
        return {
            **kept,
            "TMPDIR": str(self.scratch),
            "COLUMNS": "500",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **variables,
        }

    def run(self, *options: str, plugins: Sequence[str] = (), python: str = sys.executable, **variables: str) -> Run:
        """Run pytest against the last commit."""
        # Each run has its own: it is read when a test asks, which may be after the next run.
        report = self.scratch / f"report-{secrets.token_hex(4)}.json"
        command = self.command(f"--speedacc-report={report}", *options, plugins=plugins, python=python)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        if report.exists():
            assert faults_of(json.loads(report.read_text("utf-8")), REPORT) == []
        return Run(done.returncode, done.stdout, report)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start a run, and leave it alone."""
        return subprocess.Popen(
            self.command(*options),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def left_behind(self) -> list[str]:
        """Worktrees, processes and folders that a run left."""
        folders = [path.name for path in self.scratch.glob("pytest-speedacc-*") if path.is_dir()]
        return [*self.repository.worktrees(), *folders, *self.processes()]

    def processes(self) -> list[str]:
        """Command lines of the workers that are running in this project's folder for temporary files."""
        found = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = process.read_text("utf-8").replace("\0", " ")
            except OSError:
                continue
            if str(self.scratch) in line and "live.worker" in line:
                found.append(line)
        return found


def start_project(folder: Path, below: str = "") -> LiveProject:
    """An empty project in a repository of its own, ``below`` the top of it."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    repository = start_repository(folder / "Modelle für alle")
    repository.write(_gitignore="__pycache__/\n.pytest_cache/\n")
    project = LiveProject(repository, repository.path / below, scratch)
    project.settings()
    project.write(arrays_py=ARRAYS, conftest_py="")
    return project


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc")
