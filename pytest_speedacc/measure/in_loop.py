"""Calls of an async model inside its event loop: one after another, or several in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from typing import Any

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.loops import staying_in
from pytest_speedacc.measure.quiet import quietly_awaited

AsyncCall = Callable[[Any], Awaitable[Any]]
Answered = list[tuple[Any, Any]]
"""Batches, and what they were answered with."""
PARTS = 8
"""Of a stretch of calls, one answer each is kept."""
_NONE = object()


@dataclass(frozen=True, slots=True)
class Stint:
    """What was timed in the loop without leaving it."""

    nanoseconds: list[int]
    """Of each call, or of each round of calls."""
    elapsed: int
    """Nanoseconds from the first call's start to the last one's end."""
    answers: Answered = field(default_factory=list)
    """Of the last call of each part, by every caller."""


async def timed(
    call: AsyncCall, batches: Sequence[Any], calls_per_round: int, count: int, start: int, concurrency: int
) -> Stint:
    """Time ``count`` calls, or rounds of ``calls_per_round`` calls, ``concurrency`` of them in flight at a time."""
    return await quietly_awaited(_timed, call, batches, calls_per_round, count, start, concurrency)


async def _timed(
    call: AsyncCall, batches: Sequence[Any], calls_per_round: int, count: int, start: int, concurrency: int
) -> Stint:
    clock = clocks.CLOCKS.read
    first = start * calls_per_round % len(batches)
    stream = islice(cycle(batches), first, first + count * calls_per_round)
    durations: list[int] = []
    answers: Answered = []
    began = clock()
    if calls_per_round == 1:
        # Several in flight would all have to end between two parts, which is another load.
        parts = PARTS if concurrency == 1 else 1
        for part in range(parts):
            calls = islice(stream, count * (part + 1) // parts - count * part // parts)
            answers += await _in_flight(concurrency, partial(_each_timed, call, calls, durations))
    else:
        for number in range(count):
            chunk = list(islice(stream, calls_per_round))
            round_began = clock()
            last = await calls_in_flight(call, iter(chunk), concurrency)
            durations.append(clock() - round_began)
            if number % max(1, count // PARTS) == 0:
                answers += last
    return Stint(durations, clock() - began, answers)


async def untimed(call: AsyncCall, batches: Sequence[Any], calls: int, concurrency: int) -> float:
    """Call the model to warm it up; returns the seconds that took all together."""
    began = clocks.seconds()
    await calls_in_flight(call, islice(cycle(batches), calls), concurrency)
    return clocks.seconds() - began


async def calls_in_flight(call: AsyncCall, batches: Iterator[Any], concurrency: int) -> Answered:
    """Call the model on every batch, ``concurrency`` of them at a time; gives what the last ones were answered with."""
    return await _in_flight(concurrency, lambda: _each(call, batches))


async def _in_flight(concurrency: int, caller: Callable[[], Coroutine[Any, Any, Answered]]) -> Answered:
    """Run so many callers, which take their batches from one iterator; one alone needs no task of its own."""
    if concurrency == 1:
        return await staying_in(caller())
    try:
        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(staying_in(caller())) for _ in range(concurrency)]
    except BaseExceptionGroup as errors:
        # What the model raised, as if it had been called alone; the group has ended the others.
        raise errors.exceptions[0] from None
    return [answered for each in callers for answered in each.result()]


async def _each(call: AsyncCall, batches: Iterator[Any]) -> Answered:
    batch = answer = _NONE
    for batch in batches:
        answer = await call(batch)
    return [] if batch is _NONE else [(batch, answer)]


async def _each_timed(call: AsyncCall, batches: Iterator[Any], durations: list[int]) -> Answered:
    clock, keep = clocks.CLOCKS.read, durations.append
    batch = answer = _NONE
    for batch in batches:
        begin = clock()
        answer = await call(batch)
        keep(clock() - begin)
    return [] if batch is _NONE else [(batch, answer)]
