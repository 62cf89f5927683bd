"""Timing against a clock that the test controls, and what is paused meanwhile."""

from __future__ import annotations

import contextlib
import cProfile
import gc
import pstats
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.clocks import Clocks
from pytest_speedacc.measure.latency import (
    Latency,
    Workload,
    joined,
    run_untimed,
    time_calls,
    warm_up,
)
from pytest_speedacc.measure.loops import OWN_LOOP
from pytest_speedacc.measure.profile import take_profile
from pytest_speedacc.measure.quiet import quietly
from pytest_speedacc.measure.waiting import measure_waiting

NANOSECOND = 1e-9


class Clock:
    """Stands still unless somebody moves it."""

    def __init__(self):
        self.now = 1_000

    def move(self, nanoseconds):
        self.now += nanoseconds

    def read(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(clocks, "CLOCKS", Clocks(clock.read, clock.read, 1))
    monkeypatch.setattr(clocks, "read_seconds", lambda: 50 * NANOSECOND)
    return clock


def workload(call, batches=(0,), batch_size=1, synchronise=None):
    return Workload(call, batches, batch_size, synchronise)


def test_a_call_takes_as_long_as_the_clock_says(clock):
    times = time_calls(workload(clock.move, batches=[500, 700, 900], batch_size=3), 1, 5)
    assert times.seconds == pytest.approx(np.array([500, 700, 900, 500, 700]) * NANOSECOND)
    assert (times.calls, times.calls_per_round, times.batch_size, times.has_tail) == (5, 1, 3, True)


def test_a_round_is_divided_by_its_calls_once(clock):
    times = time_calls(workload(clock.move, batches=[500, 700, 900]), 2, 3)
    assert times.seconds == pytest.approx(np.array([600, 700, 800]) * NANOSECOND)
    assert (times.calls, times.has_tail) == (3, False)


@pytest.mark.parametrize(("calls_per_round", "start", "first"), [(1, 1, 1), (1, 3, 0), (1, 5, 2), (2, 1, 2), (2, 2, 1)])
def test_timing_goes_on_with_the_batch_that_comes_next(clock, calls_per_round, start, first):
    seen = []

    def call(batch):
        seen.append(batch)
        clock.move(1)

    time_calls(workload(call, batches=[0, 1, 2]), calls_per_round, 1, start=start)
    assert seen[0] == first


def test_two_stretches_are_one_measurement_in_order(clock):
    work = workload(clock.move, batches=[5, 7, 9])
    both = joined(time_calls(work, 1, 2), time_calls(work, 1, 2, start=2))
    assert both.seconds.tolist() == time_calls(work, 1, 4).seconds.tolist()


@pytest.mark.parametrize("calls_per_round", [1, 2])
def test_the_device_is_waited_for_on_both_sides_of_what_is_timed(clock, calls_per_round):
    events = []
    synchronise_ns, call_ns = 10, 500

    def synchronise():
        events.append("sync")
        clock.move(synchronise_ns)

    def call(batch):
        events.append(batch)
        clock.move(call_ns)

    times = time_calls(workload(call, batches="ab", synchronise=synchronise), calls_per_round, 2)
    calls = [["a"], ["b"]] if calls_per_round == 1 else [["a", "b"], ["a", "b"]]
    assert events == ["sync", *calls[0], "sync", "sync", *calls[1], "sync"]
    # What was still under way before is not counted; what the call started is.
    assert times.seconds == pytest.approx((call_ns + synchronise_ns / calls_per_round) * NANOSECOND)


def test_a_clock_that_goes_backwards_is_refused(clock):
    with pytest.raises(GateError, match="the clock went backwards"):
        time_calls(workload(clock.move, batches=[500, -1]), 1, 2)


def test_a_clock_that_stands_still_is_refused(clock):
    with pytest.raises(GateError, match="the clock stood still while the model was timed, as under freezegun"):
        time_calls(workload(lambda batch: None), 1, 3)


def test_one_call_too_short_for_a_tick_is_no_frozen_clock(clock):
    assert time_calls(workload(clock.move, batches=[0, 100]), 1, 2).seconds[0] == 0


@pytest.mark.parametrize("calls_per_round", [1, 3])
def test_a_model_that_raises_while_it_is_timed_is_named(clock, calls_per_round):
    def call(batch):
        raise RuntimeError("no more")

    with pytest.raises(GateError, match="the model raised RuntimeError while it was timed: no more"):
        time_calls(workload(call), calls_per_round, 2)
    with pytest.raises(GateError, match="the model raised RuntimeError on a batch of 1, after it had predicted the"):
        warm_up(workload(call), 1.0)


def test_a_model_that_raises_later_in_the_warm_up_is_named(clock):
    def call(batch):
        clock.move(1)
        if batch:
            raise RuntimeError("no more")

    with pytest.raises(GateError, match="the model raised RuntimeError while it was timed"):
        warm_up(workload(call, batches=[0, 1]), 1.0)


def test_a_refusal_of_the_users_own_code_is_passed_on(clock):
    def call(batch):
        raise GateError("not without a licence")

    for measure in (lambda work: time_calls(work, 1, 1), lambda work: warm_up(work, 1.0)):
        with pytest.raises(GateError, match=r"^not without a licence$"):
            measure(workload(call))


@pytest.mark.parametrize(
    ("call_seconds", "budget", "calls"),
    [
        (10.0, 10.0, 1),  # one call is the whole budget
        (3.0, 10.0, 4),  # a tenth of the budget is less than a call: the fewest
        (0.1, 1.0, 4),
        (0.01, 1.0, 16),  # 0.1 s are 10 calls: doubled until that is passed
        (0.001, 1e9, 256),  # 0.2 s at most, whatever the budget
    ],
)
def test_warm_up_is_a_tenth_of_the_budget_and_a_few_calls_at_least(clock, call_seconds, budget, calls):
    made = []

    def call(batch):
        made.append(batch)
        clock.move(round(call_seconds / NANOSECOND))

    warm = warm_up(workload(call), budget)
    assert len(made) == calls
    assert warm.seconds_per_call == pytest.approx(call_seconds)
    assert warm.calls_per_round == 1


def test_a_clock_that_stands_still_ends_before_the_model_is_called(monkeypatch):
    monkeypatch.setattr(clocks, "CLOCKS", Clocks(lambda: 7, lambda: 7, 1))
    made = []
    with pytest.raises(GateError, match="the clock stood still before the model was timed, as under freezegun"):
        warm_up(workload(made.append), 1.0)
    assert made == []


@pytest.mark.parametrize(
    ("nanoseconds", "rounds"),
    [(999, 10), (1_000, 1), (1_001, 1), (100, 100), (20_000, 1)],  # the clock takes 50 ns to read, 20 of them are 1,000
)
def test_calls_too_short_for_the_clock_are_timed_in_rounds(clock, nanoseconds, rounds):
    warm = warm_up(workload(lambda batch: clock.move(nanoseconds)), 1e-3)
    assert warm.calls_per_round == rounds


def test_a_slow_first_call_or_an_interruption_makes_no_short_call_long(clock):
    slow = {1: 20_000_000, 900: 5_000_000}
    made = []

    def call(batch):
        made.append(batch)
        clock.move(slow.get(len(made), 100))

    assert warm_up(workload(call), 0.05).calls_per_round == 100
    assert len(made) >= 1000  # so many as last 100 µs, whatever the first one took


def test_untimed_calls_cycle_through_the_batches_and_wait_once(clock):
    seen = []
    work = workload(lambda batch: (seen.append(batch), clock.move(5)), [1, 2], 1, lambda: seen.append("sync"))
    assert run_untimed(work, 3) == pytest.approx(15 * NANOSECOND)
    assert seen == [1, 2, 1, "sync"]


def test_quantiles_are_those_of_numpy_whatever_the_order():
    seconds = np.random.default_rng(0).exponential(size=500)
    times = Latency(seconds, 1, 1, 1.0)
    for q, value in ((0.5, times.median), (0.9, times.p90), (0.95, times.p95), (0.99, times.p99)):
        assert value == pytest.approx(np.quantile(seconds, q))
    low, high = times.interval(0.95)
    assert low < times.p95 < high
    assert Latency(seconds[:5], 1, 1, 1.0).interval(0.99) is None


def test_rounds_have_a_median_and_no_tail():
    rounds = Latency(np.array([1.0, 2.0, 3.0]), 40, 1, 240.0)
    assert rounds.median == 2.0
    with pytest.raises(GateError, match=r"p95 cannot be measured: one call is too short .* 40 calls were timed tog"):
        _ = rounds.p95


def test_the_clocks_own_cost_is_at_least_its_tick():
    assert clocks.read_seconds() >= time.get_clock_info("perf_counter").resolution


def trace(frame, event, argument):
    return None


@pytest.fixture
def clean_hooks():
    """No hook of a debugger or a coverage tool in the way, and gone again whatever the test leaves."""
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    yield
    sys.settrace(tracer)
    sys.setprofile(profiler)
    gc.enable()


@pytest.mark.parametrize("error", [None, RuntimeError])
@pytest.mark.parametrize("collecting", [True, False])
def test_collector_tracer_and_profiler_are_put_back_also_after_an_error(clean_hooks, error, collecting):
    inside = []

    def look():
        inside.append((gc.isenabled(), sys.gettrace(), sys.getprofile()))
        if error:
            raise error

    gc.enable() if collecting else gc.disable()
    sys.settrace(trace)
    sys.setprofile(trace)
    with contextlib.suppress(RuntimeError):
        quietly(look)
    after = (gc.isenabled(), sys.gettrace(), sys.getprofile())
    sys.settrace(None)
    sys.setprofile(None)
    assert inside == [(False, None, None)]
    assert after == (collecting, trace, trace)


def test_what_runs_quietly_gets_its_arguments_and_gives_its_result():
    assert quietly(divmod, 7, 2) == (3, 1)


def at_depth(depth, function):
    return at_depth(depth - 1, function) if depth else function()


def answer(batch):
    # Its frame is longer than that of at_depth, so that some depth has it end a chunk of stack.
    one, two, three, four, five, six = batch, batch, batch, batch, batch, batch
    return [one, two, three, four, five, six, [one, two, three, four, five, six, [one, two, three, four, five, six]]]


async def an_async_model(batch):
    return answer(batch)


@pytest.mark.parametrize(
    ("run", "calls"),
    [
        pytest.param(lambda: time_calls(workload(answer), 1, 500), 500, id="timed"),
        pytest.param(lambda: take_profile(workload(answer), 500, Path(__file__).parent), 3 * 500, id="profiled"),
        pytest.param(
            lambda: measure_waiting(Workload(an_async_model, (0,), 1, None, OWN_LOOP), 1e-4), 200, id="watched"
        ),
    ],
)
def test_no_call_pays_for_where_the_stack_of_the_test_happens_to_end(run, calls):
    resource = pytest.importorskip("resource")

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        run()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    def lasting_faults():
        # What memory grows by for other reasons it grows by once.
        return min(faults(), faults())

    # Where a chunk of 16 KiB ends just above the loop, each call maps a page or more: some 100 frames fill one. A heap
    # that is trimmed after each run and grows in the next one has shown half as many.
    assert max(at_depth(depth, lasting_faults) for depth in range(300)) < 0.9 * calls


def test_timing_is_quiet_and_leaves_nothing_behind_when_the_model_raises(clean_hooks):
    seen = []

    def call(batch):
        seen.append((gc.isenabled(), sys.getprofile()))
        raise RuntimeError

    sys.setprofile(trace)
    with pytest.raises(GateError):
        time_calls(workload(call), 1, 1)
    left = (gc.isenabled(), sys.getprofile())
    sys.setprofile(None)
    assert seen == [(False, None)]
    assert left == (True, trace)


def profiled(batch):
    return batch


def many_times(function):
    for batch in range(100):
        function(batch)


def test_a_running_cprofile_is_paused_and_goes_on(clean_hooks):
    profile = cProfile.Profile()
    profile.enable()
    quietly(many_times, profiled)
    profiled(1)
    profile.disable()
    calls = {name: entry[1] for (_, _, name), entry in pstats.Stats(profile).stats.items()}
    assert calls["profiled"] == 1


def test_a_running_yappi_is_paused_and_goes_on(clean_hooks):
    yappi = pytest.importorskip("yappi")
    yappi.clear_stats()
    yappi.start()
    try:
        assert not quietly(yappi.is_running)
        quietly(many_times, profiled)
        assert yappi.is_running()
        profiled(1)
    finally:
        yappi.stop()
    calls = [stat.ncall for stat in yappi.get_func_stats() if stat.name == "profiled"]
    yappi.clear_stats()
    assert calls == [1]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_tools_that_monitor_are_paused_and_go_on():
    monitoring = sys.monitoring
    tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
    seen = []
    monitoring.use_tool_id(tool, "speedacc-test")
    try:
        monitoring.register_callback(tool, monitoring.events.PY_START, lambda code, offset: seen.append(code.co_name))
        monitoring.set_events(tool, monitoring.events.PY_START)
        quietly(profiled, 1)
        assert "profiled" not in seen
        profiled(1)
        assert seen[-1] == "profiled"
    finally:
        monitoring.free_tool_id(tool)
