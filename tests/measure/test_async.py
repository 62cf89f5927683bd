"""Async models: awaited in a loop of our own or in the test's, timed inside it, alone and with several in flight."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import pickle
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.latency import Workload, joined, run_untimed, time_calls, warm_up
from pytest_speedacc.measure.loops import OWN_LOOP, Awaited, OwnLoop, RunningLoop, is_async
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.profile import take_profile
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.turns import round_of
from pytest_speedacc.measure.waiting import measure_waiting

SAMPLES = np.arange(40.0).reshape(40, 1)
TARGETS = np.arange(40) % 2
PAUSE = 0.004


async def parity(batch):
    await asyncio.sleep(0)
    return batch[:, 0].astype(int) % 2


class Service:
    """A model that answers after a pause, and remembers how many calls it had in flight."""

    def __init__(self):
        self.now = self.most = self.calls = 0

    async def predict(self, batch):
        self.calls += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(PAUSE)
        self.now -= 1
        return batch[:, 0].astype(int) % 2


def workload(call, concurrency=1, loop=OWN_LOOP):
    return Workload(call, [0, 1, 2], 1, None, loop, concurrency)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (parity, True),
        (functools.partial(parity), True),
        (Service().predict, True),
        (len, False),
        (lambda batch: batch, False),
    ],
)
def test_what_is_async_is_known(function, expected):
    assert is_async(function) is expected


def test_an_object_that_is_awaited_is_async():
    class Callable:
        async def __call__(self, batch):
            return batch

    assert is_async(Callable())


@pytest.mark.parametrize("model", [parity, Service()], ids=["function", "object"])
def test_an_async_model_is_scored_as_any_other(model):
    subject = prepare(model, SAMPLES, TARGETS, CallOptions())
    assert measure_statics(subject).accuracy.value == 1


def test_predict_may_be_async():
    async def predict(model, batch):
        return await model.predict(batch)

    assert measure_statics(prepare(Service(), SAMPLES, TARGETS, CallOptions(predict=predict))).accuracy.value == 1


def test_calls_are_timed_in_the_loop():
    latency = time_calls(workload(lambda batch: asyncio.sleep(PAUSE)), 1, 5)
    assert latency.calls == 5
    assert latency.median >= 0.9 * PAUSE
    assert latency.elapsed == pytest.approx(latency.seconds.sum(), rel=0.5)  # nothing ran side by side


def test_going_into_the_loop_is_no_part_of_a_call():
    async def echo(batch):
        return batch

    work = workload(echo)
    going_in = min(_seconds(lambda: run_untimed(work, 1)) for _ in range(20))
    warm = warm_up(work, 0.1)
    assert time_calls(work, warm.calls_per_round, 200).median < going_in / 4


def _seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


@pytest.mark.parametrize(("calls_per_round", "expected"), [(1, [2, 0, 1]), (2, [1, 2, 0, 1, 2, 0])])
def test_timing_goes_on_where_it_stopped(calls_per_round, expected):
    seen = []

    async def model(batch):
        seen.append(batch)

    time_calls(workload(model), calls_per_round, 3, start=2)
    assert seen == expected


def test_nothing_else_is_at_work_while_a_call_is_timed():
    seen = []

    async def model(batch):
        seen.append((gc.isenabled(), sys.gettrace(), sys.getprofile()))
        await asyncio.sleep(0)

    def look(frame, event, argument):
        return None

    async def test():
        sys.settrace(look)
        sys.setprofile(look)
        try:
            with RunningLoop(asyncio.get_running_loop()) as loop:
                await asyncio.to_thread(time_calls, workload(model, loop=loop), 1, 2)
            return sys.gettrace(), sys.getprofile()
        finally:
            sys.settrace(None)
            sys.setprofile(None)

    assert asyncio.run(test()) == (look, look)
    assert gc.isenabled()
    assert seen == [(False, None, None)] * 2


def test_so_many_calls_are_in_flight_and_no_more():
    service = Service()
    latency = time_calls(workload(lambda batch: service.predict(SAMPLES), concurrency=4), 1, 16)
    assert service.most == 4
    assert service.calls == 16
    assert latency.concurrency == 4
    # Four at a time: the whole takes a quarter of the sum, and so many samples go through in a second.
    assert latency.elapsed < 0.5 * latency.seconds.sum()
    assert latency.throughput == pytest.approx(16 / latency.elapsed)
    both = joined(latency, latency)
    assert (both.calls, both.elapsed, both.concurrency) == (32, 2 * latency.elapsed, 4)


def test_a_round_is_as_long_as_all_its_calls_in_flight_together():
    service = Service()
    alone, together = (workload(lambda batch: service.predict(SAMPLES), concurrency) for concurrency in (1, 4))
    # Of a call: two waits for eight.
    assert time_calls(together, 8, 2).seconds.max() < 0.7 * time_calls(alone, 8, 2).seconds.min()
    assert service.calls == 32


def test_a_round_under_load_has_as_many_calls_as_are_in_flight():
    assert round_of(1.0).calls == 1
    assert round_of(1.0, concurrency=8).calls == 8
    assert round_of(1.0, concurrency=8).untimed == 8


def test_what_one_of_several_calls_raises_is_the_models_and_ends_the_others():
    ended = []

    async def fails(batch):
        if batch == 1:
            raise ValueError("no")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(batch)
            raise

    with pytest.raises(GateError, match="the model raised ValueError while it was timed: no"):
        time_calls(workload(fails, concurrency=3), 1, 3)
    assert sorted(ended) == [0, 2]


def test_a_batch_size_of_one_sample_is_what_a_call_gets():
    seen = []

    async def model(batch):
        seen.append(len(batch))
        return batch[:, 0].astype(int) % 2

    subject = prepare(model, SAMPLES, TARGETS, CallOptions(batch_size=2))
    seen.clear()
    time_calls(subject.workload(), 1, 3)
    assert seen == [2, 2, 2]


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "2"])
def test_concurrency_is_a_whole_number(value):
    with pytest.raises(GateError, match=r"concurrency=.* must be a whole number from 1"):
        prepare(parity, SAMPLES, TARGETS, CallOptions(concurrency=value))


def test_only_async_models_have_calls_in_flight():
    with pytest.raises(GateError, match="concurrency=2 is for async models"):
        prepare(lambda batch: batch, SAMPLES, TARGETS, CallOptions(concurrency=2))


def test_what_only_looks_synchronous_is_refused():
    subject = prepare(lambda batch: parity(batch), SAMPLES, TARGETS, CallOptions())
    with pytest.raises(GateError, match="returned a coroutine: declare it with async def"):
        measure_statics(subject)


def test_an_async_generator_is_refused():
    async def stream(batch):
        yield batch

    with pytest.raises(GateError, match="is an async generator"):
        prepare(stream, SAMPLES, TARGETS, CallOptions())


def test_inside_a_running_loop_it_would_wait_for_itself():
    async def test():
        prepare(parity, SAMPLES, TARGETS, CallOptions()).evaluate()

    with pytest.raises(GateError, match=r"use await speedacc\.acheck"):
        asyncio.run(test())


def _epoll():
    loop = asyncio.get_running_loop()
    return loop._selector.fileno(), os.getpid()


async def where(batch):
    return [_epoll()] * len(batch)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_process_has_a_loop_of_its_own():
    call = Awaited(where, OWN_LOOP)
    (here, process) = call([0])[0]
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        (there, other) = pool.submit(call, [0]).result()[0]
    assert process == os.getpid() != other
    # The descriptor that this one's loop waits on is there too, and is not what that one waits on.
    assert there != here


class TestRunningLoop:
    def test_calls_run_in_the_loop_and_thread_of_the_test(self):
        seen = set()

        async def model(batch):
            seen.add((asyncio.get_running_loop(), threading.current_thread()))
            return batch[:, 0].astype(int) % 2

        async def test():
            with RunningLoop(asyncio.get_running_loop()) as loop:
                call_options = CallOptions(loop=loop)
                subject = await asyncio.to_thread(prepare, model, SAMPLES, TARGETS, call_options)
                accuracy = (await asyncio.to_thread(measure_statics, subject)).accuracy
                await asyncio.to_thread(time_calls, subject.workload(), 1, 4)
            return accuracy.value, {(asyncio.get_running_loop(), threading.current_thread())}

        value, here = asyncio.run(test())
        assert value == 1
        assert seen == here

    def test_the_rest_of_the_loop_goes_on_meanwhile(self):
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        async def test():
            task = asyncio.create_task(tick())
            with RunningLoop(asyncio.get_running_loop()) as loop:
                await asyncio.to_thread(time_calls, workload(lambda batch: asyncio.sleep(0.01), loop=loop), 1, 3)
            task.cancel()

        asyncio.run(test())
        assert ticks > 10

    def test_a_timeout_of_the_model_is_not_taken_for_our_own(self):
        async def model(batch):
            raise TimeoutError("upstream")

        async def test():
            with RunningLoop(asyncio.get_running_loop()) as loop:
                await asyncio.to_thread(Awaited(model, loop), SAMPLES)

        with pytest.raises(TimeoutError, match="upstream"):
            asyncio.run(test())

    def test_a_cancelled_test_leaves_nobody_waiting(self):
        said = []

        def ask(loop):
            try:
                Awaited(lambda batch: asyncio.sleep(60), loop)(0)
            except GateError as error:
                said.append(str(error))

        async def test():
            with RunningLoop(asyncio.get_running_loop()) as loop:
                async with asyncio.timeout(0.05):
                    await asyncio.to_thread(ask, loop)

        began = time.monotonic()
        with pytest.raises(TimeoutError):
            asyncio.run(test())
        assert time.monotonic() - began < 30
        assert said == ["the model's call was cancelled, as at the end of its event loop."]

    @pytest.mark.parametrize("pause", [0, 60], ids=["asked afterwards", "asked before"])
    def test_a_test_that_has_ended_is_measured_no_longer_though_its_loop_goes_on(self, pause):
        async def test():
            with RunningLoop(asyncio.get_running_loop()) as loop:
                asked = asyncio.create_task(asyncio.to_thread(Awaited(lambda batch: asyncio.sleep(pause), loop), 0))
                if pause:
                    await asyncio.sleep(0.05)
            with pytest.raises(GateError, match="ended before its model was measured"):
                await asyncio.wait_for(asked, 20)

        asyncio.run(test())

    def test_in_another_process_it_is_a_loop_of_its_own(self):
        loop = asyncio.new_event_loop()
        try:
            assert isinstance(pickle.loads(pickle.dumps(RunningLoop(loop))), OwnLoop)
        finally:
            loop.close()


class TestWaiting:
    def test_a_model_that_is_not_async_waits_for_nothing(self):
        assert measure_waiting(Workload(len, [()], 1, None), 1e-6) is None

    def test_its_own_code_is_told_from_what_it_awaits(self):
        async def model(batch):
            _spin(0.002)
            await asyncio.sleep(0.006)
            _spin(0.002)

        found = measure_waiting(workload(model), 0.01)
        # A busy machine adds to either, and takes nothing away.
        assert found.own > 0.0039
        assert found.other > 0.005
        assert found.turn < 0.5 * found.own

    @pytest.mark.parametrize(
        "wait",
        [lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.001), lambda: asyncio.to_thread(time.sleep, 0.001)],
        ids=["turn", "timer", "thread"],
    )
    def test_a_loop_that_is_busy_is_told_from_what_it_awaits(self, wait):
        async def model(batch):
            await wait()

        async def block():
            while True:
                _spin(0.008)
                await asyncio.sleep(0)

        async def test():
            task = asyncio.create_task(block())
            with RunningLoop(asyncio.get_running_loop()) as loop:
                found = await asyncio.to_thread(measure_waiting, workload(model, loop=loop), 0.01)
            task.cancel()
            return found

        found = asyncio.run(test())
        assert found.turn > 0.004
        assert found.own < 0.5 * found.turn

    def test_calls_in_flight_wait_for_each_other(self):
        async def model(batch):
            _spin(0.002)
            await asyncio.sleep(0)
            _spin(0.002)

        alone, together = (measure_waiting(workload(model, count), 0.004) for count in (1, 4))
        assert together.turn > 3 * max(alone.turn, 0.001)
        assert together.own < 0.5 * together.turn

    def test_the_loop_is_left_as_it_was_also_after_an_error(self):
        async def test(model):
            loop = asyncio.get_running_loop()
            before = dict(vars(loop))
            with RunningLoop(loop) as running:
                await asyncio.to_thread(measure_waiting, workload(model, loop=running), 1e-4)
            return set(vars(loop)) - set(before)

        assert asyncio.run(test(lambda batch: asyncio.sleep(0))) == set()

        async def fails(batch):
            raise ValueError("no")

        with pytest.raises(GateError, match="ValueError"):
            measure_waiting(workload(fails), 1e-4)
        assert time_calls(workload(lambda batch: asyncio.sleep(0)), 1, 3).calls == 3

    def test_an_answer_and_an_exception_go_through(self):
        async def model(batch):
            try:
                async with asyncio.timeout(0.001):
                    await asyncio.sleep(1)
            except TimeoutError:
                return await asyncio.wait_for(asyncio.sleep(0, batch), 1)

        assert measure_waiting(workload(model), 0.02).other > 0.0005

    def test_a_loop_that_cannot_be_watched_leaves_the_turns_untold(self, monkeypatch):
        loop = asyncio.new_event_loop()

        class Closed(type(loop)):
            def __setattr__(self, name, value):
                if name == "call_soon":
                    raise AttributeError(name)
                super().__setattr__(name, value)

        loop.close()
        with asyncio.Runner(loop_factory=Closed) as runner:

            async def test():
                with RunningLoop(asyncio.get_running_loop()) as running:
                    work = workload(lambda batch: asyncio.sleep(0.001), loop=running)
                    return await asyncio.to_thread(measure_waiting, work, 0.001)

            found = runner.run(test())
        assert found.turn is None
        assert found.other > 0.0005


def _spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def pause(batch):
    await asyncio.sleep(PAUSE)


async def paused_twice(batch):
    await pause(batch)
    await pause(batch)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_profile_is_of_coroutines_by_the_clock_on_the_wall(tmp_path, concurrency):
    profile = take_profile(workload(paused_twice, concurrency), 8, tmp_path)
    functions = {function.name: function for function in profile.functions}
    assert functions["pause"].calls == 2
    assert functions["paused_twice"].calls == 1
    # Beside the whole call of the same passes: how long a pause lasts is up to the machine.
    assert profile.seconds >= 2 * PAUSE
    assert functions["paused_twice"].total == pytest.approx(profile.seconds, rel=0.3)
    assert functions["pause"].least == pytest.approx(profile.least, rel=0.3)
    assert functions["paused_twice"].least < 0.5 * functions["pause"].least
