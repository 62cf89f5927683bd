"""The bytes of the model's canonical serialisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_speedacc.axes.axis import Axis, Role, Setting
from pytest_speedacc.axes.units import Kind, format_bytes
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.measure.measurement import Statics


def _found(statics: Statics) -> Amount | Unavailable:
    if isinstance(statics.model_size, Unavailable):
        return statics.model_size
    note = f"{format_bytes(statics.weights)} of weights in memory" if statics.weights else ""
    return Amount(statics.model_size, note=note)


MODEL_SIZE = Axis(
    "model_size",
    Kind.SIZE,
    per_environment=False,
    settings=(
        Setting("max_model_size", Role.MAXIMUM, "largest serialised model", '"10 MiB"'),
        Setting("max_model_size_increase", Role.WORSENING, "how much the size may grow", '"1 %"'),
    ),
    found=_found,
    former=lambda baseline, record: None if baseline.model_size is None else Amount(baseline.model_size),
)
