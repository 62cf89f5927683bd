"""The gates of one pytest process: their policies at collection, and their verdicts as the tests run."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

import msgspec
import pytest

from pytest_speedacc.case import Judged, Run
from pytest_speedacc.config.policy import Policy, join, matches, parse_marker, resolve, with_live_default
from pytest_speedacc.config.project import Project, Table, load_project
from pytest_speedacc.config.pyproject import refuse_nested
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.fixture import Doors, Speedacc
from pytest_speedacc.gate import wants_ratio
from pytest_speedacc.interop import add_benchmark_fixture, claim_benchmark, feed_benchmark, progress
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.live_session import LiveSession
from pytest_speedacc.marks import is_gate, marks_of
from pytest_speedacc.narrowed import read_narrowed
from pytest_speedacc.options import Options, read_options
from pytest_speedacc.report.document import environment_document
from pytest_speedacc.report.text import headline, verdict_text
from pytest_speedacc.results import Results
from pytest_speedacc.solo_session import SoloSession

_GATE = pytest.StashKey[Speedacc]()
_PAYLOAD = pytest.StashKey[dict[str, Any]]()


class SpeedaccWarning(pytest.PytestWarning):
    """A gate passed though something in it was not decided."""


class Session:
    """The state of one process, and its hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        try:
            self.options: Options = read_options(config.option)
            self.project: Project = load_project(config.rootpath, config.invocation_params.dir)
        except ConfigError as error:
            raise pytest.UsageError(f"speedacc: {error}") from None
        self.narrowed = read_narrowed(config)
        self.gates: tuple[pytest.Item, ...] = ()
        """All that were collected, before anything was deselected."""
        self.policies: dict[str, Policy | str] = {}
        self.marks: dict[str, tuple[pytest.Mark, ...]] = {}
        """What the policies were made of."""
        self.done: dict[tuple[str, str], Judged | Verdict] = {}
        self.solo = SoloSession(config, self.project.live.timeout)
        self.live: LiveSession | None = None
        if self.options.against:
            self.live = LiveSession(config, self.options, self.project, self._policies, self.narrowed)
            config.pluginmanager.register(self.live, "speedacc-live")
        if not self.is_worker:
            self.results = Results(config, self.options, self.project, self.narrowed, self._live)
            config.pluginmanager.register(self.results, "speedacc-results")

    # Collection

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Note every gate before anything is deselected, and refuse settings that fit none."""
        self.gates = tuple(item for item in items if is_gate(item))
        add_benchmark_fixture(self.config, self.gates)
        if problem := self._nested(self.gates) or self._unmatched(self.gates):
            if not self.is_worker:
                raise pytest.UsageError(f"speedacc: {problem}")
            self.config.workeroutput["speedacc_problem"] = problem  # type: ignore[attr-defined]

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """Resolve the policy of every gate, and count what is left after deselection."""
        gates = tuple(dict.fromkeys([*self.gates, *filter(is_gate, items)]))
        for item in gates:
            self.marks[item.nodeid] = marks_of(item)
            try:
                policy = resolve(self.project, item.nodeid, _marker(item), budget=self.options.budget)
                self.policies[item.nodeid] = with_live_default(policy) if self.live else policy
            except ConfigError as error:
                # An error at collection on a worker would end the parallel run as an internal error.
                if not self.is_worker:
                    raise pytest.UsageError(f"speedacc: {item.nodeid}: {error}") from None
                self.policies[item.nodeid] = str(error)
        names = [item.nodeid for item in gates]
        if self.is_worker:
            self.config.workeroutput["speedacc_gates"] = names  # type: ignore[attr-defined]
        else:
            self.results.gates.update(names)
        self._begin(items)

    def _nested(self, gates: Sequence[pytest.Item]) -> str:
        try:
            refuse_nested({item.path.parent for item in gates}, self.project.section)
        except ConfigError as error:
            return str(error)
        return ""

    def _unmatched(self, gates: Sequence[pytest.Item]) -> str:
        if not self.narrowed.collects(self.project.root):
            return ""
        for pattern, _ in self.project.tests:
            if not any(matches(pattern, self.project.named(item.nodeid)) for item in gates):
                return f'[tool.speedacc.tests."{pattern}"] matches no gate of this run: mend the pattern, or remove it.'
        return ""

    def _begin(self, items: Sequence[pytest.Item]) -> None:
        policies = self._policies(items)
        # The false alarm rate of the run is shared among the noisy checks.
        noisy = sum(policy.noisy_checks for policy in policies.values())
        self.run = Run(
            baselines=self.project.baselines,
            writes=self.options.writes,
            reason=self.options.reason,
            noisy_checks=noisy,
            root=self.project.root,
            base=self.options.against,
            profiles=self.options.profile,
            clock=self.project.profile_clock,
            named=self.project.named,
        )
        self.solo.tests = tuple(test for test, policy in policies.items() if wants_ratio(policy))

    def _policies(self, items: Sequence[pytest.Item]) -> dict[str, Policy]:
        found = {item.nodeid: self.policies.get(item.nodeid) for item in items}
        return {test: policy for test, policy in found.items() if isinstance(policy, Policy)}

    # Tests

    def open_gate(self, request: pytest.FixtureRequest) -> Speedacc:
        """The fixture's value for one test."""
        item = request.node
        policy = self.policies.get(item.nodeid)
        if not isinstance(policy, Policy):
            why = policy or "the fixture was asked for while the test ran; name it among the test's arguments."
            pytest.fail(f"speedacc: {why}", pytrace=False)
        claim_benchmark(request)
        say = progress(self.config, item.nodeid)
        doors = Doors(
            conclude=partial(self._conclude, request),
            recall=lambda name: self.done.get((item.nodeid, name)),
            say=say,
            late=partial(self._late, item),
            live=partial(self._comparison, item.nodeid),
            ratios=lambda name: self.solo.ratios(item.nodeid, name, say),
            differences=lambda name, launches: self.solo.differences(item.nodeid, name, launches, say),
        )
        item.stash[_GATE] = gate = Speedacc(item.nodeid, policy, self.run, doors, marked=tuple(_marker(item).bounds))
        return gate

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test that carries limits and judged nothing must not be green."""
        result = yield
        if is_gate(item):
            gate = item.stash.get(_GATE, None)
            if gate is None:
                pytest.fail(
                    "speedacc: the test is marked speedacc and does not use the speedacc fixture: "
                    "add it to the arguments and call speedacc.check(model, inputs, targets).",
                    pytrace=False,
                )
            if problem := self._late(item) or gate.unused():
                pytest.fail(f"speedacc: {problem}", pytrace=False)
        return result

    def _late(self, item: pytest.Item) -> str:
        """Why the limits that were settled before the first test are not those of the markers; empty when they are."""
        settled, now = self.marks.get(item.nodeid, ()), marks_of(item)
        if len(settled) == len(now) and all(a is b for a, b in zip(settled, now, strict=True)):
            return ""
        return (
            "a speedacc marker was added while the test ran, and its limits were settled before the first test: write "
            "it on the test, or add it in pytest_collection_modifyitems."
        )

    def _comparison(self, test: str, name: str) -> LiveComparison | None:
        return None if self.live is None else self.live.comparison(test, name)

    def _live(self) -> dict[str, Any] | None:
        return None if self.live is None else self.live.document()

    def _conclude(self, request: pytest.FixtureRequest, result: Judged | Verdict) -> None:
        item = request.node
        if isinstance(result, Verdict):
            verdict, environment = result, {}
        else:
            verdict, environment = result.verdict, environment_document(result.environment)
            if (item.nodeid, verdict.name) not in self.done:
                feed_benchmark(request, result)
        self.done[item.nodeid, verdict.name] = result
        _record(item, verdict, environment)
        if isinstance(result, Judged):
            item.stash[_PAYLOAD]["contents"].append(result.content)
        if self.options.fails(verdict.outcome.word, self.project):
            pytest.fail(verdict_text(verdict, environment.get("description", ""), self.project.scale), pytrace=False)
        if verdict.outcome is not Outcome.PASSED:
            item.warn(SpeedaccWarning(f"speedacc {headline(verdict)}"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Verdicts travel on the report, so that they reach the controller of a parallel run."""
        report = yield
        if is_gate(item) and (report.when == "call" or not report.passed):
            payload = item.stash.setdefault(_PAYLOAD, _empty_payload())
            if not payload["verdicts"] and report.failed and report.when != "teardown" and call.excinfo:
                # Named in the summary and the report all the same: a gate that is missing there looks like none.
                _record(item, Verdict(item.nodeid, "", (), (), (), error=_news(call.excinfo)), {})
            report.speedacc = payload  # type: ignore[attr-defined]
            item.stash[_PAYLOAD] = _empty_payload()
        return report


def _marker(item: pytest.Item) -> Table:
    """The markers of module, class and test joined, the nearest winning key by key."""
    return join(*reversed([parse_marker(mark.args, mark.kwargs) for mark in marks_of(item)]))


def _empty_payload() -> dict[str, Any]:
    return {"verdicts": [], "environment": {}, "contents": []}


def _record(item: pytest.Item, verdict: Verdict, environment: dict[str, Any]) -> None:
    """Note what a check came to, for the report of its test and for junit."""
    payload = item.stash.setdefault(_PAYLOAD, _empty_payload())
    payload["verdicts"].append(msgspec.to_builtins(verdict))
    payload["environment"] = environment or payload["environment"]
    prefix = f"speedacc.{verdict.name}." if verdict.name else "speedacc."
    item.user_properties.append((f"{prefix}verdict", verdict.outcome.word))
    for row in verdict.observations:
        if row.observed is not None:
            key = ".".join(filter(None, (row.metric, row.statistic, row.slice)))
            item.user_properties.append((prefix + key, row.observed))


def _news(failure: pytest.ExceptionInfo[BaseException]) -> str:
    """What ended a test, in one line."""
    text = str(failure.value) if isinstance(failure.value, pytest.fail.Exception) else failure.exconly()
    return text.partition("\n")[0].removeprefix("speedacc: ")
