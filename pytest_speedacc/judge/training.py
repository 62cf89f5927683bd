"""What training took, held against its absolute limits."""

from __future__ import annotations

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.judge.busy import unless_busy
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.measurement import Unavailable
from pytest_speedacc.measure.memory import resolution
from pytest_speedacc.measure.training import Training


def judge_training_time(bound: Bound, training: Training | Unavailable) -> Check:
    """One training is one observation: over the limit by no more than times move by themselves, it shows nothing."""
    if isinstance(training, Unavailable):
        return _unavailable(bound, training.reason)
    seconds = training.seconds
    change = f"{seconds / bound.value:.0%} of the limit"
    if seconds <= bound.value:
        return check_of(bound, seconds, Outcome.PASSED, change)
    if seconds > bound.value * (1 + LAUNCH_SPREAD):
        return unless_busy(check_of(bound, seconds, Outcome.FAILED, change), training.busy, seconds)
    reason = f"{change}, and times move by about {LAUNCH_SPREAD:.0%} between processes: too close to call"
    return check_of(bound, seconds, Outcome.INCONCLUSIVE, reason)


def judge_training_memory(bound: Bound, training: Training | Unavailable) -> Check:
    """Hold the peak of the second training against its limit."""
    if isinstance(training, Unavailable):
        return _unavailable(bound, training.reason)
    if training.peak is None:
        return _unavailable(bound, training.no_peak)
    return judge_amount(bound, training.peak, None, resolution(training.peak))


def _unavailable(bound: Bound, why: str) -> Check:
    return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {why}")
