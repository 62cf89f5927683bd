"""``prune``: baseline files whose gate is gone, found by collecting the tests of the project."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pytest_speedacc.baseline.files import former_predictions_path
from pytest_speedacc.cli.project import find_project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.printable import printable, printable_lines
from pytest_speedacc.session.orphans import Damaged, Found, Orphan, find_missing
from pytest_speedacc.session.results import Results


class Collecting:
    """What a run that only collects has found of gates, by the rules by which any other run finds what it lost."""

    def __init__(self) -> None:
        self.found: Found | None = None
        self.lost: tuple[Orphan | Damaged, ...] = ()
        self.files: set[Path] = set()
        """Of all tests that were collected."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note where tests are, before any are deselected."""
        self.files = {item.path.resolve() for item in items}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take what was found from the plugin, which is there since there are baselines."""
        results: Results | None = session.config.pluginmanager.get_plugin("speedacc-results")
        if results is not None:
            self.found = results.found()
            missing = find_missing(results.project, results.narrowed, self.found).lost
            self.lost = tuple(each for each in missing if isinstance(each, Orphan | Damaged))


def prune(here: Path, *, deletes: bool) -> bool:
    """List the baseline files that no gate has, or delete them. Raises ConfigError where tests cannot be collected."""
    root, folder = find_project(here)
    if not folder.is_dir():
        print(f"No baselines in {printable(os.path.relpath(folder, here))}.")
        return False
    collecting = _collect(root)
    gone = 0
    for each in collecting.lost:
        path, shown = each.path, printable(os.path.relpath(each.path, here))
        if isinstance(each, Damaged):
            print(f"Left: {shown} cannot be read, and no gate reads it. Restore it, or delete it yourself.")
        elif (file := root / each.test.partition("::")[0]).is_file() and file.resolve() not in collecting.files:
            told = printable(os.path.relpath(file, here))
            print(f"Left: {shown}, since {told} is there and nothing was collected from it.")
        else:
            gone += 1
            for part in _parts(path):
                if deletes:
                    part.unlink()
                print(f"{'Deleted' if deletes else 'Would delete'} {printable(os.path.relpath(part, here))}")
            print(f"  of {printable(each.nodeid)}" + (f", now {printable(each.renamed)}" if each.renamed else ""))
    if not gone:
        print("Every baseline that can be read has its gate, as far as tests were collected.")
    elif not deletes:
        print("Nothing was deleted: add --yes to delete them.")
    return False


def _parts(path: Path) -> Iterator[Path]:
    """A baseline file, and those of its predictions."""
    yield path
    yield from sorted(path.parent.glob(f"{_literal(path.stem)}.{'[0-9a-f]' * 16}.npz"))
    if (former := former_predictions_path(path)).is_file():
        yield former


def _literal(name: str) -> str:
    """As a pattern that matches nothing else."""
    return name.replace("[", "[[]")


def _collect(root: Path) -> Collecting:
    collecting, said = Collecting(), io.StringIO()
    with chdir(root), redirect_stdout(said), redirect_stderr(said):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[collecting])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or collecting.found is None:
        print(printable_lines(said.getvalue()))
        raise ConfigError(
            f"`python -m pytest --collect-only` failed in {root}, so nobody knows which gates there are: see above."
        )
    return collecting
