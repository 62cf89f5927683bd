"""Where an async call spends its time: in its own code, waiting for a turn of the event loop, or for what it awaits.

In a pass of its own, since it has the loop note when each callback was asked for and when it ran.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.in_loop import AsyncCall, calls_in_flight
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.raised import guarded
from pytest_speedacc.measure.stack import with_room

SECONDS = 0.1
"""The pass, about."""
MOST_CALLS = 200
TIMER_STEP = 0.001
"""Seconds by which a timer may be late in a loop that has nothing else to do: the system waits whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One call of an async model, on average, in seconds."""

    own: float
    """Its code, and all that this calls, in the thread of the loop."""
    turn: float | None
    """Ready to go on, and the loop busy with something else; None for a loop that does not let itself be watched."""
    other: float
    """For what it awaits: I/O, locks, timers, other tasks and threads."""


def measure_waiting(work: Workload, seconds_per_call: float) -> Waiting | None:
    """Tell apart what a call of ``work`` waits for, with as many in flight as are timed; None of a model that is not
    async.

    A task that the model starts is something that it waits for. Raises GateError when the model raises.
    """
    if work.loop is None:
        return None
    calls = min(MOST_CALLS, max(work.concurrency, round(SECONDS / seconds_per_call)))
    when = "while it was watched for what it waits for"
    waiting: Waiting = guarded(when, with_room, work.loop.run, _measure(work, calls))
    return waiting


async def _measure(work: Workload, calls: int) -> Waiting:
    clock = _Clock()
    with _watched(asyncio.get_running_loop(), clock) as is_watched:

        async def call(batch: Any) -> None:
            await _Steps(work.call, batch, clock)

        await calls_in_flight(call, islice(cycle(work.batches), calls), work.concurrency)
    other = clock.suspended - clock.turn
    return Waiting(clock.own / calls, clock.turn / calls if is_watched else None, max(0.0, other) / calls)


@dataclass(slots=True)
class _Clock:
    own: float = 0.0
    suspended: float = 0.0
    turn: float = 0.0
    late: float = 0.0
    """By how much the callback that runs now ran after it was asked for."""
    timer_late: float = 0.0
    """By how much the timer that runs now is late; whatever it wakes is late by as much."""


@dataclass(slots=True)
class _Steps:
    """A call whose steps are timed one by one, from one suspension to the next."""

    call: AsyncCall
    batch: Any
    clock: _Clock

    def __await__(self) -> Generator[Any, Any, Any]:
        clock, read = self.clock, clocks.seconds
        coroutine: Any = self.call(self.batch)
        step, sent = coroutine.send, None
        began = read()
        while True:
            try:
                awaited = step(sent)
            except StopIteration as end:
                return end.value
            finally:
                paused = read()
                clock.own += paused - began
            try:
                step, sent = coroutine.send, (yield awaited)
            except BaseException as error:
                step, sent = coroutine.throw, error
            began = read()
            clock.suspended += began - paused
            clock.turn += min(clock.late, began - paused)


@contextmanager
def _watched(loop: asyncio.AbstractEventLoop, clock: _Clock) -> Iterator[bool]:
    """Have the loop note in ``clock`` how late each callback runs; gives whether it can be made to."""
    read = clocks.seconds
    plain = {name: getattr(loop, name) for name in ("call_soon", "call_soon_threadsafe", "call_at")}

    def noting(name: str) -> Callable[..., asyncio.Handle]:
        def ask(callback: Callable[..., object], *arguments: Any, context: Any = None) -> asyncio.Handle:
            asked, timer_late = read(), clock.timer_late

            def run(*arguments: Any) -> None:
                clock.late = read() - asked + timer_late
                callback(*arguments)

            handle: asyncio.Handle = plain[name](run, *arguments, context=context)
            return handle

        return ask

    def at(when: float, callback: Callable[..., object], *arguments: Any, context: Any = None) -> asyncio.TimerHandle:
        def run(*arguments: Any) -> None:
            clock.timer_late = max(0.0, loop.time() - when - TIMER_STEP)
            try:
                callback(*arguments)
            finally:
                clock.timer_late = 0.0

        handle: asyncio.TimerHandle = plain["call_at"](when, run, *arguments, context=context)
        return handle

    asks = {"call_soon": noting("call_soon"), "call_soon_threadsafe": noting("call_soon_threadsafe"), "call_at": at}
    try:
        for name, ask in asks.items():
            setattr(loop, name, ask)
    except (AttributeError, TypeError):
        # uvloop's cannot be replaced.
        yield False
        return
    try:
        yield True
    finally:
        for name in asks:
            delattr(loop, name)
