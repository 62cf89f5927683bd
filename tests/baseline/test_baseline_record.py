"""A measurement written down whole; of a profile only what suits a diff, and does not move with every edit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from baseline_examples import environment
from msgspec import UNSET

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import add_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import Baseline
from pytest_speedacc.baseline.record import record, record_profile
from pytest_speedacc.baseline.schema import (
    StoredAccuracy,
    StoredFunction,
    StoredLatency,
    StoredMemory,
    StoredMetric,
    StoredRatio,
    StoredTraining,
)
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.profile import Function, Profile
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.yardstick import VERSION, Ratios


def function(name: str, own: float, calls: float = 1.0) -> Function:
    return Function(name, "features.py", 41, calls, own, own, own, own)


def test_a_profile_keeps_its_largest_functions_rounded() -> None:
    functions = (function("clean_rows", 0.71234, 64 / 3), *(function(f"f{n}", 0.02) for n in range(9)))
    kept = record_profile(Profile("cpu", 150, 64, 1.0, 1.0, functions, {}))
    assert (kept.batch_size, kept.calls, kept.clock) == (64, 150, "cpu")
    assert kept.functions[0] == StoredFunction(name="clean_rows", file="features.py", calls=21.333, share=0.71)
    assert [each.name for each in kept.functions[1:]] == [f"f{n}" for n in range(7)]


def test_no_share_is_over_all() -> None:
    for seconds in (0.5, 0.0):
        (kept,) = record_profile(Profile("wall", 1, 1, 1.0, seconds, (function("twice", 1.0),), {})).functions
        assert kept.share == float(seconds > 0)


SUBJECT: Subject = prepare(lambda batch: batch[:, 0], np.zeros((4, 1)), np.zeros(4), CallOptions("accuracy", None))
CALLS = np.linspace(0.001, 0.002, 400)
COMMIT = "1a2b3c4d5e" * 4


def recorded(commit: str | None, seconds: Any = CALLS, calls_per_round: int = 1, **changes: Any) -> Baseline:
    options = {"ratios": None, "shared": {}} | {
        each: changes.pop(each) for each in ("ratios", "shared") if each in changes
    }
    nothing = Unavailable("it is a function")
    statics = {
        "accuracy": Accuracy("accuracy", 0.5, True, True, np.zeros(4), None),
        "parameters": nothing,
        "model_size": nothing,
        "weights": None,
        "memory": nothing,
        "notes": (),
    }
    latency = Latency(np.asarray(seconds), calls_per_round, 2, calls_per_round * float(np.sum(seconds)), 3)
    measurement = Measurement(Statics(**(statics | changes)), latency)
    named = {"test": "test_it.py::test_it", "name": "small", "reason": "first"}
    return record(measurement, SUBJECT, environment(), commit=commit, **named, **options)


def test_own_axes_are_kept_where_their_values_hold() -> None:
    take_back = add_axes([Axis("cost"), Axis("margin", per_environment=False), Axis("gone")], "a test")
    cost, margin = Amount(3.0, 0.5, "of all", {"night": 2.0}), Amount(5.0)
    try:
        stored = recorded(COMMIT, metrics={"cost": cost, "margin": margin}, bytecodes=Amount(700, 2))
    finally:
        take_back()
    (here,) = stored.environments.values()
    scale = "no unit, lower is better"
    assert stored.metrics == {"margin": StoredMetric(value=5.0, scale=scale)}
    assert here.metrics == {
        "bytecodes": StoredMetric(value=700, band=2),
        "cost": StoredMetric(value=3.0, band=0.5, slices={"night": 2.0}, scale=scale),
    }
    bare = recorded(COMMIT)
    assert (bare.metrics, *(each.metrics for each in bare.environments.values())) == (UNSET, UNSET)


def test_a_measurement_is_written_down_whole() -> None:
    stored = recorded(
        COMMIT,
        accuracy=Accuracy("r2", 0.2, True, False, np.zeros(4), None, (0.1, 0.2, 0.3)),
        parameters=ParameterCount(7),
        model_size=99,
        memory=MemoryPeak(100_000, (100_000, 100_000)),
        training=Training(1.5, 4096, ""),
        ratios=Ratios(0.5, 0.25, 6, (0.1, -0.3, 0.2), 0.05),
        shared={"weights": "sha256:" + "0" * 64},
    )
    (key, here), *others = stored.environments.items()
    assert others == []
    assert (key, here.environment) == (environment().key, environment())
    assert (stored.schema, stored.test, stored.name, stored.updated.reason) == (
        1,
        "test_it.py::test_it",
        "small",
        "first",
    )
    assert stored.updated.commit == here.commit == COMMIT
    assert stored.updated.date == here.date
    assert abs(datetime.fromisoformat(here.date) - datetime.now(UTC)) < timedelta(minutes=5)
    assert here.date.endswith("+00:00")
    assert "." not in here.date
    assert stored.versions == here.versions == library_versions()
    assert (stored.evaluation_set.samples, stored.evaluation_set.fingerprint) == (4, SUBJECT.fingerprint)
    spread = pytest.approx(0.1)
    assert stored.accuracy == StoredAccuracy(score="r2", value=0.2, greater_is_better=True, repeats=3, spread=spread)
    assert (stored.parameters, stored.model_size, stored.predictions) == (7, 99, None)
    assert here.memory == StoredMemory(peak=100_000, band=MemoryPeak(100_000, (100_000, 100_000)).band)
    assert here.yardstick == StoredRatio(
        version=VERSION, log_ratio=0.5, spread=0.25, launches=6, parts=(0.1, -0.3, 0.2), parts_spread=0.05
    )
    assert here.training == StoredTraining(seconds=1.5, peak=4096)
    assert stored.shared == {"weights": "sha256:" + "0" * 64}


def test_what_was_not_measured_is_written_as_such() -> None:
    stored = recorded(None)
    here = stored.environments[environment().key]
    assert stored.accuracy == StoredAccuracy(score="accuracy", value=0.5, greater_is_better=True, repeats=1, spread=0.0)
    assert (stored.parameters, stored.model_size, here.memory, here.yardstick, here.training) == (None,) * 5
    assert (stored.updated.commit, here.commit) == (None, None)
    assert stored.shared is UNSET


def tail(**told: float) -> dict[str, float | None]:
    return {"p90": None, "p95": None, "p99": None} | told


@pytest.mark.parametrize(
    ("seconds", "calls_per_round", "told"),
    [
        (CALLS, 1, tail(**{f"p{q}": pytest.approx(float(np.quantile(CALLS, q / 100))) for q in (90, 95, 99)})),
        (CALLS[:72], 1, tail(**{f"p{q}": pytest.approx(float(np.quantile(CALLS[:72], q / 100))) for q in (90, 95)})),
        (CALLS, 10, tail()),  # of rounds there is a median only
    ],
)
def test_a_tail_is_kept_where_there_were_calls_enough(seconds: Any, calls_per_round: int, told: dict[str, Any]) -> None:
    (here,) = recorded(None, seconds, calls_per_round).environments.values()
    assert here.latency == StoredLatency(
        batch_size=2,
        calls=len(seconds),
        calls_per_round=calls_per_round,
        median=pytest.approx(float(np.median(seconds))),
        concurrency=3,
        **told,
    )
