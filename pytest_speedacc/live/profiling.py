"""Both sides profiled after a live run, each in a process of its own: never while anything is timed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_speedacc.config.project import Clock
from pytest_speedacc.live.handle import Side, Start, WorkerLost, started
from pytest_speedacc.live.launch import Key
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.profile import Profile, profiled_calls


@dataclass(frozen=True, slots=True)
class Profiling:
    """What is profiled, and how."""

    keys: Set[Key]
    clock: Clock
    folder: Path | None
    """Where the files are kept; None keeps none."""
    names: Callable[[Key], str]
    """Of the files of a check."""


def run_profiles(
    candidate: Side,
    base: Side,
    wanted: Profiling,
    arguments: tuple[str, ...],
    *,
    scratch: Path,
    timeout: float,
    say: Callable[[str], None],
) -> tuple[Mapping[Key, tuple[Profile, Profile]], tuple[str, ...]]:
    """The candidate's and the base's profile of every check that both came to, and what went wrong.

    Nothing that goes wrong here changes a verdict.
    """
    tests = tuple(dict.fromkeys(test for test, _ in sorted(wanted.keys)))
    seed = random.SystemRandom().randrange(2**32)
    start = Start(arguments, seed, False, scratch, timeout)
    calls: dict[Key, int] = {}
    found: list[dict[Key, Profile]] = []
    problems: list[str] = []
    for side in (candidate, base):
        profiles: dict[Key, Profile] = {}
        say(f"profiling the {side.label}")
        try:
            with timing_lock(say), started([(side, tests)], start) as (worker,):
                worker.receive_gates()
                for test in tests:
                    while ready := worker.next_check(test):
                        key = (test, ready.name)
                        if key in wanted.keys and not ready.compares:
                            # As many on either side, so that what grows with the calls does so on both.
                            number = calls.setdefault(key, profiled_calls(ready.seconds_per_call))
                            save = str(wanted.folder / f"{wanted.names(key)}.{side.label}") if wanted.folder else ""
                            worker.send("profile", calls=number, clock=wanted.clock, save=save)
                            said = worker.receive()
                            if said["profile"] is None:
                                problems.append(f"{test}: {said['problem']}")
                            else:
                                profiles[key] = msgspec.convert(said["profile"], Profile)
                        worker.send("return")
        except WorkerLost as error:
            problems.append(f"no profile was taken: {str(error).partition(chr(10))[0]}")
        found.append(profiles)
    ours, theirs = found
    return {key: (ours[key], theirs[key]) for key in ours if key in theirs}, tuple(problems)
