"""One launch: a fresh process a side, walked through the tests together, gate by gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pytest_speedacc.live.duel import LaunchResult, duel
from pytest_speedacc.live.handle import Side, Worker, started
from pytest_speedacc.live.process import CAN_STOP
from pytest_speedacc.live.protocol import Ready, StaticFacts

Key = tuple[str, str]
"""A check: its node id, and its ``name``."""

NEW_GATE = "new gate: the base does not have it"


@dataclass(frozen=True, slots=True)
class Orders:
    """What one launch is to do."""

    arguments: tuple[str, ...]
    """For pytest: test paths, and whatever options make sense in a worker."""
    tests: tuple[str, ...]
    """Node ids, in the order in which both sides run them."""
    wanted: Mapping[str, frozenset[str]] | None
    """Names of the checks still to be timed, by node id; None for all that come."""
    tails: frozenset[str]
    """Node ids of which a tail is compared."""
    rounds: int
    """Rounds a side."""
    seed: int
    """The same on both sides, new for every launch."""
    base_first: bool
    """Which side is started first; it alternates."""
    statics: bool
    """Whether score, counts and memory are measured too."""
    canary: str
    """The node id that a second base worker runs as well, base against base; empty for none."""
    scratch: Path
    timeout: float
    """Seconds that a worker may be silent."""


@dataclass(slots=True)
class LaunchReport:
    """All that one launch brought."""

    results: dict[Key, LaunchResult] = field(default_factory=dict)
    canary: LaunchResult | None = None
    """The base against itself; the second base stands in the candidate's place."""
    facts: dict[Key, tuple[StaticFacts | None, StaticFacts | None]] = field(default_factory=dict)
    """Candidate's and base's, where they were asked for."""
    problems: dict[Key, str] = field(default_factory=dict)
    """Checks that one side alone reached, and why."""
    base_gates: tuple[str, ...] = ()
    """Every gate that the base collected."""


def run_launch(candidate: Side, base: Side, orders: Orders, say: Callable[[str], None]) -> LaunchReport:
    """Start the workers, time every wanted check on both, and end the workers. Raises WorkerLost."""
    report = LaunchReport()
    start = partial(
        started,
        arguments=orders.arguments,
        seed=orders.seed,
        statics=orders.statics,
        scratch=orders.scratch,
        timeout=orders.timeout,
    )
    with ExitStack() as stack:
        in_order = [base, candidate] if orders.base_first else [candidate, base]
        pair = {worker.side.label: worker for worker in stack.enter_context(start(in_order, tests=orders.tests))}
        twin = stack.enter_context(start([base], tests=[orders.canary]))[0] if orders.canary else None
        collected = {label: worker.receive_gates() for label, worker in pair.items()}
        if twin is not None:
            twin.receive_gates()
        report.base_gates = collected["base"]
        for test in orders.tests:
            say(test)
            ours, theirs = (pair[label] if test in collected[label] else None for label in ("candidate", "base"))
            _walk(test, ours, theirs, twin if test == orders.canary else None, orders, report)
    return report


def _walk(
    test: str, candidate: Worker | None, base: Worker | None, twin: Worker | None, orders: Orders, report: LaunchReport
) -> None:
    """Go through the checks of one test on both sides, until it has ended on both."""
    wanted = None if orders.wanted is None else set(orders.wanted[test])
    ours, theirs = (worker.next_check(test) if worker else None for worker in (candidate, base))
    while ours or theirs:
        if candidate and base and ours and theirs and ours.name == theirs.name:
            key = (test, ours.name)
            if orders.statics:
                report.facts[key] = (ours.facts, theirs.facts)
            if ours.batch_size != theirs.batch_size:
                report.problems[key] = (
                    f"the candidate is called with batch_size={ours.batch_size} and the base with {theirs.batch_size}: "
                    "the times of different batches cannot be compared"
                )
            elif wanted is None or ours.name in wanted:
                report.results[key] = _time(test, candidate, base, (ours, theirs), orders)
            if twin is not None:
                report.canary = _time_twin(test, twin, base, theirs, orders)
                twin = None
            more = wanted is None or bool(wanted := wanted - {ours.name})
            for worker in (candidate, base):
                worker.send("return" if more else "leave")
            ours, theirs = candidate.next_check(test), base.next_check(test)
        elif candidate and ours and not theirs:
            report.facts[test, ours.name] = (ours.facts, None)
            report.problems[test, ours.name] = _why_absent(test, base)
            candidate.send("return")
            ours = candidate.next_check(test)
        elif base and theirs:
            # The candidate has ended the test, or makes its checks in another order: those of the base go by.
            base.send("return")
            theirs = base.next_check(test)


def _time(test: str, candidate: Worker, base: Worker, ready: tuple[Ready, Ready], orders: Orders) -> LaunchResult:
    return duel(
        candidate,
        base,
        ready,
        rounds=orders.rounds,
        tail=test in orders.tails,
        stopping=not base.side.one_thread and CAN_STOP,
    )


def _time_twin(test: str, twin: Worker, base: Worker, theirs: Ready, orders: Orders) -> LaunchResult | None:
    ready = twin.next_check(test)
    if ready is None:
        return None
    result = _time(test, twin, base, (ready, theirs), orders)
    twin.send("leave")
    return result


def _why_absent(test: str, base: Worker | None) -> str:
    if base is None:
        return NEW_GATE
    if failure := base.failures.get(test):
        return f"the base's own gate fails: {failure.splitlines()[-1]}"
    return "the base's test ends without this check"
