"""What a measurement is compared with: a stored baseline, or the base revision run beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_speedacc.baseline import Baseline
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.accuracy import PairedEvidence
from pytest_speedacc.live.campaign import LiveGate
from pytest_speedacc.live.duel import LaunchResult
from pytest_speedacc.live.launch import NEW_GATE
from pytest_speedacc.measure.accuracy import Accuracy, to_numpy
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.measurement import Subject
from pytest_speedacc.stats.paired import Flips, Interval, bootstrap_difference, difference_interval

CONFIDENCE = 0.9
"""Of the paired interval, so that each of its ends is a 5 % bound."""
RESAMPLES = 500

Predictions = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class LiveComparison:
    """The launches of one check, and what they are judged with."""

    gate: LiveGate
    canary: tuple[LaunchResult, ...]
    """The base against itself."""
    alpha: float
    """False alarm rate of one check."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of the model's former self; None and empty where nothing is."""

    missing: str
    """Why a tolerance cannot be compared, with the command that helps; used where the value is None."""
    accuracy: PairedEvidence | None = None
    parameters: int | None = None
    model_size: int | None = None
    """Bytes."""
    memory: int | None = None
    """Peak bytes, of this environment."""
    memory_band: int = 0
    """Bytes by which the peak moves when nothing has changed."""
    latency: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds of this environment, by statistic; information, never evidence."""
    live: LiveComparison | None = None
    is_new: bool = False
    """Whether the base revision does not have this gate, so that nothing can have got worse."""


def from_baseline(
    stored: Baseline | None,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy,
    environment: Environment,
    command: str,
) -> Reference:
    """The stored baseline with its predictions ``before``; ``command`` is what updates it.

    Raises GateError when it was made with another evaluation set or another score.
    """
    if stored is None:
        return Reference(f"no baseline yet: create it with {command}, and commit it")
    accept = f'If the change is meant: {command} --speedacc-reason="why"'
    if stored.evaluation_set.fingerprint != subject.fingerprint:
        raise GateError(
            f"the evaluation set is not the one of the baseline ({subject.samples} samples now, "
            f"{stored.evaluation_set.samples} then): scores on different samples cannot be compared. {accept}"
        )
    score = stored.accuracy
    if score and (score.score, score.greater_is_better) != (accuracy.score, accuracy.greater_is_better):
        raise GateError(
            f"the baseline holds the score {score.score!r} and this gate asks for {accuracy.score!r}. {accept}"
        )
    record = stored.environments.get(environment.key)
    known = "; ".join(other.environment.describe() for other in stored.environments.values()) or "none"
    times = record.latency if record else None
    memory = record.memory if record else None
    return Reference(
        missing=f"the baseline has nothing of this environment (it knows {known}): add it with {command}",
        accuracy=_pair(score.value, record is not None, before, subject, accuracy) if score else None,
        parameters=stored.parameters,
        model_size=stored.model_size,
        memory=memory.peak if memory else None,
        memory_band=memory.band if memory else 0,
        latency={name: getattr(times, name) for name in ("median", "p90", "p95", "p99")} if times else {},
    )


def from_live(comparison: LiveComparison, subject: Subject, accuracy: Accuracy, base: str) -> Reference:
    """The base revision, as its own worker measured it; ``base`` names it."""
    gate, facts = comparison.gate, comparison.gate.base
    if gate.is_new:
        return Reference(missing=NEW_GATE, live=comparison, is_new=True)
    if facts is None:
        return Reference(missing=f"not compared with {base}: {gate.problem}", live=comparison)
    comparable = (facts.fingerprint, facts.score, facts.greater_is_better) == (
        subject.fingerprint,
        accuracy.score,
        accuracy.greater_is_better,
    )
    return Reference(
        missing=f"{base} was judged on another evaluation set or by another score"
        if not comparable
        else f"{base} could not measure this",
        accuracy=_pair(facts.value, True, gate.base_predictions, subject, accuracy) if comparable else None,
        parameters=facts.parameters,
        model_size=facts.model_size,
        memory=facts.memory,
        memory_band=facts.memory_band,
        live=comparison,
    )


def _pair(
    value: float, same_environment: bool, before: Predictions | None, subject: Subject, accuracy: Accuracy
) -> PairedEvidence:
    flips, difference = _compare(before, subject, accuracy)
    return PairedEvidence(value, same_environment, subject.samples, flips, difference)


def _compare(before: Predictions | None, subject: Subject, accuracy: Accuracy) -> tuple[Flips | None, Interval | None]:
    if before is None:
        return None, None
    truth, now = to_numpy(subject.targets), accuracy.predictions
    if accuracy.correct is not None:
        was = truth == before
        flips = Flips(int((was & ~accuracy.correct).sum()), int((accuracy.correct & ~was).sum()), subject.samples)
        return flips, difference_interval(flips, CONFIDENCE)
    if np.array_equal(before, now):
        return None, Interval(0.0, 0.0, 0.0)
    score = subject.score.function
    return None, bootstrap_difference(
        lambda index: score(truth[index], before[index]),
        lambda index: score(truth[index], now[index]),
        subject.samples,
        resamples=RESAMPLES,
        confidence=CONFIDENCE,
    )
