"""A check that its test began and left: nothing of it stays switched off, and it does not go on in later tests."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from scratch_project import Project

from pytest_speedacc.measure.memory import measure_memory, track_once
from pytest_speedacc.measure.quiet import put_back, quietly, quietly_awaited

LEAVES = """
import asyncio
import gc
import sys

import yappi

def trace(*event):
    return None

def is_timed():
    frame = sys._getframe()
    while frame and frame.f_code.co_name != "quietly_awaited":
        frame = frame.f_back
    return frame is not None

@pytest.mark.speedacc(min_accuracy=0.9)
def test_leaves(speedacc):
    global task, loop
    loop, hangs = asyncio.new_event_loop(), asyncio.Event()

    async def waits(batch):
        if is_timed():
            assert hangs.is_set() or not (gc.isenabled() or sys.gettrace())
            hangs.set()
            await asyncio.sleep(SECONDS)
        return model(batch)

    async def main():
        global task
        task = asyncio.create_task(speedacc.acheck(waits, inputs, targets))
        await hangs.wait()

    BEFORE
    loop.run_until_complete(main())

@pytest.mark.speedacc(gate=False)
def test_next():
    """


def leaves(seconds: str, before: str, after: str) -> str:
    return LEAVES.replace("SECONDS", seconds).replace("BEFORE", before) + after.strip().replace("\n", "\n    ")


def test_what_it_switched_off_is_on_again_in_the_next_test(project: Project) -> None:
    pytest.importorskip("yappi")
    before, tracer = "yappi.start(); sys.settrace(trace)", sys.gettrace()
    after = """
tracer = sys.gettrace()
sys.settrace(None)
assert tracer is trace
assert gc.isenabled()
yappi.clear_stats()
model(inputs)
assert "model" in {each.name for each in yappi.get_func_stats()}
yappi.stop()
yappi.clear_stats()
"""
    project.write(leaves("60", before, after))
    try:
        project.run().assert_outcomes(failed=1, passed=1)
    finally:
        sys.settrace(tracer)
    assert gc.isenabled()


def test_it_ends_when_its_loop_goes_on(project: Project) -> None:
    after = """
verdict = loop.run_until_complete(task)
assert "ended before its model was measured" in verdict.error
loop.run_until_complete(loop.shutdown_default_executor())
loop.close()
assert gc.isenabled()
"""
    project.write(leaves("0.001", "pass", after))
    project.run().assert_outcomes(failed=1, passed=1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_monitors_are_put_back() -> None:
    monitoring = sys.monitoring
    monitoring.use_tool_id(4, "test")
    monitoring.set_events(4, monitoring.events.CALL)
    try:
        waits = quietly_awaited(_never)
        waits.send(None)
        assert monitoring.get_events(4) == monitoring.events.NO_EVENTS
        put_back()
        assert monitoring.get_events(4) == monitoring.events.CALL
        waits.close()
    finally:
        monitoring.free_tool_id(4)


async def _never() -> None:
    await asyncio.sleep(0)


def test_the_collector_is_put_back_once_and_the_late_end_changes_nothing() -> None:
    waits, tracer = quietly_awaited(_never), sys.gettrace()
    waits.send(None)
    assert not gc.isenabled()
    put_back()
    assert gc.isenabled()
    assert sys.gettrace() is tracer
    gc.disable()
    sys.settrace(ignore)
    try:
        waits.close()
        assert (gc.isenabled(), sys.gettrace()) == (False, ignore)
    finally:
        gc.enable()
        sys.settrace(tracer)


def test_another_thread_puts_its_own_profiler_back_itself() -> None:
    began, goes_on, found = threading.Event(), threading.Event(), SimpleNamespace()

    def timed() -> None:
        began.set()
        goes_on.wait()

    def work() -> None:
        sys.setprofile(ignore)
        try:
            quietly(timed)
            found.profiler = sys.getprofile()
        finally:
            sys.setprofile(None)

    thread, profiler = threading.Thread(target=work), sys.getprofile()
    thread.start()
    began.wait()
    put_back()
    assert gc.isenabled()
    assert sys.getprofile() is profiler
    goes_on.set()
    thread.join()
    assert found.profiler is ignore


def ignore(*event: object) -> None:
    """A tracer, or a profiler, that does nothing."""


@pytest.mark.memray
@pytest.mark.parametrize("measure", ["measure_memory", "track_once"])
def test_a_profile_that_is_being_taken_goes_on_after_the_memory_pass(measure: str) -> None:
    profile = cProfile.Profile()
    profile.enable()
    try:
        if measure == "measure_memory":
            measure_memory(np.copy, [np.zeros(3)])
        else:
            track_once(lambda: np.zeros(3))
        after_it()
    finally:
        profile.disable()
    assert "after_it" in {entry.code.co_name for entry in profile.getstats() if not isinstance(entry.code, str)}


def after_it() -> None:
    """What the profile must have."""
