"""The way of two workers through the checks of a test, with workers that follow a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.live import launch
from pytest_speedacc.live.forking import OwnProcesses
from pytest_speedacc.live.launch import LaunchFindings, Orders, run_launch
from pytest_speedacc.live.workers.protocol import Ready, Survey
from pytest_speedacc.live.workers.side import Shared, Side, Start
from pytest_speedacc.live.workers.starting import CannotFork
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.launches import NEW_GATE

TEST = "test_it.py::test_it"


@dataclass
class Scripted:
    """A worker that comes to these checks, one after another, and answers every order with a millisecond."""

    side: Side
    checks: list[str]
    batch_size: int = 1
    concurrency: int = 1
    fails: str = ""
    loses: str = ""
    """What it is lost with while it collects."""
    answers_else: str = ""
    """Why its answers are not those that were scored."""
    gates: tuple[str, ...] = (TEST,)
    markers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    expected: frozenset[str] = frozenset()
    failures: dict[str, str] = field(default_factory=dict)
    why_no_fork: str = ""
    environment: dict[str, str | None] = field(default_factory=dict)
    started_with: frozenset[str] = frozenset()
    asked: dict[str, list[str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    begun: list[tuple[str, bool]] = field(default_factory=list)
    """Tests, and whether in processes of their own."""
    ended: bool = False
    finished: bool = False
    sent: list[str] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)
    rounds: set[tuple[int, int]] = field(default_factory=set)
    """Calls of the rounds that it was told to time, and untimed ones before them."""
    at: str | None = None

    def receive_gates(self) -> None:
        assert not self.sent
        if self.loses:
            raise WorkerLost(self.loses)

    def begin(self, test: str, *, forks: bool) -> None:
        self.begun.append((test, forks))

    def next_check(self, test: str) -> Ready | None:
        assert test in dict(self.begun), "it runs what it is told to"
        if test not in self.gates or not self.checks or self.sent[-1:] == ["leave"]:
            self.at = None
            return None
        assert self.at is None or self.sent[-1] == "return", "it still stands in the check before"
        self.at = self.checks.pop(0)
        return Ready(
            test, self.at, 1e-3, self.batch_size, 0.0, None, concurrency=self.concurrency, modules=self.modules
        )

    def failure(self, test: str) -> str:
        return self.fails

    def answers_problem(self) -> str:
        assert self.timed, "it has not been timed"
        return self.answers_else

    def end(self) -> None:
        self.ended = True

    def finish(self) -> None:
        assert not self.ended
        self.finished = True

    def send(self, kind: str, **content: Any) -> None:
        assert self.at is not None, "it stands in no check"
        self.sent.append(kind)
        if kind == "time":
            self.timed.append(self.at)
            self.rounds.add((content["calls"], content["untimed"]))

    def receive(self) -> dict[str, Any]:
        return {"seconds": [1e-3]}


def side(label: str) -> Side:
    """A side of which only the label matters."""
    here = Path()
    return Side(label, here, here, here, "python", (), True, here)


CANDIDATE, BASE = side("candidate"), side("base")


@dataclass
class Launch:
    """What came of a launch."""

    report: LaunchFindings
    candidate: Scripted
    base: Scripted
    twin: Scripted | None
    collected: list[Sequence[str]]
    """The tests that each worker was started with."""

    def timed(self) -> list[str]:
        """Names of the checks that were timed."""
        return [name for _, name in self.report.results]

    def problems(self) -> dict[str, str]:
        """By name of the check."""
        return {name: why for (_, name), why in self.report.problems.items()}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a launch of scripted workers."""

    def run(candidate: dict[str, Any], base: dict[str, Any], names: set[str] | None = None, **options: Any) -> Launch:
        workers: list[Scripted] = []
        collected: list[Sequence[str]] = []

        @contextmanager
        def started(wanted: Sequence[tuple[Side, Sequence[str]]], start: Start) -> Iterator[list[Scripted]]:
            scripts = {"candidate": candidate, "base": base}
            new = [
                Scripted(side, **{**scripts[side.label], "checks": [*scripts[side.label]["checks"]]})
                for side, _ in wanted
            ]
            workers.extend(new)
            collected.extend(tests for _, tests in wanted)
            yield new

        monkeypatch.setattr(launch, "started", started)
        orders = {
            "start": Start((), 0, names is None, Path(), 1.0),
            "tests": (TEST,),
            "wanted": None if names is None else {TEST: frozenset(names)},
            "tails": frozenset(),
            "rounds": {(TEST, "a"): 2, (TEST, "b"): 2},
            "base_first": False,
            "canary": "",
            **options,
        }
        report = run_launch(CANDIDATE, BASE, Orders(**orders), lambda test: None)
        pair = {worker.side.label: worker for worker in workers[:2]}
        twin = workers[2] if len(workers) > 2 else None
        return Launch(report, pair["candidate"], pair["base"], twin, collected)

    return run


@pytest.mark.parametrize("base_first", [False, True])
def test_checks_of_both_are_timed_one_after_another(play: Any, base_first: bool) -> None:
    found = play({"checks": ["a", "b"]}, {"checks": ["a", "b"]}, base_first=base_first)
    assert found.timed() == ["a", "b"]
    assert found.problems() == {}
    assert found.candidate.sent[-1] == found.base.sent[-1] == "return"


def test_only_what_is_still_wanted_is_timed_and_the_test_is_left_after_it(play: Any) -> None:
    found = play({"checks": ["a", "b", "c"]}, {"checks": ["a", "b", "c"]}, {"b"})
    assert found.timed() == ["b"]
    assert found.candidate.checks == found.base.checks == ["c"]
    assert found.candidate.sent[-1] == found.base.sent[-1] == "leave"


def test_a_check_before_those_of_the_base_is_new_and_hides_none(play: Any) -> None:
    first = play({"checks": ["new", "a"]}, {"checks": ["a"]})
    assert first.problems() == {"new": NEW_GATE}
    # Which of the two goes by is known in the second launch only; the first has the facts of both.
    assert set(first.report.facts) == {(TEST, "new"), (TEST, "a")}
    assert play({"checks": ["new", "a"]}, {"checks": ["a"]}, {"a"}).timed() == ["a"]


def test_the_base_is_asked_for_its_gates_once_and_left_alone(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "BASE", replace(BASE, survey=Survey(("-k", "a"), ("tests",))))
    found = play({"checks": ["a"]}, {"checks": ["a"], "gates": (TEST, "other"), "failures": {"file.py": "no"}})
    assert found.report.base_gates == (TEST, "other")
    assert found.report.base_unread == {"file.py": "no"}
    assert found.twin.finished
    assert found.twin.ended
    assert found.twin.sent == []
    later = play({"checks": ["a"]}, {"checks": ["a"]}, {"a"})
    assert (later.report.base_gates, later.twin) == ((), None)


@pytest.mark.parametrize(
    ("base", "judged"),
    [
        ({"checks": ["a"]}, {TEST}),
        ({"checks": []}, {TEST}),  # a test that only compares comes to no check
        ({"checks": [], "fails": "Skipped: no data"}, set()),
        ({"checks": [], "gates": ()}, set()),
    ],
)
def test_what_the_base_judges_is_known_where_the_candidate_does_not(play: Any, base: Any, judged: set[str]) -> None:
    assert play({"checks": [], "fails": "Skipped: not today"}, base).report.base_judged == judged


def test_the_markers_of_the_base_are_told(play: Any) -> None:
    found = play({"checks": ["a"], "markers": {TEST: [{}]}}, {"checks": ["a"], "markers": {TEST: [{"budget": "1 s"}]}})
    assert found.report.base_markers == {TEST: [{"budget": "1 s"}]}


def test_the_gates_whose_failure_the_base_expects_are_told(play: Any) -> None:
    found = play({"checks": ["a"]}, {"checks": ["a"], "expected": frozenset({TEST})})
    assert found.report.base_expected == {TEST}


def test_a_check_that_only_the_base_makes_is_lost(play: Any) -> None:
    found = play({"checks": ["b"]}, {"checks": ["a", "b", "c"]})
    assert found.timed() == ["b"]
    assert found.report.lost_checks == [(TEST, "a"), (TEST, "c")]


def test_checks_in_another_order_are_compared_as_far_as_they_go(play: Any) -> None:
    first = play({"checks": ["b", "a"]}, {"checks": ["a", "b"]})
    assert first.problems() == {}
    second = play({"checks": ["b", "a"]}, {"checks": ["a", "b"]}, {"a", "b"})
    assert second.timed() == ["b"]
    assert second.problems() == {"a": "base and candidate make their checks in different orders"}


def test_decided_checks_are_not_undone_by_a_later_launch(play: Any) -> None:
    found = play({"checks": ["new", "a", "b"]}, {"checks": ["a", "b"]}, {"b"})
    assert found.timed() == ["b"]
    assert found.problems() == {}


def test_a_test_that_the_base_does_not_have_is_new(play: Any) -> None:
    found = play({"checks": ["a"]}, {"checks": [], "gates": ()})
    assert found.problems() == {"a": NEW_GATE}


@pytest.mark.parametrize("careless", ["candidate", "base"])
def test_answers_of_timed_calls_that_were_not_scored_are_a_problem(play: Any, careless: str) -> None:
    scripts: dict[str, dict[str, Any]] = {"candidate": {"checks": ["a", "b"]}, "base": {"checks": ["a", "b"]}}
    scripts[careless] |= {"answers_else": "None for sample 3"}
    found = play(scripts["candidate"], scripts["base"])
    said = "None for sample 3" if careless == "candidate" else "in the base None for sample 3"
    assert found.problems() == {"a": said, "b": said}
    assert found.report.results == {}
    # Which of the two fails it is the candidate's own fault; a base that cannot be compared with is none.
    assert found.report.failures == ({TEST: said} if careless == "candidate" else {})


@pytest.mark.parametrize("gates", [(), (TEST,)])
def test_a_base_that_fails_or_cannot_be_collected_is_not_new(play: Any, gates: tuple[str, ...]) -> None:
    found = play({"checks": ["a"]}, {"checks": [], "gates": gates, "fails": "ImportError: no"})
    assert found.problems() == {"a": "the base's own gate comes to nothing: ImportError: no"}


def test_a_candidate_that_fails_loses_no_checks(play: Any) -> None:
    found = play({"checks": [], "fails": "ValueError: oh"}, {"checks": ["a"]})
    assert found.report.failures == {TEST: "ValueError: oh"}
    assert found.report.lost_checks == []


@pytest.mark.parametrize("failing", ["candidate", "base"])
def test_a_check_that_a_later_launch_does_not_come_to_is_a_problem(play: Any, failing: str) -> None:
    scripts: dict[str, dict[str, Any]] = {"candidate": {"checks": ["a"]}, "base": {"checks": ["a"]}}
    scripts[failing] = {"checks": [], "fails": "MemoryError: none left"}
    found = play(scripts["candidate"], scripts["base"], {"a"})
    assert found.problems() == {"a": "not every launch came to it: MemoryError: none left"}


def test_batches_of_different_sizes_are_not_compared(play: Any) -> None:
    found = play({"checks": ["a"], "batch_size": 8}, {"checks": ["a"]})
    assert found.timed() == []
    assert "batch_size=8 and the base with 1" in found.problems()["a"]


def test_other_loads_are_not_compared(play: Any) -> None:
    found = play({"checks": ["a"], "concurrency": 8}, {"checks": ["a"]})
    assert found.timed() == []
    assert "concurrency=8 and the base with 1" in found.problems()["a"]


def test_a_round_has_as_many_calls_as_are_in_flight(play: Any) -> None:
    found = play({"checks": ["a"], "concurrency": 8}, {"checks": ["a"], "concurrency": 8})
    # Of a millisecond each: two would be a round, and three untimed ones go before.
    assert found.candidate.rounds == found.base.rounds == {(8, 24)}


def test_the_canary_runs_the_base_against_itself_once(play: Any) -> None:
    found = play({"checks": ["a", "b"]}, {"checks": ["a", "b"]}, {"a", "b"}, canary=TEST)
    assert found.report.canary.difference == 0
    assert found.twin.timed == ["a"] * 2
    assert found.twin.sent[-1] == "leave"
    assert found.base.timed == ["a"] * 4 + ["b"] * 2


def test_the_canary_is_of_the_same_check(play: Any) -> None:
    found = play({"checks": ["b"]}, {"checks": ["a", "b"]}, {"b"}, canary=TEST)
    assert found.timed() == ["b"]
    assert found.report.canary is None


@pytest.mark.parametrize(("tests", "collected"), [((TEST, "t.py::b"), 2), (("t.py::b", TEST), 1)])
def test_the_second_base_collects_what_the_first_does_where_the_canary_comes_first(
    play: Any, tests: tuple[str, ...], collected: int
) -> None:
    wanted = {test: frozenset({"a"}) for test in tests}
    found = play({"checks": ["a"]}, {"checks": ["a"]}, {"a"}, canary=TEST, tests=tests, wanted=wanted)
    assert found.collected == [tests, tests, tests if collected == 2 else (TEST,)]


def learnt() -> OwnProcesses:
    """After the first launch: gates have processes of their own."""
    own = OwnProcesses()
    own.learn()
    return own


@pytest.mark.parametrize("failing", ["candidate", "base"])
def test_a_gate_that_needs_the_one_before_it_is_run_with_it_again(play: Any, failing: str) -> None:
    """Both set up one model, which the first of them keeps in its class."""
    own = learnt()
    scripts: dict[str, dict[str, Any]] = {"candidate": {"checks": ["a"]}, "base": {"checks": ["a"]}}
    fails = {**scripts, failing: {"checks": [], "fails": "AttributeError: model"}}
    found = play(fails["candidate"], fails["base"], {"a"}, own_processes=own)
    assert found.candidate.begun == [(TEST, True)]
    assert found.problems() == found.report.failures == {}
    assert own.why_not == f"{TEST} fails without the gates before it: AttributeError: model"
    found = play(scripts["candidate"], scripts["base"], {"a"}, own_processes=own)
    assert found.candidate.begun == [(TEST, False)]
    assert found.timed() == ["a"]
    found = play(fails["candidate"], fails["base"], {"a"}, own_processes=own)
    hint = "each launch runs only the gates that are still open, so it must need no other"
    assert found.problems() == {"a": f"not every launch came to it ({hint}): AttributeError: model"}


def test_a_gate_that_came_to_its_checks_alone_fails_by_itself(play: Any) -> None:
    own = learnt()
    play({"checks": ["a"]}, {"checks": ["a"]}, {"a"}, own_processes=own)
    found = play({"checks": [], "fails": "MemoryError"}, {"checks": ["a"]}, {"a"}, own_processes=own)
    assert found.problems() == {"a": "not every launch came to it: MemoryError"}
    assert own.why_not == ""


IMPORTED_BEFORE = Start((), 0, False, Path(), 1.0, shared=Shared({"sklearn": "/lib/sklearn.py"}))


@pytest.mark.parametrize("start", [IMPORTED_BEFORE, replace(IMPORTED_BEFORE, shared=Shared())])
@pytest.mark.parametrize(
    ("base", "why"),
    [
        (
            {
                "loses": "the base worker ended with exit code 4 while collecting.\nIts last words:\n"
                "E   Error: too late\nE   assert"
            },
            r"^the base worker ended with exit code 4 while collecting with Error: too late$",
        ),
        ({"gates": (), "fails": "ImportError: no"}, rf"^the base does not collect {TEST} then: ImportError: no$"),
        ({"gates": ()}, rf"^the base does not collect {TEST} then$"),
    ],
)
def test_tests_that_must_come_before_an_import_have_none_before_them(
    play: Any, start: Start, base: dict[str, Any], why: str
) -> None:
    scripts = {"checks": ["a"]}, {"checks": [], **base}
    if start.shared.modules:
        with pytest.raises(CannotFork, match=why):
            play(*scripts, {"a"}, start=start)
    elif "loses" in base:
        with pytest.raises(WorkerLost):
            play(*scripts, {"a"}, start=start)
    else:
        assert "not every launch came to it" in play(*scripts, {"a"}, start=start).problems()["a"]
