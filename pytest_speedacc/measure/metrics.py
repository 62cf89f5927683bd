"""Axes of the user's own: the numbers that a check brings, or that the axis measures itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_speedacc.axes import AXES, own_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.config.settings import OWN_AXIS, is_slip, suggestion
from pytest_speedacc.errors import GateError, shown
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.accuracy import to_numpy
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.subject import Subject

ANOTHER = "If it is another one, put its limit on the marker, or return its Axis from pytest_speedacc_axes."


def measure_metrics(subject: Subject) -> dict[str, Amount | Unavailable]:
    """By axis, what ``check(metrics=)`` says and what ``Axis.measure`` finds.

    Either gives a number; one number a sample, shape (samples,), whose mean is taken; or a function of the model and
    its inputs that returns one of these. Raises GateError for anything else, and for a name that no axis has.
    """
    for name in subject.metrics:
        if name in AXES and not AXES[name].is_own:
            raise GateError(
                f"metrics= names {name!r}, and that is an axis of pytest-speedacc: give yours another name."
            )
        if name not in AXES:
            known = [axis.name for axis in own_axes()]
            hint = suggestion(name, known) if known else "No axis was added to this run."
            advice = ANOTHER if is_slip(name, known) else OWN_AXIS
            raise GateError(f"metrics= names {name!r}, which is no axis of yours. {hint} {advice}")
    found = {axis.name: _measure(axis, subject) for axis in own_axes()}
    return {name: amount for name, amount in found.items() if amount is not None}


def _measure(axis: Axis, subject: Subject) -> Amount | Unavailable | None:
    """None where nobody measures it here."""
    value, where = axis.measure, f"axis {axis.name}: measure"
    if axis.name in subject.metrics:
        value, where = subject.metrics[axis.name], f"metrics= {axis.name}"
    if callable(value):
        if subject.streamed is not None:
            return Unavailable("the samples are a stream, which is read once: pass inputs and targets")
        try:
            value = value(subject.model, subject.inputs)
        except RAISED as error:
            raise model_raised(error, f"while {axis.name} was measured") from error
    return None if value is None else _amount(axis, value, subject.slices, subject.samples, where)


def _amount(axis: Axis, value: Any, slices: Mapping[str, Any], samples: int, where: str) -> Amount:
    try:
        numbers = np.asarray(to_numpy(value), dtype=np.float64)
    except (TypeError, ValueError):
        raise GateError(f"{where} gave {shown(value)}, which is no number.") from None
    if numbers.ndim and numbers.shape != (samples,):
        raise GateError(f"{where} gave an array of shape {numbers.shape}: return a number, or one for each sample.")
    if isinstance(value, bool) or not np.isfinite(numbers).all():
        raise GateError(f"{where} gave {shown(value)}, which is no finite number.")
    mean = math.fsum(numbers.ravel().tolist()) / numbers.size
    means = {name: float(numbers[mask].mean()) for name, mask in slices.items()} if numbers.ndim else {}
    note = f"mean of {samples} samples" if numbers.ndim else ""
    return Amount(mean, abs(mean) * axis.noise, note, means)
