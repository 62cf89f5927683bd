"""Surroundings that decide nothing, and scratch projects, for the tests of the plugin as a whole."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_memray import quick_memray
from quick_starts import start_quickly
from scratch_project import Project

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background ignores Ctrl-C, and so would the processes that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The environments of the tutorials and the examples go without.
with contextlib.suppress(ImportError):
    from hypothesis import settings

    # A busy machine needs longer for an example, and no test asserts an absolute time.
    settings.register_profile("busy", deadline=None)
    settings.load_profile("busy")

RERUNS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RERUNS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may lose a race is run once more; any other test that fails has failed."""
    for item in items:
        if mark := item.get_closest_marker("races"):
            assert mark.kwargs.keys() == {"reason"}, f"{item.nodeid}: say what it races with: races(reason=...)"
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> None:
    if report.outcome == "rerun":
        config.stash[RERUNS].append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    again = config.stash[RERUNS]
    terminalreporter.line(f"Tests that lost a race and were run again: {len(again)} {' '.join(again)}")


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine's timing lock is there: no test waits for one of another worker, or for another run of these."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr("tempfile.tempdir", folder)
        yield


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a developer's own settings nor those of CI decide in a test."""
    for name in ("CI", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    # Sentences stay whole, but where a test is about a narrow terminal.
    monkeypatch.setenv("COLUMNS", "500")
    for name in [name for name in os.environ if name.startswith(("CI_", "GITHUB_", "GITLAB_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def quick_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is tracked in the quick way in this process, unless the test is marked ``memray``."""
    if request.node.get_closest_marker("memray") is None:
        monkeypatch.setitem(sys.modules, "memray", quick_memray)
    else:
        pytest.importorskip("memray")  # there is none for Windows


ONCE = (
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neighbors",
    "yappi",
    "memray",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "filelock",
    "pytest_speedacc.session.session",
)
"""What is imported outside: pytester forgets what a run inside it imported, and compiled modules cannot come twice."""


@pytest.fixture(scope="session")
def ready_for_runs() -> Iterator[None]:
    """Import it when a test first needs it, since those of the pure folders never do, and let runs start quickly."""
    for name in ONCE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with pytest.MonkeyPatch.context() as patch:
        start_quickly(patch)
        yield


@pytest.fixture
def pytester(ready_for_runs: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """pytest's own, in a process that has imported what cannot come twice."""
    return pytester


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """An empty scratch project, whose runs load the plugins that they name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # Beside every framework that other tests have imported, a collection of everything takes longer than a gate.
    monkeypatch.setattr("pytest_speedacc.measure.garbage.GROWN", 2**28)
    return Project(pytester)
