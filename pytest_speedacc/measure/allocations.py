"""Whose functions hold the memory at the peak: the tracker's own records, of a pass of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.memory import recorded
from pytest_speedacc.measure.places import COMPREHENSIONS, OWN, is_library, shown
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.subject import Subject

STEPS = ("transform", "predict", "predict_proba", "predict_log_proba", "decision_function", "forward")
"""Methods of libraries that tell the parts of a model apart where none of it is the user's."""
NOBODY = "(no Python function of yours)"

Frame = tuple[str, str, int]
"""A function's name, its file and the line it is at, as memray gives them."""


@dataclass(frozen=True, slots=True)
class Site:
    """One function, and what it holds at the peak together with the libraries that it called."""

    name: str
    """Not qualified: the tracker knows no more. In brackets where no function is known."""
    file: str
    """As a profile shows it; empty where no function is known."""
    line: int
    """Where it allocated most at once."""
    bytes: int
    allocations: int
    """Blocks of memory, which are more than the objects: an array is its header and its data."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is the same function by: its line moves with every edit."""
        return self.name, self.file

    @property
    def place(self) -> str:
        """As it is named to its author: ``widen (features.py:41)``."""
        return f"{self.name} ({self.file}:{self.line})" if self.file else self.name


@dataclass(frozen=True, slots=True)
class Allocations:
    """What is allocated at the moment of the peak."""

    peak: int
    """Bytes, the sum of the sites."""
    sites: tuple[Site, ...]
    """The one that holds most first."""


def find_allocations(subject: Subject, root: Path) -> Allocations:
    """Track one pass over the batches of the memory pass; ``root`` is the project. The caller holds ``running``.

    Raises GateError where memory cannot be tracked, where it is an accelerator's, and when the model raises.
    """
    if subject.adapter.device_memory(subject.model) is not None:
        raise GateError("which functions hold the peak is not known: an accelerator's allocator keeps no record of it")
    try:
        with recorded(subject.call, subject.worst.batches) as reader:
            sites = _sites(reader.get_high_watermark_allocation_records(merge_threads=True), root)
    except GateError:
        raise
    except RAISED as error:
        raise model_raised(error, "while the memory at its peak was looked through") from error
    return Allocations(sum(site.bytes for site in sites), sites)


def _sites(records: Iterable[Any], root: Path) -> tuple[Site, ...]:
    sites: dict[tuple[str, str], Site] = {}
    for record in sorted(records, key=lambda record: -record.size):
        name, file, line = _holder(record.stack_trace(), root)
        # The line is that of the largest, which came first.
        held = sites.get((name, file), Site(name, file, line, 0, 0))
        sites[held.key] = Site(name, file, held.line, held.bytes + record.size, held.allocations + record.n_allocations)
    return tuple(sorted(sites.values(), key=lambda site: -site.bytes))


def _holder(stack: Sequence[Frame], root: Path) -> Frame:
    """Of a stack, the innermost first: the user's function, else a library's step, else where a library was entered."""
    frames = [frame for frame in stack if frame[0] not in COMPREHENSIONS and not frame[1].startswith(OWN)]
    if not frames:
        return NOBODY, "", 0
    users = (frame for frame in frames if not is_library(frame[1]))
    steps = (frame for frame in frames if frame[0] in STEPS)
    name, file, line = next(users, None) or next(steps, frames[-1])
    return name, shown(file, root), line
