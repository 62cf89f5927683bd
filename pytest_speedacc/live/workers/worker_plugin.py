"""One side of a launch: pytest itself on explicit node ids, blocking in ``check`` until it is told what to time.

Run as ``python -m pytest_speedacc.live.workers.worker_plugin SPEC.json``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Sequence, Set
from functools import partial
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_speedacc.errors import said
from pytest_speedacc.live.tree.identity import base_sys_path, remap_editable
from pytest_speedacc.live.workers import exits
from pytest_speedacc.live.workers.arguments import SwitchesOff, neutralise, switch_off
from pytest_speedacc.live.workers.asked_for import ALL, AskedFor
from pytest_speedacc.live.workers.channel import Channel, ChannelClosed, connect
from pytest_speedacc.live.workers.forkable import AfterConftests, DoneByTests
from pytest_speedacc.live.workers.last_words import tell_where
from pytest_speedacc.live.workers.modules import outside
from pytest_speedacc.live.workers.own_process import run_in_child
from pytest_speedacc.live.workers.process import die_with_parent
from pytest_speedacc.live.workers.protocol import WorkerSpec
from pytest_speedacc.live.workers.setup_costs import SetupCosts
from pytest_speedacc.live.workers.surveyor import Surveyor, given_paths
from pytest_speedacc.live.workers.worker_fixture import LEFT, WorkerGate
from pytest_speedacc.marks import SESSION, expects_failure, is_gate, marker_keywords, uses_fixture
from pytest_speedacc.measure.memory import write_below
from pytest_speedacc.measure.randomness import seed_everything


class WorkerPlugin(SwitchesOff):
    """The plugin of a worker: it takes the place of the usual session."""

    def __init__(self, spec: WorkerSpec, channel: Channel, known: Set[str] = frozenset()) -> None:
        self.spec = spec
        self.channel = channel
        self.by_tests = DoneByTests()
        self.asked = AskedFor()
        self._asking = contextlib.ExitStack()
        self.told: dict[str, Any] = {"gates": []}
        """Of what was collected."""
        self.aside = 0.0
        """Seconds that the next launch will not pay."""
        self.costs = SetupCosts(self._paid)
        """Of the present test."""
        self.seen = set(known)
        """Modules that were found to be of this side's tree, or of neither."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Before any other plugin reads its options; and in the place of the session that judges."""
        neutralise(config.option, self.spec.seed)
        config.stash[SESSION] = self

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Generator[None, object, object]:
        """What plugins have done until now, before any conftest goes on, is not the tests' doing."""
        self.by_tests.begin()
        return (yield)

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Limits are the coordinator's business."""

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """The same."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config, parser: pytest.Parser, args: list[str]
    ) -> Generator[None, object, object]:
        """Before plugins that act on their options here."""
        switch_off(early_config, parser, args)
        if self.spec.statics:
            trees = (self.spec.root, self.spec.other_root)
            self.told["started_with"] = list(outside(sys.modules, trees))
        early_config.pluginmanager.register(AfterConftests(self.by_tests))
        # Until the tests are collected: a hook of a conftest may import as well.
        self._asking.enter_context(self.asked.watching(ALL))
        with self.by_tests.watching():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Tell what came of it."""
        with self.by_tests.watching():
            result = yield
        self._asking.close()
        forks = {"why_no_fork": self.by_tests.why_no_fork(), "environment": self.by_tests.environment}
        asked = {who: sorted(names) for who, names in self.asked.names.items()}
        self.channel.send("collected", **self.told, **forks, asked=asked)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, object, object]:
        """What a file of tests imports, its tests need."""
        with self.asked.watching(collector.nodeid if isinstance(collector, pytest.Module) else ALL):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Keep the gates that were asked for, in the order that both sides share, after every other hook."""
        result = yield
        gates = {item.nodeid: item for item in items if uses_fixture(item) and is_gate(item)}
        kept = [gates[test] for test in self.spec.tests if test in gates]
        asked = kept if self.spec.is_base and self.spec.statics else []
        markers = {item.nodeid: marker_keywords(item) for item in asked}
        expected = [item.nodeid for item in asked if expects_failure(item)]
        self.told |= {"gates": list(gates), "markers": markers, "expected": expected}
        items[:] = kept
        for item in items:
            for node in item.listchain():
                # A time limit or a rerun would end a worker that waits for its turn.
                node.own_markers[:] = [mark for mark in node.own_markers if mark.name not in ("timeout", "flaky")]
        return result

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Gates that are not collected must not be taken for gates that are not there."""
        if report.skipped:
            self.channel.send("failed", test=report.nodeid, text=str(report.longrepr[2]))  # type: ignore[index]
        elif report.failed:
            self.channel.send("failed", test=report.nodeid, text=_last_line(report.longreprtext))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run each gate when its turn has come, in this process or in one of its own."""
        for item, following in zip_longest(session.items, session.items[1:]):
            run = item.config.hook.pytest_runtest_protocol
            if self.channel.receive()["forks"]:
                run_in_child(partial(run, item=item, nextitem=None))
            else:
                run(item=item, nextitem=following)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.costs = SetupCosts(self._paid)
        seed_everything(self.spec.seed)
        with self.asked.watching(item.nodeid):
            result = yield
        self.channel.send("ended", test=item.nodeid)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        with self.costs.of(fixturedef.argname):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and not report.passed and said(call.excinfo.value) != LEFT:
            self.channel.send("failed", test=item.nodeid, text=call.excinfo.exconly(tryshort=True).splitlines()[0])
        return report

    @contextlib.contextmanager
    def setting_aside(self) -> Generator[None]:
        """Time that is no part of what every launch pays for the setup of a test."""
        began = time.perf_counter()
        yield
        self.aside += time.perf_counter() - began

    def _paid(self) -> float:
        return time.perf_counter() - self.aside

    def open_gate(self, request: pytest.FixtureRequest) -> WorkerGate:
        """The fixture's value for one test."""
        return WorkerGate(self, request.node.nodeid)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("E").strip() if lines else "it cannot be collected"


def _paths(spec: WorkerSpec) -> list[str]:
    """The test files that this side has; pytest would refuse the others."""
    root = Path(spec.rootdir)
    files = dict.fromkeys(test.split("::")[0] for test in spec.tests)
    return [str(path) for path in (root / file for file in files) if path.exists()]


def _arguments(spec: WorkerSpec) -> list[str]:
    # What pytest makes of the paths must be what the coordinator's pytest made of its own; a survey asks what this
    # side makes of them.
    arguments = [] if spec.surveys else [f"--rootdir={spec.rootdir}"]
    # The usual folder for temporary ones keeps three runs: workers would drive out the user's.
    arguments.append(f"--basetemp={spec.scratch}/tmp-{os.getpid()}")
    if spec.ini_file and not spec.surveys:
        arguments += ["-c", spec.ini_file]
    # Of plugins that the fork server has imported; what their own assertions say is of no interest here.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    if not metadata.entry_points(group="pytest11", name="speedacc"):
        # The base's interpreter may have this plugin's dependencies only.
        arguments += ["-p", "pytest_speedacc.plugin"]
    return [*spec.arguments, *arguments]


def main(path: str, known: Set[str] = frozenset()) -> int:
    """Run one worker to its end; modules that are ``known`` belong to neither tree."""
    tell_where()
    spec = msgspec.json.decode(Path(path).read_bytes(), type=WorkerSpec)
    die_with_parent()
    write_below(spec.scratch)
    if spec.sys_path:
        sys.path[:] = spec.sys_path
    elif spec.is_base:
        sys.path[:] = base_sys_path(sys.path, spec.other_root, spec.root)
    if spec.is_base:
        remap_editable(sys.meta_path, spec.other_root, spec.root)
    channel = connect(spec.port, spec.token)
    try:
        paths, code = given_paths(spec) if spec.surveys else _paths(spec), 0
        if paths or (spec.surveys and not spec.paths):
            plugin = Surveyor(spec, channel) if spec.surveys else WorkerPlugin(spec, channel, known)
            code = pytest.main([*_arguments(spec), *paths], plugins=[plugin])
        else:
            channel.send("collected", gates=[])
        channel.send("finished")
        return int(code)
    except ChannelClosed:
        return 1


if __name__ == "__main__":
    code = main(sys.argv[1])
    exits.do()
    exits.leave(code)
