"""One gate: every bound of its policy held against the measurement and its reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, statistic_name
from pytest_speedacc.config.units import Kind, format_bytes
from pytest_speedacc.judge import accuracy as accuracy_rules
from pytest_speedacc.judge import latency as latency_rules
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.live import judge_live_increase
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.stored import judge_stored_increase
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, check_of
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.measurement import Measurement, Unavailable

QUANTILES = (0.5, 0.9, 0.95, 0.99)
NO_STORED_TAIL = "a baseline holds no evidence of a tail, of the median only"
ORDER = ("accuracy", "latency", "parameters", "model_size", "memory")


def judge(
    measurement: Measurement, policy: Policy, reference: Reference, plan: Sequence[int], alpha: float
) -> tuple[Check, ...]:
    """Judge every bound of ``policy``, in the order of the axes; ``plan`` are the looks planned for latency limits."""
    statics = measurement.statics
    judges: dict[str, Callable[[Bound], Check]] = {
        "accuracy": lambda bound: _accuracy(bound, measurement, policy, reference),
        "latency": lambda bound: _latency(bound, measurement, reference, plan, alpha),
        "parameters": lambda bound: _amount(bound, _total(statics.parameters), reference, reference.parameters),
        "model_size": lambda bound: _amount(bound, statics.model_size, reference, reference.model_size),
        "memory": lambda bound: _memory(bound, measurement, reference),
    }
    bounds = sorted(policy.bounds, key=lambda bound: (ORDER.index(bound.setting.metric), bound.setting.is_tolerance))
    return tuple(judges[bound.setting.metric](bound) for bound in bounds)


def _accuracy(bound: Bound, measurement: Measurement, policy: Policy, reference: Reference) -> Check:
    accuracy = measurement.statics.accuracy
    if not bound.setting.is_tolerance:
        return accuracy_rules.judge_limit(bound, accuracy)
    if reference.accuracy is None:
        return _without_reference(bound, accuracy.value, reference)
    return accuracy_rules.judge_drop(bound, accuracy, reference.accuracy, policy.accuracy_rule)


def _latency(bound: Bound, measurement: Measurement, reference: Reference, plan: Sequence[int], alpha: float) -> Check:
    if not bound.setting.is_tolerance:
        return latency_rules.judge_limit(measurement.latency, bound, plan, alpha)
    if reference.live is not None:
        live = reference.live
        return judge_live_increase(bound, live.gate, live.canary, live.alpha, live.since.accepted)
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
    return _amount(bound, memory.peak, reference, reference.memory, max(memory.band, reference.memory_band))


def _amount(bound: Bound, value: int | Unavailable, reference: Reference, former: int | None, band: int = 0) -> Check:
    if isinstance(value, Unavailable):
        return check_of(bound, None, Outcome.FAILED, f"cannot be measured here: {value.reason}")
    if bound.setting.is_tolerance and former is None:
        return _without_reference(bound, value, reference)
    return judge_amount(bound, value, former, band, reference.source)


def _without_reference(bound: Bound, value: float, reference: Reference) -> Check:
    outcome = Outcome.PASSED if reference.is_new else Outcome.NOT_COMPARED
    return check_of(bound, value, outcome, reference.missing)


def _total(count: ParameterCount | Unavailable) -> int | Unavailable:
    return count if isinstance(count, Unavailable) else count.total


def observe(measurement: Measurement, reference: Reference) -> tuple[Observation, ...]:
    """Every axis as it was measured, with its former value beside it, whether or not anything bounds it."""
    statics = measurement.statics
    former_score = reference.accuracy.reference if reference.accuracy else None
    parameters, memory = statics.parameters, statics.memory
    explained = "" if isinstance(parameters, Unavailable) else _details(parameters.details)
    weights = f"{format_bytes(statics.weights)} of weights in memory" if statics.weights else ""
    peak = memory if isinstance(memory, Unavailable) else memory.peak
    return (
        Observation(
            "accuracy",
            "",
            Kind.SCORE,
            statics.accuracy.value,
            None,
            former_score,
            statics.accuracy.score,
            statics.accuracy.within_unit,
        ),
        *_observe_latency(measurement.latency, reference),
        _observe("parameters", Kind.COUNT, _total(parameters), reference.parameters, explained),
        _observe("model_size", Kind.SIZE, statics.model_size, reference.model_size, weights),
        _observe("memory", Kind.SIZE, peak, reference.memory, "peak of one call"),
    )


def _observe_latency(latency: Latency, reference: Reference) -> list[Observation]:
    batch = f"a call of {latency.batch_size} sample{'s' if latency.batch_size > 1 else ''}"
    observations = f"{latency.calls} " + ("calls" if latency.has_tail else f"rounds of {latency.calls_per_round} calls")
    return [
        Observation(
            "latency",
            statistic_name(q),
            Kind.TIME,
            latency.quantile(q),
            latency.interval(q),
            reference.latency.get(statistic_name(q)),
            f"{batch}, {observations}",
        )
        for q in (QUANTILES if latency.has_tail else QUANTILES[:1])
    ]


def _observe(metric: str, kind: Kind, value: int | Unavailable, former: int | None, note: str) -> Observation:
    if isinstance(value, Unavailable):
        return Observation(metric, "", kind, None, None, former, value.reason)
    return Observation(metric, "", kind, value, None, former, note)


def _details(details: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in details.items())
