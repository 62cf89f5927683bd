"""Calls of a model outside an event loop: one after another, the clock read around each, or around a round of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice, pairwise
from typing import TYPE_CHECKING, Any

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.in_loop import Stint

if TYPE_CHECKING:
    from pytest_speedacc.measure.latency import Workload


def timed_without_loop(work: Workload, calls_per_round: int, count: int, start: int, kept: list[int]) -> Stint:
    first = start * calls_per_round % len(work.batches)
    stream = islice(cycle(work.batches), first, first + count * calls_per_round)
    durations = (
        _single_calls(work, stream, first, count, kept)
        if calls_per_round == 1
        else _rounds(work, stream, first, count, calls_per_round)
    )
    return Stint(durations, sum(durations))


def _single_calls(work: Workload, stream: Iterator[Any], first: int, count: int, kept: list[int]) -> list[int]:
    call, synchronise, clock, answers = work.call, work.synchronise, clocks.CLOCKS.read, work.answers
    durations: list[int] = []
    keep = durations.append
    # Plain loops rather than one with branches: the body between two clock reads must hold the call alone. A call whose
    # answer is kept has a body of its own, so that the others drop theirs at once, as they would in production.
    for begun, position in pairwise([-1, *kept, count]):
        untouched = islice(stream, position - begun - 1)
        if synchronise is None:
            for batch in untouched:
                begin = clock()
                call(batch)
                keep(clock() - begin)
        else:
            for batch in untouched:
                synchronise()
                begin = clock()
                call(batch)
                synchronise()
                keep(clock() - begin)
        if answers is not None and position < count:
            batch, finish = next(stream), synchronise or _nothing
            finish()
            begin = clock()
            answer = call(batch)
            finish()
            keep(clock() - begin)
            answers.keep((first + position) % len(work.batches), answer)
    return durations


def _rounds(work: Workload, stream: Iterator[Any], first: int, count: int, calls_per_round: int) -> list[int]:
    call, clock, answers = work.call, clocks.CLOCKS.read, work.answers
    durations: list[int] = []
    keep = durations.append
    finish = work.synchronise or _nothing
    for number in range(count):
        chunk = list(islice(stream, calls_per_round))
        turn = answers.turned(chunk) if answers is not None else 0
        *batches, last = chunk[turn:] + chunk[:turn]
        finish()
        begin = clock()
        for batch in batches:
            call(batch)
        answer = call(last)
        finish()
        keep(clock() - begin)
        if answers is not None:
            position = number * calls_per_round + (turn - 1) % calls_per_round
            answers.keep((first + position) % len(work.batches), answer)
    return durations


def _nothing() -> None:
    pass
