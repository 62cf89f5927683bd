"""A live run within a pytest run: after collection, before the tests, in which its verdicts then fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.against import Against, Request, run_against
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError, GateError
from pytest_speedacc.interop import progress
from pytest_speedacc.judge.live import latency_tolerances, live_alpha
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.live.arguments import arguments_of
from pytest_speedacc.marks import is_gate
from pytest_speedacc.options import Options
from pytest_speedacc.report.printable import printable_lines
from pytest_speedacc.stats.sequence import launch_bounds


class LiveSession:
    """Runs the base beside the candidate once, and answers for every check what came of it."""

    def __init__(
        self,
        config: pytest.Config,
        options: Options,
        project: Project,
        policies: Callable[[Sequence[pytest.Item]], Mapping[str, Policy]],
        is_full: Callable[[], bool],
    ) -> None:
        self.config = config
        self.options = options
        self.project = project
        self.policies_of = policies
        self.is_full = is_full
        self.against: Against | None = None
        self.alpha = 1.0
        self.collected: frozenset[str] = frozenset()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Before anything is deselected, which does not make it a lost gate."""
        self.collected = frozenset(item.nodeid for item in items if is_gate(item))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Run both sides of every gate that this run has selected."""
        policies = self.policies_of(session.items)
        option = self.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return
        # A full run without any gate may have lost those of the base.
        if not policies and not self.is_full():
            return
        say = progress(self.config, f"against {self.options.against}")
        try:
            self.against = run_against(self._request(policies), say)
        except ConfigError as error:
            raise pytest.UsageError(printable_lines(f"speedacc: {error}")) from None
        finally:
            say("")
        tolerances = {test: latency_tolerances(policy) for test, policy in policies.items()}
        self.alpha = live_alpha(self.against.run.compared, tolerances)

    def _request(self, policies: Mapping[str, Policy]) -> Request:
        config = self.config
        invocation = config.invocation_params
        return Request(
            ref=self.options.against,
            rootdir=config.rootpath,
            ini_file=config.inipath,
            folder=invocation.dir,
            arguments=arguments_of(config),
            paths=tuple(Path(invocation.dir, path) for path in config.args) if self.is_full() else (),
            base_python=self.options.base_python,
            project=self.project,
            policies=policies,
            collected=self.collected,
            profiles=self.options.profile,
        )

    def comparison(self, test: str, name: str) -> LiveComparison:
        """What came of one check. Raises GateError when the live run did not get to it."""
        assert self.against is not None, "the live run comes before every test"
        run = self.against.run
        gate = run.gates.get((test, name))
        if gate is None:
            why = run.lost.partition("\n")[0] or run.failures.get(test) or "no launch of the candidate came to it"
            raise GateError(f"the live run shows nothing of this check: {why}")
        against = self.against
        key = (test, name)
        return LiveComparison(
            gate,
            run.canary,
            self.alpha,
            against.base.sha,
            against.since[key],
            against.profiled.profiles.get(key),
            against.profiled.allocations.get(key),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A gate that the base had and the candidate lost fails the run: no test of the candidate could."""
        removed = self.against.removed if self.against else ()
        if removed and self.project.live.removed == "fail" and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def document(self) -> dict[str, Any] | None:
        """The live run for the JSON report; None where it came to nothing."""
        if self.against is None:
            return None
        against = self.against
        return {
            "base": against.base.sha,
            "mode": against.mode,
            "removed": list(against.removed),
            "loosened": list(against.loosened),
            "notes": list(against.notes),
        }

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """With what the gates were compared, how, and what may explain a difference other than the change."""
        if self.against is not None:
            terminalreporter.section("speedacc, against the base")
            for line in live_lines(self.against, self.project.live.removed == "fail"):
                terminalreporter.line(printable_lines(line))


def live_lines(against: Against, removed_fails: bool) -> list[str]:
    """The account of a live run."""
    run, base = against.run, against.base
    launches = max((len(gate.launches) for gate in run.gates.values()), default=0)
    lines = [
        f"Base: {base.description} ({base.how}).",
        f"Run with {against.mode}: {launches} launches in {run.seconds:.0f} s.",
        *([f"ERROR: {run.lost}"] if run.lost else []),
    ]
    differences = [launch.difference for launch in run.canary]
    if len(differences) > 1:
        bounds = launch_bounds(differences, alpha=0.05)
        lines.append(
            f"The base against itself ({run.canary_test}): {math.expm1(bounds.mean):+.1%} "
            f"in {len(differences)} launches, where 0 % is true."
        )
    lines += [
        f"New gate, so there is nothing to compare: {test}" for (test, _), gate in run.gates.items() if gate.is_new
    ]
    verb = "which fails this run" if removed_fails else "as a warning"
    lines += [
        f'Lost gate: {test} is in the base and not here, {verb} (removed = "warn" or "fail").'
        for test in against.removed
    ]
    lines += [f"Loosened: {sentence}." for sentence in against.loosened]
    return [*lines, *(f"Note: {note}." for note in against.notes)]
