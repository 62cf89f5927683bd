"""Everything that is measured about one model, in passes that never share a clock, a tracker or a profiler."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.base import RESPONSES, Adapter, DeviceMemory, ParameterCount, class_name, to_array
from pytest_speedacc.errors import GateError, model_raised
from pytest_speedacc.measure.accuracy import Accuracy, predict_all, score_predictions, to_numpy
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.latency import Call, Latency, Workload
from pytest_speedacc.measure.memory import MemoryPeak, measure_memory
from pytest_speedacc.measure.samples import batches, count_samples
from pytest_speedacc.measure.score import Score, resolve_score

_T = TypeVar("_T")

MEMORY_BATCHES = 8
"""Distinct batches in the memory pass: enough for inputs that differ, few enough to cost milliseconds."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why an axis could not be measured."""

    reason: str
    """One sentence."""


OWN = "predict="
"""The response of a ``check(predict=...)`` that is the user's own."""
DEVICE_REPEATS = 3

ScoreLike = str | Callable[[Any, Any], float]
PredictLike = str | Callable[[Any, Any], Any] | None


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model is to be called and scored, as the user said it."""

    score: ScoreLike = "accuracy"
    greater_is_better: bool | None = None
    predict: PredictLike = None
    batch_size: int = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with its evaluation set, as the user handed them over, checked and ready to be called."""

    model: Any
    adapter: Adapter
    call: Call
    """Takes one batch; the very call that is timed, scored and tracked."""
    response: str
    """The prediction method behind ``call``; OWN for the user's own."""
    inputs: Any
    """On the model's device, in the type it was fitted with."""
    targets: Any
    batches: Sequence[Any]
    """Distinct batches of the inputs, for the calls that are timed and tracked."""
    samples: int
    batch_size: int
    score: Score
    fingerprint: str
    """Of the inputs and targets as the user passed them."""
    fingerprint_called: str
    """Of the inputs and the first batches as the model is called with them, which may be copies."""

    def predict(self) -> np.ndarray[Any, Any]:
        """A prediction for every sample, shape (samples,) or (samples, outputs). Raises GateError as predict_all."""
        if self.response == OWN:
            return predict_all(self.call, lambda raw: to_array(to_numpy(raw), OWN), self.inputs, self.samples)
        predictions = partial(self.adapter.predictions, self.model, response=self.response)
        return predict_all(self.call, predictions, self.inputs, self.samples)

    def workload(self) -> Workload:
        """What is timed."""
        return Workload(self.call, self.batches, self.batch_size, self.adapter.synchronise(self.model))


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
    def memory(self) -> int:
        """Peak bytes that inference allocates. Raises GateError where that cannot be measured."""
        return _available(self.statics.memory).peak


def prepare(model: Any, inputs: Any, targets: Any, manner: Manner) -> Subject:
    """Check what ``check`` was given. Raises GateError for anything that cannot be measured."""
    samples = count_samples(inputs, "the inputs")
    labels = count_samples(targets, "the targets")
    if samples != labels:
        raise GateError(f"there are {samples} inputs and {labels} targets: they must belong together one to one.")
    batch_size = manner.batch_size
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= samples:
        raise GateError(f"batch_size={batch_size!r} must be a whole number from 1 to the {samples} samples given.")
    adapter = find_adapter(model)
    adapter.check_usable(model)
    score = resolve_score(manner.score, manner.greater_is_better, getattr(model, "classes_", None))
    call, response = _call(model, adapter, manner.predict, score)
    # A tuple is a sequence of samples here; to a framework it would be several inputs.
    called = adapter.inputs(model, list(inputs) if isinstance(inputs, tuple) else inputs)
    distinct = batches(called, samples, batch_size)
    return Subject(
        model=model,
        adapter=adapter,
        call=call,
        response=response,
        inputs=called,
        targets=targets,
        batches=distinct,
        samples=samples,
        batch_size=batch_size,
        score=score,
        fingerprint=fingerprint(inputs, targets),
        fingerprint_called=fingerprint(called, distinct[:MEMORY_BATCHES]),
    )


def measure_statics(subject: Subject) -> Statics:
    """The accuracy pass, the counts, and the memory pass. The caller holds the adapter's ``running``.

    Raises GateError when the model fails, changes its inputs, or gives what cannot be scored.
    """
    with _watched_output() as wrote:
        predictions = subject.predict()
    accuracy = score_predictions(subject.score, subject.targets, predictions)
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
    )


def check_unchanged(subject: Subject, inputs: Any) -> None:
    """Raises GateError when the evaluation set is no longer what it was before the model saw it.

    ``inputs`` are the user's own. The model may have been called with copies of them, which must not change either.
    """
    called = fingerprint(subject.inputs, subject.batches[:MEMORY_BATCHES])
    if called != subject.fingerprint_called or fingerprint(inputs, subject.targets) != subject.fingerprint:
        raise GateError(
            "the model changes its inputs in place, so no two of its calls get the same samples: let it work on a copy."
        )


def _call(model: Any, adapter: Adapter, predict: PredictLike, score: Score) -> tuple[Call, str]:
    if predict is not None:
        return _chosen(model, adapter, predict)
    problems = []
    for response in score.responses:
        try:
            return adapter.call(model, response), response
        except GateError as error:
            problems.append(error)
    raise GateError(f"the score {score.name!r} needs {' or '.join(score.responses)}: {problems[-1]}")


def _chosen(model: Any, adapter: Adapter, predict: str | Callable[[Any, Any], Any]) -> tuple[Call, str]:
    """The call that ``check(predict=...)`` asks for."""
    own: Any
    if callable(predict):
        own, described = partial(predict, model), "predict="
    elif predict in RESPONSES and adapter.call(model, predict) is not model:
        return adapter.call(model, predict), predict
    else:
        # A model that is called may have a method of that name beside it, and that is what was asked for.
        own, described = getattr(model, predict, None), f"predict={predict!r}"
        if not callable(own):
            raise GateError(
                f"{class_name(model)} has no method {predict!r}: pass predict= with one that it has, or with a "
                "callable(model, batch)."
            )
    if inspect.iscoroutinefunction(own):
        raise GateError(f"{described} is a coroutine function: async models cannot be judged yet.")
    return own, OWN


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
