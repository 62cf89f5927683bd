"""How an update changes what is stored."""

from __future__ import annotations

from msgspec.structs import replace

from pytest_speedacc.baseline.schema import Baseline, EnvironmentRecord

DIGITS = 4
"""Significant digits of a stored time: the rest is noise, and would fill the diff."""


def merged(old: Baseline | None, new: Baseline) -> Baseline:
    """``new``, which holds one environment, with the records of other environments that still hold.

    They hold while the parameters and the model size are what they were. With either changed, their times and
    memory are those of another model, and a comparison with them would blame or praise the wrong commit. What was
    accepted before is history, and stays.
    """
    same_model = old is not None and (old.parameters, old.model_size) == (new.parameters, new.model_size)
    others = old.environments if old is not None and same_model else {}
    environments = others | {key: _rounded(it) for key, it in new.environments.items()}
    return replace(new, environments=environments, accepted=old.accepted if old is not None else ())


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
