"""Surroundings that decide nothing, and scratch projects, for the tests of the plugin as a whole."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

# Imported once out here: pytester forgets what a run inside it imported, and compiled modules cannot come twice.
import sklearn.linear_model
import sklearn.metrics
import sklearn.neighbors  # noqa: F401
import yappi  # noqa: F401
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


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a developer's own settings nor those of CI decide in a test."""
    for name in ("CI", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """An empty scratch project, whose runs load the plugins that they name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # The machine's timing lock is there: no test waits for another run on this machine.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Project(pytester)
