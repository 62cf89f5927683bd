"""The score: its limit, and its drop against a baseline by one of three rules."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_speedacc.config.project import AccuracyRule
from pytest_speedacc.config.settings import Bound, Role, Unit
from pytest_speedacc.config.units import Kind, format_change, format_value
from pytest_speedacc.judge.verdict import Check, Outcome, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.stats.paired import Flips, Interval, mcnemar

LEVEL = 0.05
"""Error rate of the paired test and, one-sided, of the interval."""
OTHER_ENVIRONMENT_POINTS = 0.001
OTHER_ENVIRONMENT_SAMPLES = 2
"""Kernels round differently on other processors: so much of a drop there may be rounding."""


@dataclass(frozen=True, slots=True)
class PairedEvidence:
    """The candidate's score beside the baseline's, on the same samples."""

    reference: float
    """The baseline's score."""
    same_environment: bool
    """Whether both were computed on like hardware."""
    samples: int
    """Samples in the evaluation set."""
    flips: Flips | None
    """For accuracy with stored predictions: what flipped."""
    difference: Interval | None
    """Observed minus reference; its 90 % interval, each end a 5 % bound; None when nothing was stored."""


def judge_limit(bound: Bound, accuracy: Accuracy) -> Check:
    """Hold ``min_accuracy`` or ``max_error`` against the score. A limit for the other direction fails, saying so."""
    value, limit = accuracy.value, bound.value
    wants_high = bound.setting.role is Role.MINIMUM
    if wants_high is not accuracy.greater_is_better:
        right = "min_accuracy" if accuracy.greater_is_better else "max_error"
        better = "higher" if accuracy.greater_is_better else "lower"
        reason = f"{better} is better for the score {accuracy.score!r}: use {right}"
        return check_of(bound, value, Outcome.FAILED, reason)
    if wants_high and accuracy.within_unit and limit > 1:
        reason = f"the score {accuracy.score!r} lies within 0 to 1: did you mean {limit / 100:g}?"
        return check_of(bound, value, Outcome.FAILED, reason)
    held = value >= limit if wants_high else value <= limit
    distance = format_change(value, limit, Kind.SCORE, points=accuracy.within_unit)
    return check_of(bound, value, Outcome.PASSED if held else Outcome.FAILED, f"{distance} from the limit")


def judge_drop(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence, rule: AccuracyRule) -> Check:
    """Hold ``max_accuracy_drop`` against the paired evidence by the rule of the policy."""
    reference = evidence.reference
    if problem := _unit_problem(bound, accuracy):
        return check_of(bound, accuracy.value, Outcome.FAILED, problem, reference=reference)
    sign = 1 if accuracy.greater_is_better else -1
    drop = sign * (reference - accuracy.value)
    tolerance = bound.value * abs(reference) if bound.unit is Unit.RELATIVE else bound.value
    # Scores are quotients: half of the last digit must not decide a drop that equals its tolerance.
    within = drop <= tolerance + 1e-12
    outcome, why = _by_rule(rule, within, drop, tolerance, accuracy, evidence)
    change = format_change(accuracy.value, reference, Kind.SCORE, points=accuracy.within_unit)
    against = f"{change} against the baseline's {format_value(reference, Kind.SCORE)}"
    reason = "; ".join(part for part in (against, why, _flip_text(evidence)) if part)
    interval = None
    if evidence.difference is not None:
        interval = (reference + evidence.difference.low, reference + evidence.difference.high)
    return check_of(bound, accuracy.value, outcome, reason, interval=interval, reference=reference)


def _by_rule(
    rule: AccuracyRule, within: bool, drop: float, tolerance: float, accuracy: Accuracy, evidence: PairedEvidence
) -> tuple[Outcome, str]:
    if rule == "noninferior":
        return _noninferior(within, tolerance, accuracy, evidence)
    if within:
        return Outcome.PASSED, ""
    if not evidence.same_environment and drop <= tolerance + _rounding(accuracy, evidence):
        return Outcome.INCONCLUSIVE, "the baseline is from another environment, whose rounding can do as much"
    if rule == "evidence" and not _proven(accuracy, evidence):
        return (
            Outcome.INCONCLUSIVE,
            'this set is too small to prove the drop, which accuracy_rule = "evidence" asks for',
        )
    return Outcome.FAILED, ""


def _noninferior(within: bool, tolerance: float, accuracy: Accuracy, evidence: PairedEvidence) -> tuple[Outcome, str]:
    if not within:
        return Outcome.FAILED, ""
    if evidence.difference is None:
        return Outcome.NOT_COMPARED, "the baseline holds no predictions to compare with; update it"
    worst = -evidence.difference.low if accuracy.greater_is_better else evidence.difference.high
    if worst <= tolerance:
        return Outcome.PASSED, ""
    most = format_value(worst, Kind.SCORE)
    return Outcome.INCONCLUSIVE, f'a drop of {most} is not ruled out, which accuracy_rule = "noninferior" asks for'


def _proven(accuracy: Accuracy, evidence: PairedEvidence) -> bool:
    if evidence.flips is not None:
        return mcnemar(evidence.flips.lost, evidence.flips.gained).worse <= LEVEL
    if evidence.difference is None:
        return False
    return evidence.difference.high < 0 if accuracy.greater_is_better else evidence.difference.low > 0


def _rounding(accuracy: Accuracy, evidence: PairedEvidence) -> float:
    if not accuracy.within_unit:
        return OTHER_ENVIRONMENT_POINTS * abs(evidence.reference)
    return max(OTHER_ENVIRONMENT_POINTS, OTHER_ENVIRONMENT_SAMPLES / evidence.samples)


def _unit_problem(bound: Bound, accuracy: Accuracy) -> str:
    if bound.unit is Unit.POINTS and not accuracy.within_unit:
        return f'pp is for scores within 0 to 1, and {accuracy.score!r} is not one by definition: use "1 %" or a number'
    if bound.unit is Unit.PLAIN and accuracy.within_unit:
        return (
            f'{bound.value:g} has no unit, and {accuracy.score!r} lies within 0 to 1: write "{bound.value * 100:g} pp"'
        )
    return ""


def _flip_text(evidence: PairedEvidence) -> str:
    flips = evidence.flips
    if flips is None:
        return ""
    p = mcnemar(flips.lost, flips.gained).two_sided
    return f"{flips.lost} right-to-wrong, {flips.gained} wrong-to-right of {flips.samples}, McNemar p = {p:.3g}"
