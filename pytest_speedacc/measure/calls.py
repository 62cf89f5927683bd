"""The one call of a model that is scored, timed and tracked: its framework's own, or the one that the user names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pytest_speedacc.adapters.base import RESPONSES, Adapter, class_name
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.latency import Call
from pytest_speedacc.measure.loops import Awaited, Loop, is_async

OWN = "predict="
"""The response of a ``check(predict=...)`` that is the user's own."""

PredictLike = str | Callable[[Any, Any], Any] | None


def resolve_call(
    model: Any, adapter: Adapter, predict: PredictLike, score: str, responses: Sequence[str], loop: Loop
) -> tuple[Call, str]:
    """What takes one batch, and the response that it gives: one of ``responses``, which ``score`` can use, or OWN.

    An async model is an ``Awaited`` one, in ``loop``. Raises GateError where the model has none of the responses, or
    ``predict`` names what it does not have.
    """
    call, response = _resolved(model, adapter, predict, score, responses)
    if inspect.isasyncgenfunction(call):
        raise GateError(f"{class_name(model)} is an async generator: it must return one prediction a sample.")
    return (Awaited(call, loop) if is_async(call) else call), response


def _resolved(
    model: Any, adapter: Adapter, predict: PredictLike, score: str, responses: Sequence[str]
) -> tuple[Call, str]:
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
    if callable(predict):
        return partial(predict, model), OWN
    if predict in RESPONSES and adapter.call(model, predict) is not model:
        return adapter.call(model, predict), predict
    # A model that is called may have a method of that name beside it, and that is what was asked for.
    own: Any = getattr(model, predict, None)
    if not callable(own):
        raise GateError(
            f"{class_name(model)} has no method {predict!r}: pass predict= with one that it has, or with a "
            "callable(model, batch)."
        )
    return own, OWN
