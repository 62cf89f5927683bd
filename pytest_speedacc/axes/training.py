"""What ``speedacc.fit`` took: its time, and the peak of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.baseline import Baseline
    from pytest_speedacc.baseline.schema import EnvironmentRecord
    from pytest_speedacc.measure.measurement import Statics


def _seconds(statics: Statics) -> Amount | Unavailable:
    training = statics.training
    return training if isinstance(training, Unavailable) else Amount(training.seconds, note="one training")


def _peak(statics: Statics) -> Amount | Unavailable:
    training = statics.training
    if isinstance(training, Unavailable):
        return training
    if training.peak is None:
        return Unavailable(training.no_peak)
    return Amount(training.peak, training.band, "peak of one training")


def _former_peak(baseline: Baseline, record: EnvironmentRecord | None) -> Amount | None:
    peak = record.training.peak if record and record.training else None
    return None if peak is None else Amount(peak)


TRAINING_TIME = Axis(
    "training_time",
    Kind.TIME,
    compared=Comparison.ONE_TIMING,
    is_optional=True,
    settings=(Setting("max_training_time", Role.MAXIMUM, "longest training in speedacc.fit", '"10 s"'),),
    found=_seconds,
    former=lambda baseline, record: Amount(record.training.seconds) if record and record.training else None,
)
TRAINING_MEMORY = Axis(
    "training_memory",
    Kind.SIZE,
    is_optional=True,
    settings=(Setting("max_training_memory", Role.MAXIMUM, "largest peak that training allocates", '"1 GiB"'),),
    found=_peak,
    former=_former_peak,
)
