"""A latency tolerance against a stored base of the same environment: ratios to the yardstick, compared once."""

from __future__ import annotations

import math

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.config.trades import Term
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because, check_of
from pytest_speedacc.measure.yardstick import PARTS, Ratios
from pytest_speedacc.stats.sequence import Bounds, Gain, prediction_interval

DAY_TO_DAY = 0.05
"""Standard deviation that a ratio to the yardstick has from one day to another, whatever the number of launches.

The mean of what four models showed between processes (2.7 to 9 %). On one machine none of 260 unchanged models was
called slower with it (docs/verdicts.md); on another one of the same name it is too little, and that has to be noticed.
"""
SPREADS = 3
"""Standard deviations by which the yardstick's parts may move apart in the launches of one machine."""
PASS_LEVEL = 0.05
"""How often a model that is slower than the tolerance may pass."""


def judge_stored_increase(bound: Bound, now: Ratios, then: Ratios, alpha: float) -> Finding:
    """Hold a latency tolerance against the ratios of this run and of the baseline; ``alpha`` is that of one check."""
    if now == then:
        return check_of(bound, 0.0, Outcome.PASSED, because("same measurement"), kind=Kind.CHANGE)
    change, apart = now.mean - then.mean, moved_apart(now, then)
    lower, upper = _interval(now, then, alpha).lower - apart, _interval(now, then, PASS_LEVEL).upper + apart
    allowed = math.log1p(bound.value)
    interval = (math.expm1(lower), math.expm1(upper))
    reason = because("ratio", now=now.launches, then=then.launches)
    if upper < allowed:
        outcome = Outcome.PASSED
    elif lower > allowed:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.INCONCLUSIVE
        resolved = math.expm1(allowed + change - lower)
        reason += because("close stored", resolved=resolved)
    if apart:
        reason += _unlike(now, then)
    return check_of(bound, math.expm1(change), outcome, reason, interval=interval, kind=Kind.CHANGE)


def gain_of_ratios(term: Term, now: Ratios, then: Ratios, alpha: float) -> Gain:
    """Whether the ratios of this run and of the baseline show the speed-up that ``term`` asks for."""
    if now == then:
        return Gain(0.0, 0.0, False, False)
    bounds = _interval(now, then, alpha)
    at_most = bounds.upper + moved_apart(now, then)
    return Gain(bounds.mean, at_most, at_most <= math.log1p(-term.value), False)


def moved_apart(now: Ratios, then: Ratios) -> float:
    """By how much the yardstick's parts have moved apart since, as a log-ratio; 0 where that may be chance.

    A machine that is slower at everything slows the yardstick down as it does the model. One that is slower at one kind
    of work only does not, and moves the ratio of an unchanged model by up to as much as the parts have moved apart. So
    much is then taken off either verdict.
    """
    moved = _moved(now, then)
    apart = max(moved) - min(moved)
    # The difference of two parts varies by the root of two more than one does, and so does that of two runs.
    launches = max(now.parts_spread, then.parts_spread) * math.sqrt(2 / now.launches + 2 / then.launches)
    return apart if apart > max(DAY_TO_DAY, SPREADS * launches) else 0.0


def _unlike(now: Ratios, then: Ratios) -> Reason:
    moved = _moved(now, then)
    slower, faster = (PARTS[moved.index(end)] for end in (max(moved), min(moved)))
    return because("other machine", faster=faster, slower=slower, longer=math.expm1(max(moved) - min(moved)))


def _moved(now: Ratios, then: Ratios) -> list[float]:
    return [here - there for here, there in zip(now.parts, then.parts, strict=True)]


def _interval(now: Ratios, then: Ratios, level: float) -> Bounds:
    freedom = now.launches + then.launches - 2
    pooled = math.sqrt(((now.launches - 1) * now.spread**2 + (then.launches - 1) * then.spread**2) / freedom)
    return prediction_interval(now.mean - then.mean, pooled, now.launches, then.launches, DAY_TO_DAY, level)
