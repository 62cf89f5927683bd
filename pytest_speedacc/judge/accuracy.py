"""The score: its limit, and its drop against a baseline by one of three rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_speedacc.axes.axis import Role
from pytest_speedacc.axes.units import Kind, format_change, format_value
from pytest_speedacc.config.project import AccuracyRule
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.stats.paired import Flips, Interval, mcnemar, resolvable_drop

LEVEL = 0.05
"""Error rate of the paired test and, one-sided, of the interval."""
LAST_DIGIT = 1e-12
"""Scores are quotients: the last digit of one must not decide a score that equals its bound."""
OTHER_ENVIRONMENT = "the baseline is from another environment, whose rounding can do as much"
OTHER_ENVIRONMENT_POINTS = 0.001
OTHER_ENVIRONMENT_SAMPLES = 2
"""Kernels round differently on other processors: so much of a drop there may be rounding."""


@dataclass(frozen=True, slots=True)
class Flipped:
    """A sample that was right before and is wrong now."""

    index: int
    """Its place in the evaluation set."""
    target: str
    now: str
    """What is predicted now; before, it was the target."""


@dataclass(frozen=True, slots=True)
class ClassChange:
    """The samples of one class before and now."""

    target: str
    samples: int
    before: int
    """Of them right before."""
    now: int
    """Of them right now."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """The samples of one class that are taken for another one."""

    target: str
    predicted: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class PairedEvidence:
    """The candidate's score beside the former one, on the same samples."""

    reference: float
    """The former score."""
    same_environment: bool
    """Whether both were computed on like hardware."""
    samples: int
    """Samples in the evaluation set."""
    flips: Flips | None
    """For accuracy with stored predictions: what flipped."""
    difference: Interval | None
    """Observed minus reference, with its 90 % interval, each end of which is a 5 % bound; None without pairs."""
    unpaired: str = ""
    """Why there is no such difference; empty when there is one."""
    source: str = "baseline"
    """Where the former score is from: the ``baseline``, or the ``base`` of a live run."""
    former: Former | None = None
    """The former score of a random model, over its evaluations; None where it was evaluated under one seed."""
    flipped: tuple[Flipped, ...] = ()
    """The first samples that were right and are wrong now."""
    classes: tuple[ClassChange, ...] = ()
    """The classes whose samples got worse, the worst first."""
    confusions: tuple[Confusion, ...] = ()
    """Those that there are more of, the one that grew most first."""
    changed: int | None = None
    """Samples whose prediction is another one than before; None without pairs, or where they are no labels."""


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
    over = limit - value if wants_high else value - limit
    outcome = Outcome.PASSED if over <= LAST_DIGIT else Outcome.FAILED
    distance = format_change(value, limit, Kind.SCORE, points=accuracy.within_unit)
    reason = f"{distance} from the limit" if abs(over) > LAST_DIGIT else "exactly the limit"
    return check_of(bound, value, outcome, reason)


def judge_drop(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence, rule: AccuracyRule) -> Check:
    """Hold ``max_accuracy_drop`` against the paired evidence by the rule of the policy."""
    reference = evidence.reference
    if problem := unit_problem(bound, accuracy.score, accuracy.within_unit):
        return check_of(bound, accuracy.value, Outcome.FAILED, problem, reference=reference)
    drop = reference - accuracy.value if accuracy.greater_is_better else accuracy.value - reference
    tolerance = bound.value * abs(reference) if bound.unit is Unit.RELATIVE else bound.value
    outcome, why = _by_rule(rule, drop, tolerance, accuracy, evidence)
    change = format_change(accuracy.value, reference, Kind.SCORE, points=accuracy.within_unit)
    against = f"{change} against the {evidence.source}'s {format_value(reference, Kind.SCORE)}"
    reason = "; ".join(part for part in (against, why, _flip_text(evidence.flips)) if part)
    interval = None
    if evidence.difference is not None:
        ends = (reference + evidence.difference.low, reference + evidence.difference.high)
        interval = accuracy.possible(ends)
    return check_of(bound, accuracy.value, outcome, reason, interval=interval, reference=reference)


def judge_churn(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence) -> Check:
    """Hold ``max_churn`` against the share of samples whose predicted label changed.

    Churn is the disagreement of two models, whichever of them is right (Milani Fard et al., *Launch and Iterate:
    Reducing Prediction Churn*, NIPS 2016). Exact, as a drop is.
    """
    if not accuracy.of_labels:
        why = f"cannot be measured here: churn counts changed labels, and the score {accuracy.score!r} compares none"
        return check_of(bound, None, Outcome.FAILED, why)
    if evidence.changed is None:
        return check_of(bound, None, Outcome.NOT_COMPARED, evidence.unpaired)
    share = evidence.changed / evidence.samples
    beyond = share - bound.value - LAST_DIGIT
    flips = _flip_text(evidence.flips).partition(", McNemar")[0]
    why = f"{evidence.changed} of {evidence.samples} predictions are not those of the {evidence.source}"
    reason = "; ".join(filter(None, (why, flips)))
    outcome = Outcome.PASSED if beyond <= 0 else Outcome.FAILED
    if 0 < beyond <= _rounding(accuracy, evidence) and not evidence.same_environment:
        outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; {OTHER_ENVIRONMENT}"
    return check_of(bound, share, outcome, reason)


def _by_rule(
    rule: AccuracyRule, drop: float, tolerance: float, accuracy: Accuracy, evidence: PairedEvidence
) -> tuple[Outcome, str]:
    beyond = drop - tolerance - LAST_DIGIT
    if 0 < beyond <= _rounding(accuracy, evidence) and not evidence.same_environment:
        return Outcome.INCONCLUSIVE, OTHER_ENVIRONMENT
    if beyond > 0 and rule == "evidence":
        return _beyond_doubt(accuracy, evidence)
    if beyond <= 0 and rule == "noninferior":
        return _noninferior(tolerance, accuracy, evidence)
    return Outcome.FAILED if beyond > 0 else Outcome.PASSED, ""


def _beyond_doubt(accuracy: Accuracy, evidence: PairedEvidence) -> tuple[Outcome, str]:
    if evidence.difference is None:
        return Outcome.NOT_COMPARED, f'{evidence.unpaired}, so accuracy_rule = "evidence" has nothing to go by'
    if evidence.flips is not None:
        proven = mcnemar(evidence.flips.lost, evidence.flips.gained).worse <= LEVEL
    else:
        low, high = evidence.difference.low, evidence.difference.high
        proven = high < 0 if accuracy.greater_is_better else low > 0
    if proven:
        return Outcome.FAILED, ""
    return (
        Outcome.INCONCLUSIVE,
        'this set is too small to prove the drop, which accuracy_rule = "evidence" asks for',
    )


def least_gain(accuracy: Accuracy, evidence: PairedEvidence) -> float | None:
    """By how much the score is better at the least, on any samples of this kind (95 %); None where no pairs tell."""
    if evidence.difference is None:
        return None
    return evidence.difference.low if accuracy.greater_is_better else -evidence.difference.high


def formerly(compared_with: str) -> str:
    """When, or by whom, a sample was right that is wrong now."""
    return "by the other" if compared_with == "other" else "before"


def flip_lines(evidence: PairedEvidence, former: str) -> tuple[str, ...]:
    """The samples that were right and are wrong now, the classes that got worse and what they are taken for, a line
    each. ``former`` is what ``formerly`` says."""
    lines = [f"sample {each.index}: target {each.target}, now predicted {each.now}" for each in evidence.flipped]
    if evidence.flips is not None and evidence.flips.lost > len(evidence.flipped):
        lines.append(f"and {evidence.flips.lost - len(evidence.flipped)} more")
    lines += [
        f"class {each.target}: {each.before} of {each.samples} right {former}, {each.now} now"
        for each in evidence.classes
    ]
    lines += [
        f"target {each.target} predicted {each.predicted}: {each.now} now, {each.before} {former}"
        for each in evidence.confusions
    ]
    return tuple(lines)


def slice_lines(checks: Sequence[Check], scores: Sequence[Observation]) -> tuple[str, ...]:
    """The slices that lost score, where a limit hides the former one: a line each.

    A slice without a limit is told of with all that was measured, and one with a tolerance beside what it was.
    """
    rows = [check for check in checks if check.metric == "accuracy"]
    hidden = {check.slice for check in rows} - {check.slice for check in rows if check.reference is not None}
    lines = []
    for row in scores:
        now, was = row.observed, row.reference
        if row.metric == "accuracy" and row.slice in hidden - {""} and now is not None and was is not None:
            lost = was - now if row.higher_is_better else now - was
            if lost > LAST_DIGIT:
                shown = [format_value(value, Kind.SCORE) for value in (was, now)]
                lines.append(f"slice {row.slice}: {shown[0]} before, {shown[1]} now")
    return tuple(lines)


def _noninferior(tolerance: float, accuracy: Accuracy, evidence: PairedEvidence) -> tuple[Outcome, str]:
    if evidence.difference is None:
        return Outcome.NOT_COMPARED, f'{evidence.unpaired}, so accuracy_rule = "noninferior" has nothing to go by'
    worst = -evidence.difference.low if accuracy.greater_is_better else evidence.difference.high
    if worst <= tolerance + LAST_DIGIT:
        return Outcome.PASSED, ""
    most = f"{worst * 100:.3g} pp" if accuracy.within_unit else format_value(worst, Kind.SCORE)
    return Outcome.INCONCLUSIVE, f'a drop of {most} is not ruled out, which accuracy_rule = "noninferior" asks for'


def _rounding(accuracy: Accuracy, evidence: PairedEvidence) -> float:
    if not accuracy.within_unit:
        return OTHER_ENVIRONMENT_POINTS * abs(evidence.reference)
    return max(OTHER_ENVIRONMENT_POINTS, OTHER_ENVIRONMENT_SAMPLES / evidence.samples)


def unit_problem(bound: Bound, score: str, within_unit: bool) -> str:
    """Why a drop of a score cannot be held against this unit; empty where it can."""
    if bound.unit is Unit.POINTS and not within_unit:
        return f'pp is for scores within 0 to 1, and {score!r} is not one by definition: use "1 %" or a number'
    if bound.unit is Unit.PLAIN and within_unit:
        return f'{bound.value:g} has no unit, and {score!r} lies within 0 to 1: write "{bound.value * 100:g} pp"'
    return ""


def _flip_text(flips: Flips | None) -> str:
    if flips is None:
        return ""
    p = mcnemar(flips.lost, flips.gained).two_sided
    least = resolvable_drop(flips, LEVEL)
    could = f"can prove a drop of {least * 100:.2g} pp" if least else "is too small to prove any drop"
    return (
        f"{flips.lost} right-to-wrong, {flips.gained} wrong-to-right of {flips.samples}, McNemar p = {p:.3g}; "
        f"this set {could}"
    )
