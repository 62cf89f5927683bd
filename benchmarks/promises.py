"""How often the interval of a difference of two scores misses the true one, simulated where the truth is known.

``python -m benchmarks.promises`` takes some minutes, prints a row a case, and ends with exit code 1 where an end misses
more often than is promised (docs/verdict.md). Percentiles of the bootstrap alone, which is what the plugin took before,
stand beside it. Faster simulations of the other promises are in tests/.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from pytest_speedacc.judge.pairing import CONFIDENCE, RESAMPLES
from pytest_speedacc.stats.resampling import Score, score_difference

Values = np.ndarray[Any, Any]
Drawn = tuple[Score, Score, int]
"""Base, candidate and samples of one evaluation set."""
Case = tuple[str, float, bool, float, Callable[[np.random.Generator], Drawn]]
"""Its name, the true difference, whether the score lies within 0 to 1, the miss that is promised at most, the draw."""

ROOM = 3
"""Standard errors of the simulation by which a share may lie above what is promised."""


def rmse(errors: Values) -> Score:
    """The root of the mean square of the errors."""
    squares = errors**2
    return lambda indices: math.sqrt(squares[indices].mean())


def area(targets: Values, scores: Values) -> Score:
    """The area under the ROC curve; undefined where a class is missing. The scores hold no ties of two samples."""
    places = np.empty(len(scores), dtype=int)
    places[np.argsort(scores)] = np.arange(len(scores))

    def score(indices: Values) -> float:
        drawn = np.bincount(places[indices], minlength=len(scores))
        positive = np.bincount(places[indices[targets[indices]]], minlength=len(scores))
        negative = drawn - positive
        pairs = positive.sum() * negative.sum()
        below = np.cumsum(negative) - negative / 2
        return float((positive * below).sum() / pairs) if pairs else math.nan

    return score


def errors_of(
    samples: int, draw: Callable[[np.random.Generator, int], Values]
) -> Callable[[np.random.Generator], Drawn]:
    """Errors of a base, and of a candidate that shares most of them: 0.9 of it and half of its own."""

    def drawn(random: np.random.Generator) -> Drawn:
        before, more = draw(random, samples), draw(random, samples)
        return rmse(before), rmse(0.9 * before + 0.5 * more), samples

    return drawn


def areas_of(samples: int, share: float, apart: float) -> Callable[[np.random.Generator], Drawn]:
    """Two normal classes, ``apart`` by so much for the base and by 0.2 more for the candidate, of like scores."""

    def drawn(random: np.random.Generator) -> Drawn:
        targets = np.arange(samples) < share * samples
        shared, own = random.standard_normal((2, samples))
        candidate = (apart + 0.2) * targets + 0.8 * shared + 0.6 * own
        return area(targets, apart * targets + shared), area(targets, candidate), samples

    return drawn


def grown(apart: float) -> float:
    """How much the area grows where two normal classes move apart by 0.2."""
    below = NormalDist().cdf
    return below((apart + 0.2) / math.sqrt(2)) - below(apart / math.sqrt(2))


def normal(random: np.random.Generator, samples: int) -> Values:
    return random.standard_normal(samples)


def heavy(random: np.random.Generator, samples: int) -> Values:
    """Student's t with four degrees of freedom, whose squares barely have a mean error."""
    return random.standard_t(4, samples)


GROWN = math.sqrt(0.9**2 + 0.5**2) - 1
CASES: tuple[Case, ...] = (
    ("RMSE, 50 samples", GROWN, False, 0.06, errors_of(50, normal)),
    ("RMSE, 300 samples", GROWN, False, 0.06, errors_of(300, normal)),
    ("RMSE, 50 samples, heavy tails", math.sqrt(2) * GROWN, False, 0.07, errors_of(50, heavy)),
    ("RMSE, 300 samples, heavy tails", math.sqrt(2) * GROWN, False, 0.07, errors_of(300, heavy)),
    ("ROC AUC, 50 samples", grown(1), True, 0.06, areas_of(50, 0.5, 1)),
    ("ROC AUC, 300 samples", grown(1), True, 0.06, areas_of(300, 0.5, 1)),
    ("ROC AUC near 1, 100 samples", grown(2.5), True, 0.06, areas_of(100, 0.5, 2.5)),
    ("ROC AUC, 50 samples, a fifth positive", grown(1.5), True, 0.06, areas_of(50, 0.2, 1.5)),
    ("ROC AUC, 100 samples, a tenth positive", grown(2), True, 0.07, areas_of(100, 0.1, 2)),
)


def misses(case: Case, runs: int) -> tuple[list[float], list[float]]:
    """The shares of runs whose lower end lies above the truth and whose upper end below: as it is, and before."""
    _, truth, within_unit, _, draw = case
    random, tail = np.random.default_rng(1), (1 - CONFIDENCE) / 2
    found, before = np.zeros(2), np.zeros(2)
    for run in range(runs):
        differences: list[float] = []
        base, candidate, samples = draw(random)
        interval = score_difference(
            base, candidate, samples, within_unit=within_unit, resamples=RESAMPLES, seed=run, confidence=CONFIDENCE
        )
        again = np.random.default_rng(run)
        for _ in range(RESAMPLES):
            indices = again.integers(samples, size=samples)
            differences.append(candidate(indices) - base(indices))
        low, high = np.nanquantile(differences, [tail, 1 - tail])
        found += (interval.low > truth, interval.high < truth)
        before += (low > truth, high < truth)
    return (found / runs).tolist(), (before / runs).tolist()


def main() -> int:
    """Simulate every case, and say which miss more often than is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="evaluation sets drawn of every case")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it, such as ROC")
    options = parser.parse_args()
    runs = options.runs
    print("| 90 % interval of a difference | each end misses at most | lower | upper | percentiles alone |")
    print("| --- | --- | --- | --- | --- |")
    broken = 0
    for case in (each for each in CASES if options.only in each[0]):
        promised = case[3]
        found, before = misses(case, runs)
        broken += max(found) > promised + ROOM * math.sqrt(promised * (1 - promised) / runs)
        shares = [f"{share:.1%}".replace("%", " %") for share in (*found, *before)]
        print(
            f"| {case[0]} | {promised * 100:.0f} % | {shares[0]} | {shares[1]} | {shares[2]}, {shares[3]} |", flush=True
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
