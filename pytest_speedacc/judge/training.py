"""How long training took, held against its limit."""

from __future__ import annotations

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.busy import unless_busy
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.training import Training


def judge_training_time(bound: Bound, training: Training | Unavailable) -> Check:
    """One training is one observation: over the limit by no more than times move by themselves, it shows nothing."""
    if isinstance(training, Unavailable):
        return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {training.reason}")
    seconds = training.seconds
    change = f"{seconds / bound.value:.0%} of the limit"
    if seconds <= bound.value:
        return check_of(bound, seconds, Outcome.PASSED, change)
    if seconds > bound.value * (1 + LAUNCH_SPREAD):
        return unless_busy(check_of(bound, seconds, Outcome.FAILED, change), training.busy, seconds)
    reason = f"{change}, and times move by about {LAUNCH_SPREAD:.0%} between processes: too close to call"
    return check_of(bound, seconds, Outcome.INCONCLUSIVE, reason)
