"""A measurement written down as a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import UNSET

from pytest_speedacc.axes import AXES
from pytest_speedacc.baseline.schema import (
    MOST_FUNCTIONS,
    SCHEMA,
    Baseline,
    EnvironmentRecord,
    EvaluationSet,
    Metrics,
    StoredAccuracy,
    StoredFunction,
    StoredLatency,
    StoredMemory,
    StoredMetric,
    StoredProfile,
    StoredRatio,
    StoredTraining,
    Updated,
)
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.profile import Profile
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.yardstick import VERSION, Ratios
from pytest_speedacc.stats.quantiles import quantile_interval
from pytest_speedacc.stats.sequence import mean_and_sd


def record(
    measurement: Measurement,
    subject: Subject,
    environment: Environment,
    *,
    test: str,
    name: str,
    reason: str,
    commit: str | None,
    ratios: Ratios | None,
    shared: Mapping[str, str],
) -> Baseline:
    """The baseline of this measurement alone, made at a ``commit``; None without git.

    ``shared`` are the digests of what live runs share with the base.
    """
    statics = measurement.statics
    accuracy, parameters, size, memory = statics.accuracy, statics.parameters, statics.model_size, statics.memory
    training = statics.training
    now = datetime.now(UTC).isoformat(timespec="seconds")
    versions = library_versions()
    here = EnvironmentRecord(
        environment=environment,
        versions=versions,
        commit=commit,
        date=now,
        latency=_latency(measurement.latency),
        memory=None if isinstance(memory, Unavailable) else StoredMemory(peak=memory.peak, band=memory.band),
        yardstick=None if ratios is None else _ratio(ratios),
        training=None
        if isinstance(training, Unavailable)
        else StoredTraining(seconds=training.seconds, peak=training.peak),
        metrics=_metrics(measurement, per_environment=True),
    )
    return Baseline(
        schema=SCHEMA,
        test=test,
        name=name,
        updated=Updated(commit=commit, date=now, reason=reason),
        evaluation_set=EvaluationSet(samples=subject.samples, fingerprint=subject.fingerprint),
        accuracy=None if isinstance(accuracy, Outputs) else _score(accuracy),
        parameters=None if isinstance(parameters, Unavailable) else parameters.total,
        model_size=None if isinstance(size, Unavailable) else size,
        versions=versions,
        predictions=None,
        shared=dict(shared) or UNSET,
        metrics=_metrics(measurement, per_environment=False),
        environments={environment.key: here},
    )


def _metrics(measurement: Measurement, *, per_environment: bool) -> Metrics:
    generic = [axis for axis in AXES.values() if axis.is_own or axis.per_versions]
    # What holds for versions stands beside them, in the record of the environment.
    kept_here = [axis for axis in generic if (axis.per_environment or axis.per_versions) is per_environment]
    found = {axis.name: axis.found_in(measurement.statics) for axis in kept_here}
    kept = {name: amount for name, amount in found.items() if isinstance(amount, Amount)}
    return {
        name: StoredMetric(value=it.value, band=it.band, slices=dict(it.slices), scale=it.scale or UNSET)
        for name, it in kept.items()
    } or UNSET


def record_profile(profile: Profile) -> StoredProfile:
    """What is kept of a profile: its functions with the most time."""
    return StoredProfile(
        batch_size=profile.batch_size,
        calls=profile.calls,
        clock=profile.clock,
        functions=tuple(
            # Of the share more digits would be noise, and fill the diff.
            StoredFunction(
                name=each.name, file=each.file, calls=round(each.calls, 3), share=round(profile.share(each), 2)
            )
            for each in profile.functions[:MOST_FUNCTIONS]
        ),
    )


def _ratio(ratios: Ratios) -> StoredRatio:
    first, second, third = ratios.parts
    return StoredRatio(
        version=VERSION,
        log_ratio=ratios.mean,
        spread=ratios.spread,
        launches=ratios.launches,
        parts=(first, second, third),
        parts_spread=ratios.parts_spread,
    )


def _score(accuracy: Accuracy) -> StoredAccuracy:
    return StoredAccuracy(
        score=accuracy.score,
        value=accuracy.value,
        greater_is_better=accuracy.greater_is_better,
        repeats=max(1, len(accuracy.scores)),
        spread=mean_and_sd(accuracy.scores)[1] if accuracy.scores else 0.0,
    )


def _latency(latency: Latency) -> StoredLatency:
    def told(q: float) -> float | None:
        """A tail is kept only where there were calls enough for an interval around it."""
        return latency.quantile(q) if latency.has_tail and quantile_interval(range(latency.calls), q) else None

    return StoredLatency(
        batch_size=latency.batch_size,
        calls=latency.calls,
        calls_per_round=latency.calls_per_round,
        median=latency.median,
        p90=told(0.9),
        p95=told(0.95),
        p99=told(0.99),
        concurrency=latency.concurrency,
    )
