"""Each tutorial is walked through as by its reader: files are written, and commands are run and say what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from scratch_project import Project, output
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
LONGEST = 120
"""Seconds after which a command counts as hanging."""
FILE = re.compile(r"# (\S+\.\w+|\.gitignore)\n")
"""A block that is a file begins with its name."""
NUMBER = re.compile(r"\b[0-9a-f]{7,}\b|[-+]?\d[\d,.]*( (ns|µs|ms|s|B|KiB|MiB)\b)?")
"""What differs from machine to machine, and from run to run."""


@dataclass(frozen=True)
class Reader:
    """Somebody who does what a page says, block after block, in a folder of his own."""

    project: Project
    folder: Path

    def walk(self, page: Path) -> None:
        """All of it. Raises where something is not as the page says, with the line."""
        evaluators = {"python": self.write, "toml": self.write, "text": self.write, "console": self.run}
        parsers = [CodeBlockParser(language, evaluator) for language, evaluator in evaluators.items()]
        document = Document.parse(str(page), *parsers)
        assert len(list(document)) == document.text.count("\n```") / 2, "a block of another language"
        for example in document:
            example.evaluate()
        if quoted := re.findall(r"^> (.+)", document.text, re.MULTILINE):
            # What the last run made of it, wherever the page shows that.
            assert not missing(quoted, (self.folder / "summary.md").read_text("utf-8"))

    def write(self, example: Example) -> None:
        """The file that a block is."""
        name = FILE.match(example.parsed)
        assert name, f"{example}: the first line of a file is a comment with its name"
        (self.folder / name[1]).write_text(example.parsed[name.end() :], "utf-8")

    def run(self, example: Example) -> None:
        """The commands of a block, each with what it writes: at least the lines below it, in their order."""
        for told in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
            command, *lines = told.replace("\\\n", "").splitlines()
            code, wrote = self.ran(command)
            assert (code != 0) is ("failed" in told), f"{example}: {command} ended with {code}:\n{wrote}"
            assert not missing(lines, wrote), f"{example}: {command} did not write so:\n{wrote}"

    def ran(self, command: str) -> tuple[int, str]:
        """The exit code of a command, and what it wrote; pytest runs in this process, which has imported much."""
        match shlex.split(command):
            case ["python", "-m", "pytest", *options]:
                done = self.project.run(*options)
                return done.ret, output(done)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return done.returncode, done.stdout


def missing(lines: list[str], text: str) -> list[str]:
    """Those that do not stand in the text, in their order; of one that ends in ``…`` only the beginning."""
    rest = iter([alike(line) for line in text.splitlines()])
    return [line for line in lines if not any(stands(alike(line), found) for found in rest)]


def stands(line: str, found: str) -> bool:
    return found.startswith(line[:-1]) if line.endswith("…") else found == line


def alike(line: str) -> str:
    """A line without its numbers and the width of its columns."""
    return " ".join(NUMBER.sub("#", line).split())


@pytest.fixture
def reader(project: Project, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """With an identity for git, and a terminal as wide as the pages."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Reader")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "reader@example.org")
    monkeypatch.setenv("COLUMNS", "80")
    return Reader(project, project.pytester.path)


def pages() -> list[object]:
    """Those that start a live run take longest; ``tox -e docs`` walks through all of them."""
    found = {
        page: "\n$ python -m pytest --speedacc-against" in page.read_text("utf-8") for page in TUTORIALS.glob("*.md")
    }
    return [
        pytest.param(page, marks=pytest.mark.thorough if is_live else pytest.mark.slow, id=page.stem)
        for page, is_live in sorted(found.items())
    ]


@pytest.mark.parametrize("page", pages())
def test_a_tutorial_does_what_it_says(reader: Reader, page: Path) -> None:
    for module in ("pandas", "sklearn"):
        pytest.importorskip(module)
    reader.walk(page)
