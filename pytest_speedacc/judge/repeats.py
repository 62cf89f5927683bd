"""The score of a random model, judged over evaluations under different seeds (the sequence of stats)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_speedacc.config.settings import Bound, Role, Unit
from pytest_speedacc.config.units import Kind, format_change, format_value
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.stats.sequence import Bounds, half_width, mean_and_sd

FAIL_LEVEL, PASS_LEVEL = 0.01, 0.05
"""How often a score within its bound may fail, and one beyond it may pass, over all looks at one check."""
FEWEST = 4
"""Evaluations before anything is decided."""
FLOOR = 1e-3
"""The smallest spread between evaluations that is believed, as a fraction of the score: a few may agree by luck."""


@dataclass(frozen=True, slots=True)
class Former:
    """The former score."""

    mean: float
    spread: float = 0.0
    """Standard deviation between its evaluations."""
    repeats: int = 1
    """Evaluations; a single one is exact."""


def is_decided(
    bounds: Sequence[Bound], scores: Sequence[float], greater_is_better: bool, former: Former | None
) -> bool:
    """Whether no further evaluation could change what the bounds on the score come to."""
    wanted = [bound for bound in bounds if bound.setting.metric == "accuracy"]
    return all(_decide(_beyond(bound, scores, greater_is_better, former)) != "more" for bound in wanted)


def judge_repeated(bound: Bound, accuracy: Accuracy, former: Former | None, source: str) -> Check:
    """Hold a limit, or a tolerance beside its ``former`` score, against the scores under different seeds."""
    if bound.setting.is_tolerance and former is None:
        raise ValueError("a tolerance is judged against a former score")
    beyond = _beyond(bound, accuracy.scores, accuracy.greater_is_better, former)
    mean, spread = mean_and_sd(accuracy.scores)
    half = _half(mean, spread, len(accuracy.scores), PASS_LEVEL)
    interval = accuracy.possible((mean - half, mean + half)) if math.isfinite(half) else None
    reason = f"mean of {len(accuracy.scores)} evaluations under different seeds, which spread by {spread:.3g}"
    if former is not None and bound.setting.is_tolerance:
        change = format_change(mean, former.mean, Kind.SCORE, points=accuracy.within_unit)
        reason = f"{change} against the {source}'s {format_value(former.mean, Kind.SCORE)}; {reason}"
    outcomes = {"passed": Outcome.PASSED, "failed": Outcome.FAILED, "more": Outcome.INCONCLUSIVE}
    outcome = outcomes[_decide(beyond)]
    if outcome is Outcome.INCONCLUSIVE:
        reason += "; too close to call: raise repeats="
    reference = former.mean if former and bound.setting.is_tolerance else None
    return check_of(bound, mean, outcome, reason, interval=interval, reference=reference)


def is_shown_better(accuracy: Accuracy, former: Former, wanted: float) -> bool:
    """Whether the mean score is shown to be better than the former one by ``wanted``, at the rate of a failure."""
    if len(accuracy.scores) < FEWEST:
        return False
    mean, spread = mean_and_sd(accuracy.scores)
    better = mean - former.mean if accuracy.greater_is_better else former.mean - mean
    half = _half(mean, spread, len(accuracy.scores), FAIL_LEVEL / 2)
    half += _half(former.mean, former.spread, former.repeats, FAIL_LEVEL / 2) if former.repeats > 1 else 0.0
    return better - half >= wanted


def _decide(beyond: Bounds | None) -> Literal["passed", "failed", "more"]:
    if beyond is None:
        return "more"
    return "passed" if beyond.upper <= 0 else "failed" if beyond.lower > 0 else "more"


def _beyond(bound: Bound, scores: Sequence[float], greater_is_better: bool, former: Former | None) -> Bounds | None:
    """By how much the score is worse than ``bound`` allows, with its bounds; None before it can be told."""
    if len(scores) < FEWEST:
        return None
    mean, spread = mean_and_sd(scores)
    sign = -1.0 if greater_is_better else 1.0
    allowed, extra = bound.value, (0.0, 0.0)
    if bound.setting.is_tolerance:
        if former is None:
            # Nothing to compare with: another evaluation would change nothing.
            return Bounds(0.0, 0.0, 0.0)
        tolerance = bound.value * abs(former.mean) if bound.unit is Unit.RELATIVE else bound.value
        allowed = former.mean + sign * tolerance
        if former.repeats > 1:
            extra = (
                _half(former.mean, former.spread, former.repeats, FAIL_LEVEL / 2),
                _half(former.mean, former.spread, former.repeats, PASS_LEVEL / 2),
            )
    elif (bound.setting.role is Role.MINIMUM) is not greater_is_better:
        # Of the other direction: the limit fails whatever the score is.
        return Bounds(math.inf, math.inf, math.inf)
    # Of two uncertain scores each has half of the error rate, which is right whatever they have to do with each other.
    share = 2 if extra != (0.0, 0.0) else 1
    low = _half(mean, spread, len(scores), FAIL_LEVEL / share) + extra[0]
    high = _half(mean, spread, len(scores), PASS_LEVEL / share) + extra[1]
    worse = sign * (mean - allowed)
    return Bounds(worse, worse - low, worse + high)


def _half(mean: float, spread: float, count: int, level: float) -> float:
    return half_width(spread, count, level, floor=FLOOR * max(abs(mean), 1e-12))
