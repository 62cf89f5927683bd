"""The gates of one pytest process: their policies at collection, and their verdicts as the tests run."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import pytest

from pytest_speedacc.check.begun import Record
from pytest_speedacc.check.case import Judged, Run
from pytest_speedacc.check.former import wants_ratio
from pytest_speedacc.check.strays import Strays
from pytest_speedacc.config.policy import Policy, matches
from pytest_speedacc.config.project import Project, load_project
from pytest_speedacc.config.pyproject import refuse_nested
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.fixture import Speedacc
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.live.tree.worktree import shared_digests
from pytest_speedacc.marks import is_gate, is_ungated, marks_of
from pytest_speedacc.measure.quiet import put_back
from pytest_speedacc.report.printable import printable_lines
from pytest_speedacc.report.text import headline
from pytest_speedacc.session.ending import News, ended_by, fail, tell, without_fixture
from pytest_speedacc.session.gate_test import GateTest, NoGate
from pytest_speedacc.session.hidden_options import hidden_options, refuse_in_ci
from pytest_speedacc.session.interop import BenchmarkTable, add_benchmark_fixture, claim_benchmark
from pytest_speedacc.session.limits import marker_of, policy_of
from pytest_speedacc.session.live_run import LiveSession
from pytest_speedacc.session.misspelt import misspelt_mark
from pytest_speedacc.session.narrowed import read_narrowed
from pytest_speedacc.session.options import Options, read_options
from pytest_speedacc.session.payload import hand_over, note_verdict, shorten
from pytest_speedacc.session.refused import RESULTS
from pytest_speedacc.session.results import Results
from pytest_speedacc.session.selection import Selection
from pytest_speedacc.session.shards import Sharding
from pytest_speedacc.session.stored_ratios import SoloSession

_GATE = pytest.StashKey[Speedacc]()


class Session:
    """The state of one process, and its hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        try:
            self.options: Options = read_options(config.option)
            self.project: Project = load_project(config.rootpath, config.invocation_params.dir)
        except ConfigError as error:
            raise pytest.UsageError(printable_lines(f"speedacc: {error}")) from None
        # A worker has the options of the process that started it.
        hidden = () if self.is_worker else hidden_options(config)
        refuse_in_ci(hidden)
        self.narrowed = read_narrowed(config)
        self.selection = self.narrowed.selection
        if self.is_worker:
            self.selection = Selection(**config.workerinput["speedacc_selection"])  # type: ignore[attr-defined]
        self.concerned: tuple[pytest.Item, ...] = ()
        """All gates that were collected, before anything was deselected, and tests that are marked to be none."""
        self.policies: dict[str, Policy | str] = {}
        self.marks: dict[str, tuple[pytest.Mark, ...]] = {}
        """What the policies were made of."""
        self.done: dict[tuple[str, str], Judged | Verdict] = {}
        """By node id and name: all that did not pass, and what the present test came to, as it may be run again."""
        self.told = 0
        """Verdicts whose failure was told in this process."""
        self.strays = Strays()
        self.sharding = Sharding(config, self.options.shard)
        self.solo = SoloSession(config, self.project.live.timeout)
        self.live: LiveSession | None = None
        if self.options.against:
            self.live = LiveSession(
                config, self.options, self.project, self._policies, self.narrowed, hidden, self.sharding
            )
            config.pluginmanager.register(self.live, "speedacc-live")
        if not self.is_worker:
            # In a live run, what the base does not have of them is told there.
            told = hidden if self.options.in_ci and self.live is None else ()
            self.results = Results(config, self.options, self.project, self.narrowed, self.live, told, self.sharding)
            config.pluginmanager.register(self.results, RESULTS)
            config.pluginmanager.register(BenchmarkTable(), "speedacc-benchmark-table")
        # Last, so that it is asked first how the run ended.
        config.pluginmanager.register(self.sharding, "speedacc-shard")

    # Collection

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Note every gate before anything is deselected, and refuse marks and settings that hold for none."""
        self.concerned = tuple(item for item in items if is_gate(item) or is_ungated(item))
        gates = [item for item in self.concerned if is_gate(item)]
        add_benchmark_fixture(self.config, gates)
        self._refuse(misspelt_mark(self.config, items) or self._nested(gates) or self._unmatched(gates))

    def selected(self, items: Sequence[pytest.Item]) -> None:
        """Resolve the policy of every gate, and count what is left after deselection."""
        self._refuse(misspelt_mark(self.config, items))
        elsewhere = self.sharding.elsewhere
        everything = dict.fromkeys([*self.concerned, *items, *elsewhere])
        for item in everything:
            self.marks[item.nodeid] = marks_of(item)
            try:
                if policy := policy_of(item, self.project, self.options.budget, is_live=self.live is not None):
                    self.policies[item.nodeid] = policy
            except ConfigError as error:
                # An error at collection on a worker would end the parallel run as an internal error.
                if not self.is_worker:
                    raise pytest.UsageError(printable_lines(f"speedacc: {item.nodeid}: {error}")) from None
                self.policies[item.nodeid] = str(error)
                if not is_gate(item):
                    # No fixture says it.
                    self._refuse(f"{item.nodeid}: {error}")
        names = [item.nodeid for item in everything if is_gate(item)]
        taken = [item.nodeid for item in self.selection.taken(self.concerned, [*items, *elsewhere]) if is_gate(item)]
        if self.is_worker:
            self.config.workeroutput |= {"speedacc_gates": names, "speedacc_taken": taken}  # type: ignore[attr-defined]
        else:
            self.results.gates.update(dict.fromkeys(names))
            self.results.taken.update(taken)
        self._begin(items)

    def _refuse(self, problem: str) -> None:
        """End the run for a problem, where there is one: a worker runs on, and its controller ends with it."""
        if problem and not self.is_worker:
            raise pytest.UsageError(printable_lines(f"speedacc: {problem}"))
        if problem:
            self.config.workeroutput["speedacc_problem"] = problem  # type: ignore[attr-defined]

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
        # The false alarm rate of the suite is shared among the noisy checks of all its shards.
        suite = policies | self._policies(self.sharding.elsewhere)
        noisy = sum(policy.noisy_checks for policy in suite.values())
        self.run = Run(
            baselines=self.project.baselines,
            writes=self.options.writes,
            reason=self.options.reason,
            noisy_checks=noisy,
            root=self.project.root,
            base=self.options.against,
            profiles=self.options.profile,
            clock=self.project.profile_clock,
            shared=shared_digests(self.project.root, self.project.live.share) if self.options.writes else {},
            named=self.project.named,
        )
        self.solo.tests = tuple(test for test, policy in policies.items() if wants_ratio(policy))

    def _policies(self, items: Sequence[pytest.Item]) -> dict[str, Policy]:
        found = {item.nodeid: self.policies.get(item.nodeid) for item in items}
        return {test: policy for test, policy in found.items() if isinstance(policy, Policy)}

    # Tests

    def open_gate(self, request: pytest.FixtureRequest) -> Speedacc | NoGate:
        """The fixture's value for one test."""
        item = request.node
        policy = self.policies.get(item.nodeid)
        if is_ungated(item):
            return NoGate(self.strays)
        if not isinstance(policy, Policy):
            why = policy or "the fixture was asked for while the test ran; name it among the test's arguments."
            pytest.fail(printable_lines(f"speedacc: {why}"), pytrace=False)
        self._forget_passed(item.nodeid)
        claim_benchmark(request)
        record, marked = Record(item.nodeid, self.strays), tuple(marker_of(item).bounds)
        item.stash[_GATE] = gate = Speedacc(
            item.nodeid, policy, self.run, GateTest(self, request), record, marked=marked
        )
        return gate

    def _forget_passed(self, test: str) -> None:
        """Give up what passed in other tests than this one, which a run would hold to its end."""
        self.done = {
            key: result
            for key, result in self.done.items()
            if key[0] == test or _verdict(result).outcome is not Outcome.PASSED
        }

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """A fixture may check as well; what it hid is for the test to tell, unless there is none now."""
        with self._settling(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test that judged nothing must not be green, nor one that hid what it was judged."""
        with self._settling(item):
            result = yield
        self._settle(item, None)
        gate, ended = item.stash.get(_GATE, None), ended_by(item, None)
        if is_gate(item) and gate is None and isinstance(ended, TypeError | None):
            fail(item, f"speedacc: {without_fixture(item)}")
        if ended is None and (problem := self.late(item) or (gate.unused() if gate is not None else "")):
            fail(item, f"speedacc: {problem}")
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Nor may a fixture hide at its end what it was judged."""
        with self._settling(item):
            result = yield
        self._settle(item, None)
        return result

    @contextmanager
    def _settling(self, item: pytest.Item) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._settle(item, error)
            raise

    def _settle(self, item: pytest.Item, raised: BaseException | None) -> None:
        """Fail a test that ended so for its checks without a verdict, for verdicts that it hid, and for strays."""
        gate = item.stash.get(_GATE, None)
        missing, failures = gate.record.close() if gate is not None else ([], [])
        news = [News(str(failure), failure, is_verdict=True) for failure in failures]
        if any(begun.raised is None for begun in missing):
            put_back()
        for begun in missing:
            verdict = Verdict(item.nodeid, begun.name, (), (), (), error=begun.problem)
            # A rerun gets it again.
            self.done.setdefault((item.nodeid, begun.name), verdict)
            note_verdict(item, verdict, {})
            news.append(News(f"speedacc {headline(verdict)}", begun.raised, is_verdict=False))
        told = [one.raised for one in news if one.raised is not None]
        for stray in self.strays.take():
            if not any(stray.raised is error for error in told):
                news.append(News(printable_lines(stray.text), stray.raised, is_verdict=False))
        if news:
            tell(item, ended_by(item, raised), news)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """A stray that came after the last test has no test to fail."""
        for stray in self.strays.take():
            if self.is_worker:
                self.config.workeroutput["speedacc_problem"] = stray.text  # type: ignore[attr-defined]
            else:
                self.results.problems.append(stray.text)

    def late(self, item: pytest.Item) -> str:
        """Why the limits that were settled before the first test are not those of the markers; empty when they are."""
        if problem := misspelt_mark(self.config, [item]):
            return problem
        settled, now = self.marks.get(item.nodeid, ()), marks_of(item)
        if len(settled) == len(now) and all(a is b for a, b in zip(settled, now, strict=True)):
            return ""
        return (
            "a speedacc marker was added while the test ran, and its limits were settled before the first test: write "
            "it on the test, or add it in pytest_collection_modifyitems."
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Verdicts travel on the report, so that they reach the controller of a parallel run."""
        report = yield
        shorten(item, call, report)
        gate = item.stash.get(_GATE, None)
        if report.when == "call" and gate is not None and not gate.record.is_closed:
            return report  # of a subtest: the test goes on
        if is_gate(item) and (report.when == "call" or not report.passed):
            hand_over(item, call, report)
        if report.when == "teardown" and _GATE in item.stash:
            # pytest holds its items to the end of the run.
            del item.stash[_GATE]
        return report


def _verdict(result: Judged | Verdict) -> Verdict:
    return result.verdict if isinstance(result, Judged) else result
