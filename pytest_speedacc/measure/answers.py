"""What the timed calls answered: copied while the clock does not run, and held against the scored answers later."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from pytest_speedacc.errors import GateError, said
from pytest_speedacc.measure.accuracy import differing, labels, to_numpy, typed
from pytest_speedacc.measure.measurement import Statics
from pytest_speedacc.measure.outputs import changed, joined
from pytest_speedacc.measure.raised import RAISED
from pytest_speedacc.measure.score import Array
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.stats.binomial import at_least

MOST_ASKED = 8
"""Batches that are predicted again where nothing was scored in this process: a launch is to stay short."""
FLIPS = 0.05
"""Labels that may flip between a batch of a thousand and one of a few: rounding, also of weights that are quantised
batch by batch, flips fewer."""
LUCK = 1e-4
"""How often a model that flips so many may be taken for one that answers something else."""
FEWEST_UNLIKE = 4
"""Answers that must differ before one that is always the same is called so."""
OF_SPREAD, OF_SIZE = 0.2, 0.005
"""How far numbers may be off, as a share of how much they differ between samples, or of their size: half precision is
off by less."""


class Answers:
    """Some answers of one model's timed calls: one call in eight, until each batch of a small set has had its turn."""

    SHARE = 8
    """One call in so many, since a kept answer leaves the next call to find new memory."""
    MOST = 64
    """Answers that are held at a time."""
    MOST_BYTES = 2**24
    """The same, of large answers."""

    def __init__(self) -> None:
        self.kept: dict[int, Any] = {}
        """Raw answers by the number of their batch, the latest of each."""
        # Not the user's generator, whose state is theirs.
        self._random = random.Random(0)
        self._most = self.MOST

    def positions(self, first: int, count: int, distinct: int) -> list[int]:
        """Which of ``count`` calls, of which the first gets batch number ``first`` of ``distinct`` ones, to keep."""
        offsets = list(range(min(count, distinct)))
        self._random.shuffle(offsets)
        offsets.sort(key=lambda offset: (first + offset) % distinct in self.kept)
        return sorted(
            offset + distinct * self._random.randrange((count - 1 - offset) // distinct + 1)
            for offset in offsets[: max(1, min(self._most, count // self.SHARE))]
        )

    def turned(self, batches: list[Any]) -> int:
        """Where to begin a round of these batches, whose last answer is kept."""
        return self._random.randrange(len(batches))

    def keep(self, number: int, answer: Any) -> None:
        """Keep the answer to a batch, where there is room."""
        if not self.kept:
            size = getattr(answer, "nbytes", 0)
            is_known = isinstance(size, int) and size > 0
            self._most = max(1, min(self.MOST, self.MOST_BYTES // size)) if is_known else self.MOST
        if number in self.kept or len(self.kept) < self._most:
            self.kept[number] = _own_copy(answer)


def _own_copy(answer: Any) -> Any:
    """An answer that stays as it is: a model may answer in one buffer, as a CUDA graph does, which the next call fills.

    What is no array and holds none is taken as it is.
    """
    if hasattr(answer, "dtype") or isinstance(answer, Mapping | tuple):
        with suppress(Exception):  # of whatever the answer is made of
            return copy.deepcopy(answer)
    return answer


def check_answers(subject: Subject, answers: Answers, statics: Statics | None = None) -> None:
    """Hold what the timed calls answered against what was scored, or without ``statics`` against answers to the same
    batches outside of the timed part. The caller holds the adapter's ``running``.

    Raises GateError for answers that no rounding explains. A random model is held to their form alone.
    """
    numbers = sorted(answers.kept)
    if subject.score is None:
        _check_outputs(subject, numbers, answers, statics)
        return
    shape = statics.answer_shape if statics else None
    timed = {number: _as_scored(subject, number, answers.kept[number], shape) for number in numbers}
    if subject.repeats > 1 or (statics is not None and statics.unstable):
        return
    if statics is not None:
        predictions = statics.accuracy.predictions
        _compare(subject, numbers, predictions, predictions[_rows(subject, numbers)], timed)
        return
    asked = numbers[:: max(1, len(numbers) // MOST_ASKED)]
    again, twice = (_asked(subject, asked) for _ in range(2))
    if not differing(again, twice).any():
        _compare(subject, asked, again, again, timed)


def _check_outputs(subject: Subject, numbers: list[int], answers: Answers, statics: Statics | None) -> None:
    """The same of a step, whose batches were answered as they are timed: all but rounding is to be the same."""
    if statics is None:
        numbers = numbers[:: max(1, len(numbers) // MOST_ASKED)]
    timed = joined([_as_rows(subject, number, answers.kept[number]) for number in numbers])
    if statics is not None:
        is_random, once = statics.unstable > 0, statics.accuracy.predictions[_rows(subject, numbers)]
    else:
        once, twice = (
            joined([_as_rows(subject, number, subject.call(subject.batches[number])) for number in numbers])
            for _ in range(2)
        )
        is_random = bool(changed(once, twice, subject.closeness).any())
    if is_random:
        return
    unlike = changed(once, timed, subject.closeness)
    if unlike.mean() > FLIPS:
        first = _rows(subject, numbers)[int(unlike.argmax())]
        raise _another(
            f"{int(unlike.sum())} of {len(unlike)} samples got another output, the first of them sample {first}"
        )


def _as_rows(subject: Subject, number: int, raw: Any) -> Array:
    try:
        return subject.evaluator.rows(raw, subject.batch_size)
    except GateError as error:
        raise _another(
            f"{type(raw).__name__} for the batch from sample {subject.starts[number]} on ({error})"
        ) from error


def _compare(subject: Subject, numbers: list[int], whole: Array, scored: Array, timed: dict[int, Array]) -> None:
    """``whole`` has all that was scored, ``scored`` the samples of the batches with these numbers."""
    answered = np.concatenate([timed[number] for number in numbers])
    if answered.size != scored.size or _is_text(answered) is not _is_text(scored):
        raise _another(f"{_shown(answered[0])} for sample {_rows(subject, numbers)[0]}, and {_shown(scored[0])} before")
    answered = answered.reshape(scored.shape)
    unlike = differing(scored, answered)
    if _are_alike(answered) and unlike.sum() >= FEWEST_UNLIKE:
        raise _another(f"always {_shown(answered[0])}, where {int(unlike.sum())} of {len(scored)} samples got another")
    if scored.dtype.kind == "f" and answered.dtype.kind in "biuf":
        off, spread, size = _rms(answered - scored), _rms(whole - whole.mean(axis=0)), _rms(whole)
        is_other = off > max(OF_SPREAD * spread, OF_SIZE * size)
    else:
        is_other = at_least(int(unlike.sum()), len(unlike), FLIPS) < LUCK
    if is_other:
        worst = int(unlike.argmax())
        raise _another(
            f"{int(unlike.sum())} of {len(unlike)} samples got another prediction, the first of them, sample "
            f"{_rows(subject, numbers)[worst]}, {_shown(answered[worst])} instead of {_shown(scored[worst])}"
        )


def _another(what: str) -> GateError:
    return GateError(
        f"the timed calls answered something else than the scored ones: {what}. Their time says nothing of the model "
        "that was scored: let it compute each answer anew, for a batch of any size."
    )


def _as_scored(subject: Subject, number: int, raw: Any, shape: tuple[int, ...] | None) -> Array:
    """An answer to one batch, in the form that answers are scored in. Raises GateError for what has none."""
    rows, size = _rows(subject, [number]), subject.batch_size
    try:
        plain = None if raw is None else to_numpy(raw)
        is_one = plain is not None and plain.ndim == 0 and size == 1 and plain.dtype.kind != "O"
        if plain is not None and is_one and np.prod(shape or (), dtype=int) == 1:
            # A model that drops the axes of length one still answers one sample. An array of one number is for its
            # adapter to read, as any other: it may be a probability, from which a label was scored.
            found = plain.reshape(1, *(shape or ()))
        else:
            found = typed(subject.evaluator.array(raw))
        if shape is not None and found.size == size * np.prod(shape, dtype=int):
            found = found.reshape(size, *shape)
        if len(found) != size:
            raise GateError(f"{len(found)} predictions")
        if subject.score is not None and subject.score.wants_labels:
            found = labels(found, to_numpy(subject.targets)[rows], subject.score)
        return found
    except RAISED as error:  # of the answer's own conversion, whatever type that is
        answer = f"{type(raw).__name__} ({said(error)})" if raw is not None else "None"
        samples = f"sample {rows[0]}" if size == 1 else f"samples {rows[0]} to {rows[-1]}"
        raise _another(f"{answer} for {samples}") from error


def _asked(subject: Subject, numbers: Iterable[int]) -> Array:
    answers = ((number, _own_copy(subject.call(subject.batches[number]))) for number in numbers)
    found = [_as_scored(subject, number, answer, None) for number, answer in answers]
    return np.concatenate(found)


def _rows(subject: Subject, numbers: Iterable[int]) -> Array:
    """The positions of the samples of these batches in the set."""
    starts = np.asarray(subject.starts)[list(numbers)]
    return np.asarray((starts[:, None] + np.arange(subject.batch_size)).ravel())


def _are_alike(values: Array) -> bool:
    return not differing(values, np.repeat(values[:1], len(values), axis=0)).any()


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def _is_text(values: Array) -> bool:
    return values.dtype.kind in "UTO"


def _shown(value: Any) -> str:
    text = np.array2string(np.asarray(value), precision=4, threshold=4, edgeitems=2, max_line_width=200)
    return text if len(text) <= 60 else f"{text[:60]}..."
