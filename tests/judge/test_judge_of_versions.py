"""What holds wherever the versions are the same: which of a baseline's records speaks for it, and beside a base."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from judge_examples import timed
from values import facts

from pytest_speedacc.axes.bytecodes import BYTECODES
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.baseline.record import record as record_of
from pytest_speedacc.baseline.schema import EnvironmentRecord, StoredLatency, StoredMetric
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge.of_versions import moved, stored_amount
from pytest_speedacc.judge.reference import LiveComparison, from_baseline, from_live
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.report.sentences import all_said, said

HERE = {"python": "3.11.7", "numpy": "2.4.0"}
USUAL = StoredLatency(batch_size=1, calls=64, calls_per_round=1, median=0.001, p90=None, p95=None, p99=None)


class Stored(msgspec.Struct):
    """As much of a baseline as is looked at."""

    environments: dict[str, EnvironmentRecord]


def record(value, *, day=1, batch_size=1, **versions):
    """One environment's, on a machine of its own."""
    return EnvironmentRecord(
        environment=msgspec.structs.replace(Environment.current(), cpu=f"CPU {value} {day}"),
        versions=HERE | versions,
        commit=None,
        date=f"2026-01-0{day}T00:00:00+00:00",
        latency=msgspec.structs.replace(USUAL, batch_size=batch_size),
        memory=None,
        metrics={} if value is None else {"bytecodes": StoredMetric(value=value, band=2)},
    )


def found(*records):
    stored = Stored({each.environment.key: each for each in records})
    return stored_amount(BYTECODES, stored, HERE, 1, "the update")


def test_the_newest_record_with_these_versions_speaks_whatever_its_machine():
    assert found(record(1, day=1), record(3, day=3), record(2, day=2)) == Amount(3, 2)
    assert found(record(1, day=1), record(3, day=3, numpy="2.5.0"), record(2, day=2)) == Amount(2, 2)
    assert found(record(1, day=1), record(3, day=3, batch_size=8), record(None, day=4)) == Amount(1, 2)


@pytest.mark.parametrize("python", ["3.11.0", "3.11.12"])
def test_python_counts_by_its_minor_version(python):
    assert found(record(1, python=python)) == Amount(1, 2)


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ((), "the baseline holds no bytecodes: add them with the update"),
        ((record(None),), "the baseline holds no bytecodes: add them with the update"),
        ((record(1, batch_size=8),), "the baseline's bytecodes are not of batch_size=1: renew them with the update"),
        (
            (record(1, day=1, numpy="1.0"), record(2, day=2, numpy="2.3.0", python="3.12.1")),
            "bytecodes hold for the same Python and libraries only, and of those the baseline knows none "
            "(numpy 2.3.0 -> 2.4.0, python 3.12 -> 3.11): add them with the update",
        ),
    ],
)
def test_where_none_does_it_says_why(records, why):
    assert said(found(*records)) == why


def test_versions_that_are_not_known_are_not_the_same():
    assert all_said(moved({}, HERE)) == all_said(moved(HERE, {})) == ("the versions are not known",)
    assert moved(HERE, HERE) == ()


@pytest.mark.parametrize(
    ("versions", "batch_size", "known"),
    [
        (HERE, 1, Amount(7, 2)),
        (HERE | {"numpy": "1.0"}, 1, "(numpy 2.4.0 -> 1.0): add them with the update"),
        (HERE, 4, "the baseline's bytecodes are not of batch_size=4: renew them with the update"),
    ],
)
def test_a_baseline_says_what_it_knows_of_them_or_why_it_does_not(versions, batch_size, known):
    subject = prepare(lambda batch: batch[:, 0], np.eye(10), np.eye(10)[:, 0], CallOptions(batch_size=batch_size))
    accuracy = score_predictions(subject.score, subject.targets, subject.evaluate().predictions)
    nothing = Unavailable("no")
    measured = Measurement(Statics(accuracy, nothing, nothing, None, nothing, ()), timed(np.full(64, 0.001)))
    here = Environment.current()
    stored = record_of(measured, subject, here, test="t", name="", reason="", commit=None, ratios=None, shared={})
    stored = msgspec.structs.replace(stored, environments={here.key: record(7)})
    reference = from_baseline(stored, None, subject, accuracy, here, (), "the update", versions)
    if isinstance(known, Amount):
        assert (reference.amounts["bytecodes"], reference.absent.get("bytecodes")) == (known, None)
    else:
        assert "bytecodes" not in reference.amounts
        assert said(reference.absent["bytecodes"]).endswith(known)


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        (HERE, None),
        (
            HERE | {"numpy": "2.3.0"},
            "it holds for the same versions only, and beside the base they differ: numpy 2.3.0 -> 2.4.0",
        ),
    ],
)
def test_beside_a_base_it_is_compared_where_both_have_the_same(versions, reason):
    inputs, targets = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    subject = prepare(lambda batch: (batch[:, 0] / 2 % 2).astype(int), inputs, targets, CallOptions())
    accuracy = score_predictions(subject.score, targets, subject.evaluate().predictions)
    base = facts(fingerprint=subject.fingerprint, bytecodes=100, versions=versions)
    live = LiveComparison(LiveGate((), None, base, None, ""), (), 0.01, "0" * 40, SinceBase())
    reference = from_live(live, subject, accuracy, "HEAD~1", HERE)
    assert said(reference.absent.get("bytecodes", ())) == (reason or "")
    assert ("bytecodes" in reference.amounts) is (reason is None)
