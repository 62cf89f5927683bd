"""The number of learned scalars, by the framework's own definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_speedacc.axes.axis import Axis, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.measure.measurement import Statics


def _found(statics: Statics) -> Amount | Unavailable:
    count = statics.parameters
    if isinstance(count, Unavailable):
        return count
    return Amount(count.total, note=", ".join(f"{number:,} {what}" for what, number in count.details.items()))


PARAMETERS = Axis(
    "parameters",
    Kind.COUNT,
    per_environment=False,
    settings=(
        Setting("max_parameters", Role.MAXIMUM, "most learned parameters", "50_000"),
        Setting("max_parameters_increase", Role.WORSENING, "how much their number may grow", '"0 %"'),
    ),
    found=_found,
    former=lambda baseline, record: None if baseline.parameters is None else Amount(baseline.parameters),
)
