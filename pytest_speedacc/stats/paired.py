"""Two models on the same samples: what flipped, whether that is chance, and by how much the share of right moved."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from .binomial import at_least


@dataclass(frozen=True, slots=True)
class Flips:
    """How the outcomes of two models differ on the same samples."""

    lost: int
    """Samples that the base had right and the candidate has wrong."""
    gained: int
    """Samples that the base had wrong and the candidate has right."""
    samples: int
    """All samples compared, flipped or not."""

    def __post_init__(self) -> None:
        if min(self.lost, self.gained) < 0 or self.samples < max(1, self.lost + self.gained):
            raise ValueError(f"{self.lost} lost and {self.gained} gained do not fit {self.samples} samples")


@dataclass(frozen=True, slots=True)
class McNemar:
    """The exact McNemar test: how often chance alone would flip this many of the flipped samples one way."""

    two_sided: float
    """The p-value against a change in either direction."""
    worse: float
    """The p-value against a change for the worse."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference, candidate minus base, and the interval that encloses its true value."""

    estimate: float
    """The difference observed."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""


def mcnemar(lost: int, gained: int) -> McNemar:
    """The exact (binomial) McNemar test of the flipped samples; both p-values are 1 when nothing flipped."""
    flipped = lost + gained
    worse, better = at_least(lost, flipped, 0.5), at_least(gained, flipped, 0.5)
    return McNemar(two_sided=min(1.0, 2 * min(worse, better)), worse=worse)


def difference_interval(flips: Flips, confidence: float = 0.95) -> Interval:
    """The difference of the share that is right, as a fraction, and its two-sided interval.

    Tango's score interval (Statistics in Medicine 17, 1998), which keeps a width when nothing flipped. The
    simpler interval of Bonett and Price was tried: where the flips all go one way, it understates the drop
    twice as often as it claims to, and that is the side on which a drop would be called harmless.
    """
    estimate = (flips.gained - flips.lost) / flips.samples
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return Interval(estimate, _score_limit(flips, -1.0, estimate, z), _score_limit(flips, estimate, 1.0, -z))


def _score_limit(flips: Flips, low: float, high: float, z: float) -> float:
    """The difference between low and high from which the observed one lies z standard errors above.

    The standard error is the one that would hold if that difference were the true one.
    """
    n, lost, gained = flips.samples, flips.lost, flips.gained
    for _ in range(60):
        middle = (low + high) / 2
        # The most likely share of lost samples, given the difference: the larger root of a quadratic.
        b = (2 * n - gained + lost) * middle - gained - lost
        c = -lost * middle * (1 - middle)
        share = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        error = math.sqrt(max(0.0, n * (2 * share + middle * (1 - middle))))
        if gained - lost - n * middle > z * error:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def resolvable_drop(flips: Flips, level: float = 0.05) -> float | None:
    """The smallest drop, as a fraction of the samples, that the exact test could call worse at `level`.

    The gained samples are taken as observed. None when even losing every other sample would not have
    sufficed.
    """
    for lost in range(flips.gained + 1, flips.samples - flips.gained + 1):
        if mcnemar(lost, flips.gained).worse <= level:
            return (lost - flips.gained) / flips.samples
    return None
