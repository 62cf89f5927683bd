"""Where a model's time goes, function by function: yappi, in a pass of its own after everything is timed."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_speedacc.config.project import Clock
from pytest_speedacc.errors import GateError, said
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.latency import Workload, run_calls
from pytest_speedacc.measure.patterns import known_seconds
from pytest_speedacc.measure.places import COMPREHENSIONS, is_library, package, shown
from pytest_speedacc.measure.raised import RAISED
from pytest_speedacc.measure.stack import with_room
from pytest_speedacc.measure.stages import Recorder, recorded

PASSES = 3
"""Of which each function's median counts, and between which its time is seen to move."""
SECONDS = 0.15
"""A pass, about, before the profiler slows it down."""
MOST_CALLS = 200
STEPS = (".transform", ".predict", ".predict_proba", ".predict_log_proba", ".decision_function")
"""Ends of the names of library methods that are reported by themselves: the steps of a pipeline."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function, per call of the model."""

    name: str
    """Qualified, as ``Ranker.clean_rows``."""
    file: str
    """Relative to the project where it lies in it, else from its package on."""
    line: int
    calls: float
    """``ncall`` for each call of the model."""
    own: float
    """Seconds in it, and in the libraries that it calls, without other reported functions: ``tsub`` folded."""
    total: float
    """Seconds from its entry to its return: ``ttot``."""
    least: float
    """The smallest ``own`` of the passes."""
    most: float
    """The largest."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is the same function by: its line moves with every edit."""
        return self.name, self.file

    @property
    def place(self) -> str:
        """As it is named to its author: ``clean_rows (features.py:41)``."""
        return f"{self.name} ({self.file}:{self.line})"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the model that its author named, per call of the model."""

    name: str
    calls: float
    seconds: float
    """From its entry to its end."""
    least: float
    """The smallest ``seconds`` of the passes."""
    most: float
    """The largest."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One model's functions, the one with the most time of its own first."""

    clock: Clock
    calls: int
    """Of the model, in each pass."""
    batch_size: int
    """Samples in a call."""
    seconds: float
    """Of a call of the model, under the profiler."""
    least: float
    """Those of the fastest pass."""
    functions: tuple[Function, ...]
    known: Mapping[str, float]
    """Seconds of a call in library functions that make a known pattern, by its name; those found alone."""
    stages: tuple[Stage, ...] = ()
    """In the order in which a call comes to them."""

    def share(self, function: Function) -> float:
        """Of a call, how much is the function's own, from 0 to 1: by the fastest passes, which nothing interrupted."""
        return min(1.0, function.least / self.least) if self.least > 0 else 0.0


def profiled_calls(seconds_per_call: float) -> int:
    """How many calls of the model make a pass."""
    return min(MOST_CALLS, max(1, round(SECONDS / seconds_per_call)))


def take_profile(work: Workload, calls: int, root: Path, *, clock: Clock = "wall", save: Path | None = None) -> Profile:
    """Profile ``calls`` calls of the model, PASSES times, on all threads, and fold libraries into their callers.

    ``root`` is the project. With ``save``, ``save.pstat`` and ``save.callgrind`` are written, of the last pass. Raises
    GateError when yappi is in use: its statistics are the process's, and would be lost.
    """
    import yappi

    if yappi.is_running() or not yappi.get_func_stats().empty():
        raise GateError("yappi is in use in this process, and it keeps one set of statistics: no profile was taken")
    clock_before = yappi.get_clock_type()
    passes = []
    stages: list[Recorder] = []
    try:
        yappi.set_clock_type(clock)
        for number in range(PASSES):
            # A thread that waits for an accelerator is busy, and the clock without waiting is to leave that out.
            of_stages = (time.thread_time,) if clock == "cpu" else (clocks.seconds, work.synchronise)
            with recorded(*of_stages) as recorder:
                yappi.start(builtins=False, profile_threads=True)
                try:
                    took = with_room(run_calls, work, calls)
                finally:
                    yappi.stop()
            stats = yappi.get_func_stats()
            found = _folded(stats, calls, root)
            # Not every call has an edge to its caller: what C calls back has none on Python 3.12, nor has a coroutine.
            passes.append(found if clock == "cpu" else replace(found, seconds=work.concurrency * took / calls))
            if save is not None and number == PASSES - 1:
                save.parent.mkdir(parents=True, exist_ok=True)
                stats.save(f"{save}.pstat", type="pstat")
                stats.save(f"{save}.callgrind", type="callgrind")
            stages.append(recorder)
            yappi.clear_stats()
    finally:
        yappi.clear_stats()
        yappi.set_clock_type(clock_before)
    return replace(_joined(passes, clock, calls, work.batch_size), stages=_stages(stages, calls))


def attempt_profile(
    work: Workload, calls: int, root: Path, *, clock: Clock, save: Path | None
) -> tuple[Profile | None, str]:
    """The profile that ``take_profile`` takes, or None and why there is none: a model may mind being watched."""
    try:
        return take_profile(work, calls, root, clock=clock, save=save), ""
    except GateError as error:
        return None, str(error)
    except RAISED as error:
        # It did not raise without the profiler.
        return None, f"no profile was taken: the model raised {type(error).__name__} under the profiler ({said(error)})"


def _stages(passes: Sequence[Recorder], calls: int) -> tuple[Stage, ...]:
    found = []
    for name in passes[-1].seconds:
        seconds = [sum(each.seconds.get(name, ())) / calls for each in passes]
        count = len(passes[-1].seconds[name]) / calls
        found.append(Stage(name, count, statistics.median(seconds), min(seconds), max(seconds)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Pass:
    functions: Mapping[tuple[str, str], Function]
    seconds: float
    known: Mapping[str, float]


def _joined(passes: Sequence[_Pass], clock: Clock, calls: int, batch_size: int) -> Profile:
    functions = []
    for key in dict.fromkeys(key for each in passes for key in each.functions):
        found = [each.functions[key] for each in passes if key in each.functions]
        own = [each.own for each in found]
        middle = found[len(found) // 2]
        functions.append(
            Function(
                name=middle.name,
                file=middle.file,
                line=middle.line,
                calls=statistics.median(each.calls for each in found),
                own=statistics.median(own),
                total=statistics.median(each.total for each in found),
                least=min(own),
                most=max(own),
            )
        )
    functions.sort(key=lambda each: -each.own)
    seconds = [each.seconds for each in passes]
    names = dict.fromkeys(name for each in passes for name in each.known)
    known = {name: statistics.median(each.known.get(name, 0.0) for each in passes) for name in names}
    return Profile(clock, calls, batch_size, statistics.median(seconds), min(seconds), tuple(functions), known)


def _folded(stats: Any, calls: int, root: Path) -> _Pass:
    """The reported functions, each with what libraries did on its behalf.

    The time of reported functions below a library function is told from the edges of the call graph. Where it has
    several callers it is shared among them by their time in it, which yappi does not tell apart.
    """
    nodes = {stat.index: stat for stat in stats}
    reported = {index for index, stat in nodes.items() if _is_reported(stat)}
    shares: dict[int, float] = {}

    def share(index: int) -> float:
        """Of the time in a function that is no reported one, how much is in reported ones below it."""
        if index not in shares:
            shares[index] = 0.0  # what calls itself finds this
            total = nodes[index].ttot
            shares[index] = min(1.0, below(index) / total) if total > 0 else 0.0
        return shares[index]

    def below(index: int) -> float:
        seconds = 0.0
        for child in nodes[index].children:
            if child.index in nodes and child.index != index:
                seconds += child.ttot * (1.0 if child.index in reported else share(child.index))
        return seconds

    limit = sys.getrecursionlimit()
    # A chain of library calls may be longer than Python's stack allows, and is as deep here.
    sys.setrecursionlimit(max(limit, 4 * len(nodes) + 1000))
    try:
        functions: dict[tuple[str, str], Function] = {}
        for index in reported:
            stat = nodes[index]
            own = max(stat.tsub, stat.ttot - below(index)) / calls
            found = Function(
                name=stat.name,
                file=shown(stat.module, root),
                line=int(stat.lineno),
                calls=stat.ncall / calls,
                own=own,
                total=stat.ttot / calls,
                least=own,
                most=own,
            )
            functions[found.key] = _added(functions.get(found.key), found)
    finally:
        sys.setrecursionlimit(limit)
    called = {child.index for stat in nodes.values() for child in stat.children if child.index != stat.index}
    seconds = sum(stat.ttot for index, stat in nodes.items() if index not in called) / calls
    return _Pass(functions, seconds, known_seconds(nodes.values(), calls))


def _added(one: Function | None, other: Function) -> Function:
    """Two functions of one name in one file, such as two lambdas, taken together."""
    if one is None:
        return other
    own = one.own + other.own
    return Function(one.name, one.file, one.line, one.calls + other.calls, own, one.total + other.total, own, own)


def _is_reported(stat: Any) -> bool:
    if stat.builtin or stat.name.endswith(COMPREHENSIONS):
        return False
    if not is_library(str(stat.module)):
        return True
    return (
        package(stat.module) == "sklearn" and stat.name.endswith(STEPS) and not stat.name.startswith(("Pipeline.", "_"))
    )
