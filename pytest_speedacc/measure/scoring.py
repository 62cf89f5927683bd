"""What an accuracy pass comes to: the score of all samples and of every slice, or the outputs of a step."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.accuracy import Accuracy, differing, labels, score_predictions, shape_note, to_numpy
from pytest_speedacc.measure.evaluation import CHUNK, Evaluation, evaluate_set
from pytest_speedacc.measure.outputs import Outputs, changed
from pytest_speedacc.measure.raised import guarded
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.score import Mask, Score
from pytest_speedacc.measure.subject import Subject

SLOW_EVALUATION = 10.0
"""Seconds; no more than a moment is spent on asking twice."""
FEW_ASKED = 32


@dataclass(frozen=True, slots=True)
class Scored:
    """A pass, scored."""

    accuracy: Accuracy | Outputs
    slices: Mapping[str, Accuracy | Outputs | Unavailable]
    """By name; unavailable where these samples alone cannot have a score."""
    unstable: int
    """Samples among the first ones of which the model, asked twice, gave two predictions."""
    notes: tuple[str, ...] = ()
    """Remarks for the report."""


def score_pass(subject: Subject, evaluation: Evaluation, is_decided: Callable[[Sequence[float]], bool]) -> Scored:
    """Score a finished pass, and with ``repeats`` those that follow under other seeds, until ``is_decided``.

    Raises GateError when the model fails, or gives what cannot be scored.
    """
    score, predictions = subject.score, evaluation.predictions
    if score is None:
        outputs = Outputs(predictions, subject.closeness)
        parts = {name: Outputs(predictions[mask], subject.closeness) for name, mask in subject.slices.items()}
        return Scored(outputs, parts, _restless(subject, outputs, evaluation.seconds))
    accuracy = score_predictions(score, subject.targets, predictions)
    slices = _of_slices(subject, score, accuracy)
    unstable = 0 if subject.repeats > 1 else _unstable(subject, score, accuracy, evaluation.seconds)
    if subject.repeats > 1:
        accuracy, slices = _repeated(subject, score, accuracy, slices, is_decided)
    note = shape_note(score, subject.targets, predictions)
    return Scored(accuracy, slices, unstable, (note,) if note else ())


_Part = Accuracy | Unavailable


def _repeated(
    subject: Subject,
    score: Score,
    first: Accuracy,
    parts: Mapping[str, _Part],
    is_decided: Callable[[Sequence[float]], bool],
) -> tuple[Accuracy, dict[str, _Part]]:
    """The score, and that of every slice, over evaluations under one seed each; predictions are the first one's."""
    found = [first]
    of_parts = [parts]
    while len(found) < subject.repeats and not is_decided([each.value for each in found]):
        with seeded(len(found)):
            predictions = subject.evaluate().predictions
        found.append(score_predictions(score, subject.targets, predictions))
        of_parts.append(_of_slices(subject, score, found[-1]))
    return _over(found), {name: _over_parts([each[name] for each in of_parts]) for name in parts}


def _over(found: Sequence[Accuracy]) -> Accuracy:
    scores = tuple(each.value for each in found)
    return replace(found[0], value=statistics.fmean(scores), scores=scores)


def _over_parts(found: Sequence[_Part]) -> _Part:
    refused = next((each for each in found if isinstance(each, Unavailable)), None)
    return refused or _over([each for each in found if isinstance(each, Accuracy)])


def _unstable(subject: Subject, score: Score, accuracy: Accuracy, seconds: float) -> int:
    """Of how many of the first samples the model gives another prediction when it is asked again.

    Of a slow model, whose whole set took ``seconds``, few are asked for.
    """
    first = subject.first
    if seconds > SLOW_EVALUATION:
        first = take(first, 0, FEW_ASKED)
    again = guarded("when it was to predict the first samples again", subject.evaluator.batch, first).predictions
    before = accuracy.predictions[: len(again)]
    if score.wants_labels:
        again = labels(again, to_numpy(subject.targets)[: len(again)], score)
    return int(differing(before, again).sum()) if before.shape == again.shape else len(again)


def _restless(subject: Subject, outputs: Outputs, seconds: float) -> int:
    """The same of a step, in the batches in which it was called before."""
    size = subject.at_a_time
    asked = min(FEW_ASKED if seconds > SLOW_EVALUATION else CHUNK, subject.samples)
    asked = max(1, asked // size) * size
    again = evaluate_set(subject.evaluator, take(subject.inputs, 0, asked), asked, None, size).predictions
    return int(changed(outputs.predictions[:asked], again, outputs.closeness).sum())


def _of_slices(subject: Subject, score: Score, accuracy: Accuracy) -> dict[str, _Part]:
    return {name: _score_slice(subject, score, accuracy, mask) for name, mask in subject.slices.items()}


def _score_slice(subject: Subject, score: Score, accuracy: Accuracy, mask: Mask) -> _Part:
    try:
        return score_predictions(score, to_numpy(subject.targets)[mask], accuracy.predictions[mask])
    except GateError as error:
        return Unavailable(str(error))
