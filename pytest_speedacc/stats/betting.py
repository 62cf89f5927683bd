"""Bounded scores without an assumption about their spread: what somebody wins who bets against a mean."""

import math
from collections.abc import Sequence

STAKES = tuple(share / 8 for share in range(1, 9))
"""Of what may be staked at most; the winnings are those of equal shares on each."""


def winnings(scores: Sequence[float], mean: float) -> float:
    """What a stake of 1 has grown to by betting, score after score, that scores within 0 to 1 average more than `mean`.

    Where they do not, it ever reaches 1/a with a probability of at most a, over all looks and whatever the distribution
    (Waudby-Smith and Ramdas, Journal of the Royal Statistical Society B 86, 2024). A score of x multiplies a stake c
    by 1 + c(x - mean)/mean, which is never negative.
    """
    if mean <= 0:
        return math.inf if mean < 0 or any(score > 0 for score in scores) else 1.0
    return math.fsum(math.prod(1 + stake * (score / mean - 1) for score in scores) for stake in STAKES) / len(STAKES)
