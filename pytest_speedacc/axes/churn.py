"""The share of samples that get another prediction than before."""

from __future__ import annotations

from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind

CHURN = Axis(
    "churn",
    Kind.FRACTION,
    compared=Comparison.CHURN,
    is_sliced=True,
    settings=(Setting("max_churn", Role.CHANGE, "share of samples with another prediction or output", '"1 %"'),),
)
