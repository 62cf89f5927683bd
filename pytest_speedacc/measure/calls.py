"""The one call of a model that is scored, timed and tracked: its framework's own, or the one that the user names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pytest_speedacc.adapters.base import Adapter, class_name
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

    ``score`` is empty for a step. An async model is an ``Awaited`` one, in ``loop``. Raises GateError where the model
    has none of the responses, or ``predict`` names what it does not have.
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
    if adapter.is_untyped(model):
        return adapter.responder(model, adapter.responses(model)[0]), responses[0]
    if not score:
        raise GateError(f"{class_name(model)} has neither predict nor transform: pass predict= with what is called.")
    raise GateError(f"the score {score!r} needs {' or '.join(responses)}: {problems[-1]}")


def inputs_for(model: Any, adapter: Adapter, predict: PredictLike, inputs: Any) -> Any:
    """The inputs as the model is called with them.

    For a call of the user's own what the framework cannot take is no obstacle: texts reach a module's ``encode`` as
    they are. Numbers and tensors are the framework's on the model's device there as well.
    """
    # A tuple is a sequence of samples here; to a framework it would be several inputs.
    inputs = list(inputs) if isinstance(inputs, tuple) else inputs
    try:
        called = adapter.inputs(model, inputs)
    except (GateError, TypeError, ValueError):
        if predict is None or getattr(inputs, "layout", None) is not None:
            raise
        called = inputs
    # Of scipy's sparse formats only these can be cut into batches.
    is_whole = hasattr(called, "tocsr") and getattr(called, "format", "csr") not in ("csr", "csc", "lil")
    return called.tocsr() if is_whole else called


def _chosen(model: Any, adapter: Adapter, predict: str | Callable[[Any, Any], Any]) -> tuple[Call, str]:
    """The call that ``check(predict=...)`` asks for."""
    if callable(predict):
        return partial(predict, model), OWN
    if predict in adapter.responses(model) and adapter.call(model, predict) is not model:
        return adapter.call(model, predict), predict
    # A model that is called may have a method of that name beside it, and that is what was asked for.
    own: Any = getattr(model, predict, None)
    if not callable(own):
        raise GateError(
            f"{class_name(model)} has no method {predict!r}: pass predict= with one that it has, or with a "
            "callable(model, batch)."
        )
    return own, OWN
