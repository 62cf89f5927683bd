"""Exact binomial tails and the exact interval for a proportion."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def at_most(t: int, n: int, p: float) -> float:
    """P[Bin(n, p) <= t], to about 1e-12 for n up to a million.

    Raises ValueError when n is negative or p lies outside 0 to 1.
    """
    start, probabilities = _probabilities(n, p)
    return min(1.0, float(probabilities[: max(0, t - start + 1)].sum()))


def at_least(t: int, n: int, p: float) -> float:
    """P[Bin(n, p) >= t], to about 1e-12 for n up to a million.

    Raises ValueError when n is negative or p lies outside 0 to 1.
    """
    start, probabilities = _probabilities(n, p)
    return min(1.0, float(probabilities[max(0, t - start) :].sum()))


def proportion_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval for a proportion (Clopper and Pearson, Biometrika 26, 1934).

    Raises ValueError unless 0 <= successes <= n, n >= 1 and 0 < confidence < 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"a proportion needs 0 <= successes <= n and n >= 1, got {successes} of {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    tail = (1 - confidence) / 2
    return _lower_limit(successes, n, tail), 1 - _lower_limit(n - successes, n, tail)


def _lower_limit(successes: int, n: int, tail: float) -> float:
    """The p at which `successes` or more of n have probability `tail`; 0 when there are no successes."""
    if successes == 0:
        return 0.0
    low, high = 0.0, successes / n
    for _ in range(60):  # halves an interval of at most 1 to below 1e-18
        middle = (low + high) / 2
        if at_least(successes, n, middle) > tail:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _probabilities(n: int, p: float) -> tuple[int, npt.NDArray[np.floating[Any]]]:
    """The first count kept, and the probability of each count from there on, about the mode.

    Each probability is the product of the exact ratios of neighbours, starting from 1 at the mode, and the
    sum makes them probabilities. No gamma function is involved, whose logarithm alone would cost nine
    digits' worth of cancellation at n = 1e6. Beyond 12 standard deviations and 60 counts nothing above
    1e-30 is left.
    """
    if n < 0 or not 0 <= p <= 1:
        raise ValueError(f"a binomial needs n >= 0 and 0 <= p <= 1, got n = {n}, p = {p}")
    mode = min(n, int((n + 1) * p))
    reach = int(12 * math.sqrt(n * p * (1 - p))) + 60
    up = np.arange(mode + 1, min(n, mode + reach) + 1, dtype=float)
    down = np.arange(mode, max(0, mode - reach), -1, dtype=float)
    above = np.cumprod((n - up + 1) * p / (up * (1 - p)))
    below = np.cumprod(down * (1 - p) / ((n - down + 1) * p))
    weights = np.concatenate((below[::-1], [1.0], above))
    return mode - len(below), weights / weights.sum()
