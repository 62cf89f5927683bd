"""What is known of a model: measured here, sent by a worker, or written down before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why an axis could not be measured."""

    reason: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Amount:
    """The value of an axis that is a plain quantity: a count, bytes, seconds, or what a user measures."""

    value: int | float
    band: int | float = 0
    """By how much it moves when nothing has changed."""
    note: str = ""
    """What explains it: trees and leaves, what it is the peak of."""
    slices: Mapping[str, float] = field(default_factory=dict)
    """Its value in each slice of the evaluation set, where it is a mean over samples."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Which functions it is made of, each with its part, where that is told."""
    scale: str = ""
    """What an axis of the user's own is measured in, and which way is better; only the like is compared."""

    def of(self, name: str) -> Amount:
        """Its value in a slice, which moves by as much."""
        return Amount(self.slices[name], self.band)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker says of its side's model, but for its times."""

    score: str | None
    """None of a step, which has no score, as the two below."""
    greater_is_better: bool | None
    value: float | None
    samples: int
    fingerprint: str
    predictions: str
    """Path of an ``.npy`` file with one prediction a sample, or the outputs of a step."""
    amounts: dict[str, Amount]
    """By axis, those that could be measured."""
    batch_size: int
    """Samples in a call."""
    own_axes: tuple[str, ...] = ()
    """The axes that its side has added, whether or not they could be measured."""
    scores: tuple[float, ...] = ()
    """Of each evaluation of a random model; empty where one says it all."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python and the libraries of its side, by distribution name."""
    libraries: dict[str, str] = field(default_factory=dict)
    """Of all that its process has imported, with the interpreter and what computes for them."""
