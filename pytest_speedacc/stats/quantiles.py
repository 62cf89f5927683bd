"""Quantiles of a latency: their intervals, and whether one lies within a limit.

A quantile is within a limit when few enough calls are over it, so every question here is about a binomial
count and none assumes a shape of the distribution.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

from .binomial import at_least, at_most

FIRST_LOOK = 64

QuantileVerdict = Literal["passed", "failed", "undecided"]


def look_sizes() -> Iterator[int]:
    """The numbers of calls after which a latency limit is judged: 64, 128, 256, and so on without end."""
    return (FIRST_LOOK << look for look in itertools.count())


def spend(level: float, look: int) -> float:
    """The share of `level` that look 0, 1, 2, ... may use: a half, a quarter, an eighth, and so on."""
    return level * 0.5 ** (look + 1)


def judge_quantile(
    over: int, calls: int, q: float, look: int, alpha: float, confidence_level: float = 0.05, alike: float = 1.0
) -> QuantileVerdict:
    """Whether the q-quantile of the latency lies within a limit that `over` of `calls` calls exceeded.

    Over all looks together, a quantile above the limit passes with a probability of at most
    `confidence_level`, and one within the limit fails with at most `alpha`. That holds for calls that vary
    independently, counted at the sizes of `look_sizes`: a size chosen after seeing the times voids it. Where
    `alike` calls tell as much as one independent call, so many fewer are counted. The test of a single look is
    that of MLPerf LoadGen's early stopping.

    Raises ValueError unless 0 <= over <= calls and 0 < q < 1.
    """
    if not 0 <= over <= calls:
        raise ValueError(f"the calls over the limit must be 0 to {calls}, got {over}")
    _require_quantile(q)
    # Rounded so that neither verdict gains by it.
    most_over, fewest = math.ceil(over / alike), math.floor(calls / alike)
    if at_most(most_over, max(most_over, fewest), 1 - q) <= spend(confidence_level, look):
        return "passed"
    if at_least(math.floor(over / alike), math.ceil(calls / alike), 1 - q) < spend(alpha, look):
        return "failed"
    return "undecided"


@lru_cache(maxsize=4096)  # a search over binomial tails, asked of the same few sizes by every gate of a run
def largest_allowed(calls: int, q: float, level: float) -> int | None:
    """The most calls over the limit that still show, looking once, that the q-quantile lies within it.

    `level` is the probability of being wrong (0.01 for a confidence of 99 %). None when `calls` are too few
    to show it even with none over the limit. Raises ValueError unless 0 < q < 1.
    """
    _require_quantile(q)
    t = bisect_right(range(calls + 1), level, key=lambda over: at_most(over, calls, 1 - q)) - 1
    return t if t >= 0 else None


def quantile_interval(
    sorted_values: Sequence[float], q: float, confidence: float = 0.95, alike: float = 1.0
) -> tuple[float, float] | None:
    """Two of the values (in ascending order) that enclose the true q-quantile, whatever the distribution.

    The order-statistic interval (David and Nagaraja, Order Statistics, section 7.1), with half of the error
    on either side. None when the values are too few to enclose that quantile at that confidence; `alike` of
    them count as one. Raises ValueError unless 0 < q < 1.
    """
    n, tail = len(sorted_values), (1 - confidence) / 2
    worth = math.floor(n / alike)
    below, above = largest_allowed(worth, 1 - q, tail), largest_allowed(worth, q, tail)
    if below is None or above is None:
        return None
    return float(sorted_values[math.floor(below * alike)]), float(sorted_values[n - 1 - math.floor(above * alike)])


def _require_quantile(q: float) -> None:
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies between 0 and 1, got {q}")
