"""One launch: a fresh process a side, walked through the tests together, gate by gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pytest_speedacc.facts import Facts
from pytest_speedacc.live.forking import OwnProcesses
from pytest_speedacc.live.pair import time_pair
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import CannotFork, started
from pytest_speedacc.live.workers.worker_process import WorkerLost, WorkerProcess
from pytest_speedacc.measure.launches import NEW_GATE, Key, PairTimes

USUAL_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Orders:
    """What one launch is to do."""

    start: Start
    tests: tuple[str, ...]
    """Node ids, in the order in which both sides run them."""
    wanted: Mapping[str, frozenset[str]] | None
    """Names of the checks still to be timed, by node id; None, in the first launch, for all that come."""
    tails: frozenset[str]
    """Node ids of which a tail is compared."""
    rounds: Mapping[Key, int]
    """Rounds a side, by check; USUAL_ROUNDS for those that are not there."""
    base_first: bool
    """Which side is started first; it alternates."""
    canary: str
    """The node id that a second base worker runs as well, base against base; empty for none."""
    own_processes: OwnProcesses = field(default_factory=OwnProcesses)
    """Whether each gate gets a process of its own."""


@dataclass(slots=True)
class LaunchFindings:
    """All that one launch brought."""

    results: dict[Key, PairTimes] = field(default_factory=dict)
    canary: PairTimes | None = None
    """The base against itself; the second base stands in the candidate's place."""
    facts: dict[Key, tuple[Facts | None, Facts | None]] = field(default_factory=dict)
    """Candidate's and base's, for every check that the candidate reached in the first launch."""
    problems: dict[Key, str] = field(default_factory=dict)
    """Checks that cannot be timed, and why."""
    failures: dict[str, str] = field(default_factory=dict)
    """What the candidate's own tests failed with in the worker, by node id."""
    base_gates: tuple[str, ...] = ()
    """Every gate that this run's command line selects in the base, under its own settings; in the first launch."""
    base_unread: Mapping[str, str] = field(default_factory=dict)
    """Files that the base could not collect, and why; in the first launch."""
    base_judged: set[str] = field(default_factory=set)
    """Node ids of the tests that the base did not skip; in the first launch."""
    base_markers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Keywords of the base's markers by node id, the nearest first; in the first launch."""
    base_expected: frozenset[str] = frozenset()
    """Node ids of the base's gates that are marked as expected to fail; in the first launch."""
    imported: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    """What either side imports from outside both trees, and its files; in the first launch."""
    environments: tuple[Mapping[str, str | None], Mapping[str, str | None]] = ({}, {})
    """What either side's tests change in their environment; in the first launch."""
    started_with: frozenset[str] = frozenset()
    """Modules that a side had imported before the user's own files; in the first launch."""
    asked: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Packages that were asked for on either side, by file and by test, and by "" what all of them need."""
    lost_checks: list[Key] = field(default_factory=list)
    """Checks that the base makes and the candidate, in the same test, does not."""


def run_launch(candidate: Side, base: Side, orders: Orders, say: Callable[[str], None]) -> LaunchFindings:
    """Start the workers, time every wanted check on both, and end the workers. Raises WorkerLost, and CannotFork."""
    report = LaunchFindings()
    with ExitStack() as stack:
        sides = [base, candidate] if orders.base_first else [candidate, base]
        wanted: list[tuple[Side, Sequence[str] | None]] = [(side, orders.tests) for side in sides]
        if orders.canary:
            # All that the base collects where it comes first: what a process has done before decides where memory lies.
            is_first = orders.tests[0] == orders.canary
            wanted.append((base, orders.tests if is_first else (orders.canary,)))
        surveys = orders.start.statics and base.survey is not None
        if surveys:
            wanted.append((base, None))
        workers = stack.enter_context(started(wanted, orders.start))
        _collect(workers, orders)
        if surveys:
            # It has said all that it was started for, and must disturb nothing.
            survey = workers[-1]
            report.base_gates, report.base_unread = survey.gates, survey.failures
            survey.finish()
            survey.end()
        ours, theirs = (workers[1], workers[0]) if orders.base_first else (workers[0], workers[1])
        twin = workers[2] if orders.canary else None
        for worker in workers[: 3 if twin else 2]:
            orders.own_processes.rule_out(worker.why_no_fork)
        # Before anything is timed, so that its setup disturbs nothing.
        if twin:
            twin.begin(orders.canary, forks=orders.own_processes.wanted)
        twin_ready = twin.next_check(orders.canary) if twin else None
        report.base_markers, report.base_expected = theirs.markers, theirs.expected
        report.environments = ours.environment, theirs.environment
        report.started_with = ours.started_with | theirs.started_with
        for worker in (ours, theirs):
            for who, names in worker.asked.items():
                report.asked[who].update(names)
        for test in orders.tests:
            say(test)
            against_itself = (twin, twin_ready) if twin and twin_ready and test == orders.canary else None
            _Walk(test, ours, theirs, orders, report).go(against_itself)
    return report


def _collect(workers: Sequence[WorkerProcess], orders: Orders) -> None:
    """Wait for the gates of all. Raises WorkerLost, and CannotFork where what was imported before is in the way."""
    shared = orders.start.shared
    early = shared is not None and bool(shared.modules)
    for worker in workers:
        try:
            worker.receive_gates()
        except WorkerLost as error:
            if not early:
                raise
            why, *words = str(error).splitlines()
            # As pytest marks what a conftest raises; what follows explains it.
            raised = [word.removeprefix("E").strip() for word in words if word.startswith("E ")]
            raise CannotFork(" ".join([why.removesuffix("."), "with", raised[0]] if raised else [why])) from None
    # The first launch, which shares no imports, came to all that are wanted in a later one.
    for worker in workers[:2] if early else ():
        for test in orders.tests:
            if test not in worker.gates:
                why = worker.failure(test)
                raise CannotFork(f"the {worker.side.label} does not collect {test} then{': ' if why else ''}{why}")


@dataclass(slots=True)
class _Walk:
    """The way through the checks of one test on both sides, until it has ended on both."""

    test: str
    candidate: WorkerProcess
    base: WorkerProcess
    orders: Orders
    report: LaunchFindings
    passed: dict[str, Ready] = field(default_factory=dict)
    """Checks of the base that went by without their counterpart."""
    forks: bool = False
    """Whether it has a process of its own on either side."""

    def go(self, twin: tuple[WorkerProcess, Ready] | None) -> None:
        wanted = None if self.orders.wanted is None else set(self.orders.wanted[self.test])
        self.forks = self.orders.own_processes.wanted
        for worker in (self.candidate, self.base):
            worker.begin(self.test, forks=self.forks)
        ours, theirs = self.candidate.next_check(self.test), self.base.next_check(self.test)
        if wanted is None and (theirs or (self.test in self.base.gates and not self.base.failure(self.test))):
            self.report.base_judged.add(self.test)
        while ours or theirs:
            if ours and theirs and ours.name == theirs.name:
                self._both(ours, theirs, wanted)
                if twin is not None and twin[1].name == theirs.name:
                    self.report.canary = self._time(twin[0], (twin[1], theirs))
                    twin[0].send("leave")
                    twin = None
                if wanted is not None:
                    wanted.discard(ours.name)
                answer = "leave" if wanted == set() else "return"
                for worker in (self.candidate, self.base):
                    worker.send(answer)
                ours, theirs = self.candidate.next_check(self.test), self.base.next_check(self.test)
            elif theirs and (ours is None or wanted is None or ours.name in wanted):
                self.passed[theirs.name] = theirs
                self.base.send("return")
                theirs = self.base.next_check(self.test)
            elif ours:
                self._candidate_alone(ours, wanted)
                self.candidate.send("return")
                ours = self.candidate.next_check(self.test)
        self._settle(wanted)

    def _both(self, ours: Ready, theirs: Ready, wanted: set[str] | None) -> None:
        key = (self.test, ours.name)
        # A test that has not run in a process of its own has not asked for what the fixtures it shares import.
        if self.orders.own_processes.wanted:
            self.report.asked[self.test].update(ours.asked, theirs.asked)
        if wanted is None:
            self.report.facts[key] = (ours.facts, theirs.facts)
            for known, new in zip(self.report.imported, (ours.modules, theirs.modules), strict=True):
                known.update(new)
        if ours.batch_size != theirs.batch_size:
            self.report.problems[key] = (
                f"the candidate is called with batch_size={ours.batch_size} and the base with {theirs.batch_size}: "
                "the times of different batches cannot be compared"
            )
        elif ours.concurrency != theirs.concurrency:
            self.report.problems[key] = (
                f"the candidate is called with concurrency={ours.concurrency} and the base with {theirs.concurrency}: "
                "times under different loads cannot be compared"
            )
        elif wanted is None or ours.name in wanted:
            self.orders.own_processes.count(key, max(ours.setup_seconds, theirs.setup_seconds))
            result = self._time(self.candidate, (ours, theirs))
            mine, base = self.candidate.answers_problem(), self.base.answers_problem()
            if mine:
                self.report.failures[self.test] = mine
            if mine or base:
                self.report.problems[key] = mine or f"in the base {base}"
            else:
                self.report.results[key] = result

    def _candidate_alone(self, ours: Ready, wanted: set[str] | None) -> None:
        key = (self.test, ours.name)
        if wanted is None:
            theirs = self.passed.pop(ours.name, None)
            self.report.facts[key] = (ours.facts, theirs.facts if theirs else None)
            if theirs is None:
                failure = self.base.failure(self.test)
                self.report.problems[key] = f"the base's own gate comes to nothing: {failure}" if failure else NEW_GATE
        elif ours.name in wanted and ours.name in self.passed:
            wanted.discard(ours.name)
            self.report.problems[key] = "base and candidate make their checks in different orders"

    def _settle(self, wanted: set[str] | None) -> None:
        """Name what was not come to."""
        failure = self.candidate.failure(self.test)
        if self.forks and self.orders.own_processes.ends(self.test, self._why_not(wanted)):
            return
        if failure:
            self.report.failures[self.test] = failure
        elif wanted is None and self.test in self.candidate.gates:
            self.report.lost_checks += [(self.test, name) for name in self.passed]
        # An earlier gate that is decided by now is not run again.
        lacks = " (each launch runs only the gates that are still open, so it must need no other)"
        hint = lacks if self.orders.own_processes.needy == self.test else ""
        for name in wanted or ():
            self.report.problems[self.test, name] = f"not every launch came to it{hint}: {self._why_not(wanted)}"

    def _why_not(self, wanted: set[str] | None) -> str:
        """Why not all that is wanted was come to; empty where it was."""
        failure = self.candidate.failure(self.test)
        return failure or (self.base.failure(self.test) or "its test ended before" if wanted else "")

    def _time(self, candidate: WorkerProcess, ready: tuple[Ready, Ready]) -> PairTimes:
        return time_pair(
            candidate,
            self.base,
            ready,
            rounds=self.orders.rounds.get((self.test, ready[1].name), USUAL_ROUNDS),
            tail=self.test in self.orders.tails,
            stopping=not self.base.side.one_thread,
        )
