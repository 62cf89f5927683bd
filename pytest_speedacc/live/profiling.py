"""Both sides looked into after a live run, each in a process of its own: never while anything is timed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pytest_speedacc.config.project import Clock
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import started
from pytest_speedacc.live.workers.worker_process import WorkerLost, WorkerProcess
from pytest_speedacc.measure.allocations import Allocations
from pytest_speedacc.measure.launches import Key
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.profile import Profile, profiled_calls

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Profiling:
    """What is profiled, and how."""

    keys: Set[Key]
    """The checks whose time is profiled."""
    memory_keys: Set[Key]
    """The checks of which it is asked what holds their peak of memory."""
    clock: Clock
    folder: Path | None
    """Where the files are kept; None keeps none."""
    names: Callable[[Key], str]
    """Of the files of a check."""


@dataclass(frozen=True, slots=True)
class Profiled:
    """The candidate's and the base's of every check that both came to."""

    profiles: Mapping[Key, tuple[Profile, Profile]] = field(default_factory=dict)
    allocations: Mapping[Key, tuple[Allocations, Allocations]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """What went wrong; it changes no verdict."""


def run_profiles(
    candidate: Side,
    base: Side,
    wanted: Profiling,
    arguments: tuple[str, ...],
    *,
    scratch: Path,
    timeout: float,
    say: Callable[[str], None],
) -> Profiled:
    """Profile either side in a process of its own, first what holds its memory and then what takes its time."""
    tests = tuple(dict.fromkeys(test for test, _ in sorted(wanted.keys | wanted.memory_keys)))
    seed = random.SystemRandom().randrange(2**32)
    start = Start(arguments, seed, False, scratch, timeout)
    calls: dict[Key, int] = {}
    profiles: list[dict[Key, Profile]] = []
    allocations: list[dict[Key, Allocations]] = []
    problems: list[str] = []
    for side in (candidate, base):
        profiles.append({})
        allocations.append({})
        say(f"profiling the {side.label}")
        try:
            with timing_lock(say), started([(side, tests)], start) as (worker,):
                worker.receive_gates()
                for test in tests:
                    while ready := worker.next_check(test):
                        key = (test, ready.name)
                        if key in wanted.memory_keys and not ready.compares:
                            worker.send("allocations")
                            if said := _answer(worker, test, "allocations", problems):
                                allocations[-1][key] = msgspec.convert(said, Allocations)
                        if key in wanted.keys and not ready.compares:
                            # As many on either side, so that what grows with the calls does so on both.
                            number = calls.setdefault(key, profiled_calls(ready.seconds_per_call))
                            save = str(wanted.folder / f"{wanted.names(key)}.{side.label}") if wanted.folder else ""
                            worker.send("profile", calls=number, clock=wanted.clock, save=save)
                            if said := _answer(worker, test, "profile", problems):
                                profiles[-1][key] = msgspec.convert(said, Profile)
                        worker.send("return")
        except WorkerLost as error:
            problems.append(f"no profile was taken: {str(error).partition(chr(10))[0]}")
    return Profiled(_in_both(*profiles), _in_both(*allocations), tuple(problems))


def _answer(worker: WorkerProcess, test: str, kind: str, problems: list[str]) -> Any:
    """What it found of this kind; None, with one problem more, where it found nothing. Raises WorkerLost."""
    said = worker.receive()
    if said[kind] is None:
        problems.append(f"{test}: {said['problem']}")
    return said[kind]


def _in_both(ours: Mapping[Key, _T], theirs: Mapping[Key, _T]) -> dict[Key, tuple[_T, _T]]:
    return {key: (ours[key], theirs[key]) for key in ours if key in theirs}
