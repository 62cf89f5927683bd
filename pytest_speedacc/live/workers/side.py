"""How the workers of one revision are started, and what all workers of a launch are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_speedacc.live.workers.protocol import Survey


@dataclass(frozen=True, slots=True)
class Side:
    """How the workers of one revision are started."""

    label: str
    """``candidate`` or ``base``."""
    root: Path
    """The tree whose tests they run."""
    other_root: Path
    """The tree from which they must import nothing."""
    folder: Path
    """Where pytest is started: the coordinator's own folder, mapped into ``root``."""
    python: str
    """The interpreter."""
    sys_path: tuple[str, ...]
    """The import path; empty leaves the interpreter's own, after ``search``."""
    one_thread: bool
    """Whether libraries are told to use a single thread."""
    rootdir: Path
    """pytest's root directory in this tree."""
    ini_file: Path | None = None
    """pytest's configuration file in this tree; None where it has none."""
    search: tuple[str, ...] = ()
    """Folders of source that an interpreter without ``sys_path`` imports from before its own packages."""
    survey: Survey | None = None
    """How the first launch asks which gates there are; None where nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a process has done before the workers of a launch are forked from it."""

    modules: Mapping[str, str] = field(default_factory=dict)
    """What both sides import, in this order; and the file that each comes from."""
    wanted: tuple[str, ...] = ()
    """Those of them that are imported, with whatever they bring."""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Set before, or removed (None), because the tests of both sides do so before they import them."""


@dataclass(frozen=True, slots=True)
class Start:
    """What all workers of a launch are started with."""

    arguments: tuple[str, ...]
    """For pytest: whatever options make sense in a worker, without test paths."""
    seed: int
    """The same on both sides, new for every launch."""
    statics: bool
    """Whether score, counts and memory are measured too; so it is in the first launch."""
    scratch: Path
    """A folder that ends with the live run."""
    timeout: float
    """Seconds that a worker may be silent."""
    compares: bool = False
    """Whether ``compare`` is what is timed; elsewhere a worker passes it by."""
    counted: tuple[str, ...] = ()
    """Node ids of the tests whose models have their bytecodes counted, with the statics."""
    shared: Shared | None = None
    """What all of them are forked from; None where each is a process of its own from the start."""
