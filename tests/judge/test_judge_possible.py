"""What no score can be is in no interval, and a drop without its unit is refused as soon as the score is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_examples import accuracy, bound, error, evidence

from pytest_speedacc.check.unfit import bare_drop, bare_drop_of
from pytest_speedacc.config.called import scores_named
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.accuracy import judge_drop
from pytest_speedacc.judge.repeats import judge_repeated
from pytest_speedacc.stats.paired import Interval


@pytest.mark.parametrize(("value", "flips"), [(0.99, (1, 0)), (1.0, (0, 1)), (0.01, (0, 0)), (0.0, (1, 0))])
def test_an_interval_of_a_share_stays_within_0_to_1(value, flips):
    lost, gained = flips
    known = evidence(value + (lost - gained) / 100, samples=100, flips=flips)
    low, high = judge_drop(bound("max_accuracy_drop", "5 pp"), accuracy(value), known, "exact").interval
    assert 0 <= low <= value <= high <= 1
    assert 0 in (low, 1 - high)  # of a hundred samples, this near to the end


def test_an_interval_that_would_reach_beyond_ends_there():
    beyond = evidence(0.99, difference=Interval(0.001, -0.01, 0.012))
    low, high = judge_drop(bound("max_accuracy_drop", "5 pp"), accuracy(0.991), beyond, "exact").interval
    assert (low, high) == (pytest.approx(0.98), 1.0)  # and not 1.002


def test_the_interval_of_an_error_goes_where_it_will():
    beyond = evidence(1.5, difference=Interval(0.1, -0.2, 0.4))
    low, high = judge_drop(bound("max_accuracy_drop", "50 %"), error(1.6), beyond, "exact").interval
    assert (low, high) == (pytest.approx(1.3), pytest.approx(1.9))


def test_the_mean_over_seeds_stays_within_0_to_1_too():
    scores = (1.0, 0.9, 1.0, 0.95)
    found = replace(accuracy(sum(scores) / 4), scores=scores)
    low, high = judge_repeated(bound("min_accuracy", 0.5), found, None, "baseline").interval
    assert 0 <= low < found.value < high == 1


def policy(tolerance, slices=None):
    own = {name: (bound("max_accuracy_drop", value),) for name, value in (slices or {}).items()}
    return Policy((bound("max_accuracy_drop", tolerance),), "exact", 1.0, slices=own)


@pytest.mark.parametrize(
    ("terms", "score", "within_unit", "problem"),
    [
        (policy(0.002), "accuracy", True, "max_accuracy_drop = 0.002 has no unit, and 'accuracy' lies within 0 to 1"),
        (policy("1 pp", {"night": 0.002}), "f1", True, "max_accuracy_drop = 0.002 has no unit, and 'f1' lies"),
        (policy("0.2 pp"), "accuracy", True, ""),
        (policy("2 %"), "accuracy", True, ""),
        (policy(3.5), "rmse", False, ""),
    ],
)
def test_a_bare_drop_is_refused_for_a_score_within_0_to_1(terms, score, within_unit, problem):
    found = bare_drop(terms, score, within_unit)
    assert found.startswith(problem) if problem else found == ""


def by_default(speedacc):
    speedacc.check(None, [], [])


def by_name(speedacc):
    for _ in range(2):
        speedacc.check(None, [], [], batch_size=2, score="roc_auc")


async def awaited(speedacc):
    await speedacc.acheck(None, [], [], score="auc")


def in_its_own_unit(speedacc):
    speedacc.check(None, [], [], score="rmse")


def by_variable(speedacc, score):
    speedacc.check(None, [], [], score=score)


def by_options(speedacc, options):
    speedacc.check(None, [], [], **options)


def of_something_else(speedacc, other):
    other.check(None, [], [])
    speedacc.measure(None, [], [])


@pytest.mark.parametrize(
    ("test", "names"),
    [
        (by_default, ("accuracy",)),
        (by_name, ("roc_auc",)),
        (awaited, ("auc",)),
        (in_its_own_unit, ("rmse",)),
        (by_variable, ()),
        (by_options, ()),
        (of_something_else, ()),
        (eval("lambda speedacc: speedacc.check(None, [], [])"), ()),
        (print, ()),
    ],
)
def test_a_score_is_known_where_the_test_writes_it_out(test, names):
    assert scores_named(test) == names
    is_refused = bool(names) and names != ("rmse",)
    found = bare_drop_of(policy(0.002), test)
    assert f"has no unit, and {names[0]!r} lies within 0 to 1" in found if is_refused else found == ""
    assert bare_drop_of(policy("0.2 pp"), test) == ""


def test_a_test_without_a_function_is_left_to_its_check():
    assert not bare_drop_of(policy(0.002), None)
