"""Stages and waiting in words: what takes longer beyond doubt, and what an async call waits for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_speedacc.judge.explain import explain_difference, explain_time
from pytest_speedacc.judge.stages import explain_waiting
from pytest_speedacc.measure.profile import Profile, Stage
from pytest_speedacc.measure.waiting import Waiting
from pytest_speedacc.report.sentences import all_said


def stage(name, seconds, spread=0.02):
    return Stage(name, 1.0, seconds, seconds * (1 - spread), seconds * (1 + spread))


def profile(*stages):
    return replace(Profile("wall", 3, 1, 0.010, 0.010, (), {}), stages=stages)


BASE = profile(stage("preprocess", 0.006), stage("predict", 0.004))


def test_stages_are_told_in_order_with_their_share():
    assert all_said(explain_time(BASE)) == ("by stage: preprocess 6.00 ms (60%), predict 4.00 ms (40%)",)


def test_the_stages_that_take_longer_are_told_in_a_line():
    now = profile(stage("preprocess", 0.009), stage("predict", 0.004), stage("audit", 0.001))
    assert all_said(explain_difference(now, BASE)) == (
        "by stage: preprocess +3.00 ms, audit +1.00 ms (not in the base)",
    )


@pytest.mark.parametrize(
    "now",
    [
        BASE,
        profile(stage("preprocess", 0.003), stage("predict", 0.001)),  # faster
        profile(stage("preprocess", 0.00625, spread=0.001), stage("predict", 0.004)),  # by less than 3 % of a call
        profile(stage("preprocess", 0.0068, spread=0.2), stage("predict", 0.004)),  # it moves by itself
        profile(stage("predict", 0.004)),  # one less
    ],
)
def test_without_a_change_no_stage_is_named(now):
    assert all_said(explain_difference(now, BASE)) == ()


def test_what_a_call_waits_for_is_told():
    (line,) = all_said(explain_waiting(Waiting(0.001, 0.0005, 0.003), 0.0045))
    assert line == (
        "of a call, 1.00 ms are its own code, 500 µs waiting for a turn of the event loop, "
        "3.00 ms waiting for what it awaits"
    )


def test_a_busy_loop_is_hinted_at():
    assert all_said(explain_waiting(Waiting(0.001, 0.003, 0.001), 0.005))[1].startswith("hint: the event loop is busy")
    assert len(all_said(explain_waiting(Waiting(0.001, 0.001, 0.003), 0.005))) == 1


def test_a_loop_that_cannot_be_watched_is_not_spoken_of():
    assert all_said(explain_waiting(Waiting(0.001, None, 0.003), 0.004)) == (
        "of a call, 1.00 ms are its own code, 3.00 ms waiting for what it awaits",
    )


def test_a_call_that_took_no_time_has_no_stages():
    assert all_said(explain_time(replace(BASE, seconds=0.0))) == ()


@pytest.mark.parametrize(
    ("least", "seconds", "named"),
    [
        (0.00613, 0.0070, True),  # the base's most is 6.12 ms
        (0.00612, 0.0070, False),
        (0.0063, 0.00631, True),  # 0.3 ms are 3 % of a call
        (0.0063, 0.00629, False),
    ],
)
def test_a_stage_is_named_beyond_what_the_base_takes_at_most_and_from_three_hundredths_on(least, seconds, named):
    now = replace(BASE, stages=(Stage("preprocess", 1.0, seconds, least, 0.01), BASE.stages[1]))
    assert bool(all_said(explain_difference(now, BASE))) is named
