"""The accuracy pass: every sample predicted once, a batch at a time, here or on the processes of an executor."""

from __future__ import annotations

import hashlib
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np

from pytest_speedacc.adapters.base import Adapter, class_name, to_array
from pytest_speedacc.adapters.labels import are_distributions
from pytest_speedacc.errors import GateError, described, said
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.accuracy import missing, to_numpy, typed
from pytest_speedacc.measure.calls import OWN, PredictLike, inputs_for, resolve_call
from pytest_speedacc.measure.concrete import check_concrete, check_finished
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.loops import Awaited, Loop
from pytest_speedacc.measure.outputs import joined, rows_of
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.samples import count_samples, take
from pytest_speedacc.measure.score import Array, Mask
from pytest_speedacc.measure.slices import mask_of
from pytest_speedacc.measure.stream import Source, load

CHUNK = 1024
"""Samples predicted at a time: bounds the memory of a large set, and is large enough to cost nothing."""
NO_SCORE = "score=None looks at outputs as they are, and at no probabilities"
NO_PROBABILITIES = "the model gives no probabilities: name a score or predict= that does"
IN_FLIGHT = 16
"""Batches that an executor holds at a time: enough for a dozen workers, and bounded whatever the set."""


class Executor(Protocol):
    """What is asked of ``check(executor=...)``: the shape of ``concurrent.futures``."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Begin ``function(*arguments)``; the answer has a ``result()``."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One batch, predicted."""

    predictions: Array
    """Shape (samples,) or (samples, outputs); of a step the rows that ``outputs`` makes of what it returns."""
    largest: Array | str
    """The largest probability of each sample, shape (samples,); or why there is none."""
    seconds: float
    """Wall time of the prediction."""
    targets: Array | None = None
    """Of a batch of a stream; None for one of a set that is held whole."""
    fingerprint: str = ""
    """Of the same."""
    masks: Mapping[str, Mask] = field(default_factory=dict)
    """Of the same, which samples each slice has."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Predicts batches of one model; pickled with it where an executor works in other processes."""

    model: Any
    adapter: Adapter
    predict: PredictLike
    response: str
    """What ``predict`` and the score came to: a response of the adapter, or OWN."""
    confident: bool
    """Whether to ask for probabilities where the predictions are none."""
    loop: Loop
    """Where an async model is awaited."""
    slices: Mapping[str, Any] = field(default_factory=dict)
    """Functions of a stream's batch, by the slice's name."""
    scored: bool = True
    """False of a step, which may return anything."""

    def batch(self, inputs: Any) -> Evaluated:
        """Predict inputs as the adapter gives them. Raises GateError for what is not one prediction a sample."""
        model, adapter = self.model, self.adapter
        count = count_samples(inputs, "the inputs")
        with adapter.running(model):
            call, _ = resolve_call(model, adapter, self.predict, "", (self.response,), self.loop)
            began = clocks.seconds()
            with one_process():
                raw = call(inputs)
            if inspect.iscoroutine(raw):
                raw.close()
                raise GateError("the model is no async function and returned a coroutine: declare it with async def.")
            if not self.scored:
                if (wait := adapter.synchronise(model)) is not None:
                    wait()
                seconds = clocks.seconds() - began
                return Evaluated(self.rows(raw, count), NO_SCORE, seconds)
            found = self.array(raw)
            seconds = clocks.seconds() - began
            # A model may answer in one buffer, which its next call fills.
            predictions = found.copy()
            _check_count(predictions, count)
            return Evaluated(predictions, self._largest(inputs, predictions), seconds)

    def source(self, source: Source) -> Evaluated:
        """Load one batch of a stream and predict it. Raises GateError as ``batch`` does."""
        inputs, targets = load(source)
        count, truth = count_samples(inputs, "the inputs of a batch"), to_numpy(targets)
        if truth.ndim == 0 or len(truth) != count:
            given = len(truth) if truth.ndim else 1
            raise GateError(f"a batch has {count} inputs and {given} targets: they must belong together one to one.")
        digest = fingerprint(inputs, targets)
        found = self.batch(inputs_for(self.model, self.adapter, self.predict, inputs))
        masks = {name: mask_of(name, chosen(inputs, targets), count) for name, chosen in self.slices.items()}
        return Evaluated(found.predictions, found.largest, found.seconds, truth, digest, masks)

    def array(self, raw: Any) -> Array:
        """A raw answer as an array, whose first axis is the samples. Raises GateError for what is none, or not yet."""
        check_concrete(raw, is_waited_for=self._is_waited_for())
        found = self._array(raw, self.response)
        if found.dtype.kind == "O":
            check_concrete(found, is_waited_for=True)
        return found

    def rows(self, raw: Any, count: int) -> Array:
        """The same of a step's outputs for ``count`` samples, as rows."""
        check_finished(raw, is_waited_for=self._is_waited_for())
        return rows_of(raw, count)

    def _is_waited_for(self) -> bool:
        """Whether a timed call ends when the device has finished."""
        call, _ = resolve_call(self.model, self.adapter, self.predict, "", (self.response,), self.loop)
        if isinstance(call, Awaited):
            return False  # in its loop nothing but the call itself could wait
        return self.adapter.synchronise(self.model) is not None or (self.response != OWN and self.adapter.finishes)

    def _array(self, raw: Any, response: str) -> Array:
        if self.predict is not None and response == OWN:
            return np.asarray(to_array(to_numpy(raw), OWN))
        return np.asarray(self.adapter.predictions(self.model, raw, response))

    def _largest(self, inputs: Any, predictions: Array) -> Array | str:
        if self.response == "predict_proba" or are_distributions(predictions):
            return _largest_of(predictions)
        if not self.confident or self.response == OWN or "predict_proba" not in self.adapter.responses(self.model):
            return NO_PROBABILITIES
        # No score depends on this pass: where it fails, only a limit on the confidence does.
        try:
            call, _ = resolve_call(self.model, self.adapter, None, "", ("predict_proba",), self.loop)
            return _largest_of(self._array(call(inputs), "predict_proba"))
        except GateError as error:
            return str(error)
        except RAISED as error:
            return f"predict_proba of {class_name(self.model)} raised {described(error)}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A finished pass."""

    predictions: Array
    """Shape (samples,) or (samples, outputs)."""
    largest: Array | str
    """The largest probability of each sample, shape (samples,); or why there is none."""
    seconds: float
    """Wall time of all predictions, added up."""


@dataclass(frozen=True, slots=True)
class StreamEvaluation:
    """A stream that was read once."""

    evaluation: Evaluation
    targets: Array
    fingerprint: str
    """Of the batches' own, in order: where a batch ends counts."""
    masks: Mapping[str, Mask]


def evaluate_set(evaluator: Evaluator, inputs: Any, samples: int, executor: Executor | None, size: int) -> Evaluation:
    """Predict a set that is held whole, ``size`` samples at a time.

    Raises GateError when the model raises, returns another number of predictions than it was given samples, or
    predicts nothing, NaN or infinity for one.
    """
    starts = range(0, samples, size)
    chunks = (take(inputs, start, min(start + size, samples)) for start in starts)
    names = [f"samples {start} to {min(start + size, samples) - 1}" for start in starts]
    found = list(zip(names, _each(evaluator.batch, chunks, names, executor), strict=True))
    if evaluator.scored:
        return _gathered(found)
    parts = [part for _, part in found]
    return Evaluation(joined([part.predictions for part in parts]), NO_SCORE, sum(part.seconds for part in parts))


def evaluate_stream(evaluator: Evaluator, sources: Iterable[Source], executor: Executor | None) -> StreamEvaluation:
    """Predict a stream batch by batch, of which IN_FLIGHT at most are held. Raises GateError as evaluate_set does."""
    digest = hashlib.sha256()
    found: list[tuple[str, Evaluated]] = []
    for number, part in enumerate(_each(evaluator.source, sources, None, executor)):
        found.append((f"batch {number} of the stream", part))
        digest.update(part.fingerprint.encode())
    if not found:
        raise GateError("the inputs are empty: nothing can be measured on a stream without a batch.")
    parts = [part for _, part in found]
    targets = np.concatenate([part.targets for part in parts if part.targets is not None])
    masks = {name: np.concatenate([part.masks[name] for part in parts]) for name in evaluator.slices}
    return StreamEvaluation(_gathered(found), targets, f"sha256:{digest.hexdigest()}", masks)


def _each(
    function: Callable[[Any], Evaluated], batches: Iterable[Any], names: list[str] | None, executor: Executor | None
) -> Iterator[Evaluated]:
    """The batches' results in order, whoever computes them."""
    # Generators, out of which a StopIteration of the model's comes as the cause of a RuntimeError, not as their end.
    results = (function(batch) for batch in batches) if executor is None else _submitted(function, batches, executor)
    number = 0
    while True:
        where = names[min(number, len(names) - 1)] if names else f"batch {number} of the stream"
        try:
            result = next(results)
        except StopIteration:
            return
        except GateError:
            raise
        except BrokenExecutor as error:
            raise GateError(f"a process of executor= ended while it predicted {where}: {said(error)}") from error
        except RAISED as error:
            told = described(error).lower()
            # Python 3.13 says the second, and older ones the first.
            if executor is not None and ("pickle" in told or "local object" in told):
                raise GateError(
                    f"the model cannot be sent to the processes of executor= ({said(error)}): "
                    "predict=, slices= and the model itself must be importable there, not local to a test."
                ) from error
            stopped = error.__cause__ if isinstance(error.__cause__, StopIteration) else None
            raise model_raised(stopped or error, f"while predicting {where}") from error
        yield result
        number += 1


def _submitted(function: Callable[[Any], Evaluated], batches: Iterable[Any], executor: Executor) -> Iterator[Evaluated]:
    waiting = deque[Any]()
    rest = iter(batches)
    waiting.extend(executor.submit(function, batch) for batch in islice(rest, IN_FLIGHT))
    while waiting:
        result: Evaluated = waiting.popleft().result()
        waiting.extend(executor.submit(function, batch) for batch in islice(rest, 1))
        yield result


def _gathered(found: list[tuple[str, Evaluated]]) -> Evaluation:
    parts = [part for _, part in found]
    first = parts[0].predictions
    for where, part in found:
        if part.predictions.shape[1:] != first.shape[1:]:
            raise GateError(
                f"the model's predictions have the shape {part.predictions.shape[1:]} for {where} and "
                f"{first.shape[1:]} before: each sample needs as many."
            )
    predictions = typed(np.concatenate([part.predictions for part in parts]))
    bad = missing(predictions)
    if bad.any():
        raise GateError(
            f"{int(bad.sum())} of {len(predictions)} predictions are NaN, infinite or None, the first at sample "
            f"{int(bad.argmax())}: look for missing values in the inputs, or overflow in the model."
        )
    largest = [part.largest for part in parts]
    known = [each for each in largest if not isinstance(each, str)]
    reason = next((each for each in largest if isinstance(each, str)), "")
    return Evaluation(predictions, reason or np.concatenate(known), sum(part.seconds for part in parts))


def _check_count(predictions: Array, count: int) -> None:
    returned = predictions.shape[0] if predictions.ndim else 1
    if returned != count or predictions.ndim == 0:
        raise GateError(
            f"the model returned {returned} predictions for {count} samples: one a sample is needed. "
            "A function under test is called with a batch and returns a sequence of the same length."
        )


def _largest_of(probabilities: Array) -> Array | str:
    if probabilities.ndim == 1 or probabilities.shape[1] == 1:
        # Of one of two classes: the other has the rest.
        single = probabilities.reshape(-1)
        return np.asarray(np.maximum(single, 1 - single))
    if probabilities.ndim > 2 or not are_distributions(probabilities):
        return "its probabilities do not add up to one for each sample: they are of several labels"
    return np.asarray(probabilities.max(axis=1))
