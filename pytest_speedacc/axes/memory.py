"""The largest peak that a call of the model allocates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_speedacc.axes.axis import Axis, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.baseline import Baseline
    from pytest_speedacc.baseline.schema import EnvironmentRecord
    from pytest_speedacc.measure.measurement import Statics


def _found(statics: Statics) -> Amount | Unavailable:
    memory = statics.memory
    if isinstance(memory, Unavailable):
        return memory
    return Amount(memory.peak, memory.band, f"peak of one call, of {memory.of}" if memory.of else "peak of one call")


def _former(baseline: Baseline, record: EnvironmentRecord | None) -> Amount | None:
    memory = record.memory if record else None
    return Amount(memory.peak, memory.band) if memory else None


MEMORY = Axis(
    "memory",
    Kind.SIZE,
    # The peak of a larger batch is larger, whatever the model.
    per_call=True,
    settings=(
        Setting("max_memory", Role.MAXIMUM, "largest peak that inference allocates", '"64 MiB"'),
        Setting("max_memory_increase", Role.WORSENING, "how much the peak may grow", '"5 %"'),
    ),
    found=_found,
    former=_former,
)
