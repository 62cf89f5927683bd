"""Which gates a command line selects in this tree, under its own settings: what the other revision may have lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_speedacc.live.workers.arguments import SwitchesOff, is_named, neutralise
from pytest_speedacc.live.workers.channel import Channel
from pytest_speedacc.live.workers.protocol import WorkerSpec
from pytest_speedacc.marks import SESSION, is_gate


class Surveyor(SwitchesOff):
    """The plugin of a worker that collects, tells, and runs nothing."""

    def __init__(self, spec: WorkerSpec, channel: Channel) -> None:
        self.spec = spec
        self.channel = channel

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Before any other plugin reads its options; and in the place of the session that judges."""
        neutralise(config.option, self.spec.seed, selecting=True)
        config.stash[SESSION] = self

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Limits are the coordinator's business."""

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """Tell the gates that are left when every hook has had its say, less those that are skipped anyway."""
        gates = [item for item in items if is_gate(item) and self._is_given(item) and not _is_skipped(item)]
        self.channel.send("collected", gates=[self._name(item) for item in gates])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Which gates there are in a file that cannot be collected is not known."""
        if report.failed:
            lines = report.longreprtext.strip().splitlines()
            self.channel.send("failed", test=report.nodeid, text=lines[-1].removeprefix("E").strip() if lines else "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Run nothing."""
        return True

    def _is_given(self, item: pytest.Item) -> bool:
        """Whether the paths, which are collected whole where they name a test, lead to this one."""
        if not self.spec.paths or "--pyargs" in self.spec.arguments:
            return True
        name = item.nodeid.partition("::")[2]
        for given in self.spec.paths:
            path, _, wanted = given.partition("::")
            if item.path.is_relative_to(Path(os.path.normpath(Path.cwd() / path))) and is_named(name, wanted):
                return True
        return False

    def _name(self, item: pytest.Item) -> str:
        """The node id that it would have with the coordinator's root directory."""
        _, separator, name = item.nodeid.partition("::")
        return Path(os.path.relpath(item.path, self.spec.rootdir)).as_posix() + separator + name


def given_paths(spec: WorkerSpec) -> list[str]:
    """The paths of the command line that this side has; a test that it names may have another name here."""
    if "--pyargs" in spec.arguments:
        return list(spec.paths)
    files = dict.fromkeys(path.partition("::")[0] for path in spec.paths)
    return [file for file in files if Path(file).exists()]


def _is_skipped(item: pytest.Item) -> bool:
    """Whether a mark skips it, or does not let it run, as pytest's own plugin sees it."""
    plugin = item.config.pluginmanager.get_plugin("skipping")
    try:
        if plugin is not None:
            plugin.pytest_runtest_setup(item)
    except (pytest.skip.Exception, pytest.xfail.Exception):
        return True
    except pytest.fail.Exception:
        # A condition that cannot be evaluated skips nothing.
        return False
    return False
