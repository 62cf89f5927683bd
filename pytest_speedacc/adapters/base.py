"""What every framework's adapter must answer, and the defaults most of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from pytest_speedacc.errors import GateError

RESPONSES = ("predict", "predict_proba", "decision_function")


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """The learned scalars of a model, and what explains them."""

    total: int
    """The learned scalars; what one is, each adapter's `counted` says."""
    details: Mapping[str, int] = field(default_factory=dict)
    """Named figures behind the total, such as trees and leaves; they need not add up to it."""

    def __add__(self, other: ParameterCount) -> ParameterCount:
        """The count of two parts of one model, details of the same name added."""
        details = Counter(self.details)
        details.update(other.details)
        return ParameterCount(self.total + other.total, dict(details))

    @classmethod
    def of_trees(cls, trees: int, splits: int, leaves: int, values: int) -> ParameterCount:
        """Two scalars a split (feature and threshold) and each of the `values` that the leaves hold."""
        return cls(2 * splits + values, {"trees": trees, "leaves": leaves})


def in_few_bits(widths: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Details that tell quantised elements from others: how many there are in fewer than 16 bits, by their bits."""
    details: Counter[str] = Counter()
    for elements, bits in widths:
        if elements and bits < 16:
            details[f"in {bits} bits"] += elements
    return dict(details)


class DeviceMemory(Protocol):
    """An accelerator's own account of its memory."""

    def reset(self) -> None:
        """Take what is live now as the zero of the next peak."""

    def peak(self) -> int:
        """The most bytes that were live since `reset`, beyond what was live then."""


class Adapter(ABC):
    """One framework's models: how they predict, what their parameters are, what their bytes are.

    A third party subclasses this (or the adapter nearest to its own) and calls
    `pytest_speedacc.adapters.register`.
    """

    framework: ClassVar[str]
    """The framework's name as its users write it."""
    counted: ClassVar[str]
    """One sentence: what a parameter is here."""
    serialisation: ClassVar[str]
    """One sentence: the pinned canonical serialisation whose length is the model size."""

    own_format: ClassVar[bool] = False
    """Whether `serialise` gives the framework's own format, which a model nested in another keeps."""

    finishes: ClassVar[bool] = False
    """Whether the calls of `responder` wait by themselves until what they answer with is computed."""

    @abstractmethod
    def recognises(self, names: frozenset[str]) -> bool:
        """Whether a model is this framework's, by the qualified names of its class and their bases.

        Names are as defined, such as `sklearn.base.BaseEstimator`; nothing may be imported here.
        """

    @abstractmethod
    def count_parameters(self, model: Any) -> ParameterCount:
        """The learned scalars of a usable model.

        Raises `GateError`, naming the type or part, where a count would leave something out.
        """

    @abstractmethod
    def serialise(self, model: Any) -> bytes:
        """The canonical serialisation of a usable model; its length is the model size in bytes.

        The length is the same in every process, and before and after the model has predicted.
        Raises `GateError` for a model that has none.
        """

    def check_usable(self, model: Any) -> None:  # noqa: B027 - most models are always usable
        """Raise `GateError` for a model that cannot predict as it is, such as one not fitted."""

    def responses(self, model: Any) -> tuple[str, ...]:
        """The responses that the model can give: those of `RESPONSES` that it has as methods."""
        return tuple(name for name in RESPONSES if hasattr(model, name))

    def classes(self, model: Any) -> Any:
        """The labels that the model predicts, in the order of its probabilities; None where it does not say.

        A range where it numbers them by itself and predicts the numbers; a tuple of names where their numbers are
        labels as well.
        """
        return getattr(model, "classes_", None)

    def is_untyped(self, model: Any) -> bool:
        """Whether a call may return predictions, probabilities or scores, so that only its values tell which."""
        return False

    def call(self, model: Any, response: str) -> Callable[[Any], Any]:
        """The exact callable that is timed: one batch of inputs to the model's raw output.

        Raises `GateError` when the model cannot give the response.
        """
        offered = self.responses(model)
        if response not in offered:
            others = " and ".join(offered) or "no other response"
            raise GateError(
                f"{class_name(model)} has no {response}; it has {others}. "
                "Choose another score, or pass predict= with a callable(model, batch)."
            )
        return self.responder(model, response)

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        """The callable behind a response that the model can give."""
        method: Callable[[Any], Any] = getattr(model, response)
        return method

    def running(self, model: Any) -> AbstractContextManager[None]:
        """The state that the model predicts in, left again afterwards, also after an error."""
        return nullcontext()

    def inputs(self, model: Any, inputs: Any) -> Any:
        """The inputs as the model wants them; done once, outside timing."""
        return inputs

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """A raw output as an array whose first axis is the samples; done outside timing.

        Scores of a model that has no labels of its own, such as a torch classifier's (n, classes),
        stay scores under "predict". Raises `GateError` for an output that is not an array.
        """
        return to_array(raw, response)

    def weights_bytes(self, model: Any) -> int | None:
        """Bytes of the weights in memory, or None where the framework does not define them."""
        return None

    def synchronise(self, model: Any) -> Callable[[], None] | None:
        """What waits for the model's device to finish, or None when calls return finished.

        Raises `GateError` for a device that nothing waits for: no call there can be timed.
        """
        return None

    def device_memory(self, model: Any) -> DeviceMemory | None:
        """The account of the accelerator that the model is on, or None when it is on none.

        Raises `GateError` for one that keeps no account.
        """
        return None

    def device_name(self, model: Any) -> str:
        """The accelerator that the model is on, by its product name; empty when it is on none."""
        return ""


def class_name(model: Any) -> str:
    """The name of the model's class, as its user knows it."""
    return type(model).__name__


def not_fitted(model: Any, why: str = "") -> GateError:
    """The refusal of a model that has not been fitted."""
    return GateError(
        f"{class_name(model)} is not fitted{why}. Fit it before the check, or pass the model that was fitted."
    )


def to_array(raw: Any, response: str) -> np.ndarray:
    """An output of `response` as an array of samples; sparse ones are made dense.

    Raises `GateError` when the output has no such form.
    """
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    if response == "predict_proba" and isinstance(raw, list) and np.ndim(raw[0]) > 1:
        if any(np.shape(table)[1] != 2 for table in raw):
            raise GateError(
                f"predict_proba returned {len(raw)} tables, one for each output; score one output at a time, "
                "with predict= returning its probabilities."
            )
        raw = np.column_stack([np.asarray(table)[:, 1] for table in raw])
    try:
        array = np.asarray(raw)
    except ValueError as error:
        raise GateError(f"{response} returned rows of different lengths ({error}).") from error
    if array.ndim == 0:
        raise GateError(
            f"{response} returned one {type(raw).__name__} for the whole batch, not one prediction a sample."
        )
    return array
