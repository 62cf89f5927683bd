"""What lies exactly on a bound, just beside one, and what a default stands for."""

import math

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.stats.binomial import at_least, at_most
from pytest_speedacc.stats.paired import Flips, difference_interval, resolvable_drop
from pytest_speedacc.stats.quantiles import quantile_interval
from pytest_speedacc.stats.resampling import score_difference
from pytest_speedacc.stats.sequence import (
    half_width,
    judge_launches,
    launch_bounds,
    launch_gain,
    mean_and_sd,
    prediction_interval,
    resolution,
)


def test_no_probability_exceeds_one():
    # Of these, the probabilities of all counts add up to a little more than 1.
    for n, p in ((2, 0.01), (5, 0.3), (6, 0.1)):
        assert at_most(n, n, p) <= 1
        assert at_least(0, n, p) <= 1


def test_a_narrow_interval_of_no_flips_has_its_closed_form_too():
    # z = 0.1256613 encloses a tenth of the normal distribution.
    interval = difference_interval(Flips(0, 0, 5), confidence=0.1)
    assert interval.high == pytest.approx(0.1256613**2 / (5 + 0.1256613**2), rel=1e-5)


@pytest.mark.parametrize(
    ("samples", "drop"),
    # Against two gained samples it takes nine lost ones: eight have p = 0.0547, and there are no more than there are.
    [(10, None), (11, 7 / 11)],
)
def test_no_more_samples_can_be_lost_than_there_are(samples, drop):
    assert resolvable_drop(Flips(0, 2, samples)) == drop


@pytest.mark.parametrize("n", [6, 10, 50, 201])
def test_the_interval_of_quantiles_is_as_far_from_either_end(n):
    low, high = quantile_interval(range(n), 0.5)
    assert low + high == n - 1
    low, high = quantile_interval(range(10 * n), 0.9)
    assert quantile_interval(range(10 * n), 0.1) == (10 * n - 1 - high, 10 * n - 1 - low)


def test_the_interval_of_scores_has_its_defaults_and_estimates_on_all_samples_in_their_order():
    weights = np.arange(30.0)
    asked = []

    def base(index):
        asked.append(index)
        return float(index @ weights)

    plain = score_difference(base, lambda _: 0.0, 30)
    assert plain.estimate == -float(weights @ weights)
    assert len(asked) == 1 + 2000 + 30  # all, the resamples, and all but one
    named = score_difference(base, lambda _: 0.0, 30, resamples=2000, seed=0, confidence=0.95)
    assert plain == named


@pytest.mark.parametrize(("undefined", "refused"), [(10, False), (11, True)])
def test_a_tenth_of_the_resamples_may_have_no_score(undefined, refused):
    scores = iter([0.5] + [math.nan] * undefined + [0.5] * (100 - undefined + 8))
    if refused:
        with pytest.raises(GateError, match="undefined on 11 of 100 resamples"):
            score_difference(lambda _: next(scores), lambda _: 0.5, 8, resamples=100)
    else:
        assert score_difference(lambda _: next(scores), lambda _: 0.5, 8, resamples=100).estimate == 0


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_the_spread_is_that_of_a_sample(n):
    values = np.random.default_rng(n).random(n)
    assert mean_and_sd(list(values)) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_a_single_value_has_no_spread():
    assert mean_and_sd([0.5]) == (0.5, 0.0)


FOUR = [0.09, 0.11, 0.09, 0.11]


def test_four_launches_have_a_resolution():
    assert resolution(FOUR, 0.02, 0.05) == 0.02 / 5 + half_width(mean_and_sd(FOUR)[1], 4, 0.05)
    assert resolution(FOUR[:3], 0.02, 0.05) == math.inf


def test_a_slow_down_that_is_exactly_what_is_allowed_is_not_called():
    bounds = launch_bounds(FOUR, 0.05)
    for tolerance in (bounds.lower, bounds.upper):
        assert judge_launches(FOUR, tolerance, 0.05, budget_left=True) == "more"
    # With the budget spent, the estimate must be beyond the tolerance, and the bound beyond a fifth of it.
    assert bounds.lower > 0.1 / 5
    assert bounds.mean == 0.1
    assert judge_launches(FOUR, 0.1, 0.05, budget_left=False) == "inconclusive"
    assert judge_launches(FOUR, 0.0999, 0.05, budget_left=False) == "failed"
    spread = [0.07, 0.13, 0.07, 0.13]
    fifth = launch_bounds(spread, 0.05).lower
    assert 5 * fifth / 5 == fifth
    assert judge_launches(spread, 5 * fifth, 0.05, budget_left=False) == "inconclusive"
    assert judge_launches(spread, 4.9 * fifth, 0.05, budget_left=False) == "failed"


def test_a_gain_is_shown_at_the_rate_of_a_failure_and_given_up_at_the_other():
    faster = [-each for each in FOUR]
    sd = mean_and_sd(faster)[1]
    strict, lax = half_width(sd, 4, 0.02), half_width(sd, 4, 0.05)
    assert strict > lax
    gain = launch_gain(faster, -0.01, 0.02)
    assert (gain.change, gain.at_most) == (-0.1, -0.1 + strict)
    for wanted, shown, still_open in (
        (-0.1 + strict, True, False),  # exactly what is wanted
        (-0.1 + strict - 1e-9, False, True),
        (-0.1 + lax, False, True),
        (-0.1 - lax, False, True),
        (-0.1 - lax - 1e-9, False, False),
    ):
        gain = launch_gain(faster, wanted, 0.02)
        assert (gain.is_shown, gain.is_open) == (shown, still_open), wanted
    few = launch_gain(faster[:3], -0.5, 0.02)
    assert (few.is_shown, few.is_open) == (False, True)
    assert not launch_gain([-0.9, -0.9, -0.9], -0.01, 0.2).is_shown


def test_a_single_launch_beside_two_is_enough_for_a_prediction():
    assert prediction_interval(0.0, 0.01, 1, 2, floor=0.05, level=0.05).upper > 0


@pytest.mark.parametrize("level", [0, 0.5])
def test_a_prediction_that_is_never_or_always_wrong_is_refused(level):
    with pytest.raises(ValueError, match=r"0 < level < 0\.5"):
        prediction_interval(0.0, 0.01, 5, 5, floor=0.05, level=level)
