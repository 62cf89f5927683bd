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
from itertools import pairwise
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
    kept: set[str] = set()
    for job in steps(workflow):
        written: set[str] = set()
        for step in job:
            for command in step.commands:
                found += command_problems(command)
            given = step.content.get("with", {})
            found += missing_files(given.get("cache-dependency-path", "").split())
            folder = Path(step.filled(step.content.get("working-directory", ".")))
            found += missing_files([folder.as_posix()])
            written |= {(folder / report).as_posix() for report in reports(step)}
            uses = step.content.get("uses", "")
            if "upload-artifact" in uses:
                found += [
                    f"nothing writes {path}" for path in step.filled(given["path"]).split() if path not in written
                ]
                kept |= {step.filled(given.get("name", ""))}
            if "download-artifact" in uses and given["name"] not in kept:
                found.append(f"no job before keeps {given['name']}")
    return found


def reports(step: Step) -> set[str]:
    """What the commands of a step write."""
    named = {w.partition("=")[2] for command in step.commands for w in command if w.startswith("--speedacc-report=")}
    return named | {"dist" for command in step.commands if command[:3] == ["tox", "-e", "dist"]}


def command_problems(command: list[str]) -> list[str]:
    match command:
        case ["tox", "-e", environments, *options]:
            lacking = [each for each in environments.split(",") if each not in tox_environments()]
            return [f"no environment {each}" for each in lacking] + unknown(options, tox_options())
        case ["python", "-m", "pip", "install", *words]:
            extras = re.findall(r"\.\[([\w,-]+)\]", " ".join(words))
            lacking = [each for group in extras for each in group.split(",") if each not in our_extras()]
            groups = [group for option, group in pairwise(words) if option == "--group"]
            files = [file for option, file in pairwise(words) if option == "--constraint"]
            return [
                *(f"no extra {each}" for each in lacking),
                *(f"no group {each}" for each in groups if each not in our_groups()),
                *missing_files(files),
            ]
        case ["python", "-m", "pytest", *words]:
            return missing_files([w for w in words if not w.startswith("-")]) + unknown(words, pytest_options())
        case ["uvx", tool, "sign", *_] if re.fullmatch(r"pypi-attestations@[\d.]+", tool):
            return []
        case ["uv", "publish", "--trusted-publishing", "always", "dist/*"]:
            return []
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
    sections = [name.removeprefix("testenv:") for name in parser.sections()]
    return {*listed, *(each for name in sections for each in spelt_out(name))}


def spelt_out(name: str) -> list[str]:
    """The environments of a section: one for each of the words between its braces."""
    before, brace, rest = name.partition("{")
    words, _, after = rest.partition("}")
    return [f"{before}{word}{after}" for word in words.split(",")] if brace else [name]


def our_extras() -> set[str]:
    return set(our_project()["project"]["optional-dependencies"])


def our_groups() -> set[str]:
    return set(our_project()["dependency-groups"])


def our_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


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
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "models.yml", "release.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_everything_a_workflow_names_exists(path: Path) -> None:
    assert problems(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_linters_are_given_every_workflow(path: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    assert path.relative_to(ROOT).as_posix() in parser["testenv:lint"]["workflows"].split()


def test_every_example_is_gated_by_what_would_be_released() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/models.yml").read_text("utf-8"))["jobs"]
    gated = [each["example"] for each in jobs["gate"]["strategy"]["matrix"]["include"]]
    assert gated == sorted(path.parent.name for path in ROOT.glob("examples/*/pyproject.toml"))


def test_nothing_but_the_job_that_publishes_may_write() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
    publish = release["jobs"].pop("publish")
    assert release["permissions"] == {}
    assert [job["permissions"] for job in release["jobs"].values()] == [{"contents": "read"}] * 2
    assert publish["permissions"] == {"attestations": "write", "id-token": "write"}
    assert (publish["needs"], publish["if"], publish["environment"]) == ("try", "github.event_name == 'push'", "pypi")
    assert "checkout" not in str(publish["steps"])


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


@pytest.mark.parametrize(
    ("name", "right", "wrong", "problem"),
    [
        ("release.yml", "artefact-py312", "artefact-py322", "no environment artefact-py322"),
        ("release.yml", "tox -e dist", "tox -e lint", "nothing writes dist"),
        (
            "release.yml",
            "name: dist\n          path: dist\n      - run",
            "name: it\n      - run",
            "no job before keeps it",
        ),
        ("release.yml", "pypi-attestations@0.0.30", "pypi-attestations", "a command that this test does not know: "),
        ("models.yml", "--group examples", "--group exampels", "no group exampels"),
        ("models.yml", "--constraint constraints.txt", "--constraint c.txt", "no file c.txt"),
        ("models.yml", "example: quickstart", "example: quick", "no file examples/quick"),
        ("models.yml", "}}/speedacc.json", "}}/report.json", "nothing writes examples/quickstart/report.json"),
    ],
)
def test_a_slip_on_the_way_to_a_release_is_named(name: str, right: str, wrong: str, problem: str) -> None:
    workflow = (ROOT / ".github/workflows" / name).read_text("utf-8")
    assert right in workflow
    assert any(found.startswith(problem) for found in problems(workflow.replace(right, wrong)))
