"""Everything that is measured about one model, in passes that never share a clock, a tracker or a profiler."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.base import Adapter, ParameterCount
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import Accuracy, predict_all, score_predictions
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
    """The prediction method behind ``call``."""
    inputs: Any
    """On the model's device, in the type it was fitted with."""
    targets: Any
    samples: int
    batch_size: int
    score: Score
    fingerprint: str
    """Of the inputs and targets as the user passed them."""

    def workload(self) -> Workload:
        """What is timed."""
        return Workload(
            self.call,
            batches(self.inputs, self.samples, self.batch_size),
            self.batch_size,
            self.adapter.synchronise(self.model),
        )


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
    resolved = resolve_score(manner.score, manner.greater_is_better)
    call, response = _call(model, adapter, manner.predict, resolved.responses)
    return Subject(
        model=model,
        adapter=adapter,
        call=call,
        response=response,
        inputs=adapter.inputs(model, inputs),
        targets=targets,
        samples=samples,
        batch_size=batch_size,
        score=resolved,
        fingerprint=fingerprint(inputs, targets),
    )


def measure_statics(subject: Subject) -> Statics:
    """The accuracy pass, the counts, and the memory pass. The caller holds the adapter's ``running``.

    Raises GateError when the model fails, changes its inputs, or gives what cannot be scored.
    """
    with _watched_output() as wrote:
        predictions = predict_all(subject.call, _to_array(subject), subject.inputs, subject.samples)
    accuracy = score_predictions(subject.score, subject.targets, predictions)
    notes = ("the model writes to the terminal while it predicts; its times include that",) if wrote() else ()
    memory = _memory(subject)
    return Statics(
        accuracy=accuracy,
        parameters=_attempt(partial(subject.adapter.count_parameters, subject.model)),
        model_size=_attempt(lambda: len(subject.adapter.serialise(subject.model))),
        weights=subject.adapter.weights_bytes(subject.model),
        memory=memory,
        notes=notes,
    )


def check_unchanged(subject: Subject, inputs: Any) -> None:
    """Raises GateError when the evaluation set is no longer what it was before the model saw it."""
    if fingerprint(inputs, subject.targets) != subject.fingerprint:
        raise GateError(
            "the model changes its inputs in place, so no two of its calls get the same samples: let it work on a copy."
        )


def _call(model: Any, adapter: Adapter, predict: PredictLike, responses: tuple[str, ...]) -> tuple[Call, str]:
    if callable(predict):
        if inspect.iscoroutinefunction(predict):
            raise GateError("predict= is a coroutine function: async models cannot be judged yet.")
        return partial(predict, model), "custom"
    wanted = responses if predict is None else (predict,)
    problems = []
    for response in wanted:
        try:
            return adapter.call(model, response), response
        except GateError as error:
            problems.append(error)
    raise problems[0]


def _to_array(subject: Subject) -> Callable[[Any], Any]:
    return partial(subject.adapter.predictions, subject.model, response=subject.response)


def _memory(subject: Subject) -> MemoryPeak | Unavailable:
    device = subject.adapter.device_memory(subject.model)
    sets = batches(subject.inputs, subject.samples, subject.batch_size)[:MEMORY_BATCHES]
    if device is not None:
        return _device_peak(subject, device, sets)
    return _attempt(partial(measure_memory, subject.call, sets))


def _device_peak(subject: Subject, device: Any, sets: list[Any]) -> MemoryPeak:
    peaks = []
    for _ in range(3):
        device.reset()
        for batch in sets:
            subject.call(batch)
        peaks.append(device.peak())
    return MemoryPeak(max(peaks), tuple(peaks))


def _attempt(measure: Callable[[], _T]) -> _T | Unavailable:
    """A refusal is kept as a reason: it matters only when somebody limits that axis."""
    try:
        return measure()
    except GateError as error:
        return Unavailable(str(error))


def _available(value: _T | Unavailable) -> _T:
    if isinstance(value, Unavailable):
        raise GateError(value.reason)
    return value


@contextlib.contextmanager
def _watched_output() -> Iterator[Callable[[], bool]]:
    """Tells whether anything was printed, and lets it through afterwards, so that nothing is lost."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield lambda: bool(out.getvalue() or err.getvalue())
    finally:
        sys.stdout.write(out.getvalue())
        sys.stderr.write(err.getvalue())
