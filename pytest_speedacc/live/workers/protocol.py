"""What a worker is told at its start, and what it says of a gate."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_speedacc.facts import Facts


@dataclass(frozen=True, slots=True)
class Survey:
    """The command line of a run, with which either side can be asked for its gates under its own settings."""

    arguments: tuple[str, ...] = ()
    """For pytest, with what selects tests and without paths."""
    paths: tuple[str, ...] = ()
    """As they were given; empty for none."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Everything a worker needs to know, passed to it as JSON."""

    is_base: bool
    """Whether editable installs must be pointed from ``other_root`` to ``root``."""
    port: int
    """Where the coordinator listens on loopback."""
    token: str
    """Proves that the worker is the one that was started."""
    root: str
    """The tree whose tests it runs."""
    other_root: str
    """The other side's tree, from which nothing may be imported."""
    sys_path: tuple[str, ...]
    """The coordinator's import path, mapped into ``root``; empty with another interpreter, which has its own."""
    arguments: tuple[str, ...]
    """For pytest, without test paths."""
    rootdir: str
    """pytest's root directory, which node ids start from, in this tree."""
    ini_file: str
    """pytest's configuration file in this tree; empty for none."""
    tests: tuple[str, ...]
    """The node ids to run, in this order."""
    paths: tuple[str, ...]
    """What a survey collects, as the command line names it; empty for what its settings say."""
    cores: tuple[int, ...]
    """The cores to be timed on; empty to stay unpinned."""
    seed: int
    """For every random generator, the same on both sides of a launch."""
    statics: bool
    """Whether to measure score, counts and memory as well, once in a live run."""
    scratch: str
    """A folder for what is too large for a message; it ends with the live run."""
    compares: bool = False
    """Whether ``compare`` is what is timed; elsewhere it is passed by."""
    counted: tuple[str, ...] = ()
    """Node ids of the tests whose models have their bytecodes counted, with the statics."""
    surveys: bool = False
    """Whether it only tells which gates this command line selects here, under this side's own settings."""


@dataclass(frozen=True, slots=True)
class ForkedWorker:
    """How a fork server starts a worker."""

    spec: str
    """The file of its WorkerSpec."""
    log: str
    """Where its output goes."""
    ended: str
    """The file in which its exit status is written."""
    folder: str
    """Where it is started."""
    search: str
    """PYTHONPATH; empty for none."""


@dataclass(frozen=True, slots=True)
class ForkServerSpec:
    """Everything a fork server needs to know, passed to it as JSON."""

    sys_path: tuple[str, ...]
    """The import path, without what lies in either tree."""
    roots: tuple[str, ...]
    """Trees of which it must have imported nothing."""
    modules: dict[str, str]
    """What both sides import, in this order, and the file that each must come from."""
    wanted: tuple[str, ...]
    """Those of them that it imports, with whatever they bring."""
    workers: tuple[ForkedWorker, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker stands in ``check`` with a warm model and waits to be told what to time."""

    test: str
    name: str
    seconds_per_call: float
    batch_size: int
    setup_seconds: float
    """What every launch pays before this ``check``: fixtures, and training outside ``fit``."""
    facts: Facts | None
    compares: bool = False
    """Whether it stands in ``compare``."""
    concurrency: int = 1
    """Calls in flight at a time."""
    costliest: tuple[str, float] = ("", 0.0)
    """The fixture that took longest of that setup, and its seconds; "" is the test itself."""
    modules: dict[str, str] = field(default_factory=dict)
    """In the first launch: what it has imported since its last check from outside both trees, and the files; nothing
    where a fixture has changed the environment in which it was imported."""
    asked: tuple[str, ...] = ()
    """The packages that its test has asked for so far, there or not."""
