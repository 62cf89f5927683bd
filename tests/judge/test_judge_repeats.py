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
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.report.sentences import said
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
        assert f"mean of {found['count'][row]} evaluations" in said(check.reason)


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
    said = "^a tolerance is judged against a former score, and a limit by its own direction$"
    with pytest.raises(ValueError, match=said):
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
    assert said(check.reason).endswith(words) or (words.startswith("which") and "assumed" not in said(check.reason))
    assert check.outcome is (Outcome.PASSED if limit < 0.93 else Outcome.FAILED)


def test_the_fewer_evaluations_of_the_two_are_what_a_comparison_assumes() -> None:
    scores = tuple(0.93 + 0.001 * (-1) ** place for place in range(40))
    found = replace(accuracy(0.93), scores=scores)
    check = judge_repeated(bound("max_accuracy_drop", "2 pp"), found, Former(0.93, 0.001, 6), "base")
    assert check.outcome is Outcome.PASSED
    assert "none collapses unlike these 6 (up to 39% might)" in said(check.reason)


def test_a_gain_is_shown_in_either_direction() -> None:
    scores = tuple(0.5 + 0.001 * (-1) ** place for place in range(20))
    better, worse = replace(error(0.5), scores=scores), replace(accuracy(0.5), scores=scores)
    assert is_shown_better(better, Former(0.6), 0.05)
    assert not is_shown_better(better, Former(0.6), 0.0999)
    assert is_shown_better(worse, Former(0.4), 0.05)
    assert not is_shown_better(worse, Former(0.6), 0.05)
    assert not is_shown_better(replace(better, scores=scores[:3]), Former(0.6), 0.05)


def about(mean: float, count: int, *, lower: bool = False) -> Accuracy:
    """Scores around a mean, of an error where lower is better."""
    scores = tuple(mean + 0.001 * (-1) ** place for place in range(count))
    return replace(error(mean) if lower else accuracy(mean), scores=scores)


@pytest.mark.parametrize(
    ("found", "bounds", "former", "outcome", "change"),
    [
        (about(0.9, 60), ("max_accuracy_drop", "2 pp"), Former(0.91, 0.001, 60), Outcome.PASSED, "-1 pp"),
        (about(0.9, 60), ("max_accuracy_drop", "0.5 pp"), Former(0.91), Outcome.FAILED, "-1 pp"),
        (about(0.46, 60), ("max_accuracy_drop", "5 pp"), Former(0.5), Outcome.PASSED, "-4 pp"),
        (about(0.46, 60), ("max_accuracy_drop", "10 %"), Former(0.5), Outcome.PASSED, "-4 pp"),
        (about(0.46, 60), ("max_accuracy_drop", "6 %"), Former(0.5), Outcome.FAILED, "-4 pp"),
        (about(10.5, 60, lower=True), ("max_accuracy_drop", "10 %"), Former(10.0), Outcome.PASSED, "+0.5"),
        (about(10.5, 60, lower=True), ("max_accuracy_drop", "2 %"), Former(10.0), Outcome.FAILED, "+0.5"),
        # Two evaluations say next to nothing of where their mean is.
        (about(0.9, 60), ("max_accuracy_drop", "2 pp"), Former(0.91, 0.001, 2), Outcome.INCONCLUSIVE, "-1 pp"),
        (about(3.0, 60, lower=True), ("max_error", 2.0), None, Outcome.FAILED, ""),
        (about(0.9, 60), ("min_accuracy", 0.8), Former(0.99), Outcome.PASSED, ""),
        (about(0.9, 2), ("min_accuracy", 0.1), None, Outcome.INCONCLUSIVE, ""),
    ],
)
def test_a_former_score_is_what_a_tolerance_is_held_against(
    found: Accuracy, bounds: tuple[str, object], former: Former | None, outcome: Outcome, change: str
) -> None:
    check = judge_repeated(bound(*bounds), found, former, "base")
    assert (check.outcome, check.observed) == (outcome, pytest.approx(found.value, abs=0.001))
    assert check.reference == (former.mean if former and change else None)
    against = f"{change} against the base's {former.mean:g}; " if former and change else ""
    assert said(check.reason).startswith(f"{against}mean of {len(found.scores)} evaluations under different seeds")
    assert (check.interval is None) is (len(found.scores) < 3)


def test_two_uncertain_scores_have_half_of_the_error_rate_each() -> None:
    former = Former(0.91, 0.01, 10)
    both, exact = module._Allowed(0.9, former), module._Allowed(0.9)
    assert (both.share(0.05), exact.share(0.05), exact.room(0.05)) == (0.025, 0.05, 0.0)
    assert both.room(0.05) == half_width(0.01, 10, 0.025)


@pytest.mark.parametrize("mean", [0.0, 0.4])
def test_evaluations_that_all_agree_are_believed_to_spread_by_a_thousandth(mean: float) -> None:
    check = judge_repeated(bound("min_accuracy", 0.9), replace(accuracy(mean), scores=(mean,) * 10), None, "baseline")
    room = half_width(0.0, 10, PASS_LEVEL, max(1e-3 * mean, 1e-12))
    assert check.interval == pytest.approx((max(0.0, mean - room), mean + room), abs=1e-9)


def test_a_comparison_is_decided_beside_the_former_score() -> None:
    tolerance, found = bound("max_accuracy_drop", "1 pp"), Repeated(about(0.9, 60).scores, True, True)
    assert is_decided([tolerance], found, Former(0.9, 0.001, 60))
    assert not is_decided([tolerance], found, Former(0.91, 0.001, 60))


@pytest.mark.parametrize(("verdict", "level"), [("passed", PASS_LEVEL), ("failed", FAIL_LEVEL)])
@pytest.mark.parametrize("greater", [True, False])
def test_the_betting_leaves_room_for_the_former_scores_own_error(verdict: Any, level: float, greater: bool) -> None:
    former, share = Former(0.5, 0.05, 12), level / 2
    above = (verdict == "passed") is greater
    room = half_width(0.05, 12, share)
    scores = np.full((1, 60), 0.75 if above else 0.25)
    edge = 0.5 + room if above else 0.5 - room
    won = winnings(scores, edge) if above else winnings(1 - scores, 1 - edge)
    needed = 1 + int((won[0] >= 1 / share).argmax())
    allowed = module._Allowed(0.5, former)
    for count, is_free in ((needed - 1, False), (needed, True)):
        found = Repeated(tuple(scores[0, :count].tolist()), greater, True)
        assert module._is_free(verdict, found, allowed) is is_free


@pytest.mark.parametrize("lower", [True, False])
def test_a_gain_is_shown_as_far_as_the_error_rate_of_a_failure_allows(lower: bool) -> None:
    found = about(0.5, 20, lower=lower)
    worst = max(found.scores) if lower else min(found.scores)
    sd = float(np.std([*found.scores, worst], ddof=1))
    least = 0.1 - abs(float(np.mean([*found.scores, worst])) - 0.5) - half_width(sd, 20, FAIL_LEVEL / 2, 5e-4)
    former = 0.6 if lower else 0.4
    assert is_shown_better(found, Former(former), least - 1e-9)
    assert not is_shown_better(found, Former(former), least + 1e-9)
    # Two former evaluations that differ say little of their mean.
    assert not is_shown_better(found, Former(former, 0.05, 2), 0.05)


def test_the_number_of_evaluations_is_what_one_seed_in_ten_needs() -> None:
    for verdict, level in (("passed", PASS_LEVEL), ("failed", FAIL_LEVEL)):
        assert module._enough(level) == ENOUGH[verdict]
        assert (1 - module.RARE) ** (ENOUGH[verdict] - 1) < level <= (1 - module.RARE) ** (ENOUGH[verdict] - 2)
