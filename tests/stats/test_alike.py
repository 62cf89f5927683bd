"""Calls that resemble their neighbours: what they are worth, and that both error rates are kept all the same."""

from __future__ import annotations

import math
from itertools import takewhile
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom, norm

from pytest_speedacc.stats import alike as module
from pytest_speedacc.stats.alike import alike, judge_calls
from pytest_speedacc.stats.quantiles import judge_quantile, look_sizes, quantile_interval

ALPHA = 0.01
MOST_CALLS = 512


def correlated(correlation, calls, runs, seed):
    """Lognormal times of about 1, each row a first-order autoregression, stationary from its first value on."""
    noise = np.random.default_rng(seed).standard_normal((runs, calls)) * np.sqrt(1 - correlation**2)
    noise[:, 0] /= np.sqrt(1 - correlation**2)
    return time(lfilter([1], [1, -correlation], noise))


def time(normal):
    """Which has a spread of a fifth."""
    return np.exp(normal / 5)


def verdict(judge, row):
    """What the first look that decides says."""
    found = "undecided"
    for look, size in enumerate(takewhile(lambda size: size <= len(row), look_sizes())):
        found = judge(row[:size], look)
        if found != "undecided":
            break
    return found


def rates(judge, rows):
    verdicts = [verdict(judge, row) for row in rows]
    return verdicts.count("passed"), verdicts.count("failed")


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("correlation", [0, 0.3, 0.6, 0.9])
def test_both_error_rates_are_kept_however_alike_neighbours_are(q, correlation):
    """At the limit itself, where both errors are most likely: no more of them than luck explains."""
    runs, limit = 400, time(norm.ppf(q))
    rows = correlated(correlation, MOST_CALLS, runs, seed=5)
    passed, failed = rates(lambda row, look: judge_calls(row, limit, q, look, ALPHA), rows)
    assert failed <= binom.isf(1e-4, runs, ALPHA)
    assert passed <= binom.isf(1e-4, runs, 0.05)

    def as_if_independent(row, look):
        return judge_quantile(int((row > limit).sum()), len(row), q, look, ALPHA)

    if correlation >= 0.6:
        passed, failed = rates(as_if_independent, rows)
        assert failed > binom.isf(1e-4, runs, ALPHA)


@pytest.mark.parametrize("calls", [8, 16, 32])
def test_so_do_calls_too_few_for_their_correlation_to_be_estimated(calls):
    rows = correlated(0.9, calls, 1000, seed=6)
    verdicts = [judge_calls(row, 1.0, 0.5, 0, ALPHA) for row in rows]
    naive = [judge_quantile(int((row > 1).sum()), calls, 0.5, 0, ALPHA) for row in rows]
    assert verdicts.count("failed") <= binom.isf(1e-4, 1000, ALPHA)
    assert verdicts.count("passed") <= binom.isf(1e-4, 1000, 0.05)
    assert naive.count("failed") > 100


@pytest.mark.parametrize("correlation", [0, 0.9])
@pytest.mark.parametrize("off", [3, -3])
@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_limit_that_is_off_is_found_however_alike_neighbours_are(q, off, correlation):
    """Three standard deviations beyond the quantile, as a limit of half or twice the time usually is by far more."""
    rows = correlated(correlation, 4096, 50, seed=7)
    verdicts = [
        verdict(lambda row, look: judge_calls(row, time(norm.ppf(q) + off), q, look, 0.001), row) for row in rows
    ]
    assert set(verdicts) == {"passed" if off > 0 else "failed"}


@pytest.mark.parametrize("correlation", [0, 0.6, 0.9])
def test_the_correlation_time_is_that_of_the_process(correlation):
    # Of two normal values, both are beyond the median as often as the arcsine of their correlation says.
    worth = 1 + 2 * sum(2 / np.pi * np.arcsin(correlation**lag) for lag in range(1, 500))
    found = np.mean([alike(row, 0.5) for row in correlated(correlation, 16384, 20, seed=8)])
    # Never less, and with caution a little more.
    assert worth * 0.97 < found < worth * 1.6


def test_a_row_in_which_nothing_varies_or_that_turns_about_is_worth_all_of_its_calls():
    assert alike(np.ones(256), 0.5) == 1
    assert alike(np.tile([1.0, 2.0], 128), 0.5) == 1


def test_one_slow_stretch_is_as_alike_as_it_is_long():
    seconds = np.ones(256)
    seconds[100:150] = 2.0
    assert alike(seconds, 0.5) > 20
    # The quantile is among the slow ones, which none is over: the limit tells.
    assert alike(seconds, 0.95) == 1
    assert alike(seconds, 0.95, limit=1.5) > 20


def test_a_drift_that_stays_far_from_the_limit_leaves_nothing_open():
    drifting = np.linspace(1.0, 1.1, 64)
    assert alike(drifting, 0.5) > 20
    assert judge_calls(drifting, 1.25, 0.5, 0, ALPHA) == "passed"
    assert judge_calls(drifting, 0.85, 0.5, 0, ALPHA) == "failed"
    assert judge_calls(drifting, 1.12, 0.5, 0, ALPHA) == "undecided"
    assert judge_quantile(0, 64, 0.5, 0, ALPHA) == "passed"


def test_of_few_calls_the_limit_must_be_further_off():
    few = np.array([1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07])
    reach = 1.07 ** np.sqrt(64 / 8)
    for limit, expected in ((1.08 * reach, "passed"), (1.06 * reach, "undecided"), (0.99 / reach, "failed")):
        assert judge_calls(few, limit, 0.5, 0, ALPHA) == expected


@pytest.mark.parametrize(("over", "calls"), [(0, 64), (10, 64), (32, 64), (60, 64), (64, 64), (7, 100)])
def test_counting_fewer_calls_never_decides_what_all_of_them_leave_open(over, calls):
    whole = judge_quantile(over, calls, 0.5, 0, ALPHA)
    for worth in (1.01, 1.5, 3, 10, 64, 1000):
        assert judge_quantile(over, calls, 0.5, 0, ALPHA, alike=worth) in ("undecided", whole)


def test_the_interval_of_a_quantile_covers_it_however_alike_neighbours_are():
    rows = correlated(0.9, 512, 300, seed=9)

    def covered(worth):
        # None where the calls are worth too few for one.
        found = (quantile_interval(np.sort(row).tolist(), 0.5, alike=worth(row)) or (0, 9) for row in rows)
        return sum(low <= 1 <= high for low, high in found)

    assert covered(lambda row: alike(row, 0.5)) >= binom.ppf(1e-4, 300, 0.95)
    assert covered(lambda row: 1.0) < 200


@pytest.mark.parametrize(
    ("limit", "expected"), [(0.09, "failed"), (0.11, "undecided"), (39, "undecided"), (41, "passed")]
)
def test_a_limit_of_another_magnitude_is_far_off_whatever_one_call_did(limit, expected):
    few = np.array([1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert judge_calls(few, limit, 0.5, 0, ALPHA) == expected


def test_a_single_round_tells_as_much_as_itself():
    assert alike(np.array([0.5]), 0.5) == 1


def written_out(over: Any) -> float:
    """The correlation time by its description, one sum at a time."""
    n, centred = len(over), over - np.mean(over)
    own = float(centred @ centred)
    if own == 0:
        return 1.0
    correlations = [float(centred[lag:] @ centred[:-lag]) / own for lag in range(1, n // 2)]
    lags = 0
    while lags + 1 < len(correlations) and correlations[lags] + correlations[lags + 1] > 0:
        lags += 2
    total = sum(correlations[:lags])
    room = 1 - 2 * (lags - total) / n
    assert room > 0
    return min(n, max(1.0, (1 + 2 * total) / room * (1 + 2 * (math.sqrt((4 * lags + 2) / n) if lags else 0))))


ROWS = {
    "two halves": np.arange(64) < 32,
    "a third of the row": np.arange(90) < 30,
    "a quarter of the row": np.arange(64) < 16,
    "every second pair": np.arange(64) % 4 < 2,
    "every second": np.arange(64) % 2 < 1,
    "two of three": np.arange(65) % 3 < 2,
    "runs": np.random.default_rng(4).normal(size=400).cumsum() > 0,
    "short runs": np.repeat(np.random.default_rng(5).random(100) < 0.3, 4),
    "no pattern": np.random.default_rng(6).random(200) < 0.2,
    "pairs that skip one": np.convolve(np.random.default_rng(7).random(300) < 0.15, [1, 0, 1])[:300] > 0,
    "none": np.zeros(64, dtype=bool),
    "six in two halves": np.arange(6) < 3,
    "seven": np.arange(7) < 3,
    "two": np.array([True, False]),
    "one": np.array([True]),
}


@pytest.mark.parametrize("over", ROWS.values(), ids=ROWS)
def test_the_correlation_time_is_the_sum_of_what_neighbours_share(over: Any) -> None:
    assert module._correlation_time(over) == pytest.approx(written_out(over))
