"""What the repository's workflows name is there: environments of tox, files, extras, and options."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

# Python's version changes nothing here.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@dataclass(frozen=True)
class Step:
    """One step of a job, with the values of one combination of its matrix filled in."""

    content: Mapping[str, Any]
    values: Mapping[str, str]
    """Of ``matrix``."""

    @property
    def commands(self) -> list[list[str]]:
        """The lines of ``run``, as the shell would take them apart."""
        variables = {f"${name}": self.filled(str(value)) for name, value in self.content.get("env", {}).items()}
        lines = self.filled(self.content.get("run", "")).splitlines()
        return [[variables.get(word, word) for word in shlex.split(line)] for line in lines]

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: self.values[found[1]], text)


def steps(workflow: str) -> Iterator[list[Step]]:
    """The steps of each job, once for every combination of its matrix."""
    for job in yaml.safe_load(workflow)["jobs"].values():
        for values in job.get("strategy", {}).get("matrix", {}).get("include", [{}]):
            yield [Step(content, values) for content in job["steps"]]


def problems(workflow: str) -> list[str]:
    """What a workflow names and the repository lacks, a sentence each."""
    found = []
    for job in steps(workflow):
        written: set[str] = set()
        for step in job:
            for command in step.commands:
                found += command_problems(command)
                written |= {word.partition("=")[2] for word in command if word.startswith("--speedacc-report=")}
            given = step.content.get("with", {})
            found += missing_files(given.get("cache-dependency-path", "").split())
            if "upload-artifact" in step.content.get("uses", ""):
                found += [f"nothing writes {path}" for path in given["path"].split() if path not in written]
    return found


def command_problems(command: list[str]) -> list[str]:
    match command:
        case ["tox", "-e", environments, *options]:
            lacking = [each for each in environments.split(",") if each not in tox_environments()]
            return [f"no environment {each}" for each in lacking] + unknown(options, tox_options())
        case ["python", "-m", "pip", "install", *words]:
            extras = re.findall(r"\.\[([\w,-]+)\]", " ".join(words))
            return [f"no extra {each}" for group in extras for each in group.split(",") if each not in our_extras()]
        case ["python", "-m", "pytest", *words]:
            return missing_files([w for w in words if not w.startswith("-")]) + unknown(words, pytest_options())
        case _:
            return [f"a command that this test does not know: {shlex.join(command)}"]


def missing_files(paths: list[str]) -> list[str]:
    return [f"no file {path}" for path in paths if not (ROOT / path).exists()]


def unknown(words: list[str], options: set[str]) -> list[str]:
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    return [f"no option {option}" for option in given if option not in options]


def tox_environments() -> set[str]:
    """Those that are listed, and those that have a section of their own."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    listed = parser["tox"]["env_list"].replace(",", " ").split()
    return {*listed, *(name.removeprefix("testenv:") for name in parser.sections())}


def our_extras() -> set[str]:
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])


@cache
def tox_options() -> set[str]:
    pytest.importorskip("tox")
    return options_of("tox", "run")


@cache
def pytest_options() -> set[str]:
    return options_of("pytest", "-p", "speedacc")


def options_of(module: str, *arguments: str) -> set[str]:
    """What the help of a program names."""
    asked = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--help"],
        cwd=ROOT,
        # Not the options of other plugins that happen to be installed.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(OPTION.findall(asked.stdout))


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_everything_a_workflow_names_exists(path: Path) -> None:
    assert problems(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_linters_are_given_every_workflow(path: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    (checked,) = [line for line in parser["testenv:lint"]["commands"].splitlines() if "github-workflows" in line]
    assert path.relative_to(ROOT).as_posix() in checked.split()


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("examples,py311", "exampels,py311", "no environment exampels"),
        ("--skip-missing-interpreters", "--skip-missing", "no option --skip-missing"),
        ('".[quickstart]"', '".[quickstrat]"', "no extra quickstrat"),
        ("pytest examples/quickstart", "pytest examples/quick", "no file examples/quick"),
        ("--speedacc-report=", "--speedacc-reports=", "no option --speedacc-reports"),
        ("            constraints.txt", "            constraint.txt", "no file constraint.txt"),
        ("path: speedacc.json", "path: speedac.json", "nothing writes speedac.json"),
        ("python -m pip install tox-uv", "make everything", "a command that this test does not know: make everything"),
    ],
)
def test_a_slip_is_named(right: str, wrong: str, problem: str) -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert right in workflow
    assert problem in problems(workflow.replace(right, wrong))
