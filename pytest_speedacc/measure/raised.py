"""What a model, or other code of its author's, may raise while it is measured, and the sentence that says so."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any, TypeVar

from pytest_speedacc.errors import GateError, described

_T = TypeVar("_T")

RAISED = (Exception, SystemExit, GeneratorExit, CancelledError)
"""All but Ctrl-C, which is its user's, and what ends a test of pytest's, which a time limit raises in any place."""


def guarded(when: str, function: Callable[..., _T], *arguments: Any, who: str = "the model") -> _T:
    """What ``function(*arguments)`` returns; what it raises is refused as ``has_raised`` says, but for a GateError."""
    try:
        return function(*arguments)
    except GateError:
        raise
    except RAISED as error:
        raise has_raised(who, error, when) from error


def model_raised(error: BaseException, when: str) -> GateError:
    """The refusal of a model that raised; ``when`` ends the sentence. To be raised ``from`` the error itself."""
    return has_raised("the model", error, when)


def has_raised(who: str, error: BaseException, when: str) -> GateError:
    """The same for other code of its author's."""
    name, colon, text = described(error).partition(": ")
    return GateError(f"{who} raised {name} {when}{colon}{text}")
