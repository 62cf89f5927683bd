"""Event loops to await an async model in: one of our own, or the one that the user's test runs in."""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError as Cancelled
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.raised import model_raised

_T = TypeVar("_T")
_ENDED = "the test, or its event loop, ended before its model was measured."
_PATIENCE = 0.2
"""Seconds between two looks at whether the loop still runs."""


class Loop(Protocol):
    """Where coroutines run."""

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Await a coroutine to its end. Raises what it raises, and GateError where it cannot run here."""


class OwnLoop:
    """A loop of this process's own, the same for all gates: what a model keeps of a loop stays good."""

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """As ``Loop.run``."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _open_runner().run(coroutine)
        coroutine.close()
        raise GateError(
            "an async model was to be called inside a running event loop, which would wait for itself: "
            "use await speedacc.acheck(...) there."
        )


OWN_LOOP = OwnLoop()


def _open_runner() -> asyncio.Runner:
    if _runner(os.getpid()).get_loop().is_closed():
        # By somebody else, as an older pytest-asyncio does: it is the loop of this thread where none runs.
        _runner.cache_clear()
    return _runner(os.getpid())


@functools.cache
def _runner(process: int) -> asyncio.Runner:
    # By process: one that is forked, as an executor's are, would share this one's file descriptors.
    runner = asyncio.Runner()
    atexit.register(_close, runner)
    return runner


def _close(runner: asyncio.Runner) -> None:
    if not runner.get_loop().is_closed():
        runner.close()


class RunningLoop:
    """The loop that the user's test runs in, asked from another thread, so that its other tasks go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, is_over: Callable[[], bool] = lambda: False) -> None:
        self._loop = loop
        self._is_over = is_over
        self._left = False

    @property
    def _ended(self) -> bool:
        """Whether nobody waits for the model any more, though the loop may go on."""
        return self._left or self._is_over()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """As ``Loop.run``, from any thread but the loop's own."""
        if self._ended:
            coroutine.close()
            raise GateError(_ENDED)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        while True:
            try:
                answer = future.result(_PATIENCE)
            except Cancelled:
                raise GateError("the model's call was cancelled, as at the end of its event loop.") from None
            except NotYet:
                if future.done():  # it was the model that timed out
                    raise
                if self._ended or not self._loop.is_running():
                    future.cancel()
                    raise GateError(_ENDED) from None
            else:
                # It may have ended while this was awaited.
                if self._ended:
                    raise GateError(_ENDED)
                return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # A test that is cancelled leaves a thread behind, which learns it when it asks next.
        self._left = True

    def __reduce__(self) -> tuple[type[OwnLoop], tuple[()]]:
        # In another process, such as an executor's, there is none of the user's.
        return OwnLoop, ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """An async model as a function that returns when it has answered."""

    function: Callable[[Any], Awaitable[Any]]
    """Takes one batch."""
    loop: Loop

    def __call__(self, batch: Any) -> Any:
        """The answer to one batch."""
        return self.loop.run(_answer(self.function, batch))


async def _answer(function: Callable[[Any], Awaitable[Any]], batch: Any) -> Any:
    return await staying_in(function(batch))


async def staying_in(answer: Awaitable[_T]) -> _T:
    """Await what would end its event loop, and not only its own task, where it raises SystemExit."""
    try:
        return await answer
    except SystemExit as error:
        raise model_raised(error, "in its event loop") from error


def is_async(function: Any) -> bool:
    """Whether a call gives something to await: of a coroutine function, a partial of one, or an object called so."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - the method is wanted
    )
