"""How long training took, held against its limit."""

from __future__ import annotations

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.busy import unless_busy
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.verdict import Finding, Outcome, because, check_of
from pytest_speedacc.measure.training import Training


def judge_training_time(bound: Bound, training: Training | Unavailable) -> Finding:
    """One training is one observation: over the limit by no more than times move by themselves, it shows nothing."""
    if isinstance(training, Unavailable):
        return check_of(bound, None, Outcome.FAILED, because("unmeasured", why=training.reason))
    seconds = training.seconds
    share = because("share of limit", share=seconds / bound.value)
    if seconds <= bound.value:
        return check_of(bound, seconds, Outcome.PASSED, share)
    if seconds > bound.value * (1 + LAUNCH_SPREAD):
        return unless_busy(check_of(bound, seconds, Outcome.FAILED, share), training.busy, seconds)
    return check_of(bound, seconds, Outcome.INCONCLUSIVE, share + because("one training", spread=LAUNCH_SPREAD))
