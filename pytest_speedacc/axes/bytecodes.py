"""The Python bytecode instructions that a call of the model executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_speedacc.axes.axis import Axis, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.measure.measurement import Statics


def _found(statics: Statics) -> Amount | Unavailable:
    counted = statics.bytecodes
    if isinstance(counted, Unavailable):
        return counted
    return Amount(counted.value, counted.band, counted.note, parts=counted.parts)


BYTECODES = Axis(
    "bytecodes",
    Kind.COUNT,
    # Another batch takes another way through the code.
    per_call=True,
    per_environment=False,
    per_versions=True,
    # Only where it is bounded or traded: a call takes many times as long while it is counted.
    is_optional=True,
    settings=(
        Setting("max_bytecodes", Role.MAXIMUM, "most Python bytecodes that a call executes", "20_000"),
        Setting("max_bytecodes_increase", Role.WORSENING, "how much their number may grow", '"1 %"'),
    ),
    found=_found,
)
