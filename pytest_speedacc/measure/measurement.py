"""Everything that is measured about one model, in passes that never share a clock, a tracker or a profiler."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pytest_speedacc.adapters.answers import counted, serialised, weighed
from pytest_speedacc.adapters.base import DeviceMemory, ParameterCount
from pytest_speedacc.axes import AXES, amounts_of
from pytest_speedacc.axes.axis import NOT_MEASURED, statistic_name
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.errors import GateError, described
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.busy import QUIET, Busy
from pytest_speedacc.measure.bytecodes import Bytecodes, count_bytecodes
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.garbage import settled, stayed
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.memory import MemoryPeak, leak_note, measure_memory
from pytest_speedacc.measure.metrics import measure_metrics
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.score import Mask
from pytest_speedacc.measure.scoring import score_pass
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.waiting import Waiting

_T = TypeVar("_T")


DEVICE_REPEATS = 3
NEVER_FITTED = "the model was not trained by speedacc.fit(train) in this test"
UNTRAINED = Unavailable(NEVER_FITTED)
UNASKED = Unavailable("nobody asked for it")


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
    accuracy: Accuracy | Outputs | Unavailable
    """Its own score; unavailable where these samples alone cannot have one."""


@dataclass(frozen=True, slots=True)
class Statics:
    """What does not depend on time: score, parameters, size and memory."""

    accuracy: Accuracy | Outputs
    """The score; of a step, which has none, its outputs."""
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
    confidence: Confidence | Unavailable = UNASKED
    slices: Mapping[str, Slice] = field(default_factory=dict)
    """By name."""
    unstable: int = 0
    """Samples among the first ones of which the model, asked twice, gave two predictions."""
    training: Training | Unavailable = UNTRAINED
    """What ``speedacc.fit`` took for this model."""
    retained: int = 0
    """Bytes that stayed after the set was predicted for the first time; 0 for few, and where that cannot be told."""
    metrics: Mapping[str, Amount | Unavailable] = field(default_factory=dict)
    """By axis, what is measured of those that are the user's own."""
    answer_shape: tuple[int, ...] = ()
    """Of what the model answers for one sample, before it is made a label."""
    bytecodes: Bytecodes | Unavailable = UNASKED
    """What a call executes in Python."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The numbers of one model, for the user's own assertions. Seconds, bytes, counts, and the score itself."""

    statics: Statics
    """All that does not depend on time."""
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

    def __str__(self) -> str:
        """All of it in words, a line each."""
        of = self.statics.accuracy
        latency, quantiles = self.latency, (0.5, 0.95) if self.latency.has_tail else (0.5,)
        rows = {
            **({of.score: format_value(of.value, Kind.SCORE)} if isinstance(of, Accuracy) else {}),
            **{f"latency {statistic_name(q)}": format_value(latency.quantile(q), Kind.TIME) for q in quantiles},
            **{
                AXES[name].title: format_value(amount.value, AXES[name].unit)
                for name, amount in amounts_of(self.statics).items()
            },
        }
        width = max(map(len, rows))
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows.items())

    @property
    def accuracy(self) -> float:
        """The score. Raises GateError for a step, which has none."""
        if isinstance(self.statics.accuracy, Outputs):
            raise GateError("score=None has no accuracy: name a score, and pass targets.")
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

    def metric(self, name: str) -> float:
        """An axis of your own. Raises GateError where nothing measured it."""
        return _available(self.statics.metrics.get(name, Unavailable(NOT_MEASURED.format(name=name)))).value

    @property
    def retained(self) -> int:
        """Bytes that each call leaves behind for good. Raises GateError where that cannot be measured."""
        return _available(self.statics.memory).retained


def measure_statics(
    subject: Subject,
    training: Training | Unavailable = UNTRAINED,
    is_decided: Callable[[Sequence[float]], bool] = lambda scores: False,
    *,
    counts: bool = False,
    resting: int | None = None,
) -> Statics:
    """The accuracy pass, the counts, and the memory pass. The caller holds the adapter's ``running``.

    A subject with ``repeats`` is evaluated under one seed after the other until ``is_decided`` says that the scores so
    far are enough. With ``counts``, its bytecodes are counted as well, which takes longer than many calls. ``resting``
    is what ``settled`` said before the model's first call, where one came before this.

    Raises GateError when the model fails, changes its inputs, or gives what cannot be scored.
    """
    resting = settled() if resting is None else resting
    with _watched_output() as wrote, seeded(0) if subject.repeats > 1 else contextlib.nullcontext():
        evaluation = subject.evaluate()
    retained = 0 if subject.streamed or subject.executor else stayed(resting, evaluation.predictions.nbytes)
    scored, largest = score_pass(subject, evaluation, is_decided), evaluation.largest
    notes = ("the model writes to the terminal while it predicts; its times include that",) if wrote() else ()
    notes = (*notes, *scored.notes)
    memory = _memory(subject)
    if isinstance(memory, MemoryPeak) and memory.retained:
        notes = (*notes, leak_note(memory.retained))
    adapter, model = subject.adapter, subject.model
    weights = _attempt(partial(weighed, adapter, model), "weights")
    return Statics(
        accuracy=scored.accuracy,
        parameters=_attempt(partial(counted, adapter, model), "parameters"),
        model_size=_attempt(lambda: len(serialised(adapter, model)), "size"),
        weights=None if isinstance(weights, Unavailable) else weights,
        memory=memory,
        notes=notes,
        evaluation_seconds=evaluation.seconds,
        confidence=Unavailable(largest) if isinstance(largest, str) else Confidence(largest),
        slices={name: Slice(mask, scored.slices[name]) for name, mask in subject.slices.items()},
        unstable=scored.unstable,
        training=training,
        retained=retained,
        metrics=measure_metrics(subject),
        answer_shape=evaluation.predictions.shape[1:],
        bytecodes=count_bytecodes(subject) if counts else UNASKED,
    )


def _memory(subject: Subject) -> MemoryPeak | Unavailable:
    sets = subject.worst.batches
    try:
        device = subject.adapter.device_memory(subject.model)
        with one_process():
            found = measure_memory(subject.call, sets) if device is None else _device_peak(subject, device, sets)
            return replace(found, of=subject.worst.how)
    except GateError as error:
        return Unavailable(str(error))
    except RAISED as error:
        raise model_raised(error, f"on a batch of {subject.batch_size} while its memory was measured") from error


def _device_peak(subject: Subject, device: DeviceMemory, sets: Sequence[Any]) -> MemoryPeak:
    peaks = []
    for repeat in range(1 + DEVICE_REPEATS):
        device.reset()
        for batch in sets:
            subject.call(batch)
        if repeat > 0:  # the first pass takes what libraries keep for calls of this shape
            peaks.append(device.peak())
    return MemoryPeak(max(peaks), tuple(peaks))


def _attempt(measure: Callable[[], _T], what: str) -> _T | Unavailable:
    """A refusal is kept as a reason: it matters only when somebody limits that axis."""
    try:
        return measure()
    except GateError as error:
        # Many gates of one kind of model are refused in the same words, which a run holds to its end.
        return Unavailable(sys.intern(str(error)))
    except RAISED as error:  # an adapter met a model it was not written for
        return Unavailable(f"looking for the model's {what} raised {described(error)}")


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
