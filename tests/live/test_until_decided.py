"""Launch after launch, with launches whose outcome is given."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock, Timeout
from values import facts

from pytest_speedacc.errors import GateError
from pytest_speedacc.live import until_decided
from pytest_speedacc.live.forking import CommonStart
from pytest_speedacc.live.launch import LaunchFindings, Orders
from pytest_speedacc.live.until_decided import Budget, Undecided, run_until_decided
from pytest_speedacc.live.workers.side import Shared, Side
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.launches import Key, LiveRun, PairTimes
from pytest_speedacc.measure.lock import lock_path

A, B = ("test_a", ""), ("test_b", "")


def result(difference: float = 0.0, *, within: float = 0.003, setup: float = 0.1) -> PairTimes:
    """A launch that showed this."""
    return PairTimes(difference, within, None, 0, 1e-3, 1e-3, setup)


def after(**launches: int) -> Undecided:
    """A rule that decides each test after so many launches."""
    return lambda results, compared, usual: frozenset(key for key in results if len(results[key]) < launches[key[0]])


def until(launches: int) -> Undecided:
    """A rule that decides every test after so many launches."""
    return after(test_a=launches, test_b=launches)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A live run whose launches are played by a function of their orders."""
    monkeypatch.setattr(until_decided, "TURN", 0)

    def run(launch: Callable[[Orders], LaunchFindings], **options: Any) -> tuple[LiveRun, list[Orders]]:
        orders: list[Orders] = []

        def run_launch(candidate: Side, base: Side, given: Orders, say: Callable[[str], None]) -> LaunchFindings:
            orders.append(given)
            for test in dict.fromkeys(test for test, _ in wanted(given)):
                say(test)
            return launch(given)

        monkeypatch.setattr(until_decided, "run_launch", run_launch)
        side = Side("base", Path(), Path(), Path(), "python", (), True, Path())
        keywords = {
            "tails": frozenset(),
            "undecided": until(3),
            "budget": Budget(24, 900.0),
            "scratch": Path(),
            "timeout": 1.0,
            "allow_slow_setup": False,
            "say": lambda text: None,
        }
        return run_until_decided(side, side, ("test_a", "test_b"), (), **{**keywords, **options}), orders

    return run


def wanted(orders: Orders) -> list[Key]:
    """The checks that a launch is to time."""
    return [A, B] if orders.wanted is None else [(test, name) for test in orders.wanted for name in orders.wanted[test]]


def both(orders: Orders, **options: Any) -> LaunchFindings:
    """A launch that times what is wanted."""
    return LaunchFindings(results={key: result(**options) for key in wanted(orders)})


def test_decided_gates_drop_out_and_the_last_ends_the_run(play: Any) -> None:
    run, orders = play(both, undecided=after(test_a=2, test_b=4))
    assert [wanted(order) for order in orders] == [[A, B], [A, B], [B], [B]]
    assert [len(run.gates[key].launches) for key in (A, B)] == [2, 4]
    assert [order.base_first for order in orders] == [False, True, False, True]
    assert [order.start.statics for order in orders] == [True, False, False, False]
    assert len({order.start.seed for order in orders}) == 4


def test_what_a_gate_was_decided_by_stays_whatever_becomes_of_the_others(play: Any) -> None:
    """Nine others, of which one is measured on and then comes to nothing."""
    others = {A: [("test_a", str(name)) for name in range(7)], B: [B]}
    shown: dict[Key, list[float]] = {}

    def launch(orders: Orders) -> LaunchFindings:
        count = len(shown.get(B, ())) + 1
        keys = [*(others[A] if count <= 3 else ()), B]
        for key in keys:
            shown.setdefault(key, []).append(0.01 * count if key[1] == "6" or key == B else 0.001 * count)
        if count == 5:
            return LaunchFindings(problems={B: "it came to nothing"})
        return LaunchFindings(results={key: result(shown[key][-1]) for key in keys})

    given: list[Mapping[Key, float]] = []

    def rule(
        results: Mapping[Key, Sequence[PairTimes]], compared: Sequence[Key], usual: Mapping[Key, float]
    ) -> frozenset[Key]:
        given.append(dict(usual))
        return frozenset(key for key in results if len(results[key]) < (9 if key == B else 3))

    run, _ = play(launch, undecided=rule)
    first = others[A][0]
    of_others = [shown[key][:3] for key in (*others[A][1:], B)]
    expected = math.sqrt(statistics.fmean(map(statistics.variance, of_others)))
    assert given[0] == {}
    assert [known[first] for known in given[2:]] == [pytest.approx(expected)] * 3
    assert run.gates[first].usual == pytest.approx(expected)
    # With four launches of its own, the three of all others are known of.
    assert given[3][B] == pytest.approx(math.sqrt((6 * 1e-6 + 1e-4) / 7))


def test_later_launches_import_what_the_open_gates_ask_for(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first shows what both sides import, the second which gate asks for what."""
    monkeypatch.setattr(until_decided.CommonStart, "of", lambda candidate, base: CommonStart(Shared()))
    modules = {"numpy": "/lib/numpy.py", "torch": "/lib/torch.py"}

    def launch(orders: Orders) -> LaunchFindings:
        findings = both(orders)
        if orders.start.statics:
            findings.imported = modules, modules
        else:
            findings.asked |= {"test_a": {"torch"}, "test_b": {"numpy"}}
        return findings

    _, orders = play(launch, undecided=after(test_a=5, test_b=3))
    wanted = [order.start.shared.wanted for order in orders if order.start.shared]
    assert wanted == [(), ("numpy", "torch"), ("numpy", "torch"), ("torch",), ("torch",)]


def test_the_markers_of_the_base_are_kept_from_the_first_launch(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        report = both(orders)
        report.base_markers = {"test_a": [{"min_accuracy": 0.9}]} if orders.wanted is None else {}
        report.base_expected = frozenset({"test_a"} if orders.wanted is None else ())
        return report

    run, _ = play(launch)
    assert run.base_markers == {"test_a": [{"min_accuracy": 0.9}]}
    assert run.base_expected == {"test_a"}


def test_a_check_that_no_launch_timed_says_so(play: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "predictions.npy", np.zeros(1))
    known = facts(predictions=str(tmp_path / "predictions.npy"))
    run, _ = play(lambda orders: LaunchFindings(facts={A: (known, known)}), budget=Budget(1, 900.0))
    assert run.gates[A].problem == "the budget ended before both came to it in one launch"
    assert not run.gates[A].is_lost


@pytest.mark.parametrize("candidate_fails", [False, True])
def test_a_problem_is_a_loss_only_where_the_candidate_failed(play: Any, candidate_fails: bool) -> None:
    failures = {"test_a": "ValueError: oh"} if candidate_fails else {}
    run, _ = play(lambda orders: LaunchFindings(problems={A: "not every launch came to it"}, failures=failures))
    assert run.gates[A].is_lost is candidate_fails


def test_the_budget_of_launches_ends_the_run(play: Any) -> None:
    run, orders = play(both, undecided=until(100), budget=Budget(5, 900.0))
    assert len(orders) == 5
    assert run.lost == ""


def test_the_budget_of_seconds_ends_the_run_after_the_launch_under_way(play: Any) -> None:
    _, orders = play(both, undecided=until(100), budget=Budget(24, 1e-9))
    assert len(orders) == 1


def test_what_was_decided_before_a_worker_was_lost_stands(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        if A not in wanted(orders):
            raise WorkerLost("the base worker ended with signal SIGKILL in test_b.")
        return both(orders)

    run, _ = play(launch, undecided=after(test_a=2, test_b=9))
    assert len(run.gates[A].launches) == 2
    assert run.gates[A].problem == ""
    assert run.gates[B].launches == ()
    assert run.gates[B].problem == run.lost
    assert (run.gates[A].is_lost, run.gates[B].is_lost) == (False, True)
    assert run.lost.startswith("launch 3 came to nothing: the base worker ended with signal SIGKILL")


def test_a_slow_setup_is_refused_unless_it_is_allowed(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        return LaunchFindings(results={key: result(setup=11.0 if key == A else 0.1) for key in wanted(orders)})

    run, orders = play(launch)
    assert run.gates[A].launches == ()
    assert "its setup takes 11 s" in run.gates[A].problem
    assert "speedacc.fit(train)" in run.gates[A].problem
    assert "allow_slow_setup = true" in run.gates[A].problem
    assert A not in wanted(orders[1])
    run, _ = play(launch, allow_slow_setup=True)
    assert len(run.gates[A].launches) == 3


def test_a_problem_ends_a_gate_and_takes_back_what_it_showed(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        if orders.wanted is None:
            return both(orders)
        return LaunchFindings(results={B: result()}, problems={A: "not every launch came to it"})

    run, orders = play(launch)
    assert run.gates[A].launches == ()
    assert run.gates[A].problem == "not every launch came to it"
    assert [wanted(order) for order in orders[2:]] == [[B]]


def test_the_cheapest_gate_is_the_canary_while_it_runs(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        report = LaunchFindings(results={key: result(setup=1.0 if key == A else 0.1) for key in wanted(orders)})
        report.canary = result(0.01) if orders.canary else None
        return report

    run, orders = play(launch)
    assert [order.canary for order in orders] == ["", "test_b", "test_b"]
    assert run.canary_test == "test_b"
    assert len(run.canary) == 2


@pytest.mark.parametrize(("within", "rounds"), [(0.0001, 20), (0.006, 50), (1.0, 100)])
def test_rounds_follow_the_spread_within_launches_once_it_is_known(play: Any, within: float, rounds: int) -> None:
    _, orders = play(lambda orders: both(orders, within=within), undecided=until(6))
    assert [order.rounds for order in orders] == [{}] * 4 + [{A: rounds, B: rounds}] * 2


def test_every_check_has_the_rounds_that_it_needs_itself(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        return LaunchFindings(results={key: result(within=1.0 if key == A else 0.0001) for key in wanted(orders)})

    _, orders = play(launch, undecided=until(5))
    assert orders[-1].rounds == {A: 100, B: 20}


def test_a_launch_has_the_machine_for_itself_and_the_next_one_waits_its_turn(play: Any) -> None:
    def is_free() -> bool:
        try:
            with FileLock(lock_path(), timeout=0):
                return True
        except Timeout:
            return False

    free = []

    def launch(orders: Orders) -> LaunchFindings:
        free.append(is_free())
        return both(orders)

    def rule(
        results: Mapping[Key, Sequence[PairTimes]], compared: Sequence[Key], usual: Mapping[Key, float]
    ) -> frozenset[Key]:
        free.append(is_free())
        return until(2)(results, compared, usual)

    play(launch, undecided=rule)
    assert free == [False, True, False, True]


def test_a_machine_that_is_never_free_is_named(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(say: object) -> Any:
        raise GateError("another process has held the timing lock")

    monkeypatch.setattr(until_decided, "timing_lock", locked)
    run, orders = play(both)
    assert orders == []
    assert "another process has held the timing lock" in run.lost


def test_another_canary_is_chosen_when_its_gate_is_decided(play: Any) -> None:
    def launch(orders: Orders) -> LaunchFindings:
        report = LaunchFindings(results={key: result(setup=1.0 if key == A else 0.1) for key in wanted(orders)})
        report.canary = result(0.01) if orders.canary else None
        return report

    run, orders = play(launch, undecided=after(test_a=5, test_b=3))
    assert [order.canary for order in orders] == ["", "test_b", "test_b", "test_a", "test_a"]
    # First, so that all three processes have done the same before.
    assert [order.tests for order in orders[:3]] == [("test_a", "test_b"), *2 * [("test_b", "test_a")]]
    assert run.canary_test == "test_b, test_a"
    assert len(run.canary) == 4


def test_the_canary_is_not_first_where_gates_share_a_process(play: Any) -> None:
    """The gates of a file share their fixtures as usual then."""

    def launch(orders: Orders) -> LaunchFindings:
        orders.own_processes.rule_out("2 threads")
        return LaunchFindings(results={key: result(setup=1.0 if key == A else 0.1) for key in wanted(orders)})

    _, orders = play(launch)
    assert [(order.canary, order.tests) for order in orders[1:]] == 2 * [("test_b", ("test_a", "test_b"))]


def test_progress_says_how_far_the_run_is_and_what_it_has_found(play: Any) -> None:
    said: list[str] = []
    differences = iter([0.1, 0.1, 0.11, 0.11, 0.1, 0.1])
    play(lambda orders: both(orders, difference=next(differences)), undecided=until(6), say=said.append)
    first, *_, last = (text for text in said if text.endswith("test_b"))
    assert first == "launch 1 of at most 24, 900 s left: test_b"
    assert re.fullmatch(
        r"launch 6 of at most 24, 2 of 2 checks open, \d+ s left: \+11\.0% \(\+\d\.\d% to \+1\d\.\d%\), test_b", last
    )


def test_waiting_for_another_run_costs_nothing_of_the_budget(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    @contextmanager
    def an_hour_later(say: object) -> Iterator[None]:
        now[0] += 3600
        yield

    def launch(orders: Orders) -> LaunchFindings:
        now[0] += 10
        return both(orders)

    monkeypatch.setattr(until_decided, "timing_lock", an_hour_later)
    monkeypatch.setattr(until_decided.time, "monotonic", lambda: now[0])
    run, orders = play(launch, budget=Budget(24, 25.0), undecided=until(9))
    assert len(orders) == 3
    assert run.seconds == pytest.approx(30)
