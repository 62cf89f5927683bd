"""Latency against a base: bounds for the slow-down, valid however often they are looked at, or for a single look.

Every difference, bound and tolerance here is a logarithm of the ratio candidate / base: 0 is unchanged, and a
tolerance of 3 % enters as log(1.03).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

SD_FLOOR = 0.003
"""The smallest launch-to-launch standard deviation believed: a few launches may agree better by luck."""

FEWEST_LAUNCHES = 4
"""The launch pairs before which nothing is decided."""

WITHIN = 0.05
"""How often a model whose slow-down is within the tolerance may fail before the budget ends."""

MIXTURE = 0.3
"""The weight of the mixture's prior, in launches: it sets at how many launches the bounds are tightest."""

LaunchVerdict = Literal["passed", "failed", "more", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A slow-down, as a log-ratio, with a one-sided bound on either side."""

    mean: float
    """The estimate."""
    lower: float
    """The bound that the true slow-down lies above."""
    upper: float
    """The bound that the true slow-down lies below."""


def half_width(sd: float, k: int, level: float, floor: float = SD_FLOOR) -> float:
    """How far a one-sided bound at `level` lies from the mean of k launches with this standard deviation.

    The bound holds at all k at once with probability 1 - level: the t-mixture confidence sequence of Lindon
    et al., arXiv 2210.08589. Standard deviations below `floor` count as that. Infinite while k is too
    small. Raises ValueError unless k >= 1 and 0 < level < 0.5.
    """
    if k < 1 or not 0 < level < 0.5:
        raise ValueError(f"a bound needs k >= 1 and 0 < level < 0.5, got k = {k}, level = {level}")
    r = MIXTURE / (MIXTURE + k)
    q = (r * (2 * level) ** 2) ** (1 / k)
    if q <= r:
        return math.inf
    return max(sd, floor) / math.sqrt(k) * math.sqrt((k - 1) * (1 - q) / (q - r))


def half_width_once(sd: float, k: int, level: float, floor: float = SD_FLOOR) -> float:
    """The same for launches whose number was fixed beforehand and that are looked at once: Student's t.

    Nothing is paid for looks that are not taken, so it is narrower: by half for 8 launches at 5 %.
    """
    if k < 1 or not 0 < level < 0.5:
        raise ValueError(f"a bound needs k >= 1 and 0 < level < 0.5, got k = {k}, level = {level}")
    if k == 1:
        return math.inf
    return student_quantile(level, k - 1) * max(sd, floor) / math.sqrt(k)


def launch_bounds(differences: Sequence[float], alpha: float, beta: float = 0.05, *, once: bool = False) -> Bounds:
    """The mean of the launch pairs' differences, its lower bound at `alpha` and its upper bound at `beta`.

    They hold for a single look with `once`, else for any number. Raises ValueError when there are no differences or one
    is not finite.
    """
    k, mean, sd = len(differences), *mean_and_sd(differences)
    width = half_width_once if once else half_width
    return Bounds(mean, mean - width(sd, k, alpha), mean + width(sd, k, beta))


@dataclass(frozen=True, slots=True)
class Gain:
    """How much faster something is, as a log-ratio, which is negative then."""

    change: float
    """The estimate."""
    at_most: float
    """The bound that the true change lies below, at the error rate of a failure."""
    is_shown: bool
    """Whether that bound clears what is asked for."""
    is_open: bool
    """Whether more launches could still show it."""


def launch_gain(
    differences: Sequence[float], wanted_log: float, alpha: float, beta: float = 0.05, *, once: bool = False
) -> Gain:
    """Whether the launch pairs show a speed-up of `wanted_log`, a negative log-ratio: a failure turned round.

    A gain is shown at `alpha`, and given up at `beta`. Raises as `launch_bounds` does, which says what `once` is.
    """
    bounds = launch_bounds(differences, beta, alpha, once=once)
    enough = len(differences) >= FEWEST_LAUNCHES
    shown = enough and bounds.upper <= wanted_log
    return Gain(bounds.mean, bounds.upper, shown, not shown and not (enough and bounds.lower > wanted_log))


def judge_launches(
    differences: Sequence[float], tolerance_log: float, alpha: float, budget_left: bool, *, once: bool = False
) -> LaunchVerdict:
    """Whether the slow-down is within the tolerance, beyond it, or needs another launch to tell.

    To be asked after every launch; `budget_left` says whether another is possible. An unchanged model fails
    with a probability of at most `alpha` over all looks, and one slower than the tolerance passes with at
    most 5 %. One whose slow-down is within the tolerance fails with at most 5 % while there is budget left; at its
    end the estimate decides. With `once` all that holds for the single look at a number of launches that was fixed
    beforehand.
    """
    undecided: LaunchVerdict = "more" if budget_left else "inconclusive"
    if len(differences) < FEWEST_LAUNCHES:
        return undecided
    bounds = launch_bounds(differences, alpha, once=once)
    if bounds.upper < tolerance_log:
        return "passed"
    # Two questions, each at its own error rate: whether it is slower at all, since no unchanged model may fail, and
    # whether it is slower than is allowed, which can be asked less strictly.
    beyond = launch_bounds(differences, WITHIN, once=once).lower if budget_left else bounds.mean
    if bounds.lower > tolerance_log / 5 and beyond > tolerance_log:
        return "failed"
    return undecided


def resolution(differences: Sequence[float], tolerance_log: float, alpha: float, *, once: bool = False) -> float:
    """The smallest slow-down, as a log-ratio, that these launches would have failed had they shown it.

    Infinite while there are too few launches to fail anything. Raises as `launch_bounds` does.
    """
    _, sd = mean_and_sd(differences)
    if len(differences) < FEWEST_LAUNCHES:
        return math.inf
    width = half_width_once if once else half_width
    return max(tolerance_log, tolerance_log / 5 + width(sd, len(differences), alpha))


def prediction_interval(mean: float, sd: float, k: int, k0: int, floor: float, level: float) -> Bounds:
    """The slow-down against a stored base, with a bound on either side at `level`, to be looked at once.

    `mean` is the difference of the log-ratios to the yardstick, `sd` their launch-to-launch standard
    deviation pooled over the candidate's k and the base's k0 launches, and `floor` the standard deviation
    that baselines have shown from day to day, which no number of launches reduces. `sd` is estimated from a
    handful of launches, so its part is scaled by Student's t with k + k0 - 2 degrees of freedom (with 6
    launches a side, the normal would err twice as often as it says at 1 %); `floor` is taken as known and
    scaled by the normal. The parts are independent and add in quadrature, each with its own quantile
    (MOVER: Zou and Donner, Statistics in Medicine 27, 2008).

    Raises ValueError unless k and k0 are at least 1, together at least 3, and 0 < level < 0.5.
    """
    if min(k, k0) < 1 or k + k0 < 3 or not 0 < level < 0.5:
        raise ValueError(f"a prediction needs launches on both sides and 0 < level < 0.5, got {k}, {k0}, {level}")
    launches = student_quantile(level, k + k0 - 2) * max(sd, SD_FLOOR) * math.sqrt(1 / k + 1 / k0)
    days = NormalDist().inv_cdf(1 - level) * floor
    half = math.hypot(launches, days)
    return Bounds(mean, mean - half, mean + half)


def mean_and_sd(differences: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation (n - 1); a single difference has no spread, and counts as 0."""
    if not differences or not all(map(math.isfinite, differences)):
        raise ValueError(f"differences must be finite and at least one, got {list(differences)}")
    k = len(differences)
    mean = math.fsum(differences) / k
    return mean, math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / max(1, k - 1))


@lru_cache(maxsize=1024)  # a bisection, asked for the same few levels again and again
def student_quantile(level: float, freedom: int) -> float:
    """The t that Student's distribution with whole degrees of freedom exceeds with probability `level`.

    Bisection on the angle whose tangent is t / sqrt(freedom), in which the distribution is a finite sum
    (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        if _student_within(angle, freedom) < 1 - 2 * level:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan(low)


def _student_within(angle: float, freedom: int) -> float:
    """P[|T| < sqrt(freedom) * tan(angle)] for Student's T."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for j in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine**2 * (j - 1) / j
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
