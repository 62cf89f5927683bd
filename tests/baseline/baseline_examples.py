"""A whole baseline to begin from."""

from __future__ import annotations

from pytest_speedacc.baseline import Accepted, Baseline, StoredProfile
from pytest_speedacc.baseline.schema import (
    SCHEMA,
    EnvironmentRecord,
    EvaluationSet,
    StoredAccuracy,
    StoredFunction,
    StoredLatency,
    StoredMemory,
    Updated,
)
from pytest_speedacc.measure.environment import Environment

TEST = "tests/test_digits.py::test_svm"


def environment(cpu: str = "Fast CPU") -> Environment:
    return Environment(
        cpu=cpu,
        cpu_flags="0123456789ab",
        accelerator="",
        system="Linux 1",
        machine="x86_64",
        cores=2.0,
        threads=2,
        thread_variables="",
    )


def measured(cpu: str = "Fast CPU", median: float = 0.001) -> dict[str, EnvironmentRecord]:
    latency = StoredLatency(batch_size=1, calls=64, calls_per_round=1, median=median, p90=0.002, p95=0.003, p99=None)
    record = EnvironmentRecord(
        environment=environment(cpu),
        versions={"numpy": "2.4.0", "python": "3.11.0"},
        commit="0" * 40,
        date="2026-01-02T03:04:05+00:00",
        latency=latency,
        memory=StoredMemory(peak=4096, band=1024),
    )
    return {record.environment.key: record}


SLOWER = Accepted(
    metric="latency",
    statistic="median",
    ratio=1.097,
    interval=(1.08, 1.11),
    base="1a2b3c4" + "0" * 33,
    reason="worth it",
    date="2026-01-02T03:04:05+00:00",
)
"""A slow-down of 9.7 % that somebody accepted."""
PROFILE = StoredProfile(
    batch_size=1,
    calls=200,
    clock="wall",
    functions=(StoredFunction(name="clean_rows", file="features.py", calls=1.0, share=0.12),),
)
BASELINE = Baseline(
    schema=SCHEMA,
    test=TEST,
    name="",
    updated=Updated(commit="0" * 40, date="2026-01-02T03:04:05+00:00", reason="first"),
    evaluation_set=EvaluationSet(samples=3, fingerprint="sha256:" + "0" * 64),
    accuracy=StoredAccuracy(score="accuracy", value=0.9733333333333334, greater_is_better=True),
    parameters=650,
    model_size=5930,
    versions={"numpy": "2.4.0", "python": "3.11.0"},
    predictions=None,
    profile=PROFILE,
    environments=measured(),
)
