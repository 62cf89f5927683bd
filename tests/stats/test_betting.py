"""Betting against a mean: fair where the mean is that, and hopeless above it, whatever the distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_speedacc.stats.betting import winnings

LEVEL = 0.05


def worst_case(random: np.random.Generator, shape: tuple[int, int], mean: float) -> Any:
    """0 or 1: the widest distribution of that mean."""
    return (random.random(shape) < mean).astype(float)


def collapsing(random: np.random.Generator, shape: tuple[int, int], mean: float) -> Any:
    """A constant, or nothing under one seed in twenty."""
    return np.where(random.random(shape) < 0.05, 0.0, mean / 0.95)


@pytest.mark.parametrize("draw", [worst_case, collapsing])
@pytest.mark.parametrize("mean", [0.1, 0.5, 0.9])
def test_a_bet_against_the_true_mean_is_rarely_ever_won(draw: Any, mean: float) -> None:
    runs, most = 300, 80
    scores = draw(np.random.default_rng(4), (runs, most), mean)
    ever = [any(winnings(row[:k], mean) >= 1 / LEVEL for k in range(1, most, 8)) for row in scores.tolist()]
    assert np.mean(ever) <= LEVEL + 2 * math.sqrt(LEVEL / runs)


def test_a_bet_that_is_right_is_won_soon() -> None:
    assert winnings([0.93] * 7, 0.5) >= 20 > winnings([0.93] * 6, 0.5)
    # Of scores so close, one in thirty might be 0 and the mean be no more than that: nothing can be shown soon.
    assert winnings([0.93] * 90, 0.9) < 20 < winnings([0.93] * 150, 0.9)


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.01, 1), st.floats(1.01, 2))
def test_a_lower_mean_is_never_harder_to_beat(scores: list[float], mean: float, more: float) -> None:
    assert winnings(scores, mean / more) >= winnings(scores, mean) * (1 - 1e-9)


def test_the_ends_of_the_range() -> None:
    assert winnings([], 0.5) == 1
    assert winnings([0.0, 0.0], 0) == 1
    assert winnings([0.0, 0.1], 0) == math.inf
    assert winnings([0.0], -0.1) == math.inf
    assert winnings([1.0, 1.0], 1) == 1
    assert 0 < winnings([0.0] * 3, 0.5) < 1
