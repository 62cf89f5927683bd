"""Everything that is measured about one model, in passes that never share a clock, a tracker or a profiler."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pytest_speedacc.adapters.base import DeviceMemory, ParameterCount
from pytest_speedacc.errors import GateError, model_raised
from pytest_speedacc.measure.accuracy import Accuracy, labels, score_predictions, shape_note, to_numpy
from pytest_speedacc.measure.busy import QUIET, Busy
from pytest_speedacc.measure.evaluation import (
    differing,
)
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.garbage import settled, stayed
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.memory import MemoryPeak, leak_note, measure_memory
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.score import Mask
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.waiting import Waiting

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why an axis could not be measured."""

    reason: str
    """One sentence."""


DEVICE_REPEATS = 3
SLOW_EVALUATION = 10.0
"""Seconds; no more than a moment is spent on asking twice."""
FEW_ASKED = 32
NEVER_FITTED = "the model was not trained by speedacc.fit(train) in this test"


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a classifier is: the largest probability of each sample."""

    largest: np.ndarray[Any, Any]
    """Shape (samples,)."""

    def mean(self, mask: Mask | None = None) -> float:
        """Over all samples, or those of a slice."""
        return float(self.largest.mean() if mask is None else self.largest[mask].mean())


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the evaluation set."""

    mask: Mask
    """Which samples it has, shape (samples,)."""
    accuracy: Accuracy | Unavailable
    """Its own score; unavailable where these samples alone cannot have one."""


@dataclass(frozen=True, slots=True)
class Statics:
    """What does not depend on time: score, parameters, size and memory."""

    accuracy: Accuracy
    parameters: ParameterCount | Unavailable
    model_size: int | Unavailable
    """Bytes of the canonical serialisation."""
    weights: int | None
    """Bytes of the weights in memory, where that is defined."""
    memory: MemoryPeak | Unavailable
    notes: tuple[str, ...]
    """Remarks for the report."""
    evaluation_seconds: float = 0.0
    """Wall time of predicting the whole evaluation set once, a large batch at a time."""
    confidence: Confidence | Unavailable = Unavailable("nobody asked for it")
    slices: Mapping[str, Slice] = field(default_factory=dict)
    """By name."""
    unstable: int = 0
    """Samples among the first ones of which the model, asked twice, gave two predictions."""
    training: Training | Unavailable = Unavailable(NEVER_FITTED)
    """What ``speedacc.fit`` took for this model."""
    retained: int = 0
    """Bytes that stayed after the set was predicted for the first time; 0 for few, and where that cannot be told."""
    answer_shape: tuple[int, ...] = ()
    """Of what the model answers for one sample, before it is made a label."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The numbers of one model, for the user's own assertions. Seconds, bytes, counts, and the score itself."""

    statics: Statics
    latency: Latency
    """Its ``median``, ``p90``, ``p95`` and ``p99`` are seconds."""
    waiting: Waiting | None = None
    """What a call of an async model waits for; None of any other, and where nobody looked."""
    notes: tuple[str, ...] = ()
    """Remarks on what measuring the model has left behind, and on what it was measured beside."""
    first_call: float | None = None
    """Seconds of the first call, before anything else was asked of the model; None where that was not timed."""
    untimed_calls: int = 0
    """Calls of the shape that is timed, which warmed the model up."""
    busy: Busy = QUIET
    """How long it waited for a processor while it was timed."""

    @property
    def accuracy(self) -> float:
        """The score."""
        return self.statics.accuracy.value

    @property
    def parameters(self) -> int:
        """Learned parameters. Raises GateError where they cannot be counted."""
        return _available(self.statics.parameters).total

    @property
    def model_size(self) -> int:
        """Bytes of the canonical serialisation. Raises GateError where there is none."""
        return _available(self.statics.model_size)

    @property
    def confidence(self) -> float:
        """Mean of the largest probability of each sample. Raises GateError where the model gives none."""
        return _available(self.statics.confidence).mean()

    @property
    def memory(self) -> int:
        """Peak bytes that inference allocates. Raises GateError where that cannot be measured."""
        return _available(self.statics.memory).peak

    @property
    def retained(self) -> int:
        """Bytes that each call leaves behind for good. Raises GateError where that cannot be measured."""
        return _available(self.statics.memory).retained


def measure_statics(
    subject: Subject,
    training: Training | Unavailable = Unavailable(NEVER_FITTED),
    is_decided: Callable[[Sequence[float]], bool] = lambda scores: False,
) -> Statics:
    """The accuracy pass, the counts, and the memory pass. The caller holds the adapter's ``running``.

    A subject with ``repeats`` is evaluated under one seed after the other until ``is_decided`` says that the scores so
    far are enough. Raises GateError when the model fails, changes its inputs, or gives what cannot be scored.
    """
    resting = settled()
    with _watched_output() as wrote, seeded(0) if subject.repeats > 1 else contextlib.nullcontext():
        evaluation = subject.evaluate()
    retained = 0 if subject.streamed or subject.executor else stayed(resting, evaluation.predictions.nbytes)
    accuracy, largest = score_predictions(subject.score, subject.targets, evaluation.predictions), evaluation.largest
    unstable = 0 if subject.repeats > 1 else _unstable(subject, accuracy, evaluation.seconds)
    parts = {name: _score_slice(subject, accuracy, mask) for name, mask in subject.slices.items()}
    if subject.repeats > 1:
        accuracy, parts = _repeated(subject, accuracy, parts, is_decided)
    notes = ("the model writes to the terminal while it predicts; its times include that",) if wrote() else ()
    if reshaped := shape_note(subject.score, subject.targets, evaluation.predictions):
        notes = (*notes, reshaped)
    memory = _memory(subject)
    if isinstance(memory, MemoryPeak) and memory.retained:
        notes = (*notes, leak_note(memory.retained))
    adapter, model = subject.adapter, subject.model
    weights = _attempt(partial(adapter.weights_bytes, model), "weights")
    return Statics(
        accuracy=accuracy,
        parameters=_attempt(partial(adapter.count_parameters, model), "parameters"),
        model_size=_attempt(lambda: len(adapter.serialise(model)), "size"),
        weights=None if isinstance(weights, Unavailable) else weights,
        memory=memory,
        notes=notes,
        evaluation_seconds=evaluation.seconds,
        confidence=Unavailable(largest) if isinstance(largest, str) else Confidence(largest),
        slices={name: Slice(mask, parts[name]) for name, mask in subject.slices.items()},
        unstable=unstable,
        training=training,
        retained=retained,
        answer_shape=evaluation.predictions.shape[1:],
    )


_Part = Accuracy | Unavailable


def _repeated(
    subject: Subject, first: Accuracy, parts: Mapping[str, _Part], is_decided: Callable[[Sequence[float]], bool]
) -> tuple[Accuracy, dict[str, _Part]]:
    """The score, and that of every slice, over evaluations under one seed each; predictions are the first one's."""
    found = [first]
    of_parts = [parts]
    while len(found) < subject.repeats and not is_decided([each.value for each in found]):
        with seeded(len(found)):
            predictions = subject.evaluate().predictions
        found.append(score_predictions(subject.score, subject.targets, predictions))
        of_parts.append({name: _score_slice(subject, found[-1], mask) for name, mask in subject.slices.items()})
    return _over(found), {name: _over_parts([each[name] for each in of_parts]) for name in parts}


def _over(found: Sequence[Accuracy]) -> Accuracy:
    scores = tuple(each.value for each in found)
    return replace(found[0], value=statistics.fmean(scores), scores=scores)


def _over_parts(found: Sequence[_Part]) -> _Part:
    refused = next((each for each in found if isinstance(each, Unavailable)), None)
    return refused or _over([each for each in found if isinstance(each, Accuracy)])


def _unstable(subject: Subject, accuracy: Accuracy, seconds: float) -> int:
    """Of how many of the first samples the model gives another prediction when it is asked again.

    Of a slow model, whose whole set took ``seconds``, few are asked for.
    """
    first = subject.first
    if seconds > SLOW_EVALUATION:
        first = take(first, 0, FEW_ASKED)
    try:
        again = subject.evaluator.batch(first).predictions
    except GateError:
        raise
    except Exception as error:
        raise model_raised(error, "when it was to predict the first samples again") from error
    before, score = accuracy.predictions[: len(again)], subject.score
    if score.wants_labels:
        again = labels(again, to_numpy(subject.targets)[: len(again)], score)
    return int(differing(before, again).sum()) if before.shape == again.shape else len(again)


def _score_slice(subject: Subject, accuracy: Accuracy, mask: Mask) -> Accuracy | Unavailable:
    try:
        return score_predictions(subject.score, to_numpy(subject.targets)[mask], accuracy.predictions[mask])
    except GateError as error:
        return Unavailable(str(error))


def _memory(subject: Subject) -> MemoryPeak | Unavailable:
    sets = subject.worst.batches
    try:
        device = subject.adapter.device_memory(subject.model)
        with one_process():
            found = measure_memory(subject.call, sets) if device is None else _device_peak(subject, device, sets)
            return replace(found, of=subject.worst.how)
    except GateError as error:
        return Unavailable(str(error))
    except Exception as error:
        raise model_raised(error, f"on a batch of {subject.batch_size} while its memory was measured") from error


def _device_peak(subject: Subject, device: DeviceMemory, sets: Sequence[Any]) -> MemoryPeak:
    peaks = []
    for _ in range(DEVICE_REPEATS):
        device.reset()
        for batch in sets:
            subject.call(batch)
        peaks.append(device.peak())
    return MemoryPeak(max(peaks), tuple(peaks))


def _attempt(measure: Callable[[], _T], what: str) -> _T | Unavailable:
    """A refusal is kept as a reason: it matters only when somebody limits that axis."""
    try:
        return measure()
    except GateError as error:
        # Many gates of one kind of model are refused in the same words, which a run holds to its end.
        return Unavailable(sys.intern(str(error)))
    except Exception as error:  # an adapter met a model it was not written for
        return Unavailable(f"looking for the model's {what} raised {type(error).__name__}: {error}")


def _available(value: _T | Unavailable) -> _T:
    if isinstance(value, Unavailable):
        raise GateError(value.reason)
    return value


class _Watched:
    """A stream that notes that it was written to; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.written = False

    def write(self, text: str) -> Any:
        self.written = True
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def _watched_output() -> Iterator[Callable[[], bool]]:
    """Tells whether anything was printed, and lets it through."""
    out, err = _Watched(sys.stdout), _Watched(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield lambda: out.written or err.written
