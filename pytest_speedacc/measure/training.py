"""What training takes: its time, and in a second training its memory and whether it comes to the same model."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.busy import QUIET, Busy, look, since
from pytest_speedacc.measure.memory import resolution, track_once
from pytest_speedacc.measure.raised import RAISED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Training:
    """One ``speedacc.fit(train)``."""

    seconds: float
    """Wall time."""
    peak: int | None
    """The most bytes that a second training had allocated at any moment, above what was live before it."""
    no_peak: str
    """Why there is no peak; empty when there is."""
    notes: tuple[str, ...] = ()
    """What was noticed on the way."""
    busy: Busy = QUIET
    """How long it waited for a processor."""

    @property
    def band(self) -> int:
        """Bytes within which two peaks are the same."""
        return resolution(self.peak or 0)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model, and what training it took."""

    model: Any
    training: Training


def fit(train: Callable[[], T], *, twice: bool) -> tuple[T, Training]:
    """Train and time it; ``twice`` trains again under memray, for the peak and to compare the two models.

    The first model is returned. Raises GateError for training that goes on with a model that it has trained before:
    the second training has then changed the first model.
    """
    watched = sys.gettrace() is not None or sys.getprofile() is not None
    notes: tuple[str, ...] = ("training was timed under a tracer or profiler, which slows it down",) if watched else ()
    looked = look()
    began = clocks.seconds()
    model = train()
    seconds = clocks.seconds() - began
    busy = since(looked)
    notes += busy.remarks
    if not twice:
        no_peak = "it is measured in a second training, which nobody asked for"
        return model, Training(seconds, None, no_peak, notes, busy)
    before = _digest(model)
    again: list[Any] = []
    try:
        peak, no_peak = track_once(lambda: again.append(train())), ""
    except GateError as error:
        peak, no_peak = None, str(error)
        again.append(train())
    if before and again[0] is model and _digest(model) != before:
        raise GateError(
            "train() goes on training a model that it has trained before, so a second training, for its memory, "
            "has changed the model: let train() build a new one each time."
        )
    if before and _digest(again[0]) != before:
        notes += (
            "training is not reproducible: two trainings in a row gave two different models. Seed it within train() "
            "(random_state=, torch.manual_seed), or runs judge models that differ by luck",
        )
    return model, Training(seconds, peak, no_peak, notes, busy)


def _digest(model: Any) -> str:
    """Of the model's canonical serialisation; empty where it has none."""
    try:
        return hashlib.sha256(find_adapter(model).serialise(model)).hexdigest()
    except RAISED:
        # Whatever a model raises when it is serialised: two that cannot be compared are not called different.
        return ""
