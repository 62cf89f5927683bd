"""Bounds, scores and timings, made as the gates make them."""

from __future__ import annotations

import numpy as np

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.accuracy import PairedEvidence
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.stats.paired import Flips, difference_interval


def bound(name, value):
    """As a user would write it."""
    return parse_bound(name, value, "test")


def accuracy(value, *, score="accuracy", greater_is_better=True, within_unit=True):
    return Accuracy(score, value, greater_is_better, within_unit, np.zeros(1), None)


def error(value):
    """A score where lower is better, in its own unit."""
    return accuracy(value, score="root_mean_squared_error", greater_is_better=False, within_unit=False)


def evidence(reference, *, samples=1000, same_environment=True, flips=None, difference=None, unpaired=()):
    """What is known of the baseline; ``flips`` are lost and gained samples."""
    if flips is not None:
        flips = Flips(*flips, samples)
        difference = difference_interval(flips, 0.9)
    return PairedEvidence(reference, same_environment, samples, flips, difference, unpaired)


def timed(seconds, calls_per_round=1):
    times = np.asarray(seconds, dtype=float)
    return Latency(times, calls_per_round, 1, calls_per_round * float(times.sum()))
