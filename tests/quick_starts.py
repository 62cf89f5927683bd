"""What each run inside a test would find out anew, found out once: such a run takes a fifth less.

Runs in processes of their own find out everything.
"""

from __future__ import annotations

import importlib.metadata
import platform

import pluggy
import pytest
from _pytest.fixtures import FixtureManager


def start_quickly(patch: pytest.MonkeyPatch) -> None:
    """Let runs in this process start quickly, for as long as the patches hold."""
    plugins = [
        found
        for found in importlib.metadata.distributions()
        if any(entry.group == "pytest11" for entry in found.entry_points)
    ]
    load = pluggy.PluginManager.load_setuptools_entrypoints

    def load_known(manager: pluggy.PluginManager, group: str, name: str | None = None) -> int:
        # Otherwise the entry points of all that is installed are read, for each plugin that is named.
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr("importlib.metadata.distributions", lambda: plugins)
            return load(manager, group, name)

    patch.setattr(pluggy.PluginManager, "load_setuptools_entrypoints", load_known)
    # It warns of fixtures that a decorator hides, for which it unwraps each of two thousand names.
    patch.setattr(FixtureManager, "_check_for_wrapped_fixture", lambda *given: None, raising=False)
    # pytest-benchmark asks git, Mercurial and file(1), each in a process, how it would call files that it keeps.
    patch.setattr("pytest_benchmark.plugin.get_tag", lambda: "unversioned")
    built = platform.architecture()
    patch.setattr("platform.architecture", lambda *executable: built)
