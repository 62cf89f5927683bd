"""What a measurement is compared with: a stored baseline, or the base revision run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from pytest_speedacc.baseline import Baseline, SinceBase
from pytest_speedacc.baseline.schema import StoredRatio, StoredTraining
from pytest_speedacc.config.settings import statistic_name
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.accuracy import ClassChange, Flipped, PairedEvidence
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.live.campaign import LiveGate
from pytest_speedacc.live.duel import LaunchResult
from pytest_speedacc.live.launch import NEW_GATE
from pytest_speedacc.measure.accuracy import Accuracy, score_predictions, to_numpy
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.measurement import Measurement, Subject, Unavailable
from pytest_speedacc.measure.profile import Profile
from pytest_speedacc.measure.score import Mask, ScoreFunction, right
from pytest_speedacc.measure.yardstick import VERSION, Ratios
from pytest_speedacc.stats.paired import Flips, Interval, bootstrap_difference, difference_interval
from pytest_speedacc.stats.sequence import mean_and_sd

QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Of a latency, that are told."""
CONFIDENCE = 0.9
"""Of the paired interval, so that each of its ends is a 5 % bound."""
RESAMPLES = 500
MOST_SHOWN = 5
"""Samples and classes that a message names."""
MOST_CLASSES = 1000
"""Labels beyond which a target is rather a number than a class."""

Predictions = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class LiveComparison:
    """The launches of one check, and what they are judged with."""

    gate: LiveGate
    canary: tuple[LaunchResult, ...]
    """The base against itself."""
    alpha: float
    """False alarm rate of one check."""
    sha: str
    """The commit that is the base, in full."""
    since: SinceBase
    """What its baseline file says that the base's does not."""
    profiles: tuple[Profile, Profile] | None = None
    """The candidate's and the base's; None where neither was wanted."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of the model's former self; None and empty where nothing is."""

    missing: str
    """Why a tolerance cannot be compared, with the command that helps; used where the value is None."""
    accuracy: PairedEvidence | None = None
    slices: Mapping[str, PairedEvidence] = field(default_factory=dict)
    """The same of each slice of the evaluation set whose former score is known."""
    parameters: int | None = None
    model_size: int | None = None
    """Bytes."""
    memory: int | None = None
    """Peak bytes, of this environment."""
    no_memory: str = ""
    """Why the peak is not known though the rest may be; empty where that is no different from ``missing``."""
    memory_band: int = 0
    """Bytes by which the peak moves when nothing has changed."""
    latency: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds of this environment, by statistic; information, never evidence."""
    training: StoredTraining | None = None
    """What training took in this environment; information, never evidence."""
    ratios: tuple[Ratios, Ratios] | str = ""
    """Today's and the baseline's multiples of the yardstick, in this environment; or why there are none."""
    live: LiveComparison | None = None
    source: str = "baseline"
    """Where it is from, in a word: the ``baseline``, or the ``base`` of a live run."""
    is_new: bool = False
    """Whether the base revision does not have this gate, so that nothing can have got worse."""


def from_baseline(
    stored: Baseline | None,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy,
    environment: Environment,
    ratios: Ratios | str,
    command: str,
) -> Reference:
    """The stored baseline with its predictions ``before``; ``command`` is what updates it.

    ``ratios`` are today's to the yardstick, or why there are none.

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
        then, now = (
            f"{each.score!r} ({'higher' if each.greater_is_better else 'lower'} is better)"
            for each in (score, accuracy)
        )
        raise GateError(f"the baseline holds the score {then} and this gate asks for {now}. {accept}")
    record = stored.environments.get(environment.key)
    times = record.latency if record else None
    memory = record.memory if record else None
    former = record.yardstick if record else None
    incomparable = ""
    if record is None:
        known = "; ".join(other.environment.describe() for other in stored.environments.values()) or "none"
        incomparable = f"the baseline has nothing of this environment (it knows {known}): add it with {command}"
    elif times and times.batch_size != subject.batch_size:
        # The peak of a larger batch is larger, whatever the model.
        incomparable = (
            f"the baseline is of batch_size={times.batch_size}, not {subject.batch_size}: renew it with {command}"
        )
        times = memory = None
    return Reference(
        missing=f"the baseline does not hold it: add it with {command}",
        no_memory=incomparable or f"the baseline of this environment holds no memory peak: add it with {command}",
        accuracy=_repeated(
            _pair_all(score.value, record is not None, before, subject, accuracy), score.spread, score.repeats
        )
        if score
        else None,
        slices=_pair_slices(record is not None, before, subject, accuracy, "baseline"),
        parameters=stored.parameters,
        model_size=stored.model_size,
        memory=memory.peak if memory else None,
        memory_band=memory.band if memory else 0,
        ratios=incomparable or _ratios(ratios, former, command),
        training=record.training if record else None,
        latency={name: getattr(times, name) for name in ("median", "p90", "p95", "p99")} if times else {},
    )


def _ratios(now: Ratios | str, then: StoredRatio | None, command: str) -> tuple[Ratios, Ratios] | str:
    if then is None:
        return f"the baseline of this environment holds no ratio to the yardstick: add it with {command}"
    if then.version != VERSION:
        return (
            f"the baseline's ratio is to version {then.version} of the yardstick, and this is {VERSION}: "
            f"renew it with {command}"
        )
    return now if isinstance(now, str) else (now, Ratios(then.log_ratio, then.spread, then.launches))


def from_live(comparison: LiveComparison, subject: Subject, accuracy: Accuracy, base: str) -> Reference:
    """The base revision, as its own worker measured it; ``base`` names it."""
    gate, facts = comparison.gate, comparison.gate.base
    if gate.is_new:
        return Reference(missing=NEW_GATE, live=comparison, source="base", is_new=True)
    if facts is None:
        return Reference(missing=f"not compared with {base}: {gate.problem}", live=comparison, source="base")
    comparable = (facts.fingerprint, facts.score, facts.greater_is_better) == (
        subject.fingerprint,
        accuracy.score,
        accuracy.greater_is_better,
    )
    same_batches = facts.batch_size == subject.batch_size
    return Reference(
        missing=f"{base} was judged on another evaluation set or by another score"
        if not comparable
        else f"{base} could not measure this",
        accuracy=_repeated(
            _pair_all(facts.value, True, gate.base_predictions, subject, accuracy, "base"),
            mean_and_sd(facts.scores)[1] if facts.scores else 0.0,
            len(facts.scores),
        )
        if comparable
        else None,
        slices=_pair_slices(True, gate.base_predictions, subject, accuracy, "base") if comparable else {},
        parameters=facts.parameters,
        model_size=facts.model_size,
        # The peak of a larger batch is larger, whatever the model.
        memory=facts.memory if same_batches else None,
        no_memory=""
        if same_batches
        else f"the base is called with batch_size={facts.batch_size}, and this with {subject.batch_size}",
        memory_band=facts.memory_band,
        live=comparison,
        source="base",
    )


def from_other(
    other: Measurement, accuracy: Accuracy, subject: Subject, launches: Sequence[LaunchResult], alpha: float
) -> Reference:
    """Another model, measured in the same test on the same samples; ``launches`` timed both in turn."""
    statics, latency = other.statics, other.latency
    before, memory = statics.accuracy.predictions, statics.memory
    paired = _pair_all(statics.accuracy.value, True, before, subject, accuracy, "other")
    scores = statics.accuracy.scores
    gate = LiveGate(tuple(launches), None, None, None, "")
    return Reference(
        missing="the other could not be measured in this",
        accuracy=_repeated(paired, mean_and_sd(scores)[1] if scores else 0.0, len(scores)),
        slices=_pair_slices(True, before, subject, accuracy, "other"),
        parameters=None if isinstance(statics.parameters, Unavailable) else statics.parameters.total,
        model_size=None if isinstance(statics.model_size, Unavailable) else statics.model_size,
        memory=None if isinstance(memory, Unavailable) else memory.peak,
        memory_band=0 if isinstance(memory, Unavailable) else memory.band,
        latency={statistic_name(q): latency.quantile(q) for q in (QUANTILES if latency.has_tail else QUANTILES[:1])},
        live=LiveComparison(gate, (), alpha, "", SinceBase()) if launches else None,
        source="other",
    )


def _pair_slices(
    same_environment: bool, before: Predictions | None, subject: Subject, accuracy: Accuracy, source: str
) -> dict[str, PairedEvidence]:
    """The former score of every slice, from the former predictions of its samples; without those there is none."""
    if before is None or before.shape != accuracy.predictions.shape:
        return {}
    truth, found = to_numpy(subject.targets), {}
    for name, mask in subject.slices.items():
        try:
            was, now = (
                score_predictions(subject.score, truth[mask], each[mask]) for each in (before, accuracy.predictions)
            )
        except GateError:
            # The slice's own check says why it has no score.
            continue
        part = Sides(truth[mask], before[mask], now, subject.score.function)
        found[name] = _pair(was.value, same_environment, part, source)
    return found


def _repeated(evidence: PairedEvidence, spread: float, repeats: int) -> PairedEvidence:
    return replace(evidence, former=Former(evidence.reference, spread, repeats)) if repeats > 1 else evidence


@dataclass(frozen=True, slots=True)
class Sides:
    """The same samples as predicted before and now."""

    truth: Predictions
    before: Predictions | None
    """None where the former predictions are not known."""
    now: Accuracy
    score: ScoreFunction


def _pair_all(
    value: float,
    same_environment: bool,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy,
    source: str = "baseline",
) -> PairedEvidence:
    whole = Sides(to_numpy(subject.targets), before, accuracy, subject.score.function)
    return _pair(value, same_environment, whole, source)


def _flipped(truth: Predictions, now: Predictions, lost: Mask) -> tuple[Flipped, ...]:
    places = np.flatnonzero(lost)[:MOST_SHOWN].tolist()
    return tuple(Flipped(place, _text(truth[place]), _text(now[place])) for place in places)


def _classes(truth: Predictions, was: Mask, correct: Mask) -> tuple[ClassChange, ...]:
    """Of a single label a sample, with few enough classes to be some."""
    if truth.ndim != 1 or len(labels := np.unique(truth)) > MOST_CLASSES:
        return ()
    found = []
    for label in labels:
        of = truth == label
        found.append(ClassChange(_text(label), int(of.sum()), int((was & of).sum()), int((correct & of).sum())))
    worse = sorted((each for each in found if each.now < each.before), key=lambda each: each.now - each.before)
    return tuple(worse[:MOST_SHOWN])


def _text(label: Any) -> str:
    return str(label.tolist() if isinstance(label, np.ndarray) else label)


def _pair(value: float, same_environment: bool, sides: Sides, source: str) -> PairedEvidence:
    truth, before, now = sides.truth, sides.before, sides.now
    samples = len(truth)
    paired = partial(PairedEvidence, value, same_environment, samples, source=source)
    if before is None:
        return paired(None, None, f"the {source} holds no predictions")
    if before.shape != now.predictions.shape:
        shapes = f"the {source}'s predictions have the shape {before.shape}, and these {now.predictions.shape}"
        return paired(None, None, shapes)
    if now.of_labels:
        paired = partial(paired, changed=int((~right(before, now.predictions)).sum()))
    if now.correct is not None:
        was = right(truth, before)
        flips = Flips(int((was & ~now.correct).sum()), int((now.correct & ~was).sum()), samples)
        return paired(
            flips,
            difference_interval(flips, CONFIDENCE),
            flipped=_flipped(truth, now.predictions, was & ~now.correct),
            classes=_classes(truth, was, now.correct),
        )
    if np.array_equal(before, now.predictions):
        return paired(None, Interval(0.0, 0.0, 0.0))
    try:
        difference = bootstrap_difference(
            lambda index: sides.score(truth[index], before[index]),
            lambda index: sides.score(truth[index], now.predictions[index]),
            samples,
            resamples=RESAMPLES,
            confidence=CONFIDENCE,
        )
    except Exception as error:
        # The interval is beside the point of an exact comparison: a score that a resample cannot have is no failure.
        return paired(None, None, f"the score cannot be resampled ({error})")
    return paired(None, difference)
