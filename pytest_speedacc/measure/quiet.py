"""Nothing but the model while it is timed: no collector, no tracer, no profiler."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, ClassVar, Self, TypeVar

from pytest_speedacc.measure.stack import with_room

MONITORING_TOOLS = 6
"""Numbers of ``sys.monitoring`` that tools may claim."""

_T = TypeVar("_T")


class _Pause:
    """What one call has switched off."""

    going_on: ClassVar[set[_Pause]] = set()
    """Those whose calls have not ended."""

    def __init__(self) -> None:
        self.everywhere = ExitStack()
        """Puts back what holds for all threads."""
        self.here = ExitStack()
        """The same of this thread alone."""
        self.thread = threading.get_ident()
        self.tracer = sys.gettrace()

    def __enter__(self) -> Self:
        self.going_on.add(self)
        if gc.isenabled():
            gc.disable()
            self.everywhere.callback(gc.enable)
        _pause_yappi(self.everywhere)
        _pause_monitors(self.everywhere)
        pause_profiler(self.here)
        return self

    def __exit__(self, *error: object) -> None:
        is_here = self.is_here
        if is_here:
            # First, as it was switched off last: yappi puts a profiler into each thread.
            self.here.close()
        self.everywhere.close()
        if is_here:
            self.going_on.discard(self)

    @property
    def is_here(self) -> bool:
        """Whether this thread may put back what is its own."""
        return self.thread == threading.get_ident() and self in self.going_on


def quietly(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call with no garbage collection, no tracer and no profiler, and with room on the stack; then all is as before."""
    with _Pause() as pause:
        # Off and on in one frame, which a context manager has two of: coverage keeps a stack of the frames that it
        # saw begin and end, and would give the rest of the user's test to one that it saw begin only.
        sys.settrace(None)
        try:
            return with_room(function, *arguments)
        finally:
            sys.settrace(pause.tracer)


async def quietly_awaited(function: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
    """Await as ``quietly`` calls, in the thread of the event loop that runs this."""
    with _Pause() as pause:
        sys.settrace(None)
        try:
            return await function(*arguments)
        finally:
            # One that was abandoned ends when and where its loop, or the collector, comes to it.
            if pause.is_here:
                sys.settrace(pause.tracer)


def put_back() -> None:
    """Put back what calls have switched off that nobody waits for any more; what other threads have, they have."""
    for pause in list(_Pause.going_on):
        if pause.is_here:
            sys.settrace(pause.tracer)
        pause.__exit__()


def pause_profiler(stack: ExitStack) -> None:
    """Switch this thread's profiler off, which ``stack`` puts back."""
    profiler = sys.getprofile()
    if profiler is None or callable(profiler):
        sys.setprofile(None)
        stack.callback(sys.setprofile, profiler)
    else:
        # cProfile before Python 3.12, which is no function and which sys.setprofile cannot put back.
        profiler.disable()
        stack.callback(profiler.enable)


def _pause_yappi(stack: ExitStack) -> None:
    yappi = sys.modules.get("yappi")
    if yappi is not None and yappi.is_running():
        # Not yappi.stop, after which a start has forgotten whether threads and built-ins were asked for.
        yappi._yappi._pause()
        stack.callback(yappi._yappi._resume)


def _pause_monitors(stack: ExitStack) -> None:
    """Coverage, cProfile and debuggers that use the monitoring of Python 3.12."""
    if sys.version_info >= (3, 12):
        for tool in range(MONITORING_TOOLS):
            if sys.monitoring.get_tool(tool) and (events := sys.monitoring.get_events(tool)):
                sys.monitoring.set_events(tool, sys.monitoring.events.NO_EVENTS)
                stack.callback(sys.monitoring.set_events, tool, events)
