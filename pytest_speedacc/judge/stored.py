"""A latency tolerance against a stored base of the same environment: ratios to the yardstick, compared once."""

from __future__ import annotations

import math

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.config.trades import Term
from pytest_speedacc.config.units import Kind
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.stats.sequence import Bounds, Gain, prediction_interval

DAY_TO_DAY = 0.05
"""Standard deviation that a ratio to the yardstick has from one day to another, whatever the number of launches.

The mean of what four models showed between processes (2.7 to 9 %). With the smallest of them, 3 %, five of 280
unchanged models were called slower (docs/verdicts.md), and one in a thousand is promised.
"""
PASS_LEVEL = 0.05
"""How often a model that is slower than the tolerance may pass."""


def judge_stored_increase(bound: Bound, now: Ratios, then: Ratios, alpha: float) -> Check:
    """Hold a latency tolerance against the ratios of this run and of the baseline; ``alpha`` is that of one check."""
    if now == then:
        return check_of(
            bound, 0.0, Outcome.PASSED, "this is the measurement that the baseline is written from", kind=Kind.CHANGE
        )
    change = now.mean - then.mean
    lower, upper = (_interval(now, then, level) for level in (alpha, PASS_LEVEL))
    allowed = math.log1p(bound.value)
    interval = (math.expm1(lower.lower), math.expm1(upper.upper))
    reason = f"ratio to the yardstick, {now.launches} launches now and {then.launches} in the baseline"
    if upper.upper < allowed:
        outcome = Outcome.PASSED
    elif lower.lower > allowed:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.INCONCLUSIVE
        resolved = math.expm1(allowed + change - lower.lower)
        reason += (
            f": too close to call from a stored time, which shows slow-downs from {resolved:.0%} here; "
            "--speedacc-against=REF measures both revisions now, and sees finer"
        )
    return check_of(bound, math.expm1(change), outcome, reason, interval=interval, kind=Kind.CHANGE)


def gain_of_ratios(term: Term, now: Ratios, then: Ratios, alpha: float) -> Gain:
    """Whether the ratios of this run and of the baseline show the speed-up that ``term`` asks for."""
    if now == then:
        return Gain(0.0, 0.0, False, False)
    bounds = _interval(now, then, alpha)
    return Gain(bounds.mean, bounds.upper, bounds.upper <= math.log1p(-term.value), False)


def _interval(now: Ratios, then: Ratios, level: float) -> Bounds:
    freedom = now.launches + then.launches - 2
    pooled = math.sqrt(
        ((now.launches - 1) * now.spread**2 + (then.launches - 1) * then.spread**2) / freedom,
    )
    return prediction_interval(now.mean - then.mean, pooled, now.launches, then.launches, DAY_TO_DAY, level)
