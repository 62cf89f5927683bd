"""Two models on the same samples, by a score that is no share of right answers: by how much it moved."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import GateError
from .paired import Interval
from .sequence import student_quantile

MOST_UNDEFINED = 0.1
"""The share of resamples that may leave a score undefined before an interval is refused."""
GROUPS = 200
"""Of samples at most, that the jackknife leaves out in turn."""

Score = Callable[[npt.NDArray[np.intp]], float]
"""The score of one model on the samples with these indices, shape (samples,), repeats included."""
Pairs = npt.NDArray[np.floating[Any]]
"""Scores of base and candidate, shape (times, 2)."""


def score_difference(
    base: Score,
    candidate: Score,
    samples: int,
    *,
    within_unit: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """The difference of two scores, candidate minus base, with its two-sided interval.

    Both models are scored on the same resampled indices, so what the samples share cancels (Efron and Tibshirani, An
    Introduction to the Bootstrap, chapter 13). The percentiles of the bootstrap alone are too narrow where samples are
    few, and miss the skew where a score is near its end. So each end is the farther one of two: of the percentiles,
    as far out as Student's t asks for (Hesterberg, The American Statistician 69, 2015), and of what the jackknife's
    standard error gives. For a score that lies within 0 to 1 (``within_unit``) that is an interval of the log-odds of
    either model, joined by how much they vary together (MOVER: Zou and Donner, Statistics in Medicine 27, 2008).

    A resample on which either score is undefined (not finite, or raising ValueError, as ROC AUC does on one class) is
    left out. Raises GateError when the difference is undefined on the samples themselves, or on more than a tenth of
    the resamples.
    """

    def scores(indices: npt.NDArray[np.intp]) -> tuple[float, float]:
        try:
            return float(base(indices)), float(candidate(indices))
        except ValueError:
            return math.nan, math.nan

    former, present = scores(np.arange(samples))
    if not (math.isfinite(former) and math.isfinite(present)):
        raise GateError(f"The score is undefined on these {samples} samples; use others or another score.")
    random = np.random.default_rng(seed)
    drawn = _defined([scores(random.integers(samples, size=samples)) for _ in range(resamples)])
    undefined = resamples - len(drawn)
    if undefined > MOST_UNDEFINED * resamples:
        raise GateError(
            f"The score is undefined on {undefined} of {resamples} resamples of these {samples} samples "
            f"(at most {MOST_UNDEFINED:.0%} may be); add samples of the rare kind."
        )
    tail = (1 - confidence) / 2
    low, high = _percentiles(drawn, samples, tail)
    groups = random.permutation(samples) % min(samples, GROUPS)
    without = _defined([scores(np.flatnonzero(groups != group)) for group in range(int(groups.max()) + 1)])
    if len(without) > 1:
        nearer, farther = _by_error(former, present, without, tail, within_unit)
        low, high = min(low, nearer), max(high, farther)
    return Interval(present - former, low, high)


def _defined(pairs: list[tuple[float, float]]) -> Pairs:
    every: Pairs = np.array(pairs)
    defined: Pairs = every[np.isfinite(every).all(axis=1)]
    return defined


def _percentiles(drawn: Pairs, samples: int, tail: float) -> tuple[float, float]:
    """Of the resampled differences, the tail as much further out as few samples spread less than they should."""
    if samples > 1:
        stretch = math.sqrt(samples / (samples - 1)) * student_quantile(tail, samples - 1)
        tail = NormalDist().cdf(-stretch)
    low, high = np.quantile(drawn[:, 1] - drawn[:, 0], [tail, 1 - tail])
    return float(low), float(high)


def _by_error(former: float, present: float, without: Pairs, tail: float, within_unit: bool) -> tuple[float, float]:
    """The ends that the standard error puts, from the scores ``without`` each group of samples."""
    count, change = len(without), present - former
    covariance = (count - 1) ** 2 / count * np.cov(without, rowvar=False)
    t = student_quantile(tail, count - 1)
    if not within_unit:
        half = t * math.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
        return change - half, change + half
    errors = np.sqrt(np.diag(covariance))
    together = float(covariance[0, 1] / errors.prod()) if errors.all() else 0.0
    (l1, u1), (l2, u2) = (_by_odds(score, t * error) for score, error in zip((former, present), errors, strict=True))

    def joined(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 + other**2 - 2 * together * one * other))

    return change - joined(present - l2, u1 - former), change + joined(u2 - present, former - l1)


def _by_odds(score: float, half: float) -> tuple[float, float]:
    """The ends of an interval of this half-width about a score, moved to where its log-odds put them."""
    if not 0 < score < 1:
        return score, score
    odds, wide = score / (1 - score), math.exp(min(half / (score * (1 - score)), 100.0))
    return odds / wide / (1 + odds / wide), odds * wide / (1 + odds * wide)
