"""Raw data: a suite a line of JSON, written when it is complete, so that a suite half measured leaves no trace."""

from __future__ import annotations

import lzma
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE = "suites.jsonl"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a suite was measured under."""

    percent: int
    """How much slower the candidate is, in per cent of the base: 0 for unchanged."""
    condition: str
    """``quiet``, or ``noisy`` beside a busy neighbour."""
    threads: str
    """``one`` or ``all``."""
    gates: tuple[str, ...]
    """The suite."""
    all_launches: int | None
    """So many launches whatever was decided; None to stop as the plugin does."""
    swapped: bool = False
    """Whether the candidate lay where the base usually does, and the base under a path that is 40 characters longer."""

    def __str__(self) -> str:
        launches = f", always {self.all_launches} launches" if self.all_launches else ""
        where = ", swapped" if self.swapped else ""
        gates = f"{len(self.gates)} gates{where}{launches}"
        return f"{self.percent} % slower, {self.condition}, threads={self.threads}, {gates}"


@dataclass(frozen=True, slots=True)
class Launch:
    """One gate in one launch."""

    difference: float
    """Median over ABBA quads of log(candidate/base)."""
    within: float
    """Standard deviation of a quad."""
    setup_seconds: float
    """From the start of the test to its ``check``, on the slower side."""
    ended: float
    """Seconds since the suite began."""
    candidate: tuple[float, ...]
    """Seconds a call, of each round in order: rounds 2i and 2i + 1 belong to quad i."""
    base: tuple[float, ...]
    """The same of the base."""
    ratio: float | None = None
    """log(candidate/yardstick), timed right after; None in launches beyond those that the plugin stores."""
    parts: tuple[float, ...] | None = None
    """What the yardstick's parts took beside each other then; None in data from before they were timed."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One live run."""

    cell: Cell
    started: float
    """Unix time."""
    seconds: float
    """Wall time of the whole run."""
    machine: str
    """Processor, system and cores."""
    revision: str
    """The plugin's commit."""
    lost: str
    """Why the run ended early; empty when it did not."""
    launches: Mapping[str, tuple[Launch, ...]]
    """By gate, in order."""
    canary: tuple[Launch, ...]
    """The base against itself."""
    usual: bool = False
    """Whether the spread of the other gates' launches counted when it was decided how long to go on; not in data from
    before it did."""


def read_suites(folder: Path) -> list[Suite]:
    """Every complete suite of a folder, those that were kept (``.jsonl.xz``) among them, oldest first.

    Raises msgspec.ValidationError for a file of another kind.
    """
    lines = [line for path in folder.glob("*.jsonl.xz") for line in lzma.decompress(path.read_bytes()).splitlines()]
    if (folder / FILE).exists():
        whole, _, _torn = (folder / FILE).read_bytes().rpartition(b"\n")
        lines += whole.splitlines()
    # A file that has just been packed may still be there.
    suites = [msgspec.json.decode(line, type=Suite) for line in dict.fromkeys(lines)]
    return sorted(suites, key=lambda suite: suite.started)


def launch_seconds(suites: Sequence[Suite]) -> dict[tuple[float, float], float]:
    """What each launch of a gate took since the one before it ended, by when its suite began and when it ended.

    Suites that shared their launches began together. Of the time that the run says it took each launch gets its share:
    between the launches of some of these runs the machine stood still, which is no part of it.
    """
    ends: defaultdict[float, set[float]] = defaultdict(set)
    took: Counter[float] = Counter()
    for suite in suites:
        ends[suite.started].update(launch.ended for of_gate in suite.launches.values() for launch in of_gate)
        took[suite.started] += suite.seconds
    return {
        (started, end): (end - before) * took[started] / max(of_run)
        for started, of_run in ends.items()
        for before, end in zip([0.0, *sorted(of_run)], sorted(of_run), strict=False)
    }


def append_suites(folder: Path, suites: Sequence[Suite]) -> None:
    """Add the suites of one run, after cutting off what a killed run may have written of its last one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text(f"{FILE}\n.gitignore\n", "utf-8")
    with (folder / FILE).open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(b"".join(msgspec.json.encode(suite) + b"\n" for suite in suites))


def rounded(seconds: float) -> float:
    """Seconds to the nanosecond, which is all that the clock tells: a third of the digits."""
    return math.floor(seconds * 1e9 + 0.5) / 1e9
