"""The one call of a model that is scored, timed and tracked: its framework's own, or the one that the user names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pytest_speedacc.adapters.base import RESPONSES, Adapter, class_name
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.latency import Call

OWN = "predict="
"""The response of a ``check(predict=...)`` that is the user's own."""

PredictLike = str | Callable[[Any, Any], Any] | None


def resolve_call(
    model: Any, adapter: Adapter, predict: PredictLike, score: str, responses: Sequence[str]
) -> tuple[Call, str]:
    """What takes one batch, and the response that it gives: one of ``responses``, which ``score`` can use, or OWN.

    Raises GateError where the model has none of them, or ``predict`` names what it does not have.
    """
    if predict is not None:
        return _chosen(model, adapter, predict)
    problems = []
    for response in responses:
        try:
            return adapter.call(model, response), response
        except GateError as error:
            problems.append(error)
    raise GateError(f"the score {score!r} needs {' or '.join(responses)}: {problems[-1]}")


def _chosen(model: Any, adapter: Adapter, predict: str | Callable[[Any, Any], Any]) -> tuple[Call, str]:
    """The call that ``check(predict=...)`` asks for."""
    own: Any
    if callable(predict):
        own, described = partial(predict, model), "predict="
    elif predict in RESPONSES and adapter.call(model, predict) is not model:
        return adapter.call(model, predict), predict
    else:
        # A model that is called may have a method of that name beside it, and that is what was asked for.
        own, described = getattr(model, predict, None), f"predict={predict!r}"
        if not callable(own):
            raise GateError(
                f"{class_name(model)} has no method {predict!r}: pass predict= with one that it has, or with a "
                "callable(model, batch)."
            )
    if inspect.iscoroutinefunction(own):
        raise GateError(f"{described} is a coroutine function: async models cannot be judged yet.")
    return own, OWN
