"""Live runs of the suite with the plugin's own machinery: real worker processes on two trees."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.datasets import load_digits

from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.judge.live_increase import undecided
from pytest_speedacc.live import launch as live_launch
from pytest_speedacc.live import pair as live_pair
from pytest_speedacc.live.ratio_launches import LAUNCHES as STORED_LAUNCHES
from pytest_speedacc.live.tree.history import checked_out
from pytest_speedacc.live.until_decided import Budget, run_until_decided
from pytest_speedacc.live.workers.arguments import worker_arguments
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.side import Side
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import Key, LiveRun, PairTimes
from pytest_speedacc.stats.sequence import usual_spreads

from . import gates
from .record import Cell, Launch, Suite, append_suites, read_suites, rounded
from .rules import TOLERANCE

SIDES = ("candidate", "base")
MOST_LOST = 3
"""Suites in succession that may end early before something is taken to be broken."""
NEIGHBOUR = """
import os, time
parent = os.getppid()
while os.getppid() == parent:
    end = time.perf_counter() + 0.05
    while time.perf_counter() < end:
        pass
    time.sleep(0.05)
"""
"""A process that is busy for half of every 100 ms, on whichever core it is given, as long as this one lives."""


Together = tuple[Cell, ...]
"""Suites that share their launches, and with them imports; each is judged as a suite of its own."""


def measure(
    groups: Sequence[Together],
    suites: int,
    folder: Path,
    *,
    hours: float,
    run: Callable[[Together], list[Suite]],
    say: Callable[[str], None],
) -> None:
    """Measure until every group has its number of complete runs in ``folder``, or the hours are over.

    The group with the fewest comes next, so that all of them see the same times of day. Raises RuntimeError after
    three runs in succession that ended early.
    """
    end = time.monotonic() + 3600 * hours
    kept = Counter(suite.cell for suite in read_suites(folder) if not suite.lost)
    done = {group: kept[group[0]] for group in groups}
    lost = 0
    while min(done.values()) < suites and time.monotonic() < end:
        group = min(groups, key=lambda group: done[group])
        measured = run(group)
        append_suites(folder, measured)
        why = measured[0].lost
        lost = lost + 1 if why else 0
        if lost == MOST_LOST:
            raise RuntimeError(f"{lost} suites in succession ended early, the last because {why}")
        done[group] += not why
        most = max((len(launches) for suite in measured for launches in suite.launches.values()), default=0)
        seconds = sum(suite.seconds for suite in measured)
        say(f"{done[group]} of {suites}: {group[0]}: {most} launches in {seconds:.0f} s {why}")


def run_suites(group: Together) -> list[Suite]:
    """One live run of the suites of ``group``, which differ in their gates alone."""
    cell = group[0]
    keys: dict[str, Key] = {
        gate: (f"test_gates.py::test_gate[{gate}]", "") for member in group for gate in member.gates
    }
    settings = LiveSettings()
    budget = Budget(cell.all_launches or settings.launches, math.inf if cell.all_launches else settings.budget)
    started = time.time()
    with (
        tempfile.TemporaryDirectory(prefix="speedacc-verdicts-") as folder,
        _neighbour() if cell.condition == "noisy" else nullcontext(),
        _recorded_rounds() as recorded,
    ):
        scratch = Path(folder)
        candidate, base = (_tree(scratch / _where(side, cell) / "project", cell, side) for side in SIDES)
        live = run_until_decided(
            _side("candidate", candidate, base, cell),
            _side("base", base, candidate, cell),
            tuple(test for test, _ in keys.values()),
            worker_arguments((), (), lambda plugin: False, scratch),
            tails=frozenset(),
            undecided=_all_of
            if cell.all_launches
            else partial(_undecided, [{*map(keys.get, member.gates)} for member in group]),
            budget=budget,
            scratch=scratch,
            timeout=settings.timeout,
            allow_slow_setup=True,
            say=lambda text: None,
        )
    launched = partial(_launch, recorded=recorded, started=started)
    machine, revision = _machine(), checked_out(Path(__file__).parents[2]) or "unknown"
    return [
        Suite(
            cell=member,
            started=started,
            # Each has its share of what it cost to run them together.
            seconds=live.seconds / len(group),
            machine=machine,
            revision=revision,
            lost=live.lost,
            launches={gate: tuple(map(launched, _results(live, keys[gate]))) for gate in member.gates},
            canary=tuple(map(launched, live.canary)),
            usual=True,
        )
        for member in group
    ]


def _undecided(
    suites: Sequence[Set[Key | None]],
    results: Mapping[Key, Sequence[PairTimes]],
    compared: Sequence[Key],
    usual: Mapping[Key, float],
) -> frozenset[Key]:
    """What the plugin would go on with in any of the suites, were it run alone."""
    bounds = defaultdict(lambda: (TOLERANCE,))
    wanted: frozenset[Key] = frozenset()
    for suite in suites:
        own = {key: launches for key, launches in results.items() if key in suite}
        usual = usual_spreads({key: [launch.difference for launch in launches] for key, launches in own.items()})
        wanted |= undecided(own, [key for key in compared if key in suite], usual, bounds)
    return wanted


def _results(live: LiveRun, key: Key) -> tuple[PairTimes, ...]:
    gate = live.gates.get(key)
    if gate is not None and gate.problem and not live.lost:
        raise RuntimeError(f"{key[0]} cannot be measured: {gate.problem}")
    return gate.launches if gate else ()


def _all_of(
    results: Mapping[Key, Sequence[PairTimes]], compared: Sequence[Key], usual: Mapping[Key, float]
) -> frozenset[Key]:
    return frozenset(results)


def _where(side: str, cell: Cell) -> str:
    """The name of a side's folder."""
    if not cell.swapped:
        return side
    return "base" if side == "candidate" else "candidate".ljust(44, "-")


def _tree(folder: Path, cell: Cell, side: str) -> Path:
    """The suite as one side has it."""
    folder.mkdir(parents=True)
    shutil.copy(gates.__file__, folder / "test_gates.py")
    amount = {"percent": cell.percent, "is_candidate": side == "candidate"}
    (folder / "amount.json").write_text(json.dumps(amount), "utf-8")
    # Scikit-learn has them, but gates of other libraries would pay for importing it.
    inputs, targets = load_digits(return_X_y=True)
    np.savez(folder / "digits.npz", inputs=inputs.astype(np.float32), targets=targets)
    # Without one, pytest would look for its root directory further up.
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    return folder


def _side(label: str, tree: Path, other: Path, cell: Cell) -> Side:
    return Side(
        label=label,
        root=tree,
        other_root=other,
        folder=tree,
        python=sys.executable,
        sys_path=tuple(sys.path),
        one_thread=cell.threads == "one",
        rootdir=tree,
        ini_file=tree / "pytest.ini",
    )


@contextmanager
def _neighbour() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait()


class _Listening:
    """A worker whose answers are kept."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self.rounds: list[float] = []

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = self._worker.receive()
        if message["kind"] == "times":
            self.rounds.append(rounded(statistics.fmean(message["seconds"])))
        return message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the plugin does not keep of a launch of one gate."""

    ended: float
    rounds: tuple[tuple[float, ...], tuple[float, ...]]
    """The candidate's and the base's."""
    ratio: float | None
    parts: tuple[float, ...] | None


_Recorded = dict[int, _Beside]
"""By the ``id`` of the result."""


@contextmanager
def _recorded_rounds() -> Iterator[_Recorded]:
    """Keep every round, of which the plugin itself keeps only what its own rule needs."""
    time_pair: Callable[..., PairTimes] = live_pair.time_pair
    recorded: _Recorded = {}
    measured: Counter[str] = Counter()

    def recording(candidate: Any, base: Any, ready: tuple[Ready, Ready], **options: Any) -> PairTimes:
        sides = _Listening(candidate), _Listening(base)
        result = time_pair(*sides, ready, **options)
        test, is_canary = ready[0].test, candidate.side.label == "base"
        ratio, parts = None, None
        if not is_canary and measured[test] < STORED_LAUNCHES:
            measured[test] += 1
            ratio, parts = _ratio(candidate, ready[0])
        recorded[id(result)] = _Beside(time.time(), (tuple(sides[0].rounds), tuple(sides[1].rounds)), ratio, parts)
        return result

    with patch.object(live_launch, "time_pair", recording):
        yield recorded


def _launch(result: PairTimes, recorded: _Recorded, started: float) -> Launch:
    beside = recorded[id(result)]
    took = (result.difference, result.within, result.setup_seconds, beside.ended - started)
    return Launch(*took, *beside.rounds, beside.ratio, beside.parts)


def _ratio(worker: Any, ready: Ready) -> tuple[float, tuple[float, ...]]:
    """As the plugin measures it for a stored base, but in a launch that has just been timed against the other side."""
    worker.send("ratio", seconds_per_call=ready.seconds_per_call)
    said = worker.receive()
    return said["log_ratio"], tuple(said["parts"])


def _machine() -> str:
    environment = Environment.current()
    known = (environment.processor, environment.caches, environment.hypervisor)
    hardware = "; ".join(str(part) for part in known if part)
    return f"{environment.cpu} ({hardware}), {environment.cores:g} cores, {environment.system}"
