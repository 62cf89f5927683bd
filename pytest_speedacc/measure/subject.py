"""What is measured: a model with its evaluation set, checked and ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.answers import check_usable
from pytest_speedacc.adapters.base import Adapter
from pytest_speedacc.errors import GateError, briefly, shown
from pytest_speedacc.measure.calls import PredictLike, inputs_for, resolve_call
from pytest_speedacc.measure.evaluation import CHUNK, Evaluation, Evaluator, Executor, evaluate_set, evaluate_stream
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.latency import Call, Keeper, Workload
from pytest_speedacc.measure.loops import OWN_LOOP, Awaited, Loop
from pytest_speedacc.measure.outputs import CLOSENESS, FINEST
from pytest_speedacc.measure.samples import MOST_DISTINCT, batches, count_samples, held, take
from pytest_speedacc.measure.score import Mask, Score, ScoreLike, resolve_score
from pytest_speedacc.measure.slices import check_not_empty, resolve_slices, stream_slices
from pytest_speedacc.measure.stream import Source, load, sources
from pytest_speedacc.measure.unlocked import refuse_without_lock
from pytest_speedacc.measure.worst import Worst, choose, choose_among

WATCHED_BATCHES = 8
"""Of those that are timed, so many are looked at for whether the model changed them."""
KEPT_BATCHES = 8
"""Batches of a stream that are held for timing, at most."""
FEW_SAMPLES = 4 * CHUNK
"""A set so small that a second pass, for probabilities, costs nothing to speak of."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a model is to be called and scored, as the user said it."""

    score: ScoreLike | None = "accuracy"
    """None for a step, whose outputs are kept and compared instead."""
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
    concurrency: int = 1
    """Calls of an async model in flight at a time."""
    loop: Loop = OWN_LOOP
    """Where an async model is awaited."""
    closeness: float | None = None
    """By how much of itself a number in the outputs of a step may move and be called the same; None for CLOSENESS."""
    metrics: Mapping[str, Any] | None = None
    """What the check says of axes of the user's own, by name: numbers, numbers of each sample, or functions."""
    confident: bool = False
    """Whether the mean confidence is wanted, though it may take a second pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with its evaluation set, as the user handed them over, checked and ready to be called."""

    model: Any
    adapter: Adapter
    call: Call
    """Takes one batch; the very call that is timed, scored and tracked, an ``Awaited`` one of an async model."""
    evaluator: Evaluator
    """The same call, for the accuracy pass."""
    executor: Executor | None
    """Where that pass runs; None for here."""
    inputs: Any
    """On the model's device, in the type it was fitted with; of a stream, its first batches."""
    targets: Any
    """None of a step."""
    batches: Sequence[Any]
    """Distinct batches of the inputs, for the calls that are timed and tracked."""
    starts: Sequence[int]
    """The position of each batch's first sample in the set."""
    worst: Worst
    """The batches that memory is measured on."""
    first: Any
    """As many inputs as the accuracy pass takes at a time, the first of all."""
    samples: int
    batch_size: int
    concurrency: int
    """Calls of an async model in flight at a time; 1 for any other."""
    score: Score | None
    """None of a step."""
    slices: Mapping[str, Mask]
    """Which samples each slice has, shape (samples,)."""
    fingerprint: str
    """Of the inputs and targets as the user passed them."""
    fingerprint_called: str
    """Of the inputs and the first batches as the model is called with them, which may be copies."""
    repeats: int
    """Evaluations at most, each under its own seed."""
    closeness: float
    """By how much of itself a number in the outputs of a step may move and be called the same."""
    training_samples: int | None
    """Samples that the model was trained on; None where nobody said."""
    metrics: Mapping[str, Any]
    """What the check says of axes of the user's own, by name."""
    streamed: Evaluation | None = None
    """The accuracy pass of a stream, which was made when it was read; None for a set that is held whole."""

    def evaluate(self) -> Evaluation:
        """The accuracy pass. Raises GateError as ``evaluate_set`` does."""
        return self.streamed or evaluate_set(self.evaluator, self.inputs, self.samples, self.executor, self.at_a_time)

    @property
    def at_a_time(self) -> int:
        """Samples that the accuracy pass takes. A step may pad what it returns to the longest of its batch, so it is
        called as it is timed."""
        return CHUNK if self.score else self.batch_size

    @property
    def features(self) -> int | None:
        """Numbers in a sample; None where samples are not rows of a table."""
        shape: tuple[Any, ...] = getattr(self.first, "shape", ())
        return int(shape[1]) if len(shape) == 2 else None

    def workload(self, answers: Keeper | None = None) -> Workload:
        """What is timed; ``answers`` keeps some of what the timed calls answer."""
        synchronise = self.adapter.synchronise(self.model)
        if not isinstance(self.call, Awaited):
            return Workload(self.call, self.batches, self.batch_size, synchronise, answers=answers)
        # In the loop itself: going in and out of it takes longer than many a model.
        call, loop = self.call.function, self.call.loop
        return Workload(call, self.batches, self.batch_size, synchronise, loop, self.concurrency, answers)


def prepare(model: Any, inputs: Any, targets: Any, call_options: CallOptions, *, whole: bool = True) -> Subject:
    """Check what ``check`` was given. With a score and no targets it is a stream, evaluated here, while it is read.

    With ``whole`` false only so much of a stream is read as timing needs. Raises GateError for anything that cannot be
    measured.
    """
    refuse_without_lock()
    _check_scored(targets, call_options)
    if call_options.score is None:
        call_options = _as_step(model, call_options)
    elif targets is None:
        return _prepare_stream(model, sources(inputs), call_options, whole)
    called = held(inputs)
    samples = count_samples(called, "the inputs")
    truths = samples if targets is None else count_samples(targets, "the targets")
    if samples != truths:
        raise GateError(f"there are {samples} inputs and {truths} targets: they must belong together one to one.")
    _check_batch_size(call_options.batch_size, samples)
    adapter, _, subject = _ways(model, call_options, {}, samples <= FEW_SAMPLES)
    masks = resolve_slices(call_options.slices, inputs, targets, samples)
    check_not_empty(masks)
    called = inputs_for(model, adapter, call_options.predict, called)
    distinct = batches(called, samples, call_options.batch_size)
    worst = choose(called, samples, call_options.batch_size)
    return subject(
        inputs=called,
        targets=targets,
        batches=tuple(distinct.values()),
        starts=tuple(distinct),
        worst=worst,
        first=take(called, 0, min(samples, CHUNK)),
        samples=samples,
        slices=masks,
        fingerprint=fingerprint(inputs, targets),
        fingerprint_called=fingerprint(called, [*list(distinct.values())[:WATCHED_BATCHES], *worst.batches]),
    )


def _prepare_stream(model: Any, stream: Iterator[Source], call_options: CallOptions, whole: bool) -> Subject:
    adapter, evaluator, subject = _ways(model, call_options, stream_slices(call_options.slices), False)
    if call_options.repeats > 1:
        raise GateError("a stream is read once, so repeats= cannot evaluate it again: pass inputs and targets.")
    size = call_options.batch_size
    kept: list[Source] = []
    inputs: list[Any] = []
    distinct: dict[int, Any] = {}
    read = 0
    for source in stream:
        kept.append(source)
        inputs.append(inputs_for(model, adapter, call_options.predict, load(source)[0]))
        samples = count_samples(inputs[-1], "the inputs of a batch")
        _check_batch_size(size, samples)
        cut = batches(inputs[-1], samples, size).items()
        distinct |= {read + start: batch for start, batch in islice(cut, MOST_DISTINCT - len(distinct))}
        read += samples
        if len(distinct) >= MOST_DISTINCT or len(kept) >= KEPT_BATCHES:
            break
    worst = choose_among(tuple(distinct.values()))
    called = fingerprint(inputs, [*list(distinct.values())[:WATCHED_BATCHES], *worst.batches])
    found = evaluate_stream(evaluator, chain(kept, stream if whole else ()), call_options.executor)
    check_not_empty(found.masks)
    return subject(
        inputs=inputs,
        targets=found.targets,
        batches=tuple(distinct.values()),
        starts=tuple(distinct),
        worst=worst,
        first=inputs[0],
        samples=len(found.targets),
        slices=found.masks,
        fingerprint=found.fingerprint,
        fingerprint_called=called,
        streamed=found.evaluation,
    )


def _check_scored(targets: Any, call_options: CallOptions) -> None:
    """Raises GateError for what a step does not take, and for what only a step takes."""
    closeness = call_options.closeness
    if call_options.score is not None:
        if closeness is not None:
            raise GateError(f"closeness={closeness!r} is for score=None: it says how outputs are compared.")
        return
    if targets is not None:
        raise GateError("score=None looks at no targets: leave them out, or name a score.")
    if call_options.greater_is_better is not None:
        raise GateError("greater_is_better= is the direction of a score, and score=None has none.")
    if call_options.repeats != 1:
        raise GateError("repeats= evaluates the score of a random model, and score=None has none: seed the step.")
    is_number = isinstance(closeness, int | float) and not isinstance(closeness, bool)
    if closeness is not None and not (is_number and FINEST <= closeness < 1):
        raise GateError(f"closeness={closeness!r} must be a number from {FINEST:g} to below 1.")


def _as_step(model: Any, call_options: CallOptions) -> CallOptions:
    """The options with ``transform`` for what has that and neither predicts nor can be called."""
    transforms = callable(getattr(model, "transform", None))
    if call_options.predict is not None or not transforms or callable(model) or hasattr(model, "predict"):
        return call_options
    return replace(call_options, predict="transform")


def _ways(
    model: Any, call_options: CallOptions, slices: Mapping[str, Any], is_small: bool
) -> tuple[Adapter, Evaluator, Callable[..., Subject]]:
    """How the model is called and evaluated, and the subject, to which its evaluation set is to be added."""
    for name in ("repeats", "concurrency"):
        value = getattr(call_options, name)
        if isinstance(value, bool) or not isinstance(value, int) or not value >= 1:
            raise GateError(f"{name}={shown(value)} must be a whole number from 1.")
    metrics = call_options.metrics or {}
    if not isinstance(metrics, Mapping):
        raise GateError(f"metrics={briefly(metrics)} must be a mapping of names to numbers.")
    adapter = find_adapter(model, calls=call_options.predict is None)
    check_usable(adapter, model)
    classes = adapter.classes(model)
    # Numbers are what the framework's own call gives, and whoever makes labels of it gives what they like.
    classes = None if isinstance(classes, range) and call_options.predict is not None else classes
    wanted, direction = call_options.score, call_options.greater_is_better
    score = None if wanted is None else resolve_score(wanted, direction, classes)
    name, responses = (score.name, score.responses) if score else ("", ("predict",))
    call, response = resolve_call(model, adapter, call_options.predict, name, responses, call_options.loop)
    if call_options.concurrency > 1 and not isinstance(call, Awaited):
        raise GateError(f"concurrency={call_options.concurrency} is for async models, and this one returns its answer.")
    confident = call_options.confident or is_small
    evaluator = Evaluator(
        model, adapter, call_options.predict, response, confident, call_options.loop, slices, score is not None
    )
    subject = partial(
        Subject,
        model=model,
        adapter=adapter,
        call=call,
        evaluator=evaluator,
        executor=call_options.executor,
        batch_size=call_options.batch_size,
        concurrency=call_options.concurrency,
        score=score,
        repeats=call_options.repeats,
        closeness=CLOSENESS if call_options.closeness is None else call_options.closeness,
        metrics=metrics,
        training_samples=call_options.training_samples,
    )
    return adapter, evaluator, subject


def _check_batch_size(size: object, samples: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= samples:
        raise GateError(f"batch_size={shown(size)} must be a whole number from 1 to the {samples} samples given.")


def check_unchanged(subject: Subject, inputs: Any) -> None:
    """Raises GateError when the evaluation set is no longer what it was before the model saw it.

    ``inputs`` are the user's own. The model may have been called with copies of them, which must not change either.
    """
    called = fingerprint(subject.inputs, [*subject.batches[:WATCHED_BATCHES], *subject.worst.batches])
    # What a stream gave cannot be asked for again.
    given = subject.fingerprint if subject.streamed else fingerprint(inputs, subject.targets)
    if called != subject.fingerprint_called or given != subject.fingerprint:
        raise GateError(
            "the model changes its inputs in place, so no two of its calls get the same samples: let it work on a copy."
        )
