"""What launches, timed calls and stored ratios show: which checks are too slow, which gains hold, and what is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from judge_examples import bound, timed

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import Accepted
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.trades import parse_gain, parse_trades
from pytest_speedacc.judge.latency import judge_increase, judge_limit
from pytest_speedacc.judge.live_increase import compares_tail, gain_of_launches, judge_live_increase, too_slow
from pytest_speedacc.judge.stages import explain_waiting
from pytest_speedacc.judge.stored import DAY_TO_DAY, gain_of_ratios, judge_stored_increase
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import LiveGate, LiveRun, PairTimes
from pytest_speedacc.measure.waiting import Waiting
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.sentences import all_said, said
from pytest_speedacc.stats.sequence import launch_bounds, prediction_interval

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
MEDIAN = bound("max_latency_increase", "3 %")
TAIL = bound("max_latency_p95_increase", "20 %")
LIMIT = bound("max_latency", "1 s")
KEY = ("test_it.py::test_it", "")
EVEN = (0.0, 0.0, 0.0)
"""Of the yardstick's parts."""


def launches(slower, count=10, *, spread=0.005, tail=None, tail_calls=0):
    return tuple(
        PairTimes(math.log1p(slower) + (spread if place % 2 else -spread), 0.01, tail, tail_calls, 0.002, 0.002, 0.1)
        for place in range(count)
    )


def gate(found):
    return LiveGate(tuple(found), None, None, None, "")


def entry(ratio):
    return Accepted(
        metric="latency",
        statistic="median",
        ratio=ratio,
        interval=(ratio, ratio),
        base="1a2b3c4" + "0" * 33,
        reason="",
        date="",
    )


@pytest.mark.parametrize(
    ("found", "accepted", "slow"),
    [
        (launches(0.1), (), True),
        (launches(0.0), (), False),
        ((), (), False),
        (launches(0.1), (entry(1.09),), False),
        (launches(0.1), (entry(1.02),), True),
        (launches(0.042, 24, spread=0.02), (), True),  # slower, and likely beyond: more launches are not waited for
        (launches(0.1, 3), (), False),
    ],
)
def test_a_check_is_too_slow_as_the_launches_stand(found, accepted, slow):
    other = ("test_it.py::test_other", "")
    run = LiveRun({KEY: gate(found), other: gate(launches(0.5))}, (), "", (), (), {}, (KEY,), "", 1.0)
    assert too_slow(run, {KEY[0]: (MEDIAN,)}, {KEY: accepted}.get) == ({KEY} if slow else set())


def test_a_gain_of_time_needs_launches():
    faster = parse_gain("latency", "20 %", "x")
    assert gain_of_launches(faster, (), 0.001) is None
    assert gain_of_launches(faster, launches(-0.3), 0.001).is_shown
    assert not gain_of_launches(faster, launches(-0.21, spread=0.05), 0.001).is_shown
    assert (
        gain_of_launches(faster, launches(-0.31), 0.001).at_most
        == launch_bounds([launch.difference for launch in launches(-0.31)], 0.05, 0.001).upper
    )


@pytest.mark.parametrize(("calls_each", "told"), [(59, False), (60, True), (100, True)])
def test_a_gain_of_a_tail_needs_six_hundred_calls(calls_each, told):
    faster = parse_gain("latency_p95", "20 %", "x")
    gain = gain_of_launches(faster, launches(0.0, tail=math.log(0.7), tail_calls=calls_each), 0.001)
    assert (gain is not None) is told
    assert not told or gain.is_shown


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (launches(0.0, 8), "2.00 ms against 2.00 ms in the last of 8 launches"),
        (launches(-0.2, 8), "2.00 ms against 2.00 ms in the last of 8 launches; it is faster"),
        (launches(0.5, 3), "2.00 ms against 2.00 ms in the last of 3 launches; too close to call here: 3 launches are"),
    ],
)
def test_the_times_are_told_and_what_they_come_to(found, says):
    reason = said(judge_live_increase(MEDIAN, gate(found), (), 0.001).reason)
    assert reason == says if "too close" not in says else reason.startswith(says)


@pytest.mark.parametrize(("count", "taken_back"), [(3, False), (4, True)])
def test_a_canary_of_four_launches_can_take_a_failure_back(count, taken_back):
    check = judge_live_increase(MEDIAN, gate(launches(0.06)), launches(0.08, count), 0.001)
    assert check.outcome is (INCONCLUSIVE if taken_back else FAILED)
    says = "2.00 ms against 2.00 ms in the last of 10 launches"
    assert said(check.reason).startswith(f"{says}; the base is slower than itself by up to" if taken_back else says)


class TestCalls:
    @pytest.mark.parametrize(
        ("over", "outcome"),
        [(0, PASSED), (32, INCONCLUSIVE), (64, FAILED)],
    )
    def test_a_limit_is_told_with_its_interval(self, over, outcome):
        latency = timed(np.random.default_rng(0).permutation([0.9] * (64 - over) + [2.0] * over))
        check = judge_limit(latency, LIMIT, (64,), 0.01)
        assert (check.outcome, check.interval) == (outcome, latency.interval(0.5))
        assert check.interval is not None

    def test_a_thin_margin_is_told_after_the_count(self):
        assert said(judge_limit(timed([0.9] * 64), LIMIT, (64,), 0.01).reason) == (
            "0 of 64 calls took longer; the margin of 11% is thinner than times move between processes (about 25%)"
        )

    def test_before_the_first_look_nothing_is_counted(self):
        check = judge_limit(timed([0.5] * 10), LIMIT, (64,), 0.01)
        assert (check.outcome, said(check.reason).partition(":")[0]) == (INCONCLUSIVE, "0 of 0 calls took longer")

    def test_a_median_of_rounds_is_known_and_a_tail_is_not(self):
        rounds = timed([0.5] * 64, calls_per_round=40)
        assert judge_increase(rounds, MEDIAN, "").observed == 0.5
        assert judge_increase(rounds, TAIL, "").observed is None
        assert judge_increase(timed([0.5] * 64), TAIL, "").observed == 0.5


class TestRatios:
    THEN = Ratios(1.0, 0.01, 5, EVEN, 0.01)

    def test_what_a_baseline_was_written_from_is_no_change_and_no_gain(self):
        check = judge_stored_increase(MEDIAN, self.THEN, self.THEN, 0.001)
        assert (check.outcome, check.observed, check.kind) == (PASSED, 0.0, Kind.CHANGE)
        gain = gain_of_ratios(parse_gain("latency", "20 %", "x"), self.THEN, self.THEN, 0.001)
        assert (gain.change, gain.at_most, gain.is_shown, gain.is_open) == (0.0, 0.0, False, False)

    @pytest.mark.parametrize(("now", "shown"), [(0.2, True), (0.75, False), (1.0 - 1e-6, False)])
    def test_a_gain_is_shown_beyond_what_days_differ_by_and_is_never_open(self, now, shown):
        gain = gain_of_ratios(parse_gain("latency", "20 %", "x"), Ratios(now, 0.01, 5, EVEN, 0.01), self.THEN, 0.001)
        assert (gain.is_shown, gain.is_open) == (shown, False)
        assert gain.change == pytest.approx(now - 1)
        assert gain.at_most > gain.change

    def test_the_spread_is_that_of_both_sides_together(self):
        now, then = Ratios(1.1, 0.05, 4, EVEN, 0.05), Ratios(1.0, 0.01, 9, EVEN, 0.01)
        pooled = math.sqrt((3 * 0.05**2 + 8 * 0.01**2) / 11)
        low, high = (prediction_interval(0.1, pooled, 4, 9, DAY_TO_DAY, level) for level in (0.001, 0.05))
        check = judge_stored_increase(MEDIAN, now, then, 0.001)
        assert check.interval == pytest.approx((math.expm1(low.lower), math.expm1(high.upper)))
        gain = gain_of_ratios(parse_gain("latency", "20 %", "x"), now, then, 0.001)
        assert gain.at_most == pytest.approx(low.upper)


def test_a_wait_of_more_than_three_tenths_for_the_loop_is_hinted_at():
    assert len(all_said(explain_waiting(Waiting(0.4, 0.3, 0.3), 1.0))) == 1
    assert len(all_said(explain_waiting(Waiting(0.39, 0.31, 0.3), 1.0))) == 2


@pytest.mark.parametrize(
    ("bounds", "trade", "tails"),
    [
        ({"max_latency_increase": "3 %"}, None, False),
        ({"max_latency_p95_increase": "20 %"}, None, True),
        ({"max_latency_p95": "1 s"}, None, False),  # a limit is no comparison
        ({}, ({"accuracy": "1 pp"}, {"latency_p95": "20 %"}), True),
        ({}, ({"latency_p95": "20 %"}, {"accuracy": "1 pp"}), True),
        ({}, ({"latency": "20 %"}, {"accuracy": "1 pp"}), False),
        ({}, ({"memory": "20 %"}, {"parameters": "20 %"}), False),
    ],
)
def test_calls_are_timed_one_by_one_where_a_tail_is_compared_or_traded(bounds, trade, tails):
    trades = parse_trades([{"give": trade[0], "gain": trade[1]}] if trade else [], "x: trades")
    policy = Policy(tuple(bound(*each) for each in bounds.items()), "exact", 10.0, {}, trades)
    assert compares_tail(policy) is tails
