"""The outputs of a step, which has no score, beside its former ones: how many of them changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.judge.accuracy import LAST_DIGIT, OTHER_ENVIRONMENT_POINTS, OTHER_ENVIRONMENT_SAMPLES
from pytest_speedacc.judge.verdict import Finding, Outcome, because, check_of
from pytest_speedacc.measure.outputs import DIGEST, MOST_NUMBERS, Outputs, changed, is_exact
from pytest_speedacc.measure.score import Array, Mask
from pytest_speedacc.measure.subject import Subject

MOST_SHOWN = 5
"""Samples that a message names."""


@dataclass(frozen=True, slots=True)
class OutputChange:
    """What became of the outputs of a step, for all samples or those of a slice."""

    samples: int
    changed: int
    """Of them with another output."""
    first: tuple[int, ...]
    """The places of the first of those in the evaluation set."""
    is_exact: bool
    """Whether the former numbers are known by a digest only, so that the last bit of each counts."""
    rounds: bool
    """Whether the rounding of other hardware may account for it: texts and whole numbers are not rounded."""


def compare_outputs(
    before: Array | None, subject: Subject, outputs: Outputs, same_environment: bool
) -> dict[str, OutputChange]:
    """The change of all samples, under an empty name, and of every slice; nothing where the former are not known."""
    if before is None:
        return {}
    now = outputs.predictions
    other, exact = changed(before, now, outputs.closeness), is_exact(before, now)
    rounds = not same_environment and now.shape[1] > DIGEST

    def among(mask: Mask) -> OutputChange:
        places = np.flatnonzero(other & mask)
        first = tuple(places[:MOST_SHOWN].tolist())
        return OutputChange(int(mask.sum()), len(places), first, exact, rounds)

    whole = np.ones(len(now), dtype=bool)
    return {name: among(mask) for name, mask in {"": whole, **subject.slices}.items()}


def judge_outputs(bound: Bound, change: OutputChange, source: str) -> Finding:
    """Hold ``max_churn`` against the share of samples whose output changed."""
    share = change.changed / change.samples
    beyond = share - bound.value - LAST_DIGIT
    reason = because("churn", changed=change.changed, samples=change.samples, what="outputs", source=source)
    if change.first:
        reason += because("first", s="s" if change.changed > 1 else "", places=", ".join(map(str, change.first)))
    if change.is_exact and change.changed:
        reason += because("to the last bit", most=MOST_NUMBERS)
    outcome = Outcome.PASSED if beyond <= 0 else Outcome.FAILED
    rounding = max(OTHER_ENVIRONMENT_POINTS, OTHER_ENVIRONMENT_SAMPLES / change.samples)
    if beyond > 0 and change.rounds and (change.is_exact or beyond <= rounding):
        outcome = Outcome.NOT_COMPARED if change.is_exact else Outcome.INCONCLUSIVE
        reason += because("rounding")
    return check_of(bound, share, outcome, reason)
