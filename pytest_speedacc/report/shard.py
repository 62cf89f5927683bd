"""The part of a suite that one run has, where several machines share it."""

from __future__ import annotations

from dataclasses import dataclass

MOST_SHARDS = 1000
"""Machines that may share a suite."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of a suite that one run had."""

    part: int
    """Which one, from 1."""
    parts: int
    """How many there are."""
    gates: int
    """That it had to judge."""
    all_gates: int
    """Of all parts together."""
    suite: str
    """A digest of all tests that were shared out: the parts of one suite have the same."""

    @property
    def is_empty(self) -> bool:
        """Whether there are gates, and none for this part."""
        return self.gates == 0 < self.all_gates

    def __str__(self) -> str:
        return f"shard {self.part} of {self.parts}"

    @property
    def sentence(self) -> str:
        """What a run says of it."""
        elsewhere = f"the suite's {self.all_gates} gates are" if self.all_gates > 1 else "the suite's only gate is"
        if self.is_empty:
            return f"Shard {self.part} of {self.parts} has no gate: {elsewhere} in other shards."
        return f"Shard {self.part} of {self.parts}: {self.gates} of the suite's {self.all_gates} gates belong to it."
