"""Wall time of single calls of a model, one batch each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any, Protocol

import numpy as np

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.garbage import Garbage
from pytest_speedacc.measure.in_loop import Stint, timed, untimed
from pytest_speedacc.measure.loops import Loop
from pytest_speedacc.measure.quiet import quietly
from pytest_speedacc.measure.raised import guarded
from pytest_speedacc.measure.stack import with_room
from pytest_speedacc.measure.without_loop import timed_without_loop
from pytest_speedacc.stats.alike import alike
from pytest_speedacc.stats.quantiles import quantile_interval

SHORTEST_CALL_IN_CLOCK_READS = 20
"""A call shorter than this many clock reads is timed in rounds: the read itself would be over 5 % of it."""
ROUND_IN_CLOCK_READS = 200
"""Length of such a round: the clock is then at most half a per cent of it."""
MOST_WARM_UP_SECONDS = 0.2
FEWEST_WARM_UP_CALLS = 4
FASTER = 0.95
"""Of the best pace so far: calls below it still get faster."""
SHORTEST_STRETCH = 1e-4
"""Seconds that the last untimed calls last together, so that the clock has told how long one of them is."""
TIMED = "while it was timed"

Call = Callable[[Any], Any]
Synchronise = Callable[[], None] | None


class Keeper(Protocol):
    """Takes some of what timed calls answer."""

    def positions(self, first: int, count: int, distinct: int) -> list[int]:
        """Which of ``count`` calls, of which the first gets batch number ``first`` of ``distinct`` ones, to keep."""

    def turned(self, batches: list[Any]) -> int:
        """Where to begin a round of these batches, whose last answer is kept."""

    def keep(self, number: int, answer: Any) -> None:
        """Take the answer to a batch."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is timed."""

    call: Call
    """Takes one batch."""
    batches: Sequence[Any]
    """Distinct batches to cycle through."""
    batch_size: int
    """Samples in a batch."""
    synchronise: Synchronise
    """Waits for the accelerator; None where there is none."""
    loop: Loop | None = None
    """Where ``call`` gives something to await, the event loop to await it in; None where it returns the answer."""
    concurrency: int = 1
    """Calls in flight at a time, in such a loop."""
    answers: Keeper | None = None
    """What keeps some of the timed calls' answers; None where nobody asks for them."""
    garbage: Garbage = field(default_factory=Garbage)
    """Looks after what the model leaves behind."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Timed calls (or rounds of calls) of one model in one process."""

    seconds: np.ndarray[Any, np.dtype[np.float64]]
    """Duration of a call, shape (observations,), in the order they were taken."""
    calls_per_round: int
    """1 when every call was timed by itself; otherwise each entry is a round's time divided by this."""
    batch_size: int
    """Samples in a call."""
    elapsed: float
    """Seconds of all of it together; with several calls in flight, less than the sum."""
    concurrency: int = 1
    """Calls in flight at a time."""

    @property
    def throughput(self) -> float:
        """Samples a second, over all calls that were timed."""
        return self.calls * self.calls_per_round * self.batch_size / self.elapsed

    @property
    def calls(self) -> int:
        """Number of timed observations."""
        return len(self.seconds)

    @property
    def has_tail(self) -> bool:
        """False when calls were too short for the clock, so that only rounds were timed."""
        return self.calls_per_round == 1

    def quantile(self, q: float) -> float:
        """The q-quantile in seconds. Raises GateError for a tail of calls that were timed in rounds."""
        if q != 0.5 and not self.has_tail:
            raise GateError(
                f"p{q * 100:g} cannot be measured: one call is too short for this machine's clock, so "
                f"{self.calls_per_round} calls were timed together. Use the median, or a larger batch_size."
            )
        return float(np.quantile(self.seconds, q))

    def interval(self, q: float) -> tuple[float, float] | None:
        """Distribution-free 95 % interval of the q-quantile, in seconds; None when there are too few calls for one."""
        return quantile_interval(np.sort(self.seconds).tolist(), q, alike=alike(self.seconds, q))

    @property
    def median(self) -> float:
        """Median time of a call, in seconds."""
        return self.quantile(0.5)

    @property
    def p90(self) -> float:
        """90th percentile in seconds."""
        return self.quantile(0.9)

    @property
    def p95(self) -> float:
        """95th percentile in seconds."""
        return self.quantile(0.95)

    @property
    def p99(self) -> float:
        """99th percentile in seconds."""
        return self.quantile(0.99)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the untimed calls taught."""

    seconds_per_call: float
    """The last calls' mean time."""
    calls_per_round: int
    """1, or how many calls make a round that the clock can time."""
    fastest: float
    """Mean time of a call in the fastest stretch: an interruption tells nothing of a call."""
    calls: int = 0
    """Untimed calls so far."""
    spent: float = 0.0
    """Seconds that they took."""
    gets_faster: bool = False
    """Whether the last stretch was clearly the fastest."""


def warm_up(work: Workload, budget: float) -> WarmUp:
    """Call the model untimed, with the shapes that will be timed, for about a tenth of ``budget`` seconds.

    At least FEWEST_WARM_UP_CALLS, unless fewer take the whole budget. Raises GateError when the model raises, or the
    clock cannot be trusted.
    """
    clocks.read_seconds()  # refuses a clock that stands still before the model is called
    return quietly(_warm_up, work, budget)


def pace(seconds_per_call: float, fastest: float) -> WarmUp:
    """What calls of that mean time, the fastest of which are so fast, mean for the timing."""
    read = clocks.read_seconds()
    # A quotient of times: its last digit must not decide.
    short = round(fastest / read, 6) < SHORTEST_CALL_IN_CLOCK_READS
    calls = max(1, round(ROUND_IN_CLOCK_READS * read / fastest)) if short else 1
    return WarmUp(seconds_per_call, calls, fastest)


def time_calls(work: Workload, calls_per_round: int, count: int, start: int = 0) -> Latency:
    """Time ``count`` calls (or rounds), beginning with batch number ``start``.

    Raises GateError when the model raises, or the clock goes backwards, stands still or is contradicted by another.
    """
    with one_process(), clocks.agreeing("while the model was timed"):
        stint = _stretches(work, calls_per_round, count, start)
    nanoseconds = np.asarray(stint.nanoseconds, np.int64)
    if nanoseconds.min() < 0:
        raise GateError("the clock went backwards while the model was timed: no time from this run can be trusted.")
    if nanoseconds.max() == 0:
        raise clocks.stood_still("while the model was timed")
    seconds = nanoseconds / (1e9 * calls_per_round)
    return Latency(seconds, calls_per_round, work.batch_size, stint.elapsed * 1e-9, work.concurrency)


def joined(first: Latency, second: Latency) -> Latency:
    """The observations of two stretches of one measurement, in order."""
    return replace(
        first, seconds=np.concatenate([first.seconds, second.seconds]), elapsed=first.elapsed + second.elapsed
    )


def _stretches(work: Workload, calls_per_round: int, count: int, start: int) -> Stint:
    """As many observations as are wanted, in stretches between which the model's garbage is looked after."""
    durations: list[int] = []
    elapsed = 0
    # Of all of them, since a kept answer leaves the next call to find new memory.
    kept = _kept(work, calls_per_round, count, start)
    while left := count - (done := len(durations)):
        # Several calls in flight would all have to end between two stretches, which is another load.
        is_cut = work.concurrency == 1
        some = min(left, max(1, work.garbage.stretch // calls_per_round)) if is_cut else left
        arguments = calls_per_round, some, start + done
        if work.loop is None:
            places = [place - done for place in kept if done <= place < done + some]
            stint = quietly(guarded, TIMED, timed_without_loop, work, *arguments, places)
        else:
            stint = with_room(guarded, TIMED, _timed_in_loop, work, work.loop, *arguments)
        durations += stint.nanoseconds
        elapsed += stint.elapsed
        work.garbage.look(some * calls_per_round, stint.elapsed * 1e-9)
    return Stint(durations, elapsed)


def _kept(work: Workload, calls_per_round: int, count: int, start: int) -> list[int]:
    """Which of so many calls, timed one by one, have their answers kept; rounds and loops see to it themselves."""
    if work.answers is None or calls_per_round > 1 or work.loop is not None:
        return []
    return work.answers.positions(start % len(work.batches), count, len(work.batches))


def _timed_in_loop(work: Workload, loop: Loop, calls_per_round: int, count: int, start: int) -> Stint:
    stint = loop.run(timed(work.call, work.batches, calls_per_round, count, start, work.concurrency))
    if work.answers is not None:
        numbers = {id(batch): number for number, batch in enumerate(work.batches)}
        for batch, answer in stint.answers:
            work.answers.keep(numbers[id(batch)], answer)
    return stint


def run_untimed(work: Workload, calls: int) -> float:
    """Call the model ``calls`` times to warm caches up, looking after its garbage; returns the seconds of the calls."""
    seconds, done = 0.0, 0
    while done < calls:
        some = min(calls - done, work.garbage.stretch) if work.concurrency == 1 else calls
        took = run_calls(work, some, done)
        seconds, done = seconds + took, done + some
        work.garbage.look(some, took)
    return seconds


def run_calls(work: Workload, calls: int, first: int = 0) -> float:
    """Call the model on so many batches, beginning with number ``first``, and do nothing else; returns the seconds."""
    turn = first % len(work.batches)
    batches = [*work.batches[turn:], *work.batches[:turn]]
    if work.loop is not None:
        return work.loop.run(untimed(work.call, batches, calls, work.concurrency))
    begin = clocks.seconds()
    for batch in islice(cycle(batches), calls):
        work.call(batch)
    if work.synchronise is not None:
        work.synchronise()
    return clocks.seconds() - begin


def run_again(work: Workload, calls: int) -> float:
    """As ``run_untimed``, of a model that was called before. Raises GateError when it raises, or a clock is off."""
    with one_process(), clocks.agreeing("while the model was warmed up"):
        return guarded(TIMED, run_untimed, work, calls)


def _warm_up(work: Workload, budget: float) -> WarmUp:
    enough = min(MOST_WARM_UP_SECONDS, budget / 10)
    first = f"on a batch of {work.batch_size}, after it had predicted the whole set"
    took = guarded(first, run_untimed, work, 1)
    calls, spent, done = 1, took, 1
    fastest = before = took
    # A few calls after a slow first one may be over before the clock has told anything of them.
    while (spent < enough or done < FEWEST_WARM_UP_CALLS or took < SHORTEST_STRETCH) and spent < budget:
        calls, took = done, run_again(work, done)
        spent, done = spent + took, 2 * done
        before, fastest = fastest, min(fastest, took / calls)
    found = pace(max(took / calls, 1e-9), max(fastest, 1e-9))
    return replace(found, calls=done, spent=spent, gets_faster=took / calls < FASTER * before)
