"""Which setup a live run spends its time on: found in a worker, and told at the end of the run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from live_project import LiveProject, start_project

from pytest_speedacc.live.workers.setup_costs import SetupCosts
from pytest_speedacc.measure.launches import LiveGate, LiveRun, PairTimes
from pytest_speedacc.session.slow_setup import slow_setup


@dataclass
class Clock:
    seconds: float = 100.0
    costs: SetupCosts = field(init=False)

    def __post_init__(self) -> None:
        self.costs = SetupCosts(lambda: self.seconds)

    def fixture(self, name: str, before: float, *inside: tuple[str, float], after: float = 0.0) -> None:
        with self.costs.of(name):
            self.seconds += before
            for inner, seconds in inside:
                self.fixture(inner, seconds)
            self.seconds += after


def test_a_fixture_has_the_time_of_its_own_and_not_of_those_that_it_asks_for() -> None:
    clock = Clock()
    clock.fixture("model", 1.0, ("data", 4.0), ("labels", 2.0), after=0.5)
    clock.fixture("device", 0.25)
    clock.seconds += 3.0
    assert dict(clock.costs.fixtures) == {"data": 4.0, "labels": 2.0, "model": 1.5, "device": 0.25}
    assert clock.costs.seconds == 10.75
    assert clock.costs.costliest == ("data", 4.0)
    clock.seconds += 1.5
    assert clock.costs.costliest == ("", 4.5), "the test itself, before its check"


def test_a_fixture_that_raises_is_counted_and_closed() -> None:
    clock = Clock()
    with contextlib.suppress(ZeroDivisionError), clock.costs.of("outer"):
        clock.fixture("inner", 1.0)
        clock.seconds += 2.0
        raise ZeroDivisionError
    clock.fixture("next", 4.0)
    assert dict(clock.costs.fixtures) == {"inner": 1.0, "outer": 2.0, "next": 4.0}


def run_of(seconds: float, **gates: list[tuple[str, float]]) -> LiveRun:
    """Of gates by their test, with the costliest setup of each launch; "test, name" for one of its checks."""

    def launched(costliest: tuple[str, float]) -> PairTimes:
        return PairTimes(0.0, 0.0, None, 0, 1e-3, 1e-3, costliest[1], costliest)

    found = {
        (test.partition("__")[0], test.partition("__")[2]): LiveGate(tuple(map(launched, each)), None, None, None, "")
        for test, each in gates.items()
    }
    empty: dict[str, Any] = dict.fromkeys(("compared", "canary", "base_gates", "lost_checks"), ())
    empty |= {"lost": "", "canary_test": "", "failures": {}}
    return LiveRun(gates=found, seconds=seconds, **empty)


TRAINED = ": a model that speedacc.fit(train) trains is trained once a side"


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (
            run_of(40.0, test_a=[("model", 2.0)] * 6, test_b=[("data", 1.0)] * 6),
            "the fixture model takes 2.00 s in each of 6 launches, 12 s of this run's 40 s" + TRAINED,
        ),
        (
            # One fixture of two tests: both times it is paid for in each launch.
            run_of(40.0, test_a=[("model", 2.0)] * 4, test_b=[("model", 1.0)] * 4),
            "the fixture model takes 3.00 s in each of 4 launches, 12 s of this run's 40 s" + TRAINED,
        ),
        (
            run_of(20.0, test_a=[("", 3.0)] * 4),
            "what test_a does before its check takes 3.00 s in each of 4 launches, 12 s of this run's 20 s" + TRAINED,
        ),
        # Two checks of one test wait for one setup.
        (run_of(20.0, test_a__first=[("model", 1.0)] * 4, test_a__second=[("model", 1.0)] * 4), ""),
        (run_of(100.0, test_a=[("model", 4.0)] * 4), ""),  # 16 % of the run
        (run_of(6.0, test_a=[("model", 1.0)] * 4), ""),  # 4 s
        (run_of(6.0, test_a=[]), ""),
    ],
)
def test_the_most_expensive_setup_of_a_run_is_named(run: LiveRun, says: str) -> None:
    assert slow_setup(run) == says


MODEL = """
import time
import pytest
from arrays import *

@pytest.fixture(scope="module")
def data():
    return x

@pytest.fixture(scope="module")
def trained(data):
    time.sleep(SECONDS)
    return Model(2000)

@pytest.mark.speedacc(max_latency_increase="60 %")
def test_it(speedacc, trained):
    speedacc.check(trained, x, y)
"""


@pytest.mark.slow
def test_a_real_run_names_the_fixture_and_tells_a_log_how_far_it_is(tmp_path: Any) -> None:
    project: LiveProject = start_project(tmp_path)
    project.settings("launches = 4")
    project.commit(test_it_py=MODEL.replace("SECONDS", "1.5"))
    run = project.run()
    assert "Note: the fixture trained takes 1.5" in run.words, run.output
    assert "in each of 4 launches" in run.words
    first = next(line for line in run.output.splitlines() if line.startswith("speedacc, against HEAD: "))
    assert ": 1 gate beside " in first
    assert first.endswith("at most 4 launches and 900 s")
