"""One gate: every bound of its policy held against the measurement and its reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.axis import Comparison, Role
from pytest_speedacc.axes.units import Change, Kind
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge import accuracy as accuracy_rules
from pytest_speedacc.judge import latency as latency_rules
from pytest_speedacc.judge.accuracy import LAST_DIGIT, PairedEvidence
from pytest_speedacc.judge.busy import unless_busy
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.live_increase import judge_live_increase
from pytest_speedacc.judge.outputs import judge_outputs
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.repeats import judge_repeated
from pytest_speedacc.judge.stored import judge_stored_increase
from pytest_speedacc.judge.training import judge_training_time
from pytest_speedacc.judge.verdict import Finding, Outcome, because, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.measurement import Confidence, Measurement, Statics
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.score import Mask


def judge(
    measurement: Measurement, policy: Policy, reference: Reference, plan: Sequence[int], alpha: float
) -> tuple[Finding, ...]:
    """Judge every bound of ``policy``, in the order of the axes; ``plan`` are the looks planned for latency limits.

    What a slice of the evaluation set can have, each slice is held to after that.
    """
    statics = measurement.statics
    whole = Part("", statics.accuracy, statics.confidence, None, reference.accuracy)
    judges = _judges_of(whole, statics, policy, reference)

    def check(bound: Bound) -> Finding:
        axis = AXES[bound.setting.metric]
        match axis.compared:
            case Comparison.LATENCY:
                return _latency(bound, measurement, reference, plan, alpha)
            case Comparison.ONE_TIMING:
                return judge_training_time(bound, statics.training)
            case Comparison.AMOUNT:
                return _amount(bound, axis.found_in(statics), reference)
            case Comparison.SCORE | Comparison.CONFIDENCE | Comparison.CHURN:
                return judges[axis.compared](bound)
            case _:
                assert_never(axis.compared)

    return (*(check(bound) for bound in _in_order(policy.bounds)), *_judge_slices(measurement, policy, reference))


def _in_order(bounds: Sequence[Bound]) -> list[Bound]:
    order = list(AXES)
    return sorted(bounds, key=lambda bound: (order.index(bound.setting.metric), bound.setting.is_tolerance))


def _judge_slices(measurement: Measurement, policy: Policy, reference: Reference) -> list[Finding]:
    statics = measurement.statics
    checks = []
    for name in dict.fromkeys((*statics.slices, *policy.slices)):
        bounds = _in_order(policy.bounds_of(name))
        if name not in statics.slices:
            why = because("unknown slice", name=name)
            checks += [replace(check_of(bound, None, Outcome.FAILED, why), slice=name) for bound in bounds]
            continue
        own = statics.slices[name]
        part = Part(name, own.accuracy, statics.confidence, own.mask, reference.slices.get(name))
        judges = _judges_of(part, statics, policy, reference)
        for bound in bounds:
            axis = AXES[bound.setting.metric]
            if axis.compared is Comparison.AMOUNT:
                is_asked = bound in policy.slices.get(name, ())
                checks += _amount_of_slice(bound, axis.found_in(statics), reference, name, is_asked)
            else:
                checks.append(replace(judges[axis.compared](bound), slice=name))
    return checks


def _amount_of_slice(
    bound: Bound, found: Amount | Unavailable, reference: Reference, name: str, is_asked: bool
) -> list[Finding]:
    """An amount of a slice: where it is a mean over samples, or the slice itself, and not all samples, bounds it."""
    metric = bound.setting.metric
    former = reference.amounts.get(metric)
    known = former is not None and name in former.slices
    if isinstance(found, Amount) and name in found.slices:
        of_slice = replace(reference, amounts={metric: former.of(name)} if former and known else {})
        return [replace(_amount(bound, found.of(name), of_slice), slice=name)]
    if not is_asked:
        if not (known and bound.setting.is_tolerance and isinstance(found, Amount)):
            return []
        why = because("not by slice now", source=reference.source, metric=metric)
        return [replace(check_of(bound, None, Outcome.NOT_COMPARED, why), slice=name)]
    return [replace(check_of(bound, None, Outcome.FAILED, because("not by slice", metric=metric)), slice=name)]


@dataclass(frozen=True, slots=True)
class Part:
    """The evaluation set, or a slice of it."""

    name: str
    """Of the slice; empty for all samples."""
    accuracy: Accuracy | Outputs | Unavailable
    confidence: Confidence | Unavailable
    mask: Mask | None
    """Which samples it has; None for all."""
    evidence: PairedEvidence | None
    """Beside its former self; None where that is not known."""


def _judges_of(
    part: Part, statics: Statics, policy: Policy, reference: Reference
) -> dict[Comparison, Callable[[Bound], Finding]]:
    """What judges the axes that rest on the predictions for a part of the samples."""

    def accuracy(bound: Bound) -> Finding:
        check = _of_predictions(bound, part, statics, reference, partial(_drop, policy=policy))
        return replace(check, title=part.accuracy.score) if isinstance(part.accuracy, Accuracy) else check

    def churn(bound: Bound) -> Finding:
        if isinstance(part.accuracy, Outputs):
            return _of_outputs(bound, part, statics, reference)
        return _of_predictions(bound, part, statics, reference, accuracy_rules.judge_churn)

    return {
        Comparison.SCORE: accuracy,
        Comparison.CHURN: churn,
        Comparison.CONFIDENCE: lambda bound: _confidence(bound, part),
    }


def _drop(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence, policy: Policy) -> Finding:
    if not accuracy.scores or accuracy_rules.unit_problem(bound, accuracy.score, accuracy.within_unit):
        return accuracy_rules.judge_drop(bound, accuracy, evidence, policy.accuracy_rule)
    if evidence.former is None:
        return check_of(bound, accuracy.value, Outcome.NOT_COMPARED, because("one seed", source=evidence.source))
    return judge_repeated(bound, accuracy, evidence.former, evidence.source)


def _of_predictions(
    bound: Bound,
    part: Part,
    statics: Statics,
    reference: Reference,
    compare: Callable[[Bound, Accuracy, PairedEvidence], Finding],
) -> Finding:
    accuracy = part.accuracy
    if isinstance(accuracy, Outputs):
        return check_of(bound, None, Outcome.FAILED, because("no score"))
    if isinstance(accuracy, Unavailable):
        return check_of(bound, None, Outcome.FAILED, because("unmeasured", why=accuracy.reason))
    if statics.unstable:
        return check_of(bound, None, Outcome.FAILED, because("unstable model", samples=statics.unstable))
    if not bound.setting.is_tolerance:
        limit = accuracy_rules.judge_limit(bound, accuracy)
        wrong_way = (bound.setting.role is Role.MINIMUM) is not accuracy.greater_is_better
        return limit if wrong_way or not accuracy.scores else judge_repeated(bound, accuracy, None, reference.source)
    if part.evidence is None:
        return _without_reference(bound, accuracy.value if bound.setting.metric == "accuracy" else None, reference)
    return compare(bound, accuracy, part.evidence)


def _of_outputs(bound: Bound, part: Part, statics: Statics, reference: Reference) -> Finding:
    if statics.unstable:
        return check_of(bound, None, Outcome.FAILED, because("unstable step", samples=statics.unstable))
    if part.name not in reference.outputs:
        return _without_reference(bound, None, reference)
    return judge_outputs(bound, reference.outputs[part.name], reference.source)


def _confidence(bound: Bound, part: Part) -> Finding:
    if isinstance(part.confidence, Unavailable):
        return check_of(bound, None, Outcome.FAILED, because("unmeasured", why=part.confidence.reason))
    value = part.confidence.mean(part.mask)
    outcome = Outcome.PASSED if value >= bound.value - LAST_DIGIT else Outcome.FAILED
    return check_of(bound, value, outcome, because("from limit", away=Change(value, bound.value, Kind.SCORE, True)))


def _latency(
    bound: Bound, measurement: Measurement, reference: Reference, plan: Sequence[int], alpha: float
) -> Finding:
    latency, live = measurement.latency, reference.live
    if not bound.setting.is_tolerance:
        check = latency_rules.judge_limit(latency, bound, plan, alpha)
        return unless_busy(check, measurement.busy, latency.median, bound.setting.quantile)
    if live is not None:
        return judge_live_increase(bound, live.gate, live.canary, live.alpha, live.since.accepted, once=live.once)
    if not bound.setting.by_yardstick:
        return latency_rules.judge_increase(latency, bound)
    if reference.ratios is not None:
        return judge_stored_increase(bound, *reference.ratios, alpha)
    return latency_rules.judge_increase(latency, bound, reference.no_ratios or reference.missing)


def _amount(bound: Bound, found: Amount | Unavailable, reference: Reference) -> Finding:
    if isinstance(found, Unavailable):
        return check_of(bound, None, Outcome.FAILED, because("unmeasured", why=found.reason))
    if not bound.setting.is_tolerance:
        return judge_amount(bound, found)
    axis = bound.setting.metric
    former = reference.amounts.get(axis)
    if former is not None:
        return judge_amount(bound, found, former, reference.source)
    if axis in reference.new_axes:
        return check_of(bound, found.value, Outcome.PASSED, because("new axis"))
    if axis in reference.absent:
        return check_of(bound, found.value, Outcome.NOT_COMPARED, reference.absent[axis])
    return _without_reference(bound, found.value, reference)


def _without_reference(bound: Bound, value: float | None, reference: Reference) -> Finding:
    outcome = Outcome.PASSED if reference.is_new else Outcome.NOT_COMPARED
    return check_of(bound, value, outcome, reference.missing)
