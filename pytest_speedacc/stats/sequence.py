"""Latency against a base: bounds for the slow-down, valid however often they are looked at, or for a single look.

Every difference, bound and tolerance here is a logarithm of the ratio candidate / base: 0 is unchanged, and a
tolerance of 3 % enters as log(1.03).
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, TypeVar

SD_FLOOR = 0.003
"""The smallest launch-to-launch standard deviation believed: a few launches may agree better by luck."""

FEWEST_LAUNCHES = 4
"""The launch pairs before which nothing is decided."""

FEWEST_AS_USUAL = 3
"""The same where it is known how much launches usually differ."""

USUAL_FREEDOM = 6
"""The degrees of freedom that the usual spread counts for beside those of a gate's own launches."""

MUCH_WIDER = 1.5
"""How many times the usual spread a gate's own may be before the usual one says nothing of it."""

WITHIN = 0.05
"""How often a model whose slow-down is within the tolerance may fail before the budget ends."""

MIXTURE = 0.3
"""The weight of the mixture's prior, in launches: it sets at how many launches the bounds are tightest."""

LaunchVerdict = Literal["passed", "failed", "more", "inconclusive"]
Gate = TypeVar("Gate", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A slow-down, as a log-ratio, with a one-sided bound on either side."""

    mean: float
    """The estimate."""
    lower: float
    """The bound that the true slow-down lies above."""
    upper: float
    """The bound that the true slow-down lies below."""


def half_width(sd: float, k: int, level: float, floor: float = SD_FLOOR, beside: int = 0) -> float:
    """How far a one-sided bound at `level` lies from the mean of k launches with this standard deviation.

    The bound holds at all k at once with probability 1 - level: the t-mixture confidence sequence of Lindon
    et al., arXiv 2210.08589. Standard deviations below `floor` count as that. `beside` are the degrees of freedom that
    are behind `sd` besides those of the launches. Infinite while k is too small. Raises ValueError unless k >= 1 and
    0 < level < 0.5.
    """
    if k < 1 or not 0 < level < 0.5:
        raise ValueError(f"a bound needs k >= 1 and 0 < level < 0.5, got k = {k}, level = {level}")
    r = MIXTURE / (MIXTURE + k)
    q = (r * (2 * level) ** 2) ** (1 / (k + beside))
    if q <= r:
        return math.inf
    return max(sd, floor) / math.sqrt(k) * math.sqrt((k - 1 + beside) * (1 - q) / (q - r))


def half_width_once(sd: float, k: int, level: float, floor: float = SD_FLOOR, beside: int = 0) -> float:
    """The same for launches whose number was fixed beforehand and that are looked at once: Student's t.

    Nothing is paid for looks that are not taken, so it is narrower: by half for 8 launches at 5 %.
    """
    if k < 1 or not 0 < level < 0.5:
        raise ValueError(f"a bound needs k >= 1 and 0 < level < 0.5, got k = {k}, level = {level}")
    if k == 1:
        return math.inf
    return student_quantile(level, k - 1 + beside) * max(sd, floor) / math.sqrt(k)


@dataclass(frozen=True, slots=True)
class Spread:
    """How much launches differ, and how well that is known."""

    sd: float
    """Standard deviation."""
    beside: int
    """The degrees of freedom behind it besides those of the launches: USUAL_FREEDOM or none."""
    fewest: int
    """The launches before which nothing is decided."""


def spread_of(differences: Sequence[float], usual: float | None = None) -> Spread:
    """The spread of these launches: their own together with the `usual` one, or their own alone.

    The usual one counts for USUAL_FREEDOM degrees of freedom, as a conjugate prior of the variance does (Smyth,
    Statistical Applications in Genetics and Molecular Biology 3(1), 2004, moderates t-tests so). It does not count
    where their own is more than MUCH_WIDER times as large. Raises ValueError as `mean_and_sd` does.
    """
    own, freedom = mean_and_sd(differences)[1], len(differences) - 1
    if usual is None or own > MUCH_WIDER * usual:
        return Spread(own, 0, FEWEST_LAUNCHES)
    pooled = (freedom * own**2 + USUAL_FREEDOM * usual**2) / (freedom + USUAL_FREEDOM)
    return Spread(math.sqrt(pooled), USUAL_FREEDOM, FEWEST_AS_USUAL)


def usual_spreads(launches: Mapping[Gate, Sequence[float]]) -> dict[Gate, float]:
    """By gate, the standard deviation between launches pooled over all *other* gates, where enough is known of them.

    Of those as many launches count as the gate itself has, so that more of them later do not change what was decided.
    """
    found = {}
    for count in {len(each) for each in launches.values() if each}:
        first = {gate: each[:count] for gate, each in launches.items() if each}
        squares = {gate: (len(each) - 1) * mean_and_sd(each)[1] ** 2 for gate, each in first.items()}
        total, freedom = math.fsum(squares.values()), sum(len(each) - 1 for each in first.values())
        for gate, each in launches.items():
            of_others = freedom - (count - 1)
            if len(each) == count and of_others >= USUAL_FREEDOM:
                found[gate] = math.sqrt(max(0.0, total - squares[gate]) / of_others)
    return found


def launch_bounds(
    differences: Sequence[float],
    alpha: float,
    beta: float = 0.05,
    *,
    usual: float | None = None,
    once: bool = False,
) -> Bounds:
    """The mean of the launch pairs' differences, its lower bound at `alpha` and its upper bound at `beta`.

    They hold for a single look with `once`, else for any number. `usual` is the spread that launches usually have.
    Raises ValueError when there are no differences or one is not finite.
    """
    mean, width = mean_and_sd(differences)[0], _width(differences, usual, once)
    return Bounds(mean, mean - width(alpha), mean + width(beta))


def _width(differences: Sequence[float], usual: float | None, once: bool) -> Callable[[float], float]:
    """How far a bound lies from the mean, by its level."""
    spread, width = spread_of(differences, usual), half_width_once if once else half_width
    return lambda level: width(spread.sd, len(differences), level, beside=spread.beside)


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
    differences: Sequence[float],
    wanted_log: float,
    alpha: float,
    beta: float = 0.05,
    *,
    usual: float | None = None,
    once: bool = False,
) -> Gain:
    """Whether the launch pairs show a speed-up of `wanted_log`, a negative log-ratio: a failure turned round.

    A gain is shown at `alpha`, and given up at `beta`. Raises as `launch_bounds` does, which says what `usual` and
    `once` are.
    """
    bounds = launch_bounds(differences, beta, alpha, usual=usual, once=once)
    enough = len(differences) >= spread_of(differences, usual).fewest
    shown = enough and bounds.upper <= wanted_log
    return Gain(bounds.mean, bounds.upper, shown, not shown and not (enough and bounds.lower > wanted_log))


def judge_launches(
    differences: Sequence[float],
    tolerance_log: float,
    alpha: float,
    budget_left: bool,
    *,
    usual: float | None = None,
    once: bool = False,
) -> LaunchVerdict:
    """Whether the slow-down is within the tolerance, beyond it, or needs another launch to tell.

    To be asked after every launch; `budget_left` says whether another is possible. An unchanged model fails
    with a probability of at most `alpha` over all looks, and one slower than the tolerance passes with at
    most 5 %. One whose slow-down is within the tolerance fails with at most 5 % while there is budget left; at its
    end the estimate decides. With `once` all that holds for the single look at a number of launches that was fixed
    beforehand. `usual` is the spread that launches usually have, which is believed unless theirs is much wider.
    """
    undecided: LaunchVerdict = "more" if budget_left else "inconclusive"
    if not differences or len(differences) < spread_of(differences, usual).fewest:
        return undecided
    bounds = launch_bounds(differences, alpha, usual=usual, once=once)
    if bounds.upper < tolerance_log:
        return "passed"
    # Two questions, each at its own error rate: whether it is slower at all, since no unchanged model may fail, and
    # whether it is slower than is allowed, which can be asked less strictly.
    beyond = launch_bounds(differences, WITHIN, usual=usual, once=once).lower if budget_left else bounds.mean
    if bounds.lower > tolerance_log / 5 and beyond > tolerance_log:
        return "failed"
    return undecided


def resolution(
    differences: Sequence[float],
    tolerance_log: float,
    alpha: float,
    *,
    usual: float | None = None,
    once: bool = False,
) -> float:
    """The smallest slow-down, as a log-ratio, that these launches would have failed had they shown it.

    Infinite while there are too few launches to fail anything. Raises as `launch_bounds` does.
    """
    if len(differences) < spread_of(differences, usual).fewest:
        return math.inf
    return max(tolerance_log, tolerance_log / 5 + _width(differences, usual, once)(alpha))


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
