"""The interval of a difference of two scores, held against formulas that somebody else derived.

How often its ends miss is simulated at length by ``python -m benchmarks.promises``.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata, t

from pytest_speedacc.errors import GateError
from pytest_speedacc.stats import resampling
from pytest_speedacc.stats.resampling import score_difference
from pytest_speedacc.stats.sequence import student_quantile


def mean_of(values: Any) -> Any:
    return lambda indices: float(np.mean(values[indices]))


def recall_of(targets: Any, predictions: Any) -> Any:
    def recall(indices: Any) -> float:
        positive = targets[indices] == 1
        if not positive.any():
            raise ValueError("no positive sample")
        return float(np.mean(predictions[indices][positive]))

    return recall


def area_of(targets: Any, scores: Any) -> Any:
    def area(indices: Any) -> float:
        positive = targets[indices]
        wins, losses = int(positive.sum()), int((~positive).sum())
        ranks = rankdata(scores[indices])
        return float((ranks[positive].sum() - wins * (wins + 1) / 2) / (wins * losses)) if wins * losses else math.nan

    return area


def test_both_models_are_resampled_alike() -> None:
    right = np.random.default_rng(0).random(200)
    interval = score_difference(mean_of(right), mean_of(right - 0.25), 200, resamples=200)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((-0.25,) * 3)


def test_it_repeats_itself() -> None:
    random = np.random.default_rng(0)
    base, candidate = mean_of(random.random(100)), mean_of(random.random(100))
    first, again = (score_difference(base, candidate, 100, resamples=200, seed=3) for _ in range(2))
    assert first == again
    assert first != score_difference(base, candidate, 100, resamples=200, seed=4)


@pytest.mark.parametrize("samples", [20, 150])
def test_of_a_mean_it_reaches_as_far_as_students_interval(samples: int) -> None:
    change = np.random.default_rng(5).normal(0.3, 1, samples)
    interval = score_difference(mean_of(np.zeros(samples)), mean_of(change), samples, resamples=400, confidence=0.9)
    student = t.interval(0.9, samples - 1, change.mean(), change.std(ddof=1) / math.sqrt(samples))
    assert (interval.low <= student[0] + 1e-9, interval.high >= student[1] - 1e-9) == (True, True)
    # And hardly farther: the percentiles are of the same.
    assert interval.high - interval.low < 1.15 * (student[1] - student[0])


def test_many_samples_are_left_out_in_groups() -> None:
    asked: list[int] = []

    def score(indices: Any) -> float:
        asked.append(len(indices))
        return float(np.mean(values[indices]))

    values = np.random.default_rng(5).normal(size=1000)
    interval = score_difference(mean_of(np.zeros(1000)), score, 1000, resamples=100, confidence=0.9)
    # All of them once, the resamples, and the 200 groups of 5 that are left out.
    assert (asked.count(1000), asked.count(995), len(asked)) == (101, 200, 301)
    half = t.ppf(0.95, 199) * values.std(ddof=1) / math.sqrt(1000)
    assert interval.high - interval.estimate == pytest.approx(half, rel=0.3)


def test_an_area_under_the_curve_reaches_as_far_as_de_long_and_mover_say() -> None:
    """DeLong's covariance of two areas, from placements of every pair, and the interval on the scale of log-odds."""
    random, samples = np.random.default_rng(8), 80
    targets = random.random(samples) < 0.3
    scores = [1.5 * targets + random.standard_normal(samples) for _ in range(2)]
    wins = [np.subtract.outer(each[targets], each[~targets]) > 0 for each in scores]
    areas = [float(each.mean()) for each in wins]
    rows = np.cov([each.mean(axis=1) for each in wins]) / targets.sum()
    columns = np.cov([each.mean(axis=0) for each in wins]) / (~targets).sum()
    covariance = rows + columns
    errors = np.sqrt(np.diag(covariance))
    together = covariance[0, 1] / errors.prod()
    ends = [
        1 / (1 + np.exp(-(math.log(area / (1 - area)) + np.array([-1, 1]) * norm.ppf(0.95) * error / (area - area**2))))
        for area, error in zip(areas, errors, strict=True)
    ]
    (l1, u1), (l2, u2) = ends
    low, high = (
        areas[1] - areas[0] + sign * math.sqrt(one**2 + other**2 - 2 * together * one * other)
        for sign, one, other in ((-1, areas[1] - l2, u1 - areas[0]), (1, u2 - areas[1], areas[0] - l1))
    )
    found = score_difference(
        *(area_of(targets, each) for each in scores), samples, within_unit=True, resamples=500, confidence=0.9
    )
    assert found.estimate == pytest.approx(areas[1] - areas[0])
    assert found.low == pytest.approx(low, abs=0.15 * (high - low))
    assert found.high == pytest.approx(high, abs=0.15 * (high - low))
    assert (found.low < low + 1e-3, found.high > high - 1e-3) == (True, True)


def test_within_the_unit_it_stays_where_scores_can_be() -> None:
    targets = np.arange(20) % 2 == 0
    perfect, good = np.where(targets, 1.0, 0.0), np.where(targets, 1.0, 0.0)
    good[:3] = [0.0, 1.0, 0.2]
    found = score_difference(area_of(targets, good), area_of(targets, perfect), 20, within_unit=True, resamples=300)
    assert -1 <= found.low <= found.estimate <= found.high <= 1


def test_errors_that_are_drawn_are_covered() -> None:
    """Both ends of a 90 % interval of an RMSE: each should miss 5 %, and misses 6 to 7 % by percentiles alone."""
    random, runs, samples, missed = np.random.default_rng(11), 150, 50, 0
    for seed in range(runs):
        before, more = random.standard_normal((2, samples))
        now = 0.9 * before + 0.5 * more
        sides = [lambda indices, each=each: math.sqrt(np.mean(each[indices] ** 2)) for each in (before, now)]
        interval = score_difference(*sides, samples, resamples=150, seed=seed, confidence=0.9)
        missed += not interval.low <= math.sqrt(1.06) - 1 <= interval.high
    assert 0.04 <= missed / runs <= 0.1 + 2 * math.sqrt(0.09 / runs)


def test_resamples_without_a_score_are_left_out() -> None:
    # Three positives: one resample in twenty has none.
    targets = np.array([1, 1, 1] + [0] * 97)
    base, candidate = np.ones(100), np.ones(100)
    candidate[0] = 0
    sides = recall_of(targets, base), recall_of(targets, candidate)
    interval = score_difference(*sides, 100, within_unit=True, resamples=500)
    assert interval.estimate == pytest.approx(-1 / 3)
    assert -1 <= interval.low < -0.9
    assert interval.high == 0


def test_without_the_only_sample_of_its_kind_the_percentiles_remain() -> None:
    targets = np.array([1, 0])
    base = recall_of(targets, np.ones(2))

    def candidate(indices: Any) -> float:
        return base(indices) if len(indices) == 2 else math.nan

    with pytest.raises(GateError, match=r"undefined on \d+ of 100 resamples"):
        score_difference(base, candidate, 2, resamples=100)
    whole = score_difference(lambda indices: 0.5, lambda indices: 0.7 if len(indices) == 2 else math.nan, 2)
    assert (whole.low, whole.high) == pytest.approx((0.2, 0.2))


def test_too_many_resamples_without_a_score_are_refused() -> None:
    targets = np.array([1] + [0] * 99)
    recall = recall_of(targets, np.ones(100))
    with pytest.raises(GateError, match=r"undefined on \d+ of 500 resamples .* \(at most 10% may be\)"):
        score_difference(recall, recall, 100, resamples=500)


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_a_score_undefined_on_the_samples_themselves_is_refused(undefined: float) -> None:
    with pytest.raises(GateError, match="undefined on these 10 samples"):
        score_difference(lambda _: undefined, lambda _: 0.5, 10)


def test_a_single_sample_says_nothing_of_others_and_is_no_error() -> None:
    assert score_difference(lambda _: 0.5, lambda _: 0.6, 1, resamples=10).estimate == pytest.approx(0.1)


def jackknifed(groups: int, seed: int = 3) -> Any:
    """Scores of two models that are alike, without each of so many groups."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, 0.01, groups)
    return np.column_stack([0.8 + shared + random.normal(0, 0.005, groups), 0.9 + shared])


@pytest.mark.parametrize("groups", [2, 3, 12])
def test_the_standard_error_of_a_difference_is_that_of_the_paired_differences(groups: int) -> None:
    without = jackknifed(groups)
    error = math.sqrt((groups - 1) ** 2 / groups * np.var(without[:, 1] - without[:, 0], ddof=1))
    half = student_quantile(0.05, groups - 1) * error
    found = resampling._by_error(0.8, 0.9, without, 0.05, within_unit=False)
    assert found == pytest.approx((0.1 - half, 0.1 + half))


def odds_ends(score: float, half: float) -> tuple[float, float]:
    """Back from the log-odds, by the functions that are named after them."""
    middle, away = math.log(score / (1 - score)), half / (score * (1 - score))
    low, high = (1 / (1 + math.exp(-(middle + sign * away))) for sign in (-1, 1))
    return low, high


@pytest.mark.parametrize("groups", [3, 12])
def test_within_0_to_1_the_ends_are_those_of_the_log_odds_joined_by_what_is_shared(groups: int) -> None:
    without = jackknifed(groups)
    scale, t = (groups - 1) / math.sqrt(groups), student_quantile(0.05, groups - 1)
    (l1, u1), (l2, u2) = (
        odds_ends(score, t * scale * float(np.std(column, ddof=1)))
        for score, column in zip((0.8, 0.9), without.T, strict=True)
    )
    shared = float(np.corrcoef(without.T)[0, 1])
    below = math.sqrt((0.9 - l2) ** 2 + (u1 - 0.8) ** 2 - 2 * shared * (0.9 - l2) * (u1 - 0.8))
    above = math.sqrt((u2 - 0.9) ** 2 + (0.8 - l1) ** 2 - 2 * shared * (u2 - 0.9) * (0.8 - l1))
    found = resampling._by_error(0.8, 0.9, without, 0.05, within_unit=True)
    assert found == pytest.approx((0.1 - below, 0.1 + above))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_score_at_its_end_has_no_log_odds_and_stays(score: float) -> None:
    assert resampling._by_odds(score, 0.1) == (score, score)


@pytest.mark.parametrize("samples", [1, 2, 3, 30])
def test_the_percentiles_lie_as_far_out_as_students_t_asks_for(samples: int) -> None:
    drawn = np.column_stack([np.zeros(1001), np.linspace(0, 1, 1001)])
    tail = 0.05
    if samples > 1:
        tail = NormalDist().cdf(-math.sqrt(samples / (samples - 1)) * student_quantile(0.05, samples - 1))
    assert resampling._percentiles(drawn, samples, 0.05) == pytest.approx((tail, 1 - tail))


def test_the_ends_are_the_farther_ones_of_both_ways() -> None:
    """With two samples the standard error is one of two scores: the difference of the samples' own."""
    values = np.array([[0.2, 0.6], [0.5, 0.7]])
    found = score_difference(
        lambda index: float(values[0, index].mean()), lambda index: float(values[1, index].mean()), 2, confidence=0.8
    )
    half = student_quantile(0.1, 1) * math.sqrt(1 / 2 * np.var(values[1] - values[0], ddof=1))
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
