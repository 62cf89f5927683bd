"""Calls that are alike: how many of them tell as much as one would alone, and limits so far off that it is no matter.

A neighbour that is busy, a clock that drifts or inputs in an order make one call like the next. Their number then
overstates what they tell of a quantile.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .quantiles import QuantileVerdict, judge_quantile

CAUTION = 2
"""Standard errors by which a correlation time is taken to be longer than it is estimated."""
PARTS = 8
"""Of a row of calls, compared with each other."""
FEWEST = 64
"""Calls from which on their correlation can be estimated; with fewer, only a limit that is far off is decided."""
MOST_WANDERING = 10
"""The factor by which a limit beyond all parts of a row is far off whatever lies between them."""
SHORTEST = 1e-12
"""Seconds that stand for a call that took no tick of the clock."""

Values = npt.NDArray[np.floating[Any]]


def judge_calls(values: Values, limit: float, q: float, look: int, alpha: float) -> QuantileVerdict:
    """Whether the q-quantile of what these calls, in their order, are drawn from lies within ``limit``, above 0.

    As ``judge_quantile``, whose error rates are then those of calls that vary independently. Here a verdict also needs
    one of two things: that as many independent calls as these are worth would have shown it, or that the limit is
    further off than the calls' own wandering reaches.
    """
    over = int((values > limit).sum())
    verdict = judge_quantile(over, len(values), q, look, alpha)
    if verdict == "undecided" or verdict == _beyond(values, limit, q):
        return verdict
    if len(values) < FEWEST:
        return "undecided"
    return judge_quantile(over, len(values), q, look, alpha, alike=alike(values, q, limit))


def alike(values: Values, q: float, limit: float | None = None) -> float:
    """How many calls of this row tell as much about its q-quantile as one independent call would; 1 at the least.

    The correlation time of being over the quantile, or over ``limit`` where some calls are and some are not: of the
    two the longer.
    """
    at = float(np.quantile(values, q))
    return max(_correlation_time(values > each) for each in (at, limit) if each is not None)


def _correlation_time(over: npt.NDArray[np.bool_]) -> float:
    """1 + twice the sum of the autocorrelations, with caution: a mean of n varies as one of n divided by this would.

    Summed in pairs until one is negative, as those of a row without a pattern are (Geyer, *Practical Markov Chain Monte
    Carlo*, Statistical Science 7, 1992). What was taken out with the row's own mean is put back.
    """
    n = len(over)
    centred = over - over.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariances = np.fft.irfft(spectrum)[: n // 2]
    if n < 2 or covariances[0] <= 0:  # all over, or none: nothing varies
        return 1.0
    correlations = covariances[1:] / covariances[0]
    pairs = correlations[: len(correlations) // 2 * 2].reshape(-1, 2).sum(axis=1)
    lags = 2 * int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else 2 * len(pairs)
    total = float(correlations[:lags].sum())
    room = 1 - 2 * (lags - total) / n  # above 0, since fewer lags than half of the calls are counted
    error = math.sqrt((4 * lags + 2) / n) if lags else 0.0  # Sokal's, relative
    return min(float(n), max(1.0, (1 + 2 * total) / room * (1 + CAUTION * error)))


def _beyond(values: Values, limit: float, q: float) -> QuantileVerdict:
    """Where the quantiles of all parts of the row lie, when the limit is further from them than they from each other.

    As factors, since times are positive. A row of few calls has wandered less than it may: of n the limit must be
    √(64/n) times as far. No wandering reaches MOST_WANDERING.
    """
    parts = np.array_split(values, min(PARTS, len(values)))
    quantiles = [math.log(max(float(np.quantile(part, q)), SHORTEST)) for part in parts]
    lowest, highest, at = min(quantiles), max(quantiles), math.log(limit)
    reach = (highest - lowest) * max(1.0, math.sqrt(FEWEST / len(values)))
    reach = min(reach, math.log(MOST_WANDERING))
    if highest + reach <= at:
        return "passed"
    return "failed" if lowest - reach > at else "undecided"
