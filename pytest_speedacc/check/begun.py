"""The checks that a test began: each must end with a verdict, and one that fails the test cannot be swallowed."""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pytest_speedacc.check.strays import Strays
from pytest_speedacc.errors import GateError, described

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class Begun:
    """One call of ``check``, ``acheck`` or ``compare``, from before its arguments are bound."""

    call: str
    """As the user wrote it, without its arguments."""
    name: str
    returned: bool = False
    """Whether it returned its verdict, which lets the test pass."""
    raised: BaseException | None = None
    """What it ended with otherwise; None while it has not ended."""

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Notes how the call ends."""
        try:
            yield
        except BaseException as error:
            self.raised = error
            raise
        self.returned = True

    @property
    def problem(self) -> str:
        """Why there is no verdict of it."""
        if self.raised is None:
            return (
                f"{self.call} began and had not ended when the test did: wait for it in the test (await it, join its "
                "thread, take its future's result)."
            )
        return f"{self.call} came to no verdict: it ended with {described(self.raised)}"


@dataclass(slots=True)
class Record:
    """The checks of one test, and the verdicts that fail it."""

    test: str
    """The node id."""
    strays: Strays = field(default_factory=Strays)
    """Takes what is called where the test can not be told of it."""
    begun: list[Begun] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    """What was raised to fail the test, each with a verdict as its text."""
    is_closed: bool = False
    """Whether the test has ended, so that no verdict counts any more."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """A thread may begin a check while the test ends."""
    process: int = field(default_factory=os.getpid)
    """Where the test runs."""

    def begin(self, call: str, name: object) -> Begun:
        """Note a call. Raises GateError when the test has ended, or runs in another process."""
        name = name if isinstance(name, str) else ""
        begun = Begun(f"{call}(name={name!r})" if name else f"{call}()", name)
        with self.lock:
            self.begun.append(begun)
        problem = ""
        if os.getpid() != self.process:
            problem = (
                f"{begun.call} was called in a process that its test {self.test} had forked, where its verdict is "
                "lost: call it in the test itself; executor= evaluates a model on other processes."
            )
        elif self.is_closed:
            problem = f"{begun.call} was called after its test {self.test} had ended."
        if problem:
            with begun.ending():
                error = GateError(problem)
                self.strays.note(problem, error)
                raise error
        return begun

    def close(self) -> tuple[list[Begun], list[BaseException]]:
        """The calls without a verdict, and the verdicts that fail the test; each is given once, and then forgotten."""
        with self.lock:
            begun, failures = self.begun, self.failures
            self.begun, self.failures, self.is_closed = [], [], True
        missing = [each for each in begun if not (each.returned or any(each.raised is one for one in failures))]
        return missing, failures


class Recording(Protocol):
    """What has a record of its calls."""

    record: Record


S = TypeVar("S", bound=Recording)


def begins(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have the calls of a method, which may be a coroutine function, noted in the record."""

    async def awaited(begun: Begun, self: S, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        with begun.ending():
            return await method(self, *arguments, **keywords)  # type: ignore[misc]

    @functools.wraps(method)
    def call(self: S, /, *arguments: P.args, **keywords: P.kwargs) -> Any:
        __tracebackhide__ = True
        begun = self.record.begin(method.__name__, keywords.get("name"))
        if inspect.iscoroutinefunction(method):
            coroutine: Any = awaited(begun, self, arguments, keywords)
            # What Python calls it in its warning, should nobody await it.
            coroutine.__qualname__ = method.__qualname__
            return coroutine
        with begun.ending():
            return method(self, *arguments, **keywords)

    return call


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception with those that a traceback shows beside it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, None if one.__suppress_context__ else one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
