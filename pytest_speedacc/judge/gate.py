"""One gate: every bound of its policy held against the measurement and its reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, Role, statistic_name
from pytest_speedacc.config.units import Kind, format_bytes, format_change, format_seconds
from pytest_speedacc.judge import accuracy as accuracy_rules
from pytest_speedacc.judge import latency as latency_rules
from pytest_speedacc.judge.accuracy import LAST_DIGIT, PairedEvidence
from pytest_speedacc.judge.busy import unless_busy
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.live_increase import judge_live_increase
from pytest_speedacc.judge.reference import QUANTILES, Reference
from pytest_speedacc.judge.repeats import judge_repeated
from pytest_speedacc.judge.retained import observe_retained, peak_note
from pytest_speedacc.judge.stored import judge_stored_increase
from pytest_speedacc.judge.training import judge_training_memory, judge_training_time
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, check_of
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.measurement import Confidence, Measurement, Statics, Unavailable
from pytest_speedacc.measure.score import Mask
from pytest_speedacc.measure.waiting import Waiting

NO_STORED_TAIL = "a baseline holds no evidence of a tail, of the median only"
ORDER = (
    "accuracy",
    "confidence",
    "churn",
    "latency",
    "parameters",
    "model_size",
    "memory",
    "training_time",
    "training_memory",
)


def judge(
    measurement: Measurement, policy: Policy, reference: Reference, plan: Sequence[int], alpha: float
) -> tuple[Check, ...]:
    """Judge every bound of ``policy``, in the order of the axes; ``plan`` are the looks planned for latency limits.

    What a slice of the evaluation set can have, each slice is held to after that.
    """
    statics = measurement.statics
    whole = Part("", statics.accuracy, statics.confidence, None, reference.accuracy)
    judges: dict[str, Callable[[Bound], Check]] = {
        **_judges_of(whole, statics, policy, reference),
        "latency": lambda bound: _latency(bound, measurement, reference, plan, alpha),
        "parameters": lambda bound: _amount(bound, _total(statics.parameters), reference, reference.parameters),
        "model_size": lambda bound: _amount(bound, statics.model_size, reference, reference.model_size),
        "memory": lambda bound: _memory(bound, measurement, reference),
        "training_time": lambda bound: judge_training_time(bound, statics.training),
        "training_memory": lambda bound: judge_training_memory(bound, statics.training),
    }
    return (
        *(judges[bound.setting.metric](bound) for bound in _in_order(policy.bounds)),
        *_judge_slices(statics, policy, reference),
    )


def _in_order(bounds: Sequence[Bound]) -> list[Bound]:
    return sorted(bounds, key=lambda bound: (ORDER.index(bound.setting.metric), bound.setting.is_tolerance))


def _judge_slices(statics: Statics, policy: Policy, reference: Reference) -> list[Check]:
    checks = []
    for name in dict.fromkeys((*statics.slices, *policy.slices)):
        bounds = _in_order(policy.bounds_of(name))
        if name not in statics.slices:
            why = f"limits are set for the slice {name!r}, and the check was given none of that name: pass slices="
            checks += [replace(check_of(bound, None, Outcome.FAILED, why), slice=name) for bound in bounds]
            continue
        own = statics.slices[name]
        part = Part(name, own.accuracy, statics.confidence, own.mask, reference.slices.get(name))
        judges = _judges_of(part, statics, policy, reference)
        checks += [replace(judges[bound.setting.metric](bound), slice=name) for bound in bounds]
    return checks


@dataclass(frozen=True, slots=True)
class Part:
    """The evaluation set, or a slice of it."""

    name: str
    """Of the slice; empty for all samples."""
    accuracy: Accuracy | Unavailable
    confidence: Confidence | Unavailable
    mask: Mask | None
    """Which samples it has; None for all."""
    evidence: PairedEvidence | None
    """Beside its former self; None where that is not known."""


def _judges_of(
    part: Part, statics: Statics, policy: Policy, reference: Reference
) -> dict[str, Callable[[Bound], Check]]:
    """What judges the axes that a part of the samples has."""

    def accuracy(bound: Bound) -> Check:
        return _of_predictions(bound, part, statics, reference, partial(_drop, policy=policy))

    def churn(bound: Bound) -> Check:
        return _of_predictions(bound, part, statics, reference, accuracy_rules.judge_churn)

    return {"accuracy": accuracy, "churn": churn, "confidence": lambda bound: _confidence(bound, part)}


def _drop(bound: Bound, accuracy: Accuracy, evidence: PairedEvidence, policy: Policy) -> Check:
    if not accuracy.scores or accuracy_rules.unit_problem(bound, accuracy.score, accuracy.within_unit):
        return accuracy_rules.judge_drop(bound, accuracy, evidence, policy.accuracy_rule)
    if evidence.former is None:
        why = f"the {evidence.source} was evaluated under one seed, and of a random model that says little"
        return check_of(bound, accuracy.value, Outcome.NOT_COMPARED, why)
    return judge_repeated(bound, accuracy, evidence.former, evidence.source)


def _of_predictions(
    bound: Bound,
    part: Part,
    statics: Statics,
    reference: Reference,
    compare: Callable[[Bound, Accuracy, PairedEvidence], Check],
) -> Check:
    accuracy = part.accuracy
    if isinstance(accuracy, Unavailable):
        return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {accuracy.reason}")
    if statics.unstable:
        return check_of(bound, None, Outcome.FAILED, _unstable_text(statics.unstable))
    if not bound.setting.is_tolerance:
        limit = accuracy_rules.judge_limit(bound, accuracy)
        wrong_way = (bound.setting.role is Role.MINIMUM) is not accuracy.greater_is_better
        return limit if wrong_way or not accuracy.scores else judge_repeated(bound, accuracy, None, reference.source)
    if part.evidence is None:
        return _without_reference(bound, accuracy.value if bound.setting.metric == "accuracy" else None, reference)
    return compare(bound, accuracy, part.evidence)


def _unstable_text(samples: int) -> str:
    return (
        f"cannot be judged: the model is random, for asked twice about the first samples it gave {samples} of them two "
        "different predictions. Switch that off (evaluation mode, a seed within predict), or judge it over seeds with "
        "check(repeats=20)"
    )


def _confidence(bound: Bound, part: Part) -> Check:
    if isinstance(part.confidence, Unavailable):
        return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {part.confidence.reason}")
    value = part.confidence.mean(part.mask)
    outcome = Outcome.PASSED if value >= bound.value - LAST_DIGIT else Outcome.FAILED
    return check_of(
        bound, value, outcome, f"{format_change(value, bound.value, Kind.SCORE, points=True)} from the limit"
    )


def _latency(bound: Bound, measurement: Measurement, reference: Reference, plan: Sequence[int], alpha: float) -> Check:
    if not bound.setting.is_tolerance:
        check = latency_rules.judge_limit(measurement.latency, bound, plan, alpha)
        return unless_busy(check, measurement.busy, measurement.latency.median, bound.setting.quantile)
    if reference.live is not None:
        live = reference.live
        return judge_live_increase(bound, live.gate, live.canary, live.alpha, live.since.accepted, once=live.once)
    why = NO_STORED_TAIL
    if bound.setting.quantile == 0.5:
        if isinstance(reference.ratios, tuple):
            return judge_stored_increase(bound, *reference.ratios, alpha)
        why = reference.ratios or reference.missing
    former = reference.latency.get(bound.setting.statistic)
    return latency_rules.judge_increase(measurement.latency, bound, former, why)


def _memory(bound: Bound, measurement: Measurement, reference: Reference) -> Check:
    memory = measurement.statics.memory
    if isinstance(memory, Unavailable):
        return _amount(bound, memory, reference, None)
    if bound.setting.is_tolerance and reference.memory is None and reference.no_memory:
        return check_of(bound, memory.peak, Outcome.NOT_COMPARED, reference.no_memory)
    # How a former peak moved is no matter of a limit.
    band = max(memory.band, reference.memory_band) if bound.setting.is_tolerance else memory.band
    check = _amount(bound, memory.peak, reference, reference.memory, band)
    if check.outcome is Outcome.INCONCLUSIVE and memory.band < band:
        moved = f"so the {reference.source} says; here it moved by {format_bytes(memory.band)}"
        return replace(check, reason=f"{check.reason} ({moved})")
    return check


def _amount(bound: Bound, value: int | Unavailable, reference: Reference, former: int | None, band: int = 0) -> Check:
    if isinstance(value, Unavailable):
        return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {value.reason}")
    if bound.setting.is_tolerance and former is None:
        return _without_reference(bound, value, reference)
    return judge_amount(bound, value, former, band, reference.source)


def _without_reference(bound: Bound, value: float | None, reference: Reference) -> Check:
    outcome = Outcome.PASSED if reference.is_new else Outcome.NOT_COMPARED
    return check_of(bound, value, outcome, reference.missing)


def _total(count: ParameterCount | Unavailable) -> int | Unavailable:
    return count if isinstance(count, Unavailable) else count.total


def observe(measurement: Measurement, reference: Reference) -> tuple[Observation, ...]:
    """Every axis as it was measured, with its former value beside it, whether or not anything bounds it."""
    statics = measurement.statics
    parameters, memory = statics.parameters, statics.memory
    explained = "" if isinstance(parameters, Unavailable) else _details(parameters.details)
    weights = f"{format_bytes(statics.weights)} of weights in memory" if statics.weights else ""
    peak = memory if isinstance(memory, Unavailable) else memory.peak
    return (
        *_observe_part(Part("", statics.accuracy, statics.confidence, None, reference.accuracy)),
        *_observe_latency(measurement, reference),
        *_observe_waiting(measurement.waiting),
        _observe("parameters", Kind.COUNT, _total(parameters), reference.parameters, explained),
        _observe("model_size", Kind.SIZE, statics.model_size, reference.model_size, weights),
        _observe("memory", Kind.SIZE, peak, reference.memory, peak_note(memory)),
        *observe_retained(statics),
        *_observe_training(statics, reference),
        Observation("evaluation", "", Kind.TIME, statics.evaluation_seconds, None, None, "all samples predicted once"),
        *(
            row
            for name, own in statics.slices.items()
            for row in _observe_part(Part(name, own.accuracy, statics.confidence, own.mask, reference.slices.get(name)))
        ),
    )


def _observe_part(part: Part) -> list[Observation]:
    """The score of all samples or of a slice, and how sure the model is of them where that is known."""
    rows = []
    former = part.evidence.reference if part.evidence else None
    if not isinstance(part.accuracy, Unavailable):
        of = part.accuracy
        rows.append(
            Observation(
                "accuracy",
                "",
                Kind.SCORE,
                of.value,
                None,
                former,
                of.score,
                of.within_unit,
                part.name,
                of.greater_is_better,
            )
        )
    if not isinstance(part.confidence, Unavailable):
        mean, note = part.confidence.mean(part.mask), "mean of the largest probability"
        rows.append(Observation("confidence", "", Kind.SCORE, mean, None, None, note, points=True, slice=part.name))
    return rows


def _observe_training(statics: Statics, reference: Reference) -> list[Observation]:
    training, former = statics.training, reference.training
    if isinstance(training, Unavailable):
        return []
    seconds = former.seconds if former else None
    rows = [Observation("training_time", "", Kind.TIME, training.seconds, None, seconds, "one training")]
    if training.peak is not None:
        peak = former.peak if former else None
        rows.append(Observation("training_memory", "", Kind.SIZE, training.peak, None, peak, "peak of one training"))
    return rows


def _observe_latency(measurement: Measurement, reference: Reference) -> list[Observation]:
    latency = measurement.latency
    batch = f"a call of {latency.batch_size} sample{'s' if latency.batch_size > 1 else ''}"
    observations = f"{latency.calls} " + ("calls" if latency.has_tail else f"rounds of {latency.calls_per_round} calls")
    load = f", {latency.concurrency} in flight" if latency.concurrency > 1 else ""
    first = "" if measurement.first_call is None else f", the first of all {format_seconds(measurement.first_call)}"
    warm = f" after {measurement.untimed_calls} untimed ones{first}" if measurement.untimed_calls else ""
    rows = [
        Observation(
            "latency",
            statistic_name(q),
            Kind.TIME,
            latency.quantile(q),
            latency.interval(q),
            reference.latency.get(statistic_name(q)),
            f"{batch}, {observations}{warm}{load}",
        )
        for q in (QUANTILES if latency.has_tail else QUANTILES[:1])
    ]
    if latency.concurrency > 1:
        rate, note = latency.throughput, f"samples a second{load}"
        rows.append(Observation("throughput", "", Kind.RATE, rate, None, None, note, higher_is_better=True))
    return rows


def _observe_waiting(waiting: Waiting | None) -> list[Observation]:
    if waiting is None:
        return []
    parts = (
        ("own code", waiting.own, "in the thread of the event loop"),
        ("loop turn", waiting.turn, "ready to go on, and the loop busy with something else"),
        ("awaited", waiting.other, "for what it awaits"),
    )
    return [
        Observation("latency", name, Kind.TIME, seconds, None, None, f"mean of a call: {note}")
        for name, seconds, note in parts
        if seconds is not None
    ]


def _observe(metric: str, kind: Kind, value: int | Unavailable, former: int | None, note: str) -> Observation:
    if isinstance(value, Unavailable):
        return Observation(metric, "", kind, None, None, former, value.reason)
    return Observation(metric, "", kind, value, None, former, note)


def _details(details: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in details.items())
