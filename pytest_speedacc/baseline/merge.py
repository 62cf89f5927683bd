"""How an update changes what is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pytest_speedacc.baseline.schema import Baseline, EnvironmentRecord, StoredMetric, StoredProfile

DIGITS = 4
"""Significant digits of a stored time: the rest is noise, and would fill the diff."""
SMALLEST_MOVE = 0.2
"""Of the logarithm of a ratio to the yardstick: by less it moves from one day to another with nothing changed."""
SMALLEST_PART = 0.05
"""The same of the yardstick's parts beside each other: by more, another machine stands behind the record."""


def merged(old: Baseline | None, new: Baseline) -> Baseline:
    """``new``, which holds one environment, with the records of other environments that still hold.

    They hold while the parameters and the model size are what they were. With either changed, their times and
    memory are those of another model, and a comparison with them would blame or praise the wrong commit. What was
    accepted before is history, and stays.
    """
    # What a former version wrote of this environment under its name alone is superseded.
    former = {record.environment.former_key for record in new.environments.values()}
    others = old.environments if old is not None and is_same_model(old, new) else {}
    others = {key: record for key, record in others.items() if key not in former}
    environments = others | {key: _rounded(it) for key, it in new.environments.items()}
    return replace(new, environments=environments, accepted=old.accepted if old is not None else ())


def is_same_model(old: Baseline, new: Baseline) -> bool:
    """Whether the records of ``old`` can be those of the model of ``new``."""
    return (old.parameters, old.model_size) == (new.parameters, new.model_size)


def confirms(old: Baseline, new: Baseline, environment: str) -> bool:
    """Whether ``new``, measured in ``environment``, a key, says what ``old`` says, but for what moves by itself.

    The predictions aside, of which ``new`` does not say yet what file they are in.
    """
    same = replace(
        new, updated=old.updated, predictions=old.predictions, profile=old.profile, environments=old.environments
    )
    then, now = old.environments.get(environment), new.environments[environment]
    return same == old and _same_profile(old.profile, new.profile) and then is not None and _same_record(then, now)


def _same_profile(then: StoredProfile | None, now: StoredProfile | None) -> bool:
    if then is None or now is None:
        return then is now
    if (then.batch_size, then.clock) != (now.batch_size, now.clock):
        return False
    before = {(each.name, each.file): each.calls for each in then.functions}
    # Which functions are among the few that are kept depends on their times.
    pairs = [(each.calls, before.get((each.name, each.file), each.calls)) for each in now.functions]
    return all(abs(calls - former) < max(0.5, 0.1 * former) for calls, former in pairs)


def _same_record(then: EnvironmentRecord, now: EnvironmentRecord) -> bool:
    def calls(record: EnvironmentRecord) -> tuple[int, int] | None:
        return (record.latency.batch_size, record.latency.concurrency) if record.latency else None

    parts = ("memory", "yardstick", "training")
    if [getattr(then, part) is None for part in parts] != [getattr(now, part) is None for part in parts]:
        return False
    if then.memory and now.memory and abs(now.memory.peak - then.memory.peak) > max(now.memory.band, then.memory.band):
        return False
    if not _same_metrics(then.metrics or {}, now.metrics or {}):
        return False
    if then.yardstick and now.yardstick:
        moved = abs(now.yardstick.log_ratio - then.yardstick.log_ratio)
        if now.yardstick.version != then.yardstick.version or moved > SMALLEST_MOVE:
            return False
        if _apart(then.yardstick.parts, now.yardstick.parts) > SMALLEST_PART:
            return False
    return calls(then) == calls(now) and then.versions == now.versions


def _same_metrics(then: Mapping[str, StoredMetric], now: Mapping[str, StoredMetric]) -> bool:
    """Whether the same axes are there, each within what it moves by."""
    return then.keys() == now.keys() and all(
        it.scale == then[name].scale and abs(it.value - then[name].value) <= max(it.band, then[name].band)
        for name, it in now.items()
    )


def _apart(then: Sequence[float] | None, now: Sequence[float] | None) -> float:
    if then is None or now is None:
        return 0.0 if then is now else math.inf
    moved = [here - there for here, there in zip(now, then, strict=True)]
    return max(moved) - min(moved)


def _rounded(record: EnvironmentRecord) -> EnvironmentRecord:
    latency, training = record.latency, record.training
    if latency is not None:
        times = {name: getattr(latency, name) for name in ("median", "p90", "p95", "p99")}
        tidy = {name: None if time is None else _tidy(time) for name, time in times.items()}
        latency = replace(latency, **tidy)
    if training is not None:
        training = replace(training, seconds=_tidy(training.seconds))
    return replace(record, latency=latency, training=training)


def _tidy(seconds: float) -> float:
    return float(f"{seconds:.{DIGITS}g}")
