"""How sure a classifier is of its answers."""

from __future__ import annotations

from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind

CONFIDENCE = Axis(
    "confidence",
    Kind.SCORE,
    compared=Comparison.CONFIDENCE,
    is_sliced=True,
    settings=(Setting("min_confidence", Role.MINIMUM, "smallest mean of the largest probability", "0.8"),),
)
