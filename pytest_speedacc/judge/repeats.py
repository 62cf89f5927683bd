"""The score of a random model, judged over evaluations under different seeds (the sequence of stats)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_speedacc.axes.axis import Role
from pytest_speedacc.axes.units import Change, Kind, Quantity
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.stats.betting import winnings
from pytest_speedacc.stats.sequence import Bounds, half_width, mean_and_sd

FAIL_LEVEL, PASS_LEVEL = 0.01, 0.05
"""How often a score within its bound may fail, and one beyond it may pass, over all looks at one check."""
FEWEST = 4
"""Evaluations before anything is decided."""
FLOOR = 1e-3
"""The smallest spread between evaluations that is believed, as a fraction of the score: a few may agree by luck."""
RARE = 0.1
"""The share of seeds that may collapse (or succeed) unlike the rest, and would have been met before it is decided."""

Verdict = Literal["passed", "failed", "more"]


@dataclass(frozen=True, slots=True)
class Former:
    """The former score."""

    mean: float
    spread: float = 0.0
    """Standard deviation between its evaluations."""
    repeats: int = 1
    """Evaluations; a single one is exact."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The scores of one model under different seeds."""

    scores: Sequence[float]
    greater_is_better: bool
    within_unit: bool
    """True for a score that lies within 0 to 1 by its definition."""


@dataclass(frozen=True, slots=True)
class _Allowed:
    """The worst mean within a bound, as far as it is known."""

    score: float
    former: Former | None = None
    """Of several evaluations, whose mean it rests on; None where it is exact."""

    def room(self, level: float) -> float:
        """By how much the former mean may be off, at its share of the error rate."""
        return _half(self.former.mean, self.former.spread, self.former.repeats, level / 2) if self.former else 0.0

    def share(self, level: float) -> float:
        """What is left of the error rate: of two uncertain scores each has half, whatever they have to do with each
        other."""
        return level / 2 if self.former else level


def is_decided(bounds: Sequence[Bound], found: Repeated, former: Former | None) -> bool:
    """Whether no further evaluation is needed to tell what the bounds on the score come to.

    A few evaluations that agree do not say what the others would be: of a model that collapses under one seed in ten,
    four agree in two cases of three. So a verdict waits until such a seed would have been met, or the betting on scores
    within 0 to 1 shows it without.
    """
    return all(_is_settled(bound, found, former) for bound in bounds if bound.setting.metric == "accuracy")


def judge_repeated(bound: Bound, accuracy: Accuracy, former: Former | None, source: str) -> Finding:
    """Hold a limit, or a tolerance beside its ``former`` score, against the scores under different seeds."""
    found = Repeated(accuracy.scores, accuracy.greater_is_better, accuracy.within_unit)
    allowed = _allowed(bound, found.greater_is_better, former)
    if allowed is None:
        raise ValueError("a tolerance is judged against a former score, and a limit by its own direction")
    mean, spread = mean_and_sd(found.scores)
    around = _bounds(found.scores, PASS_LEVEL, PASS_LEVEL)
    interval = accuracy.possible((around.lower, around.upper)) if math.isfinite(around.upper) else None
    reason = because("seeds", count=len(found.scores), spread=spread)
    if former is not None and bound.setting.is_tolerance:
        change, then = Change(mean, former.mean, Kind.SCORE, accuracy.within_unit), Quantity(former.mean, Kind.SCORE)
        reason = because("change", change=change, source=source, then=then) + because("and") + reason
    outcomes = {"passed": Outcome.PASSED, "failed": Outcome.FAILED, "more": Outcome.INCONCLUSIVE}
    verdict = _verdict(found, allowed)
    if verdict == "more":
        reason += because("more repeats")
    elif not _is_free(verdict, found, allowed):
        reason += _assumed(verdict, len(found.scores), allowed)
    reference = former.mean if former and bound.setting.is_tolerance else None
    return check_of(bound, mean, outcomes[verdict], reason, interval=interval, reference=reference)


def is_shown_better(accuracy: Accuracy, former: Former, wanted: float) -> bool:
    """Whether the mean score is shown to be better than the former one by ``wanted``, at the rate of a failure."""
    known = _Allowed(former.mean, former if former.repeats > 1 else None)
    surely = _bounds(accuracy.scores, FAIL_LEVEL / 2, FAIL_LEVEL / 2)
    better = surely.lower - former.mean if accuracy.greater_is_better else former.mean - surely.upper
    return better - known.room(FAIL_LEVEL) >= wanted


def _is_settled(bound: Bound, found: Repeated, former: Former | None) -> bool:
    count = len(found.scores)
    if count < FEWEST:
        return False
    allowed = _allowed(bound, found.greater_is_better, former)
    if allowed is None:
        # Nothing to compare with, or nothing that a score could change.
        return True
    verdict = _verdict(found, allowed)
    return verdict != "more" and (count >= _enough(_level(verdict)) or _is_free(verdict, found, allowed))


def _allowed(bound: Bound, greater_is_better: bool, former: Former | None) -> _Allowed | None:
    """The worst mean within ``bound``; None where no score says anything."""
    if not bound.setting.is_tolerance:
        # Of the other direction, the limit fails whatever the score is.
        return _Allowed(bound.value) if (bound.setting.role is Role.MINIMUM) is greater_is_better else None
    if former is None:
        return None
    tolerance = bound.value * abs(former.mean) if bound.unit is Unit.RELATIVE else bound.value
    worst = former.mean - tolerance if greater_is_better else former.mean + tolerance
    return _Allowed(worst, former if former.repeats > 1 else None)


def _verdict(found: Repeated, allowed: _Allowed) -> Verdict:
    """What the scores come to, taken as roughly normal."""
    if len(found.scores) < FEWEST:
        return "more"
    passing, failing = allowed.share(PASS_LEVEL), allowed.share(FAIL_LEVEL)
    if found.greater_is_better:
        surely = _bounds(found.scores, passing, failing)
        least, most = surely.lower - allowed.score, surely.upper - allowed.score
    else:
        surely = _bounds(found.scores, failing, passing)
        least, most = allowed.score - surely.upper, allowed.score - surely.lower
    return "passed" if least >= allowed.room(PASS_LEVEL) else "failed" if -most > allowed.room(FAIL_LEVEL) else "more"


def _is_free(verdict: Verdict, found: Repeated, allowed: _Allowed) -> bool:
    """Whether the verdict holds for every distribution of scores within 0 to 1 (and of the former ones, if any, only as
    far as they were roughly normal)."""
    if not found.within_unit:
        return False
    level = _level(verdict)
    is_above = (verdict == "passed") is found.greater_is_better
    score = allowed.score + allowed.room(level) * (1 if is_above else -1)
    scores = found.scores if is_above else [1 - each for each in found.scores]
    return winnings(scores, score if is_above else 1 - score) >= 1 / allowed.share(level)


def _assumed(verdict: Verdict, count: int, allowed: _Allowed) -> Reason:
    """What a verdict on so many evaluations rests on."""
    fewest = min(count, allowed.former.repeats) if allowed.former else count
    unseen = 1 - _level(verdict) ** (1 / fewest)
    unlike = "collapses" if verdict == "passed" else "succeeds"
    return because("assumed", unlike=unlike, fewest=fewest, unseen=unseen)


def _enough(level: float) -> int:
    """Evaluations that miss a share RARE of the seeds with a probability below ``level``, and one more."""
    return 1 + math.ceil(math.log(level) / math.log1p(-RARE))


def _level(verdict: Verdict) -> float:
    return PASS_LEVEL if verdict == "passed" else FAIL_LEVEL


def _bounds(scores: Sequence[float], below: float, above: float) -> Bounds:
    """The mean with its bounds, at these levels. Below, the smallest score counts twice, and above the largest.

    Scores are not quite normal: of a few that are near 1, or collapse now and then, the ones that were drawn look
    better than all. With the worst of them once more, an error rate of 14 % of scores like these is back below 5 %.
    """
    mean, _ = mean_and_sd(scores)
    low, low_spread = mean_and_sd([*scores, min(scores)])
    high, high_spread = mean_and_sd([*scores, max(scores)])
    count = len(scores)
    return Bounds(mean, low - _half(mean, low_spread, count, below), high + _half(mean, high_spread, count, above))


def _half(mean: float, spread: float, count: int, level: float) -> float:
    return half_width(spread, count, level, floor=FLOOR * max(abs(mean), 1e-12))
