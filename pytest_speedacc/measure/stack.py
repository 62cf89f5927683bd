"""Room on the interpreter's stack, so that no figure depends on how deep in it a test happens to stand."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

OWN_STACK = 70_000
"""Slots of a frame that has the interpreter open a new chunk of stack, with 480 KiB left to the model."""

_T = TypeVar("_T")


def _call(function: Callable[..., _T], *arguments: Any) -> _T:
    return function(*arguments)


# Frames live in chunks of 16 KiB. Where a chunk ends just above a loop, every call in that loop has the system map a
# new one and take it back: a call of 0.1 µs then takes 8 µs, and shows 16 KiB more memory.
_call_in_room = cast(
    "Callable[..., Any]", FunctionType(_call.__code__.replace(co_stacksize=OWN_STACK), globals(), "_call_in_room")
)


def with_room(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call ``function`` at the start of a chunk of stack of its own."""
    result: _T = _call_in_room(function, *arguments)
    return result
