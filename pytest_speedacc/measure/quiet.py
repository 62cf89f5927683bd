"""Nothing but the model while it is timed: no collector, no tracer, no profiler."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, TypeVar

from pytest_speedacc.measure.stack import with_room

MONITORING_TOOLS = 6
"""Numbers of ``sys.monitoring`` that tools may claim."""

_T = TypeVar("_T")


def quietly(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call with no garbage collection, no tracer and no profiler, and with room on the stack; then all is as before."""
    with ExitStack() as stack:
        _pause_tools(stack)
        # Off and on in one frame, which a context manager has two of: coverage keeps a stack of the frames that it
        # saw begin and end, and would give the rest of the user's test to one that it saw begin only.
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return with_room(function, *arguments)
        finally:
            sys.settrace(tracer)


async def quietly_awaited(function: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
    """Await as ``quietly`` calls, in the thread of the event loop that runs this."""
    with ExitStack() as stack:
        _pause_tools(stack)
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return await function(*arguments)
        finally:
            sys.settrace(tracer)


def _pause_tools(stack: ExitStack) -> None:
    if gc.isenabled():
        gc.disable()
        stack.callback(gc.enable)
    _pause_yappi(stack)
    _pause_monitors(stack)
    _pause_profiler(stack)


def _pause_profiler(stack: ExitStack) -> None:
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
