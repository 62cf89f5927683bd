"""Two clocks that must agree, and tools that set a clock after this plugin has taken its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.clocks import CLOCKS, Clocks, agreeing
from pytest_speedacc.measure.latency import Workload, time_calls, warm_up

MILLISECOND = 1_000_000


class Hands:
    """Two clocks that are moved by hand, the one that times at a pace of its own."""

    def __init__(self, pace: float) -> None:
        self.pace, self.now, self.witnessed = pace, 10**15, 5 * 10**15

    def move(self, nanoseconds: int) -> None:
        """Let so much time pass."""
        self.now += round(nanoseconds * self.pace)
        self.witnessed += nanoseconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """In the place of this machine's clocks."""
    hands = Hands(1.0)
    monkeypatch.setattr(clocks, "CLOCKS", Clocks(lambda: hands.now, lambda: hands.witnessed, 1))
    monkeypatch.setattr(clocks, "read_seconds", lambda: 5e-8)
    return hands


def test_the_clocks_of_this_machine_are_functions_of_c_and_agree() -> None:
    assert type(CLOCKS.read).__name__ == "builtin_function_or_method"
    with agreeing("here"):
        end = CLOCKS.witness() + 20 * MILLISECOND
        while CLOCKS.witness() < end:
            pass


@pytest.mark.parametrize(
    ("pace", "says"),
    [
        (1.0, ""),
        (1.005, ""),
        (0.995, ""),
        (1.02, "two clocks of this machine disagree: while it ran one counted 1.02 s and the other 1 s"),
        (0.98, "two clocks of this machine disagree: while it ran one counted 0.98 s and the other 1 s"),
        (0.01, "two clocks of this machine disagree"),
        (0.0, "the clock stood still while it ran, as under freezegun: call check"),
        (-1.0, "the clock went backwards while it ran"),
    ],
)
def test_a_clock_of_another_pace_is_refused(hands: Hands, pace: float, says: str) -> None:
    hands.pace = pace

    def run() -> None:
        with agreeing("while it ran"):
            hands.move(1000 * MILLISECOND)

    if not says:
        run()
        return
    with pytest.raises(GateError, match=says):
        run()


@pytest.mark.parametrize("late", range(3), ids=["before the first", "before the witness", "after the witness"])
@pytest.mark.parametrize("end", [False, True], ids=["begin", "end"])
def test_another_process_between_two_reads_contradicts_nothing(
    monkeypatch: pytest.MonkeyPatch, late: int, end: bool
) -> None:
    now, reads = [10**15], count()

    def read() -> int:
        if next(reads) == late + 3 * end:
            now[0] += 500 * MILLISECOND  # far longer than what is timed
        return now[0]

    monkeypatch.setattr(clocks, "CLOCKS", Clocks(read, read, 1))
    with agreeing("while it ran"):
        now[0] += MILLISECOND


def test_a_witness_with_coarse_ticks_contradicts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = 16 * MILLISECOND
    now = [10**15]
    monkeypatch.setattr(clocks, "CLOCKS", Clocks(lambda: now[0], lambda: now[0] // tick * tick, tick))
    for took in (1, 5, 15, 17, 1000):
        with agreeing("while it ran"):
            now[0] += took * MILLISECOND


@pytest.mark.parametrize("kind", ["warm up", "time"])
def test_timing_asks_the_witness(hands: Hands, kind: str) -> None:
    hands.pace = 0.5
    work = Workload(hands.move, [MILLISECOND], 1, None)
    with pytest.raises(GateError, match="two clocks of this machine disagree: while the model was"):
        warm_up(work, 1.0) if kind == "warm up" else time_calls(work, 1, 5)


def test_a_clock_that_stops_in_the_warm_up_ends_it_at_once(hands: Hands) -> None:
    made = []

    def call(batch: int) -> None:
        made.append(batch)
        hands.pace = float(len(made) < 3)
        hands.move(batch)

    with pytest.raises(GateError, match="the clock stood still while the model was warmed up"):
        warm_up(Workload(call, [MILLISECOND], 1, None), 1.0)
    assert len(made) < 10


def slowed(read: Callable[[], int]) -> Callable[[], int]:
    """A clock that counts a hundredth of what passes."""
    began = read()
    return lambda: began + (read() - began) // 100


@pytest.fixture(params=["freezegun", "perf_counter", "perf_counter_ns", "stopped", "slow", "no functions"])
def set_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tool, or a test, that sets the clocks of ``time`` once this plugin is loaded."""
    match request.param:
        case "freezegun":
            # It looks at every attribute of every module, for which transformers would import all of its models.
            with pytest.importorskip("freezegun").freeze_time("2020-01-01", ignore=["transformers"]):
                assert time.perf_counter() == time.perf_counter()
                yield
            return
        case "perf_counter":
            monkeypatch.setattr(time, "perf_counter", lambda: 1.0)
        case "perf_counter_ns":
            monkeypatch.setattr(time, "perf_counter_ns", iter(range(10**12, 0, -1000)).__next__)
        case "stopped":
            for name in ("perf_counter_ns", "monotonic_ns", "time_ns"):
                monkeypatch.setattr(time, name, lambda: 1)
        case "slow":
            for name in ("perf_counter_ns", "monotonic_ns"):
                monkeypatch.setattr(time, name, slowed(getattr(time, name)))
        case _:
            for name in ("perf_counter", "perf_counter_ns", "monotonic", "clock_gettime_ns"):
                monkeypatch.setattr(time, name, None)
    yield


@pytest.mark.usefixtures("set_clock")
def test_who_sets_the_clock_later_sets_no_measurement() -> None:
    values = np.linspace(0, 1, 1 << 18)
    inside: list[int] = []

    def model(batch: int) -> None:
        began = CLOCKS.witness()
        values.sum()
        inside.append(CLOCKS.witness() - began)

    work = Workload(model, [0], 1, None)
    warm = warm_up(work, 0.05)
    began = CLOCKS.witness()
    times = time_calls(work, 1, 50)
    passed = (CLOCKS.witness() - began) * 1e-9
    assert warm.calls_per_round == 1
    # Each call lasts a little longer than what is done in it, by a clock that nobody sets, whatever else takes time.
    spent = np.array(inside[-50:]) * 1e-9
    assert 0.99 * spent.sum() < times.seconds.sum() <= passed * 1.01
    assert np.median(times.seconds) < 2 * np.median(spent)
