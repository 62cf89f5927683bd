"""Axes of the user's own: the numbers that a check brings, or that the axis measures itself."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_speedacc.axes import AXES, own_axes
from pytest_speedacc.axes.axis import NOT_MEASURED, Axis
from pytest_speedacc.config.settings import OWN_AXIS, is_slip, suggestion
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.numbers import read_numbers
from pytest_speedacc.measure.raised import RAISED, has_raised
from pytest_speedacc.measure.subject import Subject

ANOTHER = "If it is another one, put its limit on the marker, or return its Axis from pytest_speedacc_axes."


def measure_metrics(subject: Subject) -> dict[str, Amount | Unavailable]:
    """By axis, what ``check(metrics=)`` says and what ``Axis.measure`` finds.

    Either gives a number; one number a sample, shape (samples,), whose mean is taken; or a function of the model and
    its inputs that returns one of these. Raises GateError for anything else that the check brings, and for a name that
    no axis has. What ``Axis.measure`` cannot do is a reason: it is asked for gates that nothing holds to it, too.
    """
    for name in subject.metrics:
        if name in AXES and not AXES[name].is_own:
            raise GateError(
                f"metrics= names {name!r}, and that is an axis of pytest-speedacc: give yours another name."
            )
        if name not in AXES:
            known = [axis.name for axis in own_axes()]
            hint = suggestion(str(name), known) if known else "No axis was added to this run."
            advice = ANOTHER if is_slip(str(name), known) else OWN_AXIS
            raise GateError(f"metrics= names {name!r}, which is no axis of yours. {hint} {advice}")
    return {axis.name: _found(axis, subject) for axis in own_axes()}


def _found(axis: Axis, subject: Subject) -> Amount | Unavailable:
    if axis.name in subject.metrics:
        return _read(axis, subject, subject.metrics[axis.name], f"metrics[{axis.name!r}]")
    if axis.measure is None:
        return Unavailable(NOT_MEASURED.format(name=axis.name))
    try:
        return _read(axis, subject, axis.measure, f"the measure of axis {axis.name}")
    except GateError as error:
        return Unavailable(str(error))


def _read(axis: Axis, subject: Subject, value: Any, who: str) -> Amount | Unavailable:
    said = f"{who} is"
    if callable(value):
        if subject.streamed is not None:
            return Unavailable("the samples are a stream, which is read once: pass inputs and targets")
        said = f"{who} returned"
        try:
            value = value(subject.model, subject.inputs)
        except RAISED as error:
            raise has_raised(who, error, "when it was called with the model and the inputs") from error
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise GateError(
                f"{who} is async, and nothing waits for it: await its numbers in the test, and pass them as metrics=."
            )
    if value is None:
        return Unavailable(f"{said} None, which says that it is not for this model")
    return _amount(axis, value, subject.slices, subject.samples, said)


def _amount(axis: Axis, value: Any, slices: Mapping[str, Any], samples: int, said: str) -> Amount:
    numbers = read_numbers(value, samples, said)
    try:
        mean = math.fsum(numbers.ravel().tolist()) / numbers.size
    except OverflowError:
        mean = math.inf
    with np.errstate(over="ignore"):  # refused below
        means = {name: float(numbers[mask].mean()) for name, mask in slices.items()} if numbers.ndim else {}
    if not all(map(math.isfinite, (mean, *means.values()))):
        raise GateError(f"{said} {samples} numbers, whose mean is no finite number: their sum is too large.")
    note = f"mean of {samples} samples" if numbers.ndim else ""
    return Amount(mean, abs(mean) * axis.noise, note, means)
