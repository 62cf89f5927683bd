"""Everything that is measured about one model, in passes that never share a clock, a tracker or a profiler."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.base import Adapter, DeviceMemory, ParameterCount
from pytest_speedacc.errors import GateError, model_raised
from pytest_speedacc.measure.accuracy import Accuracy, labels, score_predictions, to_numpy
from pytest_speedacc.measure.calls import PredictLike, resolve_call
from pytest_speedacc.measure.evaluation import (
    CHUNK,
    Evaluation,
    Evaluator,
    Executor,
    differing,
    evaluate_set,
    evaluate_stream,
)
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.latency import Call, Latency, Workload
from pytest_speedacc.measure.memory import MemoryPeak, measure_memory
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.samples import MOST_DISTINCT, batches, count_samples, take
from pytest_speedacc.measure.score import Mask, Score, resolve_score
from pytest_speedacc.measure.slices import check_not_empty, resolve_slices, stream_slices
from pytest_speedacc.measure.stream import Source, load, sources
from pytest_speedacc.measure.training import Training

_T = TypeVar("_T")
_END = object()

MEMORY_BATCHES = 8
"""Distinct batches in the memory pass: enough for inputs that differ, few enough to cost milliseconds."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why an axis could not be measured."""

    reason: str
    """One sentence."""


DEVICE_REPEATS = 3
KEPT_BATCHES = 8
"""Batches of a stream that are held for timing, at most."""
FEW_SAMPLES = 4 * CHUNK
"""A set so small that a second pass, for probabilities, costs nothing to speak of."""
NO_PROBABILITIES = "the model gives no probabilities: name a score or predict= that does"
NEVER_FITTED = "the model was not trained by speedacc.fit(train) in this test"

ScoreLike = str | Callable[[Any, Any], float]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model is to be called and scored, as the user said it."""

    score: ScoreLike = "accuracy"
    greater_is_better: bool | None = None
    predict: PredictLike = None
    batch_size: int = 1
    slices: Mapping[str, Any] | None = None
    """Masks, positions or functions of inputs and targets, by name."""
    executor: Executor | None = None
    """Where the accuracy pass runs; None for here."""
    repeats: int = 1
    """Evaluations at most, each under its own seed."""
    training_samples: int | None = None
    """Samples that the model was trained on, for advice; None where nobody said."""
    confident: bool = False
    """Whether the mean confidence is wanted, though it may take a second pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with its evaluation set, as the user handed them over, checked and ready to be called."""

    model: Any
    adapter: Adapter
    call: Call
    """Takes one batch; the very call that is timed, scored and tracked."""
    evaluator: Evaluator
    """The same call, for the accuracy pass."""
    executor: Executor | None
    """Where that pass runs; None for here."""
    inputs: Any
    """On the model's device, in the type it was fitted with; of a stream, its first batches."""
    targets: Any
    batches: Sequence[Any]
    """Distinct batches of the inputs, for the calls that are timed and tracked."""
    first: Any
    """As many inputs as the accuracy pass takes at a time, the first of all."""
    samples: int
    batch_size: int
    score: Score
    slices: Mapping[str, Mask]
    """Which samples each slice has, shape (samples,)."""
    fingerprint: str
    """Of the inputs and targets as the user passed them."""
    fingerprint_called: str
    """Of the inputs and the first batches as the model is called with them, which may be copies."""
    repeats: int = 1
    """Evaluations at most, each under its own seed."""
    training_samples: int | None = None
    """Samples that the model was trained on; None where nobody said."""
    streamed: Evaluation | None = None
    """The accuracy pass of a stream, which was made when it was read; None for a set that is held whole."""

    def evaluate(self) -> Evaluation:
        """The accuracy pass. Raises GateError as ``evaluate_set`` does."""
        return self.streamed or evaluate_set(self.evaluator, self.inputs, self.samples, self.executor)

    @property
    def features(self) -> int | None:
        """Numbers in a sample; None where samples are not rows of a table."""
        shape: tuple[Any, ...] = getattr(self.first, "shape", ())
        return int(shape[1]) if len(shape) == 2 else None

    def workload(self) -> Workload:
        """What is timed."""
        return Workload(self.call, self.batches, self.batch_size, self.adapter.synchronise(self.model))


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


@dataclass(frozen=True, slots=True)
class Measurement:
    """The numbers of one model, for the user's own assertions. Seconds, bytes, counts, and the score itself."""

    statics: Statics
    latency: Latency
    """Its ``median``, ``p90``, ``p95`` and ``p99`` are seconds."""

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


def prepare(model: Any, inputs: Any, targets: Any, manner: Manner, *, whole: bool = True) -> Subject:
    """Check what ``check`` was given. Without targets it is a stream, which is evaluated here, while it is read.

    With ``whole`` false only so much of a stream is read as timing needs. Raises GateError for anything that cannot be
    measured.
    """
    if targets is None:
        return _prepare_stream(model, sources(inputs), manner, whole)
    samples = count_samples(inputs, "the inputs")
    truths = count_samples(targets, "the targets")
    if samples != truths:
        raise GateError(f"there are {samples} inputs and {truths} targets: they must belong together one to one.")
    _check_batch_size(manner.batch_size, samples)
    adapter, score, call, evaluator = _ways(model, manner, {}, samples <= FEW_SAMPLES)
    masks = resolve_slices(manner.slices, inputs, targets, samples)
    check_not_empty(masks)
    called = _called(adapter, model, inputs)
    distinct = batches(called, samples, manner.batch_size)
    return Subject(
        model=model,
        adapter=adapter,
        call=call,
        evaluator=evaluator,
        executor=manner.executor,
        inputs=called,
        targets=targets,
        batches=distinct,
        first=take(called, 0, min(samples, CHUNK)),
        samples=samples,
        batch_size=manner.batch_size,
        score=score,
        slices=masks,
        repeats=manner.repeats,
        training_samples=manner.training_samples,
        fingerprint=fingerprint(inputs, targets),
        fingerprint_called=fingerprint(called, distinct[:MEMORY_BATCHES]),
    )


def _prepare_stream(model: Any, stream: Iterator[Source], manner: Manner, whole: bool) -> Subject:
    adapter, score, call, evaluator = _ways(model, manner, stream_slices(manner.slices), False)
    if manner.repeats > 1:
        raise GateError("a stream is read once, so repeats= cannot evaluate it again: pass inputs and targets.")
    size = manner.batch_size
    kept: list[Source] = []
    inputs: list[Any] = []
    distinct: list[Any] = []
    while len(distinct) < MOST_DISTINCT and len(kept) < KEPT_BATCHES:
        source = next(stream, _END)
        if source is _END:
            break
        kept.append(source)
        inputs.append(_called(adapter, model, load(source)[0]))
        samples = count_samples(inputs[-1], "the inputs of a batch")
        _check_batch_size(size, samples)
        distinct += batches(inputs[-1], samples, size)[: MOST_DISTINCT - len(distinct)]
    called = fingerprint(inputs, distinct[:MEMORY_BATCHES])
    found = evaluate_stream(evaluator, chain(kept, stream if whole else ()), manner.executor)
    check_not_empty(found.masks)
    return Subject(
        model=model,
        adapter=adapter,
        call=call,
        evaluator=evaluator,
        executor=manner.executor,
        inputs=inputs,
        targets=found.targets,
        batches=distinct,
        first=inputs[0],
        samples=len(found.targets),
        batch_size=size,
        score=score,
        slices=found.masks,
        fingerprint=found.fingerprint,
        fingerprint_called=called,
        training_samples=manner.training_samples,
        streamed=found.evaluation,
    )


def _ways(
    model: Any, manner: Manner, slices: Mapping[str, Any], is_small: bool
) -> tuple[Adapter, Score, Call, Evaluator]:
    """How the model is scored, called and evaluated."""
    if isinstance(manner.repeats, bool) or not isinstance(manner.repeats, int) or not manner.repeats >= 1:
        raise GateError(f"repeats={manner.repeats!r} must be a whole number from 1.")
    adapter = find_adapter(model)
    adapter.check_usable(model)
    score = resolve_score(manner.score, manner.greater_is_better, getattr(model, "classes_", None))
    call, response = resolve_call(model, adapter, manner.predict, score.name, score.responses)
    evaluator = Evaluator(model, adapter, manner.predict, response, manner.confident or is_small, slices)
    return adapter, score, call, evaluator


def _called(adapter: Adapter, model: Any, inputs: Any) -> Any:
    """The inputs as the model is called with them."""
    # A tuple is a sequence of samples here; to a framework it would be several inputs.
    called = adapter.inputs(model, list(inputs) if isinstance(inputs, tuple) else inputs)
    # Of scipy's sparse formats only these can be cut into batches.
    is_whole = hasattr(called, "tocsr") and getattr(called, "format", "csr") not in ("csr", "csc", "lil")
    return called.tocsr() if is_whole else called


def _check_batch_size(size: object, samples: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= samples:
        raise GateError(f"batch_size={size!r} must be a whole number from 1 to the {samples} samples given.")


def measure_statics(
    subject: Subject,
    training: Training | Unavailable = Unavailable(NEVER_FITTED),
    is_decided: Callable[[Sequence[float]], bool] = lambda scores: False,
) -> Statics:
    """The accuracy pass, the counts, and the memory pass. The caller holds the adapter's ``running``.

    A subject with ``repeats`` is evaluated under one seed after the other until ``is_decided`` says that the scores so
    far are enough. Raises GateError when the model fails, changes its inputs, or gives what cannot be scored.
    """
    with _watched_output() as wrote, seeded(0) if subject.repeats > 1 else contextlib.nullcontext():
        evaluation = subject.evaluate()
    accuracy = score_predictions(subject.score, subject.targets, evaluation.predictions)
    unstable = _unstable(subject, accuracy) if subject.repeats == 1 else 0
    parts = {name: _score_slice(subject, accuracy, mask) for name, mask in subject.slices.items()}
    if subject.repeats > 1:
        accuracy, parts = _repeated(subject, accuracy, parts, is_decided)
    notes = ("the model writes to the terminal while it predicts; its times include that",) if wrote() else ()
    memory = _memory(subject)
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
        confidence=Unavailable(NO_PROBABILITIES) if evaluation.largest is None else Confidence(evaluation.largest),
        slices={name: Slice(mask, parts[name]) for name, mask in subject.slices.items()},
        unstable=unstable,
        training=training,
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


def _unstable(subject: Subject, accuracy: Accuracy) -> int:
    """Of how many of the first samples the model gives another prediction when it is asked again."""
    try:
        again = subject.evaluator.batch(subject.first).predictions
    except GateError:
        raise
    except Exception as error:
        raise model_raised(error, "when it was to predict the first samples again") from error
    before, score = accuracy.predictions[: len(again)], subject.score
    if score.wants_labels:
        again = labels(again, to_numpy(subject.targets)[: len(again)], score.name)
    return int(differing(before, again).sum()) if before.shape == again.shape else len(again)


def _score_slice(subject: Subject, accuracy: Accuracy, mask: Mask) -> Accuracy | Unavailable:
    try:
        return score_predictions(subject.score, to_numpy(subject.targets)[mask], accuracy.predictions[mask])
    except GateError as error:
        return Unavailable(str(error))


def check_unchanged(subject: Subject, inputs: Any) -> None:
    """Raises GateError when the evaluation set is no longer what it was before the model saw it.

    ``inputs`` are the user's own. The model may have been called with copies of them, which must not change either.
    """
    called = fingerprint(subject.inputs, subject.batches[:MEMORY_BATCHES])
    # What a stream gave cannot be asked for again.
    given = subject.fingerprint if subject.streamed else fingerprint(inputs, subject.targets)
    if called != subject.fingerprint_called or given != subject.fingerprint:
        raise GateError(
            "the model changes its inputs in place, so no two of its calls get the same samples: let it work on a copy."
        )


def _memory(subject: Subject) -> MemoryPeak | Unavailable:
    sets = subject.batches[:MEMORY_BATCHES]
    try:
        device = subject.adapter.device_memory(subject.model)
        return measure_memory(subject.call, sets) if device is None else _device_peak(subject, device, sets)
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
        return Unavailable(str(error))
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
