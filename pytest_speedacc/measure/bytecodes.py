"""The work of a call in Python: bytecode instructions, frames and C calls, counted one by one.

They are the same in every process and on every machine with these versions of Python and of the libraries, whatever
else runs there. Of what happens inside C nothing is seen but that it was called.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.loops import Awaited
from pytest_speedacc.measure.places import OWN, is_library, shown
from pytest_speedacc.measure.quiet import MONITORING_TOOLS, quietly
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.subject import Subject

WARM_UP = 2
"""Calls before the first that is counted: caches fill, and modules are imported."""
MOST_CALLS = 8
"""That are counted, until two in a row agree."""
MOST = 10_000_000
"""Bytecodes of a call that are counted, which takes some seconds."""


@dataclass(frozen=True, slots=True)
class Bytecodes:
    """What one call of the model executes in Python."""

    counts: tuple[int, ...]
    """Of each call that was counted, on one batch."""
    is_settled: bool
    """Whether the last two calls did the same, so that the last count is exact."""
    own: int
    """Of the last count, how many are in the user's code; the others are in libraries."""
    frames: int
    """Calls of functions written in Python."""
    c_calls: int
    """Calls from Python of what is written in C."""
    functions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Of the last count, how many are in which function: by its qualified name and its file."""

    @property
    def value(self) -> int:
        """The count; the largest where calls do not settle."""
        return self.counts[-1] if self.is_settled else max(self.counts)

    @property
    def band(self) -> int:
        """By how many one call differs from another with nothing changed."""
        return 0 if self.is_settled else self.value - min(self.counts)

    @property
    def parts(self) -> dict[str, int]:
        """The functions as they are named to their author, such as ``clean_rows (features.py)``."""
        found: dict[str, int] = {}
        for (name, file), count in self.functions.items():
            place = f"{name} ({shown(file, Path())})"
            found[place] = found.get(place, 0) + count
        return found

    @property
    def note(self) -> str:
        """What stands beside it, for the report."""
        last = self.counts[-1]
        parts = f"{self.own:,} in your code and {last - self.own:,} in libraries, {self.frames:,} frames"
        text = f"{parts}, {self.c_calls:,} C calls"
        if self.is_settled:
            return text
        return f"not exact: {len(self.counts)} calls had {min(self.counts):,} to {max(self.counts):,}; the last {text}"


def count_bytecodes(subject: Subject) -> Bytecodes | Unavailable:
    """Count calls of the model on its first batch until two in a row agree, at most MOST_CALLS.

    A random model is counted under one seed. The caller holds the adapter's ``running``. Raises GateError for a model
    that raises.
    """
    if isinstance(subject.call, Awaited):
        return Unavailable("the event loop of an async model executes bytecodes of its own, so they are not counted")
    tallies: list[_Tally] = []
    try:
        with _same_surroundings():
            for number in range(WARM_UP + MOST_CALLS):
                with seeded(0), one_process():
                    if number < WARM_UP:
                        quietly(subject.call, subject.batches[0])
                        continue
                    tallies.append(quietly(_counted, subject.call, subject.batches[0]))
                if tallies[-1].problem:
                    return Unavailable(tallies[-1].problem)
                if len(tallies) > 1 and tallies[-1].total == tallies[-2].total:
                    break
    except GateError as error:
        return Unavailable(str(error))
    except RAISED as error:
        raise model_raised(error, "while its bytecodes were counted") from error
    last = tallies[-1]
    functions = last.functions()
    return Bytecodes(
        counts=tuple(tally.total[0] for tally in tallies),
        is_settled=len(tallies) > 1 and last.total == tallies[-2].total,
        own=sum(count for (_, file), count in functions.items() if not is_library(file)),
        frames=last.frames,
        c_calls=last.c_calls,
        functions=functions,
    )


@contextmanager
def _same_surroundings() -> Iterator[None]:
    """One filter of warnings, and output that goes nowhere: both are served in Python, and differ between runs.

    A library that sets a filter looks through all that there are, which pytest's own settings add to.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        yield


class _Tally:
    """What one call has executed so far, in the thread that called."""

    def __init__(self) -> None:
        self.bytecodes: dict[int, list[int]] = {}
        """By the id of the code; of this package's own, which are not the model's, there are none."""
        self.codes: dict[int, CodeType] = {}
        """By their id, and held, so that no other code gets it meanwhile."""
        self.frames = 0
        self.c_calls = 0
        self.left = MOST
        self.problem = ""
        """Why it says nothing."""

    @property
    def total(self) -> tuple[int, int, int]:
        """Bytecodes, frames and C calls."""
        return sum(count for (count,) in self.bytecodes.values()), self.frames, self.c_calls

    def of(self, code: CodeType) -> list[int] | None:
        """Where those of this code are counted; None where they are this package's."""
        key = id(code)
        if key not in self.codes:
            self.codes[key] = code
            if not code.co_filename.startswith(OWN + os.sep):
                self.bytecodes[key] = [0]
        return self.bytecodes.get(key)

    def functions(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for key, (count,) in self.bytecodes.items():
            place = (self.codes[key].co_qualname, self.codes[key].co_filename)
            found[place] = found.get(place, 0) + count
        return found

    def refuse_threads(self) -> None:
        self.problem = (
            "the model runs Python in threads that its call starts, which take their turns in another order each time: "
            "have it use one (n_jobs=1)"
        )

    def refuse_length(self) -> None:
        self.problem = (
            f"a call executes more than {MOST:,} bytecodes, which take too long to count: pass a smaller batch_size"
        )


def _counted(call: Callable[[Any], Any], batch: Any) -> _Tally:
    """Counted in this thread, in which no tracer, profiler or collector is at work. Raises what the model raises."""
    tally = _Tally()
    # All that runs while they count is in this package: a context manager would run library code at either end.
    if sys.version_info >= (3, 12):
        _monitor(tally, call, batch)
    else:
        _trace(tally, call, batch)
    return tally


def _trace(tally: _Tally, call: Callable[[Any], Any], batch: Any) -> None:
    """Count by tracing opcodes, as Python 3.11 can."""
    tracers: dict[int, Callable[[FrameType, str, Any], Any]] = {}

    def tracer(count: list[int]) -> Callable[[FrameType, str, Any], Any]:
        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "opcode":
                count[0] += 1
                tally.left -= 1
                if tally.left < 0:
                    tally.refuse_length()
                    sys.settrace(None)
            return trace

        return trace

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        count = tally.of(frame.f_code)
        if count is None:
            return None
        tally.frames += 1
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        key = id(frame.f_code)
        if key not in tracers:
            tracers[key] = tracer(count)
        return tracers[key]

    def profiled(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and tally.of(frame.f_code) is not None:
            tally.c_calls += 1

    in_threads = threading.gettrace()
    threading.settrace(lambda frame, event, argument: tally.refuse_threads())
    try:
        sys.setprofile(profiled)
        sys.settrace(entered)
        call(batch)
    finally:
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(in_threads)


def _monitor(tally: _Tally, call: Callable[[Any], Any], batch: Any) -> None:
    """Count by the monitoring that Python has since 3.12. Raises GateError where six other tools are at it."""
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        events = monitoring.events
        # From the last on: the first are a debugger's, coverage's and a profiler's.
        tool = next((tool for tool in reversed(range(MONITORING_TOOLS)) if monitoring.get_tool(tool) is None), None)
        if tool is None:
            raise GateError(f"{MONITORING_TOOLS} tools use sys.monitoring, which has room for no more: end one of them")
        here, others = threading.get_ident(), set(sys._current_frames())
        bytecodes = tally.bytecodes

        def is_here() -> bool:
            thread = threading.get_ident()
            if thread not in others:
                tally.refuse_threads()
            return thread == here

        def executed(code: CodeType, offset: int) -> None:
            if is_here() and (count := bytecodes.get(id(code)) or tally.of(code)) is not None:
                count[0] += 1
                tally.left -= 1
                if tally.left < 0:
                    tally.refuse_length()
                    monitoring.set_events(tool, events.NO_EVENTS)

        def started(code: CodeType, offset: int) -> None:
            if is_here() and tally.of(code) is not None:
                tally.frames += 1

        def called(code: CodeType, offset: int, function: object, argument: object) -> None:
            if is_here() and tally.of(code) is not None:
                tally.c_calls += 1

        callbacks: dict[int, Callable[..., None]] = {
            events.INSTRUCTION: executed,
            events.PY_START: started,
            events.CALL: lambda *seen: None,
            events.C_RETURN: called,
            events.C_RAISE: called,
        }
        with ExitStack() as stack:
            monitoring.use_tool_id(tool, "pytest-speedacc")
            stack.callback(monitoring.free_tool_id, tool)
            for event, callback in callbacks.items():
                monitoring.register_callback(tool, event, callback)
                stack.callback(monitoring.register_callback, tool, event, None)
            try:
                monitoring.set_events(tool, sum(callbacks))
                call(batch)
            finally:
                monitoring.set_events(tool, events.NO_EVENTS)
