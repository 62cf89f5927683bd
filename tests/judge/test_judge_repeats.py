"""The rule for random models keeps its promise, for seeds that spread normally and for those that collapse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_examples import accuracy, bound, error

from pytest_speedacc.judge import repeats as module
from pytest_speedacc.judge.repeats import (
    FAIL_LEVEL,
    PASS_LEVEL,
    Former,
    Repeated,
    is_decided,
    is_shown_better,
    judge_repeated,
)
from pytest_speedacc.judge.verdict import Check, Outcome
from pytest_speedacc.stats.sequence import half_width

RUNS = 4000
ENOUGH = {"passed": 30, "failed": 45}
"""Evaluations after which a verdict need not be free of assumptions: 0.9 ** 29 is below 5 %, 0.9 ** 44 below 1 %."""
Scores = np.ndarray[Any, Any]


def normal(mean: float, sd: float, repeats: int, seed: int = 0) -> Scores:
    """Scores of RUNS gates under so many seeds."""
    return mean + sd * np.random.default_rng(seed).standard_normal((RUNS, repeats))


def of_two_kinds(share: float, odd: float, usual: float, repeats: int) -> Scores:
    """Scores about ``usual``, and of this share of the seeds about ``odd``."""
    random = np.random.default_rng(1)
    which = random.random((RUNS, repeats)) < share
    return np.clip(np.where(which, odd, usual) + 0.005 * random.standard_normal(which.shape), 0, 1)


def winnings(scores: Scores, mean: float) -> Scores:
    """Of eight stakes, after every score."""
    stakes = [np.cumprod(1 + place / 8 * (scores - mean) / mean, axis=1) for place in range(1, 9)]
    return np.mean(stakes, axis=0)


def simulated(scores: Scores, limit: float) -> dict[str, Any]:
    """What ``min_accuracy=limit`` comes to: the rule once more, for all runs at a time, from its description.

    ``passed`` and ``failed`` are the runs that end so, ``count`` the evaluations that each took.
    """
    runs, most = scores.shape
    counts = np.arange(1, most + 1)

    def edge(extreme: Scores, level: float) -> tuple[Scores, Scores]:
        """The mean with one extreme score once more, and how far its bound lies from it."""
        count = counts + 1
        total, squares = np.cumsum(scores, axis=1) + extreme, np.cumsum(scores**2, axis=1) + extreme**2
        sd = np.sqrt(np.maximum(squares - total**2 / count, 0) / (count - 1))
        unit = np.array([half_width(1, int(k), level) for k in counts])
        unit[:3] = np.inf
        return total / count, unit * np.maximum(sd, 1e-3 * np.abs(np.cumsum(scores, axis=1) / counts))

    low, below = edge(np.minimum.accumulate(scores, axis=1), PASS_LEVEL)
    high, above = edge(np.maximum.accumulate(scores, axis=1), FAIL_LEVEL)
    passed, failed = low - below >= limit, high + above < limit
    free = winnings(scores, limit) >= 1 / PASS_LEVEL, winnings(1 - scores, 1 - limit) >= 1 / FAIL_LEVEL
    settled = passed & (free[0] | (counts >= ENOUGH["passed"])) | failed & (free[1] | (counts >= ENOUGH["failed"]))
    settled[:, -1] = True
    end = settled.argmax(axis=1)
    rows = np.arange(runs)
    return {"passed": passed[rows, end], "failed": failed[rows, end], "count": end + 1}


def judged(scores: Scores, limit: float, former: Former | None = None, setting: str = "min_accuracy") -> Check:
    """One gate by the rule itself: evaluations are added until it stops or they are used up."""
    wanted, drawn = bound(setting, limit), scores.tolist()
    count = next(
        (k for k in range(1, len(drawn)) if is_decided([wanted], Repeated(drawn[:k], True, True), former)), len(drawn)
    )
    found = replace(accuracy(float(np.mean(drawn[:count]))), scores=tuple(drawn[:count]))
    return judge_repeated(wanted, found, former, "baseline")


MIX = 0.95 - 0.1 * 0.65
"""The mean of a model that scores 0.95, and 0.3 under one seed in ten."""


@pytest.mark.parametrize(
    ("scores", "limit"),
    [
        (normal(0.91, 0.01, 30), 0.9),
        (normal(0.87, 0.01, 50), 0.9),
        (normal(0.9, 0.02, 20), 0.9),
        (of_two_kinds(0.1, 0.3, 0.95, 40), MIX),
        (of_two_kinds(0.3, 0.3, 0.95, 40), 0.5),
    ],
)
def test_the_simulation_is_of_the_rule(scores: Scores, limit: float) -> None:
    found = simulated(scores, limit)
    for row in range(25):
        check = judged(scores[row], limit)
        assert (check.outcome is Outcome.PASSED, check.outcome is Outcome.FAILED) == (
            found["passed"][row],
            found["failed"][row],
        )
        assert f"mean of {found['count'][row]} evaluations" in check.reason


@pytest.mark.parametrize("sd", [0.002, 0.02])
@pytest.mark.parametrize("repeats", [8, 30, 60])
def test_a_score_at_its_limit_fails_or_passes_no_more_often_than_promised(sd: float, repeats: int) -> None:
    found = simulated(normal(0.9, sd, repeats), 0.9)
    assert found["failed"].mean() <= FAIL_LEVEL
    assert found["passed"].mean() <= PASS_LEVEL


def at_most(promised: float) -> float:
    """Two standard errors of the simulation more than what is promised."""
    return promised + 2 * math.sqrt(promised / RUNS)


@pytest.mark.parametrize("repeats", [30, 60, 100])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_model_that_collapses_under_some_seeds_rarely_passes_at_its_limit(share: float, repeats: int) -> None:
    """65 % of those that collapse under one seed in ten passed while four evaluations that agree were enough."""
    scores = of_two_kinds(share, 0.3, 0.95, repeats)
    assert simulated(scores, 0.95 - share * 0.65)["passed"].mean() <= at_most(PASS_LEVEL)
    # What lets through two in three.
    agree = np.ptp(scores[:, :4], axis=1) < 0.1
    assert agree.mean() > (1 - share) ** 4 - 0.05


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_model_that_succeeds_under_some_seeds_rarely_fails_at_its_limit(share: float) -> None:
    scores = of_two_kinds(share, 0.95, 0.3, 60)
    assert simulated(scores, 0.3 + share * 0.65)["failed"].mean() <= at_most(FAIL_LEVEL)


@pytest.mark.parametrize(("a", "b"), [(9, 1), (50, 1), (0.9, 0.1), (2, 2)])
@pytest.mark.parametrize("repeats", [30, 100])
def test_scores_near_one_rarely_pass_at_their_limit(a: float, b: float, repeats: int) -> None:
    """Beta distributions: skewed as scores are near 1. By their mean and spread alone, 14 to 44 % pass."""
    scores = np.random.default_rng(2).beta(a, b, (RUNS, repeats))
    assert simulated(scores, a / (a + b))["passed"].mean() <= at_most(PASS_LEVEL)


def test_clear_cases_are_decided() -> None:
    assert simulated(normal(0.93, 0.01, 30), 0.9)["passed"].mean() > 0.99
    assert simulated(normal(0.87, 0.01, 30), 0.9)["failed"].mean() > 0.99
    assert simulated(normal(0.91, 0.01, 30), 0.9)["passed"].mean() > 0.9


def test_the_betting_ends_what_is_clear_early() -> None:
    assert simulated(normal(0.93, 0.01, 30), 0.5)["count"].max() <= 8
    assert simulated(normal(0.87, 0.01, 30), 0.9)["count"].mean() < 26


def test_the_former_scores_own_error_counts() -> None:
    """Its evaluations are drawn anew for every run, from a model exactly as much better as is allowed."""
    former, now = normal(0.91, 0.01, 10, seed=1), normal(0.9, 0.01, 20, seed=2)
    found = [
        judged(row, "1 pp", Former(float(before.mean()), float(before.std(ddof=1)), 10), "max_accuracy_drop").outcome
        for before, row in zip(former[:300], now[:300], strict=True)
    ]
    assert np.mean([each is Outcome.FAILED for each in found]) <= FAIL_LEVEL
    assert np.mean([each is Outcome.PASSED for each in found]) <= PASS_LEVEL


def settled(name: str, value: object, *scores: float, better: bool = True, unit: bool = True) -> bool:
    return is_decided([bound(name, value)], Repeated(scores, better, unit), None)


def test_nothing_is_decided_by_fewer_than_four() -> None:
    assert not settled("min_accuracy", 0.1, *[0.9] * 3)
    assert settled("min_accuracy", 0.1, *[0.9] * 4)


def test_an_error_is_judged_the_other_way_round() -> None:
    low, close = [1.0, 1.1, 0.9, 1.0] * 10, [1.9, 2.1, 2.0, 2.0] * 10
    assert settled("max_error", 2.0, *low, better=False, unit=False)
    assert not settled("max_error", 2.0, *close, better=False, unit=False)
    # Nothing is known of how far such a score may fall, so that few evaluations show nothing.
    assert not settled("max_error", 2.0, *low[:20], better=False, unit=False)
    # Within 0 to 1 it is, and few suffice.
    assert settled("max_error", 0.5, *[0.05, 0.06] * 5, better=False)


@pytest.mark.parametrize(
    ("name", "value"), [("max_error", 0.5), ("max_accuracy_drop", "1 pp")], ids=["the wrong direction", "no former"]
)
def test_what_no_score_could_change_is_decided(name: str, value: object) -> None:
    assert settled(name, value, *[0.9] * 4)
    with pytest.raises(ValueError, match="judged against a former score"):
        judge_repeated(bound(name, value), replace(accuracy(0.9), scores=(0.9,) * 4), None, "baseline")


@pytest.mark.parametrize(
    ("limit", "count", "words"),
    [
        (0.90, 8, "; assumed: seeds spread roughly normally, and none collapses unlike these 8 (up to 31% might)"),
        (0.90, 30, "; assumed: seeds spread roughly normally, and none collapses unlike these 30 (up to 10% might)"),
        (0.945, 10, "; assumed: seeds spread roughly normally, and none succeeds unlike these 10 (up to 37% might)"),
        (0.60, 12, "which spread by 0.001"),
        (0.995, 10, "which spread by 0.001"),
    ],
)
def test_a_verdict_says_what_it_assumes(limit: float, count: int, words: str) -> None:
    scores = tuple(0.93 + 0.001 * (-1) ** place for place in range(count))
    check = judge_repeated(bound("min_accuracy", limit), replace(accuracy(0.93), scores=scores), None, "baseline")
    assert check.reason.endswith(words) or (words.startswith("which") and "assumed" not in check.reason)
    assert check.outcome is (Outcome.PASSED if limit < 0.93 else Outcome.FAILED)


def test_the_fewer_evaluations_of_the_two_are_what_a_comparison_assumes() -> None:
    scores = tuple(0.93 + 0.001 * (-1) ** place for place in range(40))
    found = replace(accuracy(0.93), scores=scores)
    check = judge_repeated(bound("max_accuracy_drop", "2 pp"), found, Former(0.93, 0.001, 6), "base")
    assert check.outcome is Outcome.PASSED
    assert "none collapses unlike these 6 (up to 39% might)" in check.reason


def test_a_gain_is_shown_in_either_direction() -> None:
    scores = tuple(0.5 + 0.001 * (-1) ** place for place in range(20))
    better, worse = replace(error(0.5), scores=scores), replace(accuracy(0.5), scores=scores)
    assert is_shown_better(better, Former(0.6), 0.05)
    assert not is_shown_better(better, Former(0.6), 0.0999)
    assert is_shown_better(worse, Former(0.4), 0.05)
    assert not is_shown_better(worse, Former(0.6), 0.05)
    assert not is_shown_better(replace(better, scores=scores[:3]), Former(0.6), 0.05)


def test_the_number_of_evaluations_is_what_one_seed_in_ten_needs() -> None:
    for verdict, level in (("passed", PASS_LEVEL), ("failed", FAIL_LEVEL)):
        assert module._enough(level) == ENOUGH[verdict]
        assert (1 - module.RARE) ** (ENOUGH[verdict] - 1) < level <= (1 - module.RARE) ** (ENOUGH[verdict] - 2)
