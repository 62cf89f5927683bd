"""What many launches of unchanged models show: whether one side is favoured, and whether launches are independent."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .record import Suite

Z = 1.96
"""Of a 95 % interval, for the mean of many launches."""


@dataclass(frozen=True, slots=True)
class Bias:
    """By how much the two sides of one unchanged model differ, one way round and the other."""

    gate: str
    usual: tuple[float, float] | None
    """Mean log-ratio, and the half width of its 95 % interval; None where not measured."""
    swapped: tuple[float, float] | None
    """The same with the trees exchanged."""


def biases(suites: Sequence[Suite]) -> list[Bias]:
    """By gate, from suites of unchanged models that nothing has stopped."""
    found: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)
    for suite in suites:
        for gate, launches in suite.launches.items():
            found[gate, suite.cell.swapped] += [launch.difference for launch in launches]
    names = dict.fromkeys(gate for gate, _ in found)
    return [Bias(gate, _mean(found[gate, False]), _mean(found[gate, True])) for gate in names]


def _mean(differences: Sequence[float]) -> tuple[float, float] | None:
    if len(differences) < 2:
        return None
    return statistics.fmean(differences), Z * statistics.stdev(differences) / math.sqrt(len(differences))


def side_to_side(found: Sequence[Bias]) -> float:
    """The standard deviation over the gates of what the sides truly differ by, with what chance explains taken out."""
    means = [one for bias in found for one in (bias.usual, bias.swapped) if one is not None]
    chance = statistics.fmean((half / Z) ** 2 for _, half in means)
    return math.sqrt(max(0.0, statistics.fmean(mean**2 for mean, _ in means) - chance))


def correlation(suites: Sequence[Suite]) -> tuple[float, float]:
    """How much a launch resembles the one before it: the mean over the gates, and the half width of its 95 % interval.

    Of independent launches it is 0. The bias of -1/n that a correlation of n of them with their own mean has is taken
    out.
    """
    found = []
    for suite in suites:
        for launches in suite.launches.values():
            mean = statistics.fmean(launch.difference for launch in launches)
            left = [launch.difference - mean for launch in launches]
            products = math.fsum(first * second for first, second in pairwise(left))
            found.append(products / math.fsum(each**2 for each in left) + 1 / len(left))
    return statistics.fmean(found), Z * statistics.stdev(found) / math.sqrt(len(found))
