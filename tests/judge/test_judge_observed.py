"""Every number of a gate as it is told: what it is, what it was, in which unit, and what explains it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, error, evidence, timed
from values import band_of, reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import Accepted, SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Observation, Outcome
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Confidence, Measurement, Slice, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.waiting import Waiting
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
CALLS = np.linspace(0.001, 0.002, 400)
STATICS = Statics(
    accuracy=accuracy(0.95),
    parameters=ParameterCount(1000, {"trees": 3, "leaves": 40}),
    model_size=2000,
    weights=4096,
    memory=MemoryPeak(100_000, (100_000, 100_000)),
    notes=(),
    evaluation_seconds=0.25,
    confidence=Confidence(np.array([0.5, 0.7, 0.9, 1.0])),
    slices={"night": Slice(np.array([True, True, False, False]), error(0.8))},
    training=Training(2.0, 4096, ""),
)
KNOWN = reference_of(
    "missing",
    accuracy=evidence(0.9),
    slices={"night": evidence(0.7)},
    parameters=900,
    model_size=1900,
    memory=90_000,
    latency={"median": 0.1, "p90": 0.2, "p95": 0.3, "p99": 0.4},
    training_time=1.0,
    training_memory=2048,
)
EXPLAINED = "mean of the largest probability"


def test_all_that_was_measured_is_told_beside_what_it_was():
    latency = Latency(CALLS, 1, 8, 0.3, 2)
    found = observe(Measurement(STATICS, latency, Waiting(0.1, 0.2, 0.3)), KNOWN)
    note = "a call of 8 samples, 400 calls, 2 in flight"
    score = "root_mean_squared_error"
    assert found == (
        Observation("accuracy", "", Kind.SCORE, 0.95, None, 0.9, "accuracy", True, "", True),
        Observation(
            "confidence", "", Kind.SCORE, pytest.approx(0.775), None, None, EXPLAINED, True, higher_is_better=True
        ),
        *(
            Observation("latency", name, Kind.TIME, latency.quantile(q), latency.interval(q), former, note)
            for name, q, former in (("median", 0.5, 0.1), ("p90", 0.9, 0.2), ("p95", 0.95, 0.3), ("p99", 0.99, 0.4))
        ),
        Observation(
            "throughput",
            "",
            Kind.RATE,
            400 * 8 / 0.3,
            None,
            None,
            "samples a second, 2 in flight",
            higher_is_better=True,
        ),
        Observation(
            "latency", "own code", Kind.TIME, 0.1, None, None, "mean of a call: in the thread of the event loop"
        ),
        Observation(
            "latency",
            "loop turn",
            Kind.TIME,
            0.2,
            None,
            None,
            "mean of a call: ready to go on, and the loop busy with something else",
        ),
        Observation("latency", "awaited", Kind.TIME, 0.3, None, None, "mean of a call: for what it awaits"),
        Observation("parameters", "", Kind.COUNT, 1000, None, 900, "3 trees, 40 leaves"),
        Observation("model_size", "", Kind.SIZE, 2000, None, 1900, "4.00 KiB of weights in memory"),
        Observation("memory", "", Kind.SIZE, 100_000, None, 90_000, "peak of one call"),
        Observation("training_time", "", Kind.TIME, 2.0, None, 1.0, "one training"),
        Observation("training_memory", "", Kind.SIZE, 4096, None, 2048, "peak of one training"),
        Observation("evaluation", "", Kind.TIME, 0.25, None, None, "all samples predicted once"),
        Observation("accuracy", "", Kind.SCORE, 0.8, None, 0.7, score, False, "night", False),
        Observation("confidence", "", Kind.SCORE, pytest.approx(0.6), None, None, EXPLAINED, True, "night", True),
    )


def test_what_was_not_measured_is_told_with_its_reason_or_left_out():
    nothing = Unavailable("it is a function")
    statics = replace(
        STATICS,
        parameters=nothing,
        model_size=nothing,
        memory=nothing,
        weights=None,
        confidence=nothing,
        slices={},
        training=Training(2.0, None, "no"),
    )
    measurement = Measurement(statics, timed(CALLS[:1], 10), Waiting(0.1, None, 0.3))
    untrained = {name: amount for name, amount in KNOWN.amounts.items() if not name.startswith("training")}
    found = {(row.metric, row.statistic): row for row in observe(measurement, replace(KNOWN, amounts=untrained))}
    assert list(found) == [
        ("accuracy", ""),
        ("latency", "median"),
        ("latency", "own code"),
        ("latency", "awaited"),
        ("parameters", ""),
        ("model_size", ""),
        ("memory", ""),
        ("training_time", ""),
        ("evaluation", ""),
    ]
    assert found["latency", "median"].note == "a call of 1 sample, 1 rounds of 10 calls"
    assert found["training_time", ""].reference is None
    for metric, kind, former in (
        ("parameters", Kind.COUNT, 900),
        ("model_size", Kind.SIZE, 1900),
        ("memory", Kind.SIZE, 90_000),
    ):
        assert found[metric, ""] == Observation(metric, "", kind, None, None, former, "it is a function")


def judged(setting, value, statics=STATICS, reference=KNOWN):
    policy = Policy((bound(setting, value),), "exact", 10.0)
    (check, *_) = judge(Measurement(replace(statics, slices={}), timed(CALLS)), policy, reference, (64, 128), 0.01)
    return check


@pytest.mark.parametrize(("limit", "outcome"), [(0.77, PASSED), (0.775, PASSED), (0.78, FAILED)])
def test_confidence_is_told_with_its_distance(limit, outcome):
    check = judged("min_confidence", limit)
    assert check.outcome is outcome
    assert check.observed == pytest.approx(0.775)
    assert said(check.reason) == f"{100 * (0.775 - limit):+.2g} pp from the limit".replace("-0 pp", "+0 pp")


def test_a_peak_that_the_reference_lacks_is_told_all_the_same():
    check = judged("max_memory_increase", "0 %", reference=reference_of("missing", no_memory="of another environment"))
    assert (check.outcome, check.observed, said(check.reason)) == (NOT_COMPARED, 100_000, "of another environment")


def test_churn_without_a_reference_has_no_number():
    check = judged("max_churn", "1 %", reference=reference_of("missing"))
    assert (check.outcome, check.observed, said(check.reason)) == (NOT_COMPARED, None, "missing")


def test_a_limit_of_the_wrong_direction_is_said_of_a_random_model_too():
    random = replace(STATICS, accuracy=replace(accuracy(0.95), scores=(0.94, 0.95, 0.95, 0.96)))
    check = judged("max_error", 0.1, random)
    assert (check.outcome, said(check.reason)) == (
        FAILED,
        "higher is better for the score 'accuracy': use min_accuracy",
    )
    assert said(judged("min_accuracy", 0.5, random).reason).startswith("mean of 4 evaluations under different seeds")


def test_an_accepted_slow_down_counts_in_a_whole_gate():
    launches = tuple(PairTimes(0.1 + place % 2 / 1000, 0.01, None, 0, 0.002, 0.001, 0.1) for place in range(6))
    entry = Accepted(
        metric="latency",
        statistic="median",
        ratio=1.11,
        interval=(1.1, 1.12),
        base="1a2b3c4" + "0" * 33,
        reason="worth it",
        date="",
    )
    for accepted, outcome in (((), FAILED), ((entry,), PASSED)):
        live = LiveComparison(
            LiveGate(launches, None, None, None, ""), (), 0.001, "0" * 40, SinceBase(accepted, known=True)
        )
        assert judged("max_latency_increase", "3 %", reference=reference_of("", live=live)).outcome is outcome


def test_what_explains_a_number_is_empty_where_nothing_does():
    statics = replace(STATICS, weights=None, parameters=ParameterCount(7))
    rows = {row.metric: row for row in observe(Measurement(statics, timed(CALLS)), KNOWN)}
    assert (rows["model_size"].note, rows["parameters"].note) == ("", "")
    assert rows["latency"].note == "a call of 1 sample, 400 calls"
    two = Latency(CALLS, 1, 2, 0.3)
    assert observe(Measurement(statics, two), KNOWN)[2].note == "a call of 2 samples, 400 calls"


def test_what_is_not_said_of_a_number_is_not_assumed():
    row = Observation("latency", "", Kind.TIME, 1.0, None, None, "")
    assert (row.points, row.slice, row.higher_is_better) == (False, "", False)
    assert band_of(reference_of("missing"), "memory") == 0
