import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from pytest_speedacc.stats.sequence import (
    half_width,
    judge_launches,
    launch_bounds,
    launch_gain,
    mean_and_sd,
    prediction_interval,
    resolution,
    spread_of,
    usual_spreads,
)

TOLERANCE = math.log(1.03)
ALPHA = 0.01 / 10
MOST_LAUNCHES = 24


def judge_in_turn(differences, tolerance=TOLERANCE, alpha=ALPHA):
    """The verdict on launch pairs looked at one by one, and how many it took."""
    for k in range(1, MOST_LAUNCHES + 1):
        verdict = judge_launches(differences[:k], tolerance, alpha, budget_left=k < MOST_LAUNCHES)
        if verdict != "more":
            return verdict, k
    raise AssertionError("undecided with the budget spent")


def simulate(slower, sd, runs, draw=np.random.Generator.standard_normal, **options):
    """The share of each verdict over simulated runs, and the mean number of launch pairs."""
    noise = draw(np.random.default_rng(5), size=(runs, MOST_LAUNCHES))
    verdicts = [judge_in_turn(row, **options) for row in (math.log1p(slower) + sd * noise).tolist()]
    shares = {name: np.mean([v == name for v, _ in verdicts]) for name in ("passed", "failed", "inconclusive")}
    return shares, np.mean([k for _, k in verdicts])


# Ten gates at 1 % together, normal noise. The figures: 8000 runs of a second, vectorised implementation.
@pytest.mark.parametrize(
    ("sd", "slower", "verdict", "share", "launches"),
    [
        (0.01, 0.00, "passed", 1.000, 4.4),
        (0.01, 0.05, "failed", 1.000, 7.0),
        (0.01, 0.10, "failed", 1.000, 6.0),
        # Within the tolerance of 3 %: what fails does so at the end of the budget, where the estimate decides.
        (0.01, 0.029, "failed", 0.315, 23.4),
        (0.02, 0.029, "failed", 0.393, 23.5),
        (0.02, 0.00, "passed", 1.000, 7.0),
        (0.02, 0.05, "failed", 1.000, 12.9),
        (0.02, 0.10, "failed", 1.000, 6.8),
        (0.03, 0.00, "passed", 0.956, 11.3),
        (0.03, 0.05, "failed", 0.957, 18.7),
        (0.03, 0.10, "failed", 1.000, 8.0),
    ],
)
def test_verdicts_and_launches_under_normal_noise(sd, slower, verdict, share, launches):
    shares, mean_launches = simulate(slower, sd, runs=1500)
    assert shares[verdict] == pytest.approx(share, abs=0.002 + 4 * math.sqrt(share * (1 - share) / 1500))
    assert mean_launches == pytest.approx(launches, abs=0.7)


def test_heavy_tails_cost_resolution_and_not_correctness():
    def heavy(random, size):
        return random.standard_t(5, size=size) / math.sqrt(5 / 3)

    unchanged, _ = simulate(0, 0.03, runs=2000, draw=heavy)
    assert unchanged["failed"] <= 0.003
    assert unchanged["passed"] > 0.9
    slower, _ = simulate(0.10, 0.03, runs=2000, draw=heavy)
    assert slower["failed"] > 0.995


def test_a_single_look_needs_less_to_tell_what_is_beyond_the_tolerance():
    seen = spread_around(0.037, 10)
    assert judge_launches(seen, TOLERANCE, 0.01, budget_left=True, once=True) == "failed"
    assert judge_launches(seen, TOLERANCE, 0.01, budget_left=True) == "more"


def test_a_slow_down_of_just_the_tolerance_rarely_passes():
    shares, _ = simulate(0.03, 0.02, runs=2000)
    assert shares["passed"] <= 0.05


def test_a_slow_down_of_just_the_tolerance_rarely_fails_before_the_budget_ends():
    rows = (TOLERANCE + 0.02 * np.random.default_rng(6).standard_normal((2000, MOST_LAUNCHES))).tolist()
    early = estimated = 0
    for row in rows:
        looks = [row[:k] for k in range(1, MOST_LAUNCHES)]
        early += any(judge_launches(seen, TOLERANCE, ALPHA, budget_left=True) == "failed" for seen in looks)
        # As the end of the budget judges, by the estimate, several times as many would.
        estimated += any(judge_launches(seen, TOLERANCE, ALPHA, budget_left=False) == "failed" for seen in looks)
    assert early <= 0.05 * len(rows)
    assert estimated > 0.3 * len(rows)


def test_an_unchanged_model_rarely_fails_even_with_a_lax_alpha_and_no_tolerance():
    shares, _ = simulate(0, 0.02, runs=4000, tolerance=0.0, alpha=0.05)
    assert shares["failed"] <= 0.05
    assert shares["failed"] > 0.01, "a bound that never errs resolves nothing"


def ever_above(width_of_one, level, runs=20_000):
    """How often a lower bound rises above the true value at any of 24 looks."""
    draws = np.random.default_rng(3).standard_normal((runs, MOST_LAUNCHES))
    alarm = np.zeros(runs, dtype=bool)
    for k in range(2, MOST_LAUNCHES + 1):
        seen = draws[:, :k]
        alarm |= seen.mean(axis=1) > width_of_one(k, level) * seen.std(axis=1, ddof=1)
    return alarm.mean()


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_bound_holds_at_all_looks_together(level):
    assert ever_above(lambda k, a: half_width(1, k, a), level) <= level
    # The same looks with the bound for a single look, to show that the simulation could have caught it.
    assert ever_above(lambda k, a: t.isf(a, k - 1) / math.sqrt(k), level) > 2 * level


def test_the_formula_worked_by_hand():
    # r = 0.3 / 4.3, q = (r * 0.1 ** 2) ** (1 / 4)
    r = 0.0697674
    q = (r * 0.01) ** 0.25
    assert half_width(0.02, 4, 0.05) == pytest.approx(0.01 * math.sqrt(3 * (1 - q) / (q - r)), rel=1e-5)


def test_too_few_launches_bound_nothing():
    assert half_width(0.02, 1, 0.05) == math.inf
    assert half_width(0.02, 2, 0.0005) == math.inf


def test_a_spread_below_the_floor_is_not_believed():
    assert half_width(0.0, 8, 0.05) == half_width(0.003, 8, 0.05) < half_width(0.0031, 8, 0.05)


@given(st.floats(0.003, 1), st.floats(1.01, 10), st.integers(4, 100), st.floats(1e-6, 0.2), st.floats(1.01, 2))
def test_the_bound_widens_with_spread_and_narrows_with_launches_and_level(sd, more, k, level, laxer):
    width = half_width(sd, k, level)
    if width == math.inf:
        return
    assert half_width(sd * more, k, level) == pytest.approx(width * more)
    assert half_width(sd, k + 1, level) < width
    assert half_width(sd, k, level * laxer) < width


@pytest.mark.parametrize(("k", "level"), [(0, 0.05), (4, 0), (4, 0.5)])
def test_an_impossible_bound_is_refused(k, level):
    with pytest.raises(ValueError, match="a bound needs k >= 1"):
        half_width(0.01, k, level)


@pytest.mark.parametrize("differences", [[], [0.01, math.nan], [math.inf] * 4])
def test_differences_that_are_no_numbers_are_refused(differences):
    with pytest.raises(ValueError, match="must be finite and at least one"):
        launch_bounds(differences, alpha=0.01)


def spread_around(mean, k):
    """k differences with this mean and a standard deviation of about 1 %, k even."""
    return [mean - 0.01, mean + 0.01] * (k // 2)


def test_bounds_have_a_level_each():
    differences = spread_around(0.02, 8)
    bounds = launch_bounds(differences, alpha=0.001, beta=0.05)
    sd = float(np.std(differences, ddof=1))
    assert bounds.mean == pytest.approx(0.02)
    assert bounds.lower == pytest.approx(0.02 - half_width(sd, 8, 0.001))
    assert bounds.upper == pytest.approx(0.02 + half_width(sd, 8, 0.05))


@pytest.mark.parametrize(
    ("mean", "k", "budget_left", "verdict"),
    [
        (0.0, 2, True, "more"),  # fewer than four launches decide nothing,
        (0.0, 2, False, "inconclusive"),  # and an ended budget does not change that
        (0.0, 10, True, "passed"),
        (0.0, 10, False, "passed"),
        (0.10, 10, True, "failed"),
        (0.10, 10, False, "failed"),
        (0.035, 10, True, "more"),  # shown to be slower, and not yet shown to be beyond the tolerance
        (0.045, 10, True, "failed"),  # shown to be both, the second less strictly
        (0.035, 10, False, "failed"),  # shown to be slower, by an estimate beyond the tolerance
        (0.028, 10, False, "inconclusive"),  # shown to be slower, but the estimate is within the tolerance
        (0.031, 4, False, "inconclusive"),  # the estimate is beyond the tolerance, but not shown to be slower
    ],
)
def test_each_clause_in_its_order(mean, k, budget_left, verdict):
    assert judge_launches(spread_around(mean, k), TOLERANCE, 0.01, budget_left) == verdict


@given(st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=24), st.floats(0, 0.1), st.booleans())
def test_a_slower_candidate_never_gets_a_better_verdict(differences, shift, budget_left):
    order = ["passed", "more", "inconclusive", "failed"]
    verdict = judge_launches(differences, TOLERANCE, 0.01, budget_left)
    slower = judge_launches([d + shift + 1e-9 for d in differences], TOLERANCE, 0.01, budget_left)
    assert order.index(verdict) <= order.index(slower)


@given(st.sampled_from([6, 8, 24]), st.sampled_from([0.0, 0.01, TOLERANCE, 0.1]))
def test_the_resolution_is_where_the_verdict_turns(k, tolerance):
    seen = resolution(spread_around(0, k), tolerance, ALPHA)
    assert judge_launches(spread_around(seen + 1e-6, k), tolerance, ALPHA, budget_left=False) == "failed"
    assert judge_launches(spread_around(seen - 1e-6, k), tolerance, ALPHA, budget_left=False) != "failed"


@pytest.mark.parametrize(("k", "alpha"), [(2, 0.2), (4, ALPHA)])
def test_too_few_launches_resolve_nothing(k, alpha):
    assert resolution(spread_around(0, k), TOLERANCE, alpha) == math.inf
    assert judge_launches(spread_around(1, k), TOLERANCE, alpha, budget_left=False) == "inconclusive"


@pytest.mark.parametrize("k0", [1, 2, 3, 6, 7, 30])
@pytest.mark.parametrize("level", [0.2, 0.05, 1e-6])
def test_without_a_day_to_day_spread_the_prediction_is_students(k0, level):
    bounds = prediction_interval(0.1, 0.02, 5, k0, floor=0, level=level)
    half = t.isf(level, 5 + k0 - 2) * 0.02 * math.sqrt(1 / 5 + 1 / k0)
    assert (bounds.mean, bounds.lower, bounds.upper) == pytest.approx((0.1, 0.1 - half, 0.1 + half), rel=1e-9)


def test_launches_cannot_buy_a_prediction_finer_than_the_days_differ():
    bounds = prediction_interval(0.0, 0.02, 10_000, 10_000, floor=0.04, level=0.05)
    assert bounds.upper == pytest.approx(norm.isf(0.05) * 0.04, rel=1e-3)


@pytest.mark.parametrize("floor", [0.0, 0.02, 0.06])
def test_the_prediction_keeps_its_level(floor):
    random, runs, k, k0, sd = np.random.default_rng(2), 4000, 4, 6, 0.03
    base = random.normal(0, sd, (runs, k0))
    candidate = random.normal(0, sd, (runs, k)) + random.normal(0, floor, (runs, 1))
    pooled = np.sqrt(((k - 1) * candidate.var(axis=1, ddof=1) + (k0 - 1) * base.var(axis=1, ddof=1)) / (k + k0 - 2))
    means = candidate.mean(axis=1) - base.mean(axis=1)
    lower = [prediction_interval(m, s, k, k0, floor, 0.05).lower for m, s in zip(means, pooled, strict=True)]
    assert np.mean(np.array(lower) > 0) == pytest.approx(0.05, abs=0.014)


@pytest.mark.parametrize(("k", "k0", "level"), [(0, 5, 0.05), (5, 0, 0.05), (1, 1, 0.05), (5, 5, 0.5)])
def test_an_impossible_prediction_is_refused(k, k0, level):
    with pytest.raises(ValueError, match="launches on both sides"):
        prediction_interval(0.0, 0.01, k, k0, floor=0.05, level=level)


def test_the_usual_spread_counts_beside_a_gates_own() -> None:
    seen = [0.01, 0.03, 0.01, 0.03, 0.02]
    own = mean_and_sd(seen)[1]
    found = spread_of(seen, own / 2 * 1.5)
    assert (found.beside, found.fewest) == (6, 3)
    assert found.sd == pytest.approx(math.sqrt((4 * own**2 + 6 * (0.75 * own) ** 2) / 10))
    # Much wider than is usual, and nobody knows what is.
    for usual in (own / 1.51, None):
        alone = spread_of(seen, usual)
        assert (alone.sd, alone.beside, alone.fewest) == (own, 0, 4)


def test_the_width_with_the_usual_spread_is_that_of_a_conjugate_prior() -> None:
    """Solved for the mean at which the marginal likelihoods of both hypotheses have the ratio 1 / level."""
    sd, usual, k, level = 0.02, 0.015, 5, 0.01
    squares = (k - 1) * sd**2 + 6 * usual**2

    def ratio(distance: float) -> float:
        r = 0.3 / (0.3 + k)
        there, elsewhere = squares + k * distance**2, squares + k * r * distance**2
        return math.sqrt(r) * (there / elsewhere) ** ((k + 6) / 2)

    width = half_width(math.sqrt(squares / (k - 1 + 6)), k, level, beside=6)
    assert ratio(width) == pytest.approx(1 / (2 * level))


def test_what_is_usual_is_pooled_over_the_others_launches_up_to_then() -> None:
    random = np.random.default_rng(3)
    launches = {gate: random.normal(0, 0.02, 4).tolist() for gate in "abcd"} | {"late": [], "long": [0.0, 0.1] * 5}
    found = usual_spreads(launches)
    others = [launches[gate] for gate in "bcd"] + [launches["long"][:4]]
    assert found["a"] == pytest.approx(math.sqrt(np.mean([np.var(each, ddof=1) for each in others])))
    of_long = [launches[gate] for gate in "abcd"]
    assert found["long"] == pytest.approx(math.sqrt(np.mean([np.var(each, ddof=1) for each in of_long])))
    assert "late" not in found
    # Three launches of two others are four degrees of freedom, and of three six.
    assert not usual_spreads({gate: launches[gate][:3] for gate in "abc"})
    assert set(usual_spreads({gate: launches[gate][:3] for gate in "abcd"})) == set("abcd")


def test_three_launches_decide_where_it_is_known_how_much_they_differ() -> None:
    unchanged = [-0.01, 0.0, 0.01]
    seen = [each + 0.2 for each in unchanged]
    faster = [each - 0.2 for each in unchanged]
    assert judge_launches(seen, TOLERANCE, 0.01, budget_left=True, usual=0.01) == "failed"
    assert judge_launches(seen, TOLERANCE, 0.01, budget_left=True) == "more"
    assert judge_launches(unchanged, TOLERANCE, 0.01, budget_left=True, usual=0.01) == "passed"
    assert judge_launches(seen[:2], TOLERANCE, 0.01, budget_left=True, usual=0.01) == "more"
    assert launch_gain(faster, -0.1, 0.01, usual=0.01).is_shown
    assert not launch_gain(faster, -0.1, 0.01).is_shown
    assert math.isfinite(resolution(seen, TOLERANCE, 0.01, usual=0.01))
