"""A limit that fails on a busy machine: inconclusive where waiting can account for it, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, timed
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.training import judge_training_time
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.busy import Busy
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.training import Training
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
WHY = "waited 61 % of the time for a processor; load 5.1 on 2 cores"


def busy(share, together=None):
    together = share if together is None else together
    return Busy(share, together, ran=1 - min(share, together), load=5.1, cores=2.0)


def measured(waited, seconds, calls_per_round=1):
    nothing = Unavailable("not measured")
    statics = Statics(accuracy(0.9), ParameterCount(1), 1, None, nothing, ())
    return Measurement(statics, timed(seconds, calls_per_round), busy=waited, first_call=1.5, untimed_calls=321)


def latency_check(waited, limit, seconds=(0.01,) * 128, setting="max_latency", calls_per_round=1):
    policy = Policy((bound(setting, limit),), "exact", 10.0)
    found = measured(waited, np.array(seconds), calls_per_round)
    (check,) = judge(found, policy, reference_of("none"), (128,), 0.01)
    return check


def test_a_failing_limit_is_inconclusive_with_the_reason():
    check = latency_check(busy(0.61), "5 ms")
    assert check.outcome is INCONCLUSIVE
    assert (
        said(check.reason) == f"{WHY}, which others had: 128 of 128 calls took longer. Run it where nothing else runs"
    )
    assert check.observed == 0.01


def test_a_passing_limit_stands():
    assert said(latency_check(busy(0.61), "20 ms").reason) == said(latency_check(Busy(), "20 ms").reason)
    assert latency_check(busy(0.61), "20 ms").outcome is PASSED


@pytest.mark.parametrize(("share", "outcome"), [(0.0, FAILED), (0.1, FAILED), (0.101, INCONCLUSIVE)])
def test_only_more_waiting_than_a_stated_share_counts(share, outcome):
    assert latency_check(busy(share), "9 ms").outcome is outcome


@pytest.mark.parametrize(
    ("setting", "share", "outcome"),
    [
        ("max_latency_p95", 0.05, FAILED),
        ("max_latency_p95", 0.051, INCONCLUSIVE),
        ("max_latency_p99", 0.0101, INCONCLUSIVE),
    ],
)
def test_a_tail_is_decided_by_few_calls_so_few_need_to_have_waited(setting, share, outcome):
    check = latency_check(busy(share), "9 ms", setting=setting)
    assert check.outcome is outcome


@pytest.mark.parametrize(
    ("limit", "outcome"),
    # 10 ms, of which 6.1 were waiting; the rest may have taken twice as long as by itself.
    [("2 ms", INCONCLUSIVE), ("1.94 ms", FAILED), ("1 us", FAILED)],
)
def test_a_limit_that_waiting_cannot_account_for_fails(limit, outcome):
    assert latency_check(busy(0.61), limit).outcome is outcome


def test_a_limit_of_another_magnitude_fails_whoever_waited():
    assert latency_check(busy(1.0), "0.21 ms").outcome is INCONCLUSIVE
    assert latency_check(busy(1.0), "0.19 ms").outcome is FAILED


def test_a_model_that_sleeps_would_sleep_as_long_alone():
    asleep = Busy(0.3, 0.3, ran=0.1, load=5.1, cores=2.0)
    assert latency_check(asleep, "6.4 ms").outcome is FAILED
    assert latency_check(asleep, "6.6 ms").outcome is INCONCLUSIVE


def test_all_threads_that_waited_may_account_for_it():
    assert latency_check(busy(0.61, together=0.99), "1 ms").outcome is INCONCLUSIVE


def test_a_tail_that_cannot_be_measured_fails_as_ever():
    assert latency_check(busy(0.9), "9 ms", setting="max_latency_p95", calls_per_round=40).outcome is FAILED


def test_a_tolerance_is_no_limit_and_stays_what_it_is():
    found = latency_check(busy(0.61), "3 %", setting="max_latency_increase")
    assert found.outcome is latency_check(Busy(), "3 %", setting="max_latency_increase").outcome
    assert "waited" not in said(found.reason)


@pytest.mark.parametrize(
    ("share", "seconds", "outcome"),
    [
        (0.0, 2.0, FAILED),
        (0.61, 2.0, INCONCLUSIVE),
        (0.61, 6.0, FAILED),
        (0.61, 0.9, PASSED),
        (0.61, 1.1, INCONCLUSIVE),
    ],
)
def test_training_time_likewise(share, seconds, outcome):
    check = judge_training_time(bound("max_training_time", "1 s"), Training(seconds, None, "", (), busy(share)))
    assert check.outcome is outcome
    assert said(check.reason).startswith(WHY) is (share > 0 and seconds == 2.0)


def test_the_first_call_and_the_untimed_ones_are_told():
    rows = {row.statistic: row for row in observe(measured(Busy(), [0.01] * 128), reference_of("none"))}
    assert rows["median"].note == "a call of 1 sample, 128 calls after 321 untimed ones, the first of all 1.50 s"
    alone = replace(measured(Busy(), [0.01] * 128), first_call=None)
    rows = {row.statistic: row for row in observe(alone, reference_of("none"))}
    assert rows["median"].note == "a call of 1 sample, 128 calls after 321 untimed ones"
