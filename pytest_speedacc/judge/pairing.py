"""Former and present predictions of the same samples, paired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError, said
from pytest_speedacc.judge.accuracy import ClassChange, Confusion, Flipped, PairedEvidence
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.judge.verdict import because
from pytest_speedacc.measure.accuracy import Accuracy, score_predictions, to_numpy
from pytest_speedacc.measure.raised import RAISED
from pytest_speedacc.measure.score import Mask, Score, ScoreFunction, right
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.stats.paired import Flips, Interval, difference_interval
from pytest_speedacc.stats.resampling import score_difference

CONFIDENCE = 0.9
"""Of the paired interval, so that each of its ends is a 5 % bound."""
RESAMPLES = 500
MOST_SHOWN = 5
"""Samples and classes that a message names."""
MOST_CLASSES = 1000
"""Labels beyond which a target is rather a number than a class."""

Predictions = np.ndarray[Any, Any]


def pair_slices(
    same_environment: bool, before: Predictions | None, subject: Subject, accuracy: Accuracy, source: str
) -> dict[str, PairedEvidence]:
    """The former score of every slice, from the former predictions of its samples; without those there is none."""
    if before is None or before.shape != accuracy.predictions.shape:
        return {}
    truth, score, found = to_numpy(subject.targets), _score_of(subject), {}
    for name, mask in subject.slices.items():
        try:
            was, now = (score_predictions(score, truth[mask], each[mask]) for each in (before, accuracy.predictions))
        except GateError:
            # The slice's own check says why it has no score.
            continue
        part = Sides(truth[mask], before[mask], now, score.function)
        found[name] = _pair(was.value, same_environment, part, source)
    return found


def with_repeats(evidence: PairedEvidence, spread: float, repeats: int) -> PairedEvidence:
    """The evidence with what is known of a former score over several seeds; as it is where there was a single one."""
    return replace(evidence, former=Former(evidence.reference, spread, repeats)) if repeats > 1 else evidence


@dataclass(frozen=True, slots=True)
class Sides:
    """The same samples as predicted before and now."""

    truth: Predictions
    before: Predictions | None
    """None where the former predictions are not known."""
    now: Accuracy
    score: ScoreFunction


def pair_all(
    value: float,
    same_environment: bool,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy,
    source: str = "baseline",
) -> PairedEvidence:
    """The score of all samples beside the former ``value``, with the predictions ``before`` where there are any."""
    whole = Sides(to_numpy(subject.targets), before, accuracy, _score_of(subject).function)
    return _pair(value, same_environment, whole, source)


def _score_of(subject: Subject) -> Score:
    assert subject.score is not None, "a step has outputs, and no accuracy"
    return subject.score


def _flipped(truth: Predictions, now: Predictions, lost: Mask) -> tuple[Flipped, ...]:
    places = np.flatnonzero(lost)[:MOST_SHOWN].tolist()
    return tuple(Flipped(place, _text(truth[place]), _text(now[place])) for place in places)


def _labels(truth: Predictions) -> Predictions | None:
    """The classes of a single label a sample; None where there are several, or too many labels to be some."""
    labels = np.unique(truth) if truth.ndim == 1 else None
    return None if labels is None or len(labels) > MOST_CLASSES else labels


def _classes(labels: Predictions, truth: Predictions, was: Mask, correct: Mask) -> tuple[ClassChange, ...]:
    found = []
    for label in labels:
        of = truth == label
        found.append(ClassChange(_text(label), int(of.sum()), int((was & of).sum()), int((correct & of).sum())))
    worse = sorted((each for each in found if each.now < each.before), key=lambda each: each.now - each.before)
    return tuple(worse[:MOST_SHOWN])


def _confusions(truth: Predictions, before: Predictions, now: Predictions) -> tuple[Confusion, ...]:
    def mistakes(predictions: Predictions) -> Counter[tuple[str, str]]:
        found = predictions.reshape(truth.shape)
        wrong = found != truth
        return Counter(zip(map(_text, truth[wrong]), map(_text, found[wrong]), strict=True))

    then, here = mistakes(before), mistakes(now)
    grown = [Confusion(*pair, then[pair], count) for pair, count in here.items() if count > then[pair]]
    grown.sort(key=lambda each: (each.before - each.now, each.target, each.predicted))
    return tuple(grown[:MOST_SHOWN])


def _text(label: Any) -> str:
    return str(label.tolist() if isinstance(label, np.ndarray) else label)


def _pair(value: float, same_environment: bool, sides: Sides, source: str) -> PairedEvidence:
    truth, before, now = sides.truth, sides.before, sides.now
    samples = len(truth)
    paired = partial(PairedEvidence, value, same_environment, samples, source=source)
    if before is None:
        return paired(None, None, because("no predictions", source=source))
    if before.shape != now.predictions.shape:
        return paired(None, None, because("other shape", source=source, then=before.shape, now=now.predictions.shape))
    if now.of_labels:
        paired = partial(paired, changed=int((~right(before, now.predictions)).sum()))
    if now.correct is not None:
        was = right(truth, before)
        flips = Flips(int((was & ~now.correct).sum()), int((now.correct & ~was).sum()), samples)
        if (labels := _labels(truth)) is not None:
            classes = _classes(labels, truth, was, now.correct)
            paired = partial(paired, classes=classes, confusions=_confusions(truth, before, now.predictions))
        flipped = _flipped(truth, now.predictions, was & ~now.correct)
        return paired(flips, difference_interval(flips, CONFIDENCE), flipped=flipped)
    if np.array_equal(before, now.predictions):
        return paired(None, Interval(0.0, 0.0, 0.0))
    try:
        difference = score_difference(
            lambda index: sides.score(truth[index], before[index]),
            lambda index: sides.score(truth[index], now.predictions[index]),
            samples,
            within_unit=now.within_unit,
            resamples=RESAMPLES,
            confidence=CONFIDENCE,
        )
    except RAISED as error:
        # The interval is beside the point of an exact comparison: a score that a resample cannot have is no failure.
        return paired(None, None, because("no resampling", error=said(error)))
    return paired(None, difference)
