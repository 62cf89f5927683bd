"""What launches beside a base showed: of one gate in one launch, of a gate, and of the whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_speedacc.facts import Facts

Key = tuple[str, str]
"""A check: its node id, and its ``name``."""

NEW_GATE = "new gate: the base does not have it"


@dataclass(frozen=True, slots=True)
class PairTimes:
    """What one launch showed of one gate."""

    difference: float
    """Median over ABBA quads of log(candidate/base) of the faster of a side's two rounds."""
    within: float
    """Standard deviation of a quad, from the median absolute deviation."""
    tail_difference: float | None
    """log(candidate/base) of p95 over the calls of the launch; None where no tail is compared."""
    tail_calls: int
    """Calls a side behind the tail."""
    candidate_seconds: float
    """Median time of a call."""
    base_seconds: float
    """Median time of a call."""
    setup_seconds: float
    """From the start of the test to its ``check``, on the slower side."""
    costliest: tuple[str, float] = ("", 0.0)
    """The candidate's fixture that took longest of it, and its seconds; "" is the test itself."""


@dataclass(frozen=True, slots=True)
class LiveGate:
    """What a live run found out about one check."""

    launches: tuple[PairTimes, ...]
    """In order."""
    candidate: Facts | None
    """Score, counts and memory in a worker; None when the candidate's worker did not get there."""
    base: Facts | None
    """The same of the base; None when it has no such check."""
    base_predictions: np.ndarray[Any, Any] | None
    """One prediction a sample; None when the base has no such check."""
    problem: str
    """Why there is nothing to compare; empty when there is."""
    is_lost: bool = False
    """Whether the run was lost or the candidate failed; otherwise a ``problem`` is one of the base, or of both."""
    usual: float | None = None
    """The standard deviation between the launches of the run's other gates when this one was last looked at; None
    where too little was known of them."""

    @property
    def is_new(self) -> bool:
        """Whether the base does not have this gate at all."""
        return self.problem == NEW_GATE


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What a live run found out."""

    gates: Mapping[Key, LiveGate]
    canary: tuple[PairTimes, ...]
    """The base against itself, a launch each."""
    canary_test: str
    """The gates that it was run with, one after the other as they were decided."""
    base_gates: tuple[str, ...]
    """Node ids of all gates that this run's command line selects in the base, under its own settings."""
    lost_checks: tuple[Key, ...]
    """Checks that the base makes and the candidate, in the same test, does not."""
    failures: Mapping[str, str]
    """What the candidate's own tests failed with in a worker, by node id."""
    compared: tuple[Key, ...]
    """The checks that share the error rate, as counted in the first launch."""
    lost: str
    """Why the run ended early, in its first line, and a lost worker's last words; empty when it did not."""
    seconds: float
    """Wall time, less what other runs on this machine were waited for."""
    base_markers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Keywords of the markers of the base's gates by node id, the nearest first."""
    base_expected: frozenset[str] = frozenset()
    """Node ids of the base's gates that are marked as expected to fail."""
    base_judged: frozenset[str] = frozenset()
    """Node ids of the candidate's tests that the base did not skip."""
    apart: tuple[str, ...] = ()
    """What could not be forked, and why, a sentence each: such launches differ more."""
    base_unread: Mapping[str, str] = field(default_factory=dict)
    """Files that the base could not collect, and why."""
