"""Whether a processor was there when a model asked for one, by what the scheduler of Linux knows of a stretch of time.

Waiting that the model's own threads and processes cause is the model's. Of a system that does not tell, nothing is
said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.environment import control_groups, usable_cores
from pytest_speedacc.measure.this_process import allowed_cores
from pytest_speedacc.measure.threads import OF_POOLS

CROWDED = 1.25
"""Times the cores: more than that asked for at a time is a remark."""
ACTIVE = 0.1
"""Of the time that a thread ran or would have: from there on it counts among those that are busy."""
SHORTEST = 0.2
"""Seconds that tell whose the waiting was: what all have used is counted in hundredths of one."""
_ADOPTERS = ("init", "systemd", "launchd")


@dataclass(frozen=True, slots=True)
class Busy:
    """How much of a stretch of time the model waited for a processor that others had."""

    share: float = 0.0
    """By the thread that waited longest; 0 where nobody did, or the system does not tell."""
    together: float = 0.0
    """By all of its threads, in lengths of the stretch; at most 1."""
    ran: float = 0.0
    """How much of it the thread that ran longest was on a processor."""
    load: float = 0.0
    """Processes that ran or waited, over the last minute."""
    cores: float = 1.0
    remarks: tuple[str, ...] = ()
    """On more threads than cores."""

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores:g} cores"
        return f"waited {self.share * 100:.0f} % of the time for a processor; load {self.load:.1f} on {cores}"


QUIET = Busy()


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    name: str
    began: int
    """Ticks after the system's start."""
    seconds: float
    """Of processor time, with that of children that it has waited for."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the scheduler has counted up to a moment, in seconds."""

    at: float
    threads: Mapping[tuple[int, int], tuple[float, float]]
    """By process and thread, of all that are the model's: time on a processor, and time in which it waited for one."""
    processes: Mapping[int, float]
    """Processor time of those that are the model's."""
    adopted: frozenset[int]
    """Of these, those that only may be: orphans of this user, which another job may have left as well."""
    everyone: float
    """Processor time of all, on the cores that this process may use."""
    stolen: float
    """In which the machine under this virtual one gave its cores to others."""
    throttled: float
    """In which a container had used up what it may."""


def look(proc: Path = Path("/proc")) -> Look | None:
    """What is counted so far; None where the system does not tell. Takes about 15 µs a process of the machine."""
    if sys.platform != "linux":
        return None
    try:
        table = _table(proc)
        own, adopted = _own(proc, table)
        everyone, stolen = _machine(proc)
        threads = {key: read for process in own for key, read in _threads(proc, process)}
        if not threads:
            threads = {(os.getpid(), 0): (table[os.getpid()].seconds, _pressure(proc))}
    except (OSError, ValueError, IndexError, KeyError):
        return None
    processes = {process: table[process].seconds for process in own}
    throttled = _throttled(proc.parent)
    return Look(clocks.CLOCKS.witness() * 1e-9, threads, processes, adopted, everyone, stolen, throttled)


def since(before: Look | None, proc: Path = Path("/proc")) -> Busy:
    """How busy the machine was from ``before`` until now."""
    after = look(proc) if before is not None else None
    if before is None or after is None or after.at <= before.at:
        return QUIET
    seconds = after.at - before.at
    own = sum(max(0.0, spent - before.processes.get(each, 0.0)) for each, spent in after.processes.items())
    everyone, stolen = after.everyone - before.everyone, after.stolen - before.stolen
    others = max(0.0, everyone - own)
    ran, waited = {}, {}
    for thread, (used, delayed) in after.threads.items():
        used_before, delayed_before = before.threads.get(thread, (0.0, 0.0))
        ran[thread], waited[thread] = used - used_before, delayed - delayed_before
    # Who had the processor that a thread waited for: others, by their part of what all but this thread used.
    by_others = []
    for thread, wait in waited.items():
        rest = others + max(0.0, own - ran[thread])
        counted = max(0.0, wait - (after.throttled - before.throttled))
        by_others.append(min(others, counted * others / rest) / seconds if rest > 0 else 0.0)
    taken = max(ran.values()) / seconds * stolen / (everyone + stolen) if everyone + stolen > 0 else 0.0
    cores = usable_cores()
    share = min(1.0, max(by_others) + taken)
    asked = {thread: (ran[thread] + waited[thread]) / seconds for thread in ran}
    active = [thread for thread, part in asked.items() if part >= ACTIVE]
    # Where others are busy too, or may be, threads wait for them, and not for each other.
    alone = not any(process in after.adopted for process, _ in active)
    is_told = alone and share < ACTIVE and seconds > SHORTEST
    return Busy(
        share=share,
        together=min(1.0, sum(by_others) + taken),
        ran=min(1.0, max(ran.values()) / seconds),
        load=os.getloadavg()[0],
        cores=cores,
        remarks=_crowding(len(active), sum(asked.values()), cores) if is_told else (),
    )


def _crowding(active: int, asked: float, cores: float) -> tuple[str, ...]:
    if active <= cores or asked <= CROWDED * cores:
        return ()
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    pools = {OF_POOLS[pool["internal_api"]]: pool["num_threads"] for pool in threadpool_info() if _is_pool(pool)}
    most = max(1, int(cores))
    large = {name: most for name, threads in pools.items() if threads > most}
    # None is too large by itself, so one is within another, or within threads of the model's own.
    settings = " ".join(f"{name}={threads}" for name, threads in (large or dict.fromkeys(pools, 1)).items())
    remedy = f"set {settings}" if settings else f"let it start at most {most}"
    return (
        f"the model keeps {active} threads busy on {'1 core' if cores == 1 else f'{cores:g} cores'}, "
        f"where they wait for each other: {remedy}",
    )


def _is_pool(pool: Mapping[str, object]) -> bool:
    threads = pool["num_threads"]
    return pool["internal_api"] in OF_POOLS and isinstance(threads, int) and threads > 1


def _own(proc: Path, table: Mapping[int, _Process]) -> tuple[list[int], frozenset[int]]:
    """This process, all that come from it, and those that came from it as far as one can tell; and these last.

    A process whose parent has ended belongs to the system's first one, or to one like it: where it is this user's, and
    younger than this process, it may have been started to make the machine busy, and counts as the model's.
    """
    me = os.getpid()
    born = table[me].began
    orphans = []
    for process, found in table.items():
        adopted = found.parent == 1 or (found.parent in table and table[found.parent].name in _ADOPTERS)
        if adopted and process != me and found.began >= born and _is_mine(proc, process):
            orphans.append(process)
    mine = _with_children([me], table)
    theirs = [each for each in _with_children(orphans, table) if each not in mine]
    return [*mine, *theirs], frozenset(theirs)


def _with_children(processes: list[int], table: Mapping[int, _Process]) -> list[int]:
    children: dict[int, list[int]] = {}
    for process, found in table.items():
        children.setdefault(found.parent, []).append(process)
    family = list(processes)
    for process in family:
        family += [each for each in children.get(process, ()) if each not in family]
    return family


def _is_mine(proc: Path, process: int) -> bool:
    try:
        return (proc / str(process)).stat().st_uid == os.getuid()
    except OSError:
        return False


def _table(proc: Path) -> dict[int, _Process]:
    ticks = os.sysconf("SC_CLK_TCK")
    table = {}
    for name in os.listdir(proc):  # noqa: PTH208 - a thousand of them
        if name.isdecimal() and (text := _read(f"{proc}/{name}/stat")):
            # The name, in parentheses, may hold anything.
            title, _, rest = text.rpartition(")")
            fields = rest.split()
            spent = sum(map(int, fields[11:15])) / ticks
            table[int(name)] = _Process(int(fields[1]), title.partition("(")[2], int(fields[19]), spent)
    return table


def _threads(proc: Path, process: int) -> Iterator[tuple[tuple[int, int], tuple[float, float]]]:
    try:
        names = os.listdir(proc / str(process) / "task")  # noqa: PTH208 - no objects
    except OSError:  # it has ended meanwhile
        return
    for name in names:
        if text := _read(proc / str(process) / "task" / name / "schedstat"):
            used, delayed = map(int, text.split()[:2])
            yield (process, int(name)), (used * 1e-9, delayed * 1e-9)


def _machine(proc: Path) -> tuple[float, float]:
    """Seconds that the cores that this process may use were busy, and that were stolen from them."""
    ticks, allowed = os.sysconf("SC_CLK_TCK"), allowed_cores()
    busy = stolen = 0
    for line in (proc / "stat").read_text().splitlines():
        name, *counts = line.split()
        if name.startswith("cpu") and name[3:].isdecimal() and int(name[3:]) in allowed:
            user, nice, system, _, _, irq, softirq, steal = map(int, counts[:8])
            busy, stolen = busy + user + nice + system + irq + softirq, stolen + steal
    return busy / ticks, stolen / ticks


def _pressure(proc: Path) -> float:
    """Seconds in which anybody waited for a processor: what a system tells that does not count it by thread."""
    some = (proc / "pressure" / "cpu").read_text().splitlines()[0]
    return int(some.rpartition("total=")[2]) * 1e-6


def _throttled(root: Path) -> float:
    """Seconds that the control groups of this process were stopped for having used up their quota."""
    found = [0.0]
    for group in control_groups(root):
        counts = dict(line.split() for line in _read(group / "cpu.stat").splitlines() if line.count(" ") == 1)
        found += [int(counts.get("throttled_usec", 0)) * 1e-6, int(counts.get("throttled_time", 0)) * 1e-9]
    return max(found)


def _read(path: Path | str) -> str:
    """Empty for what is not there, or not any more."""
    try:
        # Without a buffer and a decoder for each: a gate looks at every process of the machine several times.
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
