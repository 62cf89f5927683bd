"""Calls of an async model inside its event loop: one after another, or several in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.quiet import quietly_awaited

AsyncCall = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Stint:
    """What was timed in the loop without leaving it."""

    nanoseconds: list[int]
    """Of each call, or of each round of calls."""
    elapsed: int
    """Nanoseconds from the first call's start to the last one's end."""


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
    began = clock()
    if calls_per_round == 1:
        await _in_flight(concurrency, lambda: _each_timed(call, stream, durations))
    else:
        for _ in range(count):
            chunk = list(islice(stream, calls_per_round))
            round_began = clock()
            await calls_in_flight(call, iter(chunk), concurrency)
            durations.append(clock() - round_began)
    return Stint(durations, clock() - began)


async def untimed(call: AsyncCall, batches: Sequence[Any], calls: int, concurrency: int) -> float:
    """Call the model to warm it up; returns the seconds that took all together."""
    began = clocks.seconds()
    await calls_in_flight(call, islice(cycle(batches), calls), concurrency)
    return clocks.seconds() - began


async def calls_in_flight(call: AsyncCall, batches: Iterator[Any], concurrency: int) -> None:
    """Call the model on every batch, ``concurrency`` of them at a time."""
    await _in_flight(concurrency, lambda: _each(call, batches))


async def _in_flight(concurrency: int, caller: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run so many callers, which take their batches from one iterator; one alone needs no task of its own."""
    if concurrency == 1:
        await caller()
        return
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(caller())
    except BaseExceptionGroup as errors:
        # What the model raised, as if it had been called alone; the group has ended the others.
        raise errors.exceptions[0] from None


async def _each(call: AsyncCall, batches: Iterator[Any]) -> None:
    for batch in batches:
        await call(batch)


async def _each_timed(call: AsyncCall, batches: Iterator[Any], durations: list[int]) -> None:
    clock, keep = clocks.CLOCKS.read, durations.append
    for batch in batches:
        begin = clock()
        await call(batch)
        keep(clock() - begin)
