"""Launch after launch until every gate is decided or the budget ends: what a live run does, gate by gate."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Facts
from pytest_speedacc.live.forking import CommonStart, OwnProcesses
from pytest_speedacc.live.launch import LaunchFindings, Orders, run_launch
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import CannotFork
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.launches import Key, LiveGate, LiveRun, PairTimes
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.stats.sequence import launch_bounds, usual_spreads

FEWEST_ROUNDS, MOST_ROUNDS = 20, 100
TURN = 0.1
"""Seconds between launches, twice as long as a run that waits for its turn takes to notice that it has come."""
SLOW_SETUP = 10.0
"""Seconds of fixtures a launch, above which a gate must ask for it."""
PROGRESS_LEVEL = 0.05
"""Of the interval that is shown while a run goes on; the verdict has its own."""
SEEN_LAUNCHES = 4
"""Launches before the number of rounds follows the measured spreads."""


Undecided = Callable[[Mapping[Key, Sequence[PairTimes]], Sequence[Key], Mapping[Key, float]], frozenset[Key]]
"""Which checks another launch could decide, of what was measured, the checks that share the error rate, and the usual
spread between launches by check."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a live run stops asking."""

    launches: int
    """At most, for a gate."""
    seconds: float
    """At most, for the run; waiting for the turns of other runs does not count."""


@dataclass(slots=True)
class _State:
    results: dict[Key, list[PairTimes]] = field(default_factory=dict)
    facts: dict[Key, tuple[Facts | None, Facts | None]] = field(default_factory=dict)
    problems: dict[Key, str] = field(default_factory=dict)
    canary: list[PairTimes] = field(default_factory=list)
    canary_tests: list[str] = field(default_factory=list)
    base_gates: tuple[str, ...] = ()
    base_judged: frozenset[str] = frozenset()
    base_unread: Mapping[str, str] = field(default_factory=dict)
    base_markers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    base_expected: frozenset[str] = frozenset()
    lost_checks: tuple[Key, ...] = ()
    compared: tuple[Key, ...] = ()
    usual: dict[Key, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    own_processes: OwnProcesses = field(default_factory=OwnProcesses)
    lost: str = ""

    def take(self, report: LaunchFindings) -> None:
        for key, result in report.results.items():
            self.results.setdefault(key, []).append(result)
        self.facts.update(report.facts)
        self.problems.update(report.problems)
        self.failures.update(report.failures)
        for key, (ours, theirs) in report.facts.items():
            if ours and theirs:
                # Where the two make their checks in different orders, the first launch times only some of them.
                self.results.setdefault(key, [])
        for key in report.problems:
            self.results.pop(key, None)
        self.base_gates = self.base_gates or report.base_gates
        self.base_judged |= report.base_judged
        self.base_unread = self.base_unread or report.base_unread
        self.base_markers = self.base_markers or report.base_markers
        self.base_expected |= report.base_expected
        self.lost_checks = self.lost_checks or tuple(report.lost_checks)
        if report.canary:
            self.canary.append(report.canary)

    def learn_usual(self, wanted: Mapping[str, Set[str]] | None) -> None:
        """Learn how much the launches of the others differ, for the checks that are still open: all while not known.

        What a check was decided by stays, whatever becomes of the others.
        """
        found = usual_spreads({key: [launch.difference for launch in each] for key, each in self.results.items()})
        self.usual |= {key: sd for key, sd in found.items() if wanted is None or key[1] in wanted.get(key[0], ())}

    def choose_canary(self, wanted: frozenset[str]) -> None:
        """Of the gates that are run anyway the one that costs least to run a second time, for as long as it is."""
        if self.canary_tests and self.canary_tests[-1] in wanted:
            return
        costs = {
            test: results[0].setup_seconds + results[0].base_seconds
            for (test, _), results in self.results.items()
            if results and test in wanted
        }
        if costs:
            self.canary_tests.append(min(costs, key=lambda test: costs[test]))

    def in_order(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """The tests of a launch, the canary's first where each has a process of its own.

        The second process of the base runs it before all others. So must the first one: where memory lies depends on
        what a process has done before, and for that alone it would be faster or slower, in each launch of a run alike.
        """
        first = self.canary_tests[-1:] if self.own_processes.wanted else []
        return tuple(dict.fromkeys([*first, *wanted]))

    def drop_slow_setups(self) -> None:
        for key, results in list(self.results.items()):
            if results and (seconds := results[-1].setup_seconds) > SLOW_SETUP:
                del self.results[key]
                self.problems[key] = (
                    f"its setup takes {seconds:.0f} s, and every launch pays that again: train in "
                    "speedacc.fit(train), which a live run does once a side, or set allow_slow_setup = true in "
                    "[tool.speedacc.live]"
                )


def run_until_decided(
    candidate: Side,
    base: Side,
    tests: tuple[str, ...],
    arguments: tuple[str, ...],
    *,
    tails: frozenset[str],
    undecided: Undecided,
    budget: Budget,
    scratch: Path,
    timeout: float,
    allow_slow_setup: bool,
    say: Callable[[str], None],
    counted: tuple[str, ...] = (),
) -> LiveRun:
    """Measure ``tests`` on both sides until nothing is ``undecided`` or the budget ends.

    Of the tests ``counted``, the bytecodes are counted on both sides.

    A lost worker ends the run: what was decided before stands, and everything else carries the reason.
    """
    began = time.monotonic()
    waited = 0.0
    state = _State()
    wanted: dict[str, frozenset[str]] | None = None
    common = CommonStart.of(candidate, base)
    for launch in range(budget.launches):
        seed = random.SystemRandom().randrange(2**32)
        orders = Orders(
            start=Start(arguments, seed, launch == 0, scratch, timeout, counted=counted),
            tests=tests if wanted is None else state.in_order(wanted),
            wanted=wanted,
            tails=tails,
            rounds=_rounds(state.results),
            base_first=launch % 2 == 1,
            canary=state.canary_tests[-1] if state.canary_tests else "",
            own_processes=state.own_processes,
        )
        try:
            # A launch at a time, so that runs side by side on one machine take turns.
            asked = time.monotonic()
            with timing_lock(say):
                waited += time.monotonic() - asked
                left = budget.seconds - (time.monotonic() - began - waited)
                open_checks = (
                    f"{sum(map(len, wanted.values()))} of {len(state.compared)} checks open, " if wanted else ""
                )
                where = f"launch {launch + 1} of at most {budget.launches}, {open_checks}{left:.0f} s left"
                findings = _launch(candidate, base, orders, common, partial(_tell, say, where, state.results))
            state.take(findings)
            state.own_processes.learn()
            if launch == 0:
                common.learn(findings.imported, findings.environments, findings.started_with)
            common.learn_asked(findings.asked)
            # Counted once: an error rate that is shared anew after every launch would change what was decided.
            state.compared = state.compared or tuple(state.results)
        except (WorkerLost, GateError) as error:
            state.lost = f"launch {launch + 1} came to nothing: {error}"
            break
        if not allow_slow_setup:
            state.drop_slow_setups()
        state.learn_usual(wanted)
        wanted = _by_test(tests, undecided(state.results, state.compared, state.usual))
        if wanted:
            state.choose_canary(frozenset(wanted))
        if not wanted or time.monotonic() - began - waited > budget.seconds:
            break
        time.sleep(TURN)
    open_keys = undecided(state.results, state.compared, state.usual) if state.lost else frozenset()
    return LiveRun(
        gates={key: _gate(key, state, key in open_keys) for key in {**state.facts, **state.results, **state.problems}},
        compared=state.compared,
        lost=state.lost,
        canary=tuple(state.canary),
        canary_test=", ".join(dict.fromkeys(state.canary_tests)),
        base_gates=state.base_gates,
        base_judged=state.base_judged,
        base_unread=state.base_unread,
        base_markers=state.base_markers,
        base_expected=state.base_expected,
        lost_checks=state.lost_checks,
        apart=(*common.sentences, *state.own_processes.sentences),
        failures=state.failures,
        seconds=time.monotonic() - began - waited,
    )


def _launch(
    candidate: Side, base: Side, orders: Orders, common: CommonStart, say: Callable[[str], None]
) -> LaunchFindings:
    """One launch, its workers forked from one process where that works. Raises WorkerLost."""
    while True:
        try:
            start = replace(orders.start, shared=common.shared_by(orders.tests))
            return run_launch(candidate, base, replace(orders, start=start), say)
        except CannotFork as error:
            common.give_up(str(error))


def _gate(key: Key, state: _State, is_open: bool) -> LiveGate:
    own = state.problems.get(key, "")
    lost = state.lost.partition("\n")[0] if is_open and not own else ""
    launches = () if own or lost else tuple(state.results.get(key, ()))
    problem = own or lost or ("" if launches else "the budget ended before both came to it in one launch")
    ours, theirs = state.facts.get(key, (None, None))
    # Read now: the scratch folder ends with the live run, and the tests that want them come after it.
    predictions = np.load(theirs.predictions, allow_pickle=False) if theirs else None
    is_lost = bool(lost or (own and key[0] in state.failures))
    return LiveGate(launches, ours, theirs, predictions, problem, is_lost, state.usual.get(key))


def _by_test(tests: tuple[str, ...], keys: frozenset[Key]) -> dict[str, frozenset[str]]:
    """The names of the checks by node id, in the order of the run, so that fixtures are shared as usual."""
    names = {test: frozenset(name for other, name in keys if other == test) for test in tests}
    return {test: found for test, found in names.items() if found}


def _tell(say: Callable[[str], None], where: str, results: Mapping[Key, Sequence[PairTimes]], test: str) -> None:
    """The news first: a terminal may be too narrow for all of it."""
    found = [launches for key, launches in results.items() if key[0] == test and launches]
    news = [_so_far([launch.difference for launch in launches]) for launches in found]
    say(f"{where}: {', '.join([*news, test])}")


def _so_far(differences: Sequence[float]) -> str:
    bounds = launch_bounds(differences, PROGRESS_LEVEL, PROGRESS_LEVEL)
    estimate, low, high = (math.expm1(value) for value in (bounds.mean, bounds.lower, bounds.upper))
    return f"{estimate:+.1%} ({low:+.1%} to {high:+.1%})" if math.isfinite(high) else f"{estimate:+.1%}"


def _rounds(results: Mapping[Key, Sequence[PairTimes]]) -> dict[Key, int]:
    """Rounds a side for the next launch, from the spread within launches over the spread between them.

    The median of n quads has a variance of about 1.57/n of a quad's; a quarter of the variance between launches is
    little enough that more rounds would not narrow the verdict. Checks with few launches are left out.
    """
    rounds = {}
    for key, launches in results.items():
        if len(launches) >= SEEN_LAUNCHES:
            between = max(statistics.stdev(launch.difference for launch in launches), 0.003)
            within = statistics.median(launch.within for launch in launches)
            needed = round(min(max(2 * 4 * 1.57 * (within / between) ** 2, FEWEST_ROUNDS), MOST_ROUNDS))
            rounds[key] = needed + needed % 2
    return rounds
