"""The score: how well the model predicts."""

from __future__ import annotations

from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind

ACCURACY = Axis(
    "accuracy",
    Kind.SCORE,
    compared=Comparison.SCORE,
    is_sliced=True,
    settings=(
        Setting("min_accuracy", Role.MINIMUM, "smallest score", "0.95"),
        Setting("max_error", Role.MAXIMUM, "largest score, where lower is better", "3.2"),
        Setting("max_accuracy_drop", Role.WORSENING, "how much worse the score may get", '"0.2 pp"'),
    ),
    # The error is what is missing to 1.
    traded={"accuracy": "max_accuracy_drop", "error": "max_accuracy_drop"},
)
