"""The score: its limit, and its drop against a baseline by one of three rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_speedacc.axes.axis import Role
from pytest_speedacc.axes.units import Change, Kind, Quantity
from pytest_speedacc.config.project import AccuracyRule
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.judge.verdict import Finding, Observation, Outcome, Reason, because, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.stats.paired import Flips, Interval, mcnemar, resolvable_drop

LEVEL = 0.05
"""Error rate of the paired test and, one-sided, of the interval."""
LAST_DIGIT = 1e-12
"""Scores are quotients: the last digit of one must not decide a score that equals its bound."""
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
    unpaired: Reason = ()
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


def judge_limit(bound: Bound, accuracy: Accuracy) -> Finding:
    """Hold ``min_accuracy`` or ``max_error`` against the score. A limit for the other direction fails, saying so."""
    value, limit = accuracy.value, bound.value
    wants_high = bound.setting.role is Role.MINIMUM
    if wants_high is not accuracy.greater_is_better:
        right = "min_accuracy" if accuracy.greater_is_better else "max_error"
        better = "higher" if accuracy.greater_is_better else "lower"
        reason = because("wrong direction", better=better, score=accuracy.score, right=right)
        return check_of(bound, value, Outcome.FAILED, reason)
    if wants_high and accuracy.within_unit and limit > 1:
        reason = because("in per cent", score=accuracy.score, meant=limit / 100)
        return check_of(bound, value, Outcome.FAILED, reason)
    over = limit - value if wants_high else value - limit
    outcome = Outcome.PASSED if over <= LAST_DIGIT else Outcome.FAILED
    away = Change(value, limit, Kind.SCORE, accuracy.within_unit)
    reason = because("from limit", away=away) if abs(over) > LAST_DIGIT else because("exactly")
    return check_of(bound, value, outcome, reason)


def judge_drop(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence, rule: AccuracyRule) -> Finding:
    """Hold ``max_accuracy_drop`` against the paired evidence by the rule of the policy."""
    reference = evidence.reference
    if problem := unit_problem(bound, accuracy.score, accuracy.within_unit):
        return check_of(bound, accuracy.value, Outcome.FAILED, problem, reference=reference)
    drop = reference - accuracy.value if accuracy.greater_is_better else accuracy.value - reference
    tolerance = bound.value * abs(reference) if bound.unit is Unit.RELATIVE else bound.value
    outcome, why = _by_rule(rule, drop, tolerance, accuracy, evidence)
    change = Change(accuracy.value, reference, Kind.SCORE, accuracy.within_unit)
    against = because("change", change=change, source=evidence.source, then=Quantity(reference, Kind.SCORE))
    reason = against + why + (_flips(evidence.flips) + _could(evidence.flips) if evidence.flips else ())
    interval = None
    if evidence.difference is not None:
        ends = (reference + evidence.difference.low, reference + evidence.difference.high)
        interval = accuracy.possible(ends)
    return check_of(bound, accuracy.value, outcome, reason, interval=interval, reference=reference)


def judge_churn(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence) -> Finding:
    """Hold ``max_churn`` against the share of samples whose predicted label changed.

    Churn is the disagreement of two models, whichever of them is right (Milani Fard et al., *Launch and Iterate:
    Reducing Prediction Churn*, NIPS 2016). Exact, as a drop is.
    """
    if not accuracy.of_labels:
        return check_of(bound, None, Outcome.FAILED, because("no labels", score=accuracy.score))
    if evidence.changed is None:
        return check_of(bound, None, Outcome.NOT_COMPARED, evidence.unpaired)
    share = evidence.changed / evidence.samples
    beyond = share - bound.value - LAST_DIGIT
    count, of, source = evidence.changed, evidence.samples, evidence.source
    reason = because("churn", changed=count, samples=of, what="predictions", source=source)
    reason += _flips(evidence.flips) if evidence.flips else ()
    outcome = Outcome.PASSED if beyond <= 0 else Outcome.FAILED
    if 0 < beyond <= _rounding(accuracy, evidence) and not evidence.same_environment:
        outcome, reason = Outcome.INCONCLUSIVE, reason + because("rounding")
    return check_of(bound, share, outcome, reason)


def _by_rule(
    rule: AccuracyRule, drop: float, tolerance: float, accuracy: Accuracy, evidence: PairedEvidence
) -> tuple[Outcome, Reason]:
    beyond = drop - tolerance - LAST_DIGIT
    if 0 < beyond <= _rounding(accuracy, evidence) and not evidence.same_environment:
        return Outcome.INCONCLUSIVE, because("rounding")
    if beyond > 0 and rule == "evidence":
        return _beyond_doubt(accuracy, evidence)
    if beyond <= 0 and rule == "noninferior":
        return _noninferior(tolerance, accuracy, evidence)
    return Outcome.FAILED if beyond > 0 else Outcome.PASSED, ()


def _beyond_doubt(accuracy: Accuracy, evidence: PairedEvidence) -> tuple[Outcome, Reason]:
    if evidence.difference is None:
        return Outcome.NOT_COMPARED, because("nothing to go by", why=evidence.unpaired, rule="evidence")
    if evidence.flips is not None:
        proven = mcnemar(evidence.flips.lost, evidence.flips.gained).worse <= LEVEL
    else:
        low, high = evidence.difference.low, evidence.difference.high
        proven = high < 0 if accuracy.greater_is_better else low > 0
    return (Outcome.FAILED, ()) if proven else (Outcome.INCONCLUSIVE, because("unproven"))


def least_gain(accuracy: Accuracy, evidence: PairedEvidence) -> float | None:
    """By how much the score is better at the least, on any samples of this kind (95 %); None where no pairs tell."""
    if evidence.difference is None:
        return None
    return evidence.difference.low if accuracy.greater_is_better else -evidence.difference.high


def flip_lines(evidence: PairedEvidence, former: str) -> tuple[Reason, ...]:
    """The samples that were right and are wrong now, the classes that got worse and what they are taken for.

    ``former`` says when, or by whom, they were right."""
    lines = [because("sample", index=it.index, target=it.target, now=it.now) for it in evidence.flipped]
    if evidence.flips is not None and evidence.flips.lost > len(evidence.flipped):
        lines.append(because("and more", count=evidence.flips.lost - len(evidence.flipped)))
    lines += [
        because("class", target=it.target, before=it.before, samples=it.samples, former=former, now=it.now)
        for it in evidence.classes
    ]
    lines += [
        because("confusion", target=it.target, predicted=it.predicted, now=it.now, before=it.before, former=former)
        for it in evidence.confusions
    ]
    return tuple(lines)


def slice_lines(checks: Sequence[Finding], scores: Sequence[Observation]) -> tuple[Reason, ...]:
    """The slices that lost score, where a limit hides the former one.

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
                before, here = (Quantity(value, Kind.SCORE) for value in (was, now))
                lines.append(because("slice", slice=row.slice, before=before, now=here))
    return tuple(lines)


def _noninferior(tolerance: float, accuracy: Accuracy, evidence: PairedEvidence) -> tuple[Outcome, Reason]:
    if evidence.difference is None:
        return Outcome.NOT_COMPARED, because("nothing to go by", why=evidence.unpaired, rule="noninferior")
    worst = -evidence.difference.low if accuracy.greater_is_better else evidence.difference.high
    if worst <= tolerance + LAST_DIGIT:
        return Outcome.PASSED, ()
    if accuracy.within_unit:
        return Outcome.INCONCLUSIVE, because("not ruled out in points", most=worst * 100)
    return Outcome.INCONCLUSIVE, because("not ruled out", most=Quantity(worst, Kind.SCORE))


def _rounding(accuracy: Accuracy, evidence: PairedEvidence) -> float:
    if not accuracy.within_unit:
        return OTHER_ENVIRONMENT_POINTS * abs(evidence.reference)
    return max(OTHER_ENVIRONMENT_POINTS, OTHER_ENVIRONMENT_SAMPLES / evidence.samples)


def unit_problem(bound: Bound, score: str, within_unit: bool) -> Reason:
    """Why a drop of a score cannot be held against this unit; empty where it can."""
    if bound.unit is Unit.POINTS and not within_unit:
        return because("no points", score=score)
    if bound.unit is Unit.PLAIN and within_unit:
        return because("no unit", value=bound.value, score=score, points=bound.value * 100)
    return ()


def _flips(flips: Flips) -> Reason:
    return because("flips", lost=flips.lost, gained=flips.gained, samples=flips.samples)


def _could(flips: Flips) -> Reason:
    """What a set with so many flips could prove."""
    p, least = mcnemar(flips.lost, flips.gained).two_sided, resolvable_drop(flips, LEVEL)
    return because("mcnemar", p=p) + (because("provable", least=least * 100) if least else because("unprovable"))
