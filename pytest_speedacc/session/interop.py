"""Living with pytest-benchmark."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_speedacc.check.case import Judged
from pytest_speedacc.report.printable import printable

Groups = list[tuple[str | None, list[dict[str, Any]]]]
"""Entries of pytest-benchmark, by the name of their group."""


def add_benchmark_fixture(config: pytest.Config, gates: Sequence[pytest.Item]) -> None:
    """Make every gate a benchmark in pytest-benchmark's eyes, so that its options treat it as one."""
    if hasattr(config, "_benchmarksession") or _codspeed_runs(config):
        for item in gates:
            names = getattr(item, "fixturenames", None)
            if names is not None and "speedacc" in names and "benchmark" not in names:
                # First, so that it is torn down last, when the gate has given it what it timed.
                names.insert(0, "benchmark")


class BenchmarkTable:
    """pytest-benchmark's table without the gates, of which it would say again, and wider, what the summary says."""

    @pytest.hookimpl(wrapper=True, optionalhook=True)
    def pytest_benchmark_group_stats(self, config: pytest.Config) -> Generator[None, Groups, Groups]:
        """The entries that it shows, by group. Those of gates stay with ``-v``, or an option of pytest-benchmark's."""
        groups = yield
        environment = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
        given = (*map(str, config.invocation_params.args), *config.getini("addopts"), *environment)
        if config.get_verbosity() > 0 or any(argument.startswith("--benchmark-") for argument in given):
            return groups
        others = [(name, [entry for entry in found if "speedacc" not in entry["extra_info"]]) for name, found in groups]
        return [(name, found) for name, found in others if found]


def feed_benchmark(request: pytest.FixtureRequest, judged: Judged) -> None:
    """Add the timed calls as an entry of pytest-benchmark's table and JSON, unless it is off or disabled."""
    fixture, latency = _benchmark_fixture(request), judged.latency
    if fixture is None or not fixture.enabled or latency is None:
        return
    verdict = judged.verdict
    # Its public ways of timing run the function themselves; these two are what they fill (see docs/interop.md).
    stats = fixture._make_stats(latency.calls_per_round)
    if verdict.name:
        stats.name, stats.fullname = (f"{text}[{printable(verdict.name)}]" for text in (stats.name, stats.fullname))
    stats.extra_info = {"speedacc": verdict.outcome.word, "batch_size": latency.batch_size}
    for seconds in latency.seconds.tolist():
        stats.update(seconds * latency.calls_per_round)


def claim_benchmark(request: pytest.FixtureRequest) -> None:
    """Keep pytest-benchmark from warning that a gate's test never used its fixture."""
    fixture = _benchmark_fixture(request)
    if fixture is not None:

        def claim() -> None:
            # At the end only: a test may also use the fixture in its own way.
            fixture._mode = fixture._mode or "speedacc.check(...)"

        request.addfinalizer(claim)


def _benchmark_fixture(request: pytest.FixtureRequest) -> Any:
    """pytest-benchmark's fixture; None where that plugin is not loaded, or pytest-codspeed has replaced it."""
    if not hasattr(request.config, "_benchmarksession") or "benchmark" not in request.fixturenames:
        return None
    fixture = request.getfixturevalue("benchmark")
    # By module, since the replacement claims to be of the same class.
    return fixture if type(fixture).__module__ == "pytest_benchmark.fixture" else None


def _codspeed_runs(config: pytest.Config) -> bool:
    """Whether pytest-codspeed deselects every test that has no benchmark fixture."""
    return getattr(config.pluginmanager.get_plugin("codspeed_plugin"), "is_codspeed_enabled", False)
