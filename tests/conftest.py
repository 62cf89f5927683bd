"""Surroundings that decide nothing, and scratch projects, for the tests of the plugin as a whole."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

import pytest

# Imported once out here: pytester forgets what a run inside it imported, and compiled modules cannot come twice.
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors  # noqa: F401
import yappi  # noqa: F401
from quick_memray import quick_memray
from scratch_project import Project

import pytest_speedacc.session  # noqa: F401

with contextlib.suppress(ImportError):  # there is none for Windows
    import memray  # noqa: F401

with contextlib.suppress(ImportError):
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background ignores Ctrl-C, and so would the processes that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a developer's own settings nor those of CI decide in a test."""
    for name in ("CI", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Project:
    """An empty scratch project, whose runs load the plugins that they name.

    Those inside this process track memory in the quick way, unless the test is marked ``memray``.
    """
    if request.node.get_closest_marker("memray") is None:
        monkeypatch.setitem(sys.modules, "memray", quick_memray)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # The machine's timing lock is there: no test waits for another run on this machine.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Project(pytester)
