"""Exact binomial tails."""

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
