"""A suite on several machines: each of them collects all of it, and runs its own part."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

import pytest

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.marks import is_gate
from pytest_speedacc.report.printable import printable
from pytest_speedacc.report.shard import MOST_SHARDS, Shard
from pytest_speedacc.session.narrowed import given_to_plugins

Part = tuple[int, int]
"""Which part, from 1, and of how many."""


def read_part(values: Any) -> Part | None:
    """The part of the suite that the options ask for; None for all of it. Raises ConfigError."""
    text: str | None = values.speedacc_shard
    if text is None:
        return None
    option = f"--speedacc-shard={printable(text)}"
    found = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    part, parts = map(int, found.groups()) if found else (0, 0)
    if not parts:
        raise ConfigError(f"{option} must be a part and the number of parts, such as 2/8 for the second of eight.")
    if parts > MOST_SHARDS:
        raise ConfigError(f"{option} asks for too many parts: a suite has at most {MOST_SHARDS}.")
    if not 1 <= part <= parts:
        raise ConfigError(f"{option} is none of the {parts} parts: they are 1/{parts} to {parts}/{parts}.")
    if others := list(_chosen_elsewhere(values)):
        raise ConfigError(
            f"{option} and {' '.join(others)} together leave out tests that no other shard runs: every shard must "
            "select the same tests, by -k, -m or paths, and share them out alone."
        )
    return part, parts


def _chosen_elsewhere(values: Any) -> Iterator[str]:
    """What selects tests by what this machine remembers, or in parts of its own."""
    yield from (flag for flag, name in (("--lf", "lf"), ("--stepwise", "stepwise")) if getattr(values, name, False))
    yield from given_to_plugins(values)


def split(tests: Iterable[str], parts: int) -> list[set[str]]:
    """Share node ids out to as many parts, of which none has over one test more than another.

    A file stays whole where a part has room for it, since its tests share fixtures: at most ``parts - 1`` are cut.
    Nothing but the node ids decides, in whatever order they come.
    """
    names = sorted(set(tests), key=lambda test: (_file(test), test))
    fewest, more = divmod(len(names), parts)
    rooms = [fewest + (part < more) for part in range(parts)]
    found: list[set[str]] = [set() for _ in rooms]
    for file in sorted((list(group) for _, group in groupby(names, key=_file)), key=len, reverse=True):
        rest = file
        while rest:
            wide = [part for part in range(parts) if rooms[part] >= len(rest)]
            # The part that it fits best, so that the files to come find room; else the one that takes most of it.
            part = min(wide, key=rooms.__getitem__) if wide else max(range(parts), key=rooms.__getitem__)
            taken, rest = rest[: rooms[part]], rest[rooms[part] :]
            found[part].update(taken)
            rooms[part] -= len(taken)
    return found


def _file(test: str) -> str:
    return test.partition("::")[0]


class Sharding:
    """Leaves to other machines what belongs to their parts, and knows what that is."""

    def __init__(self, config: pytest.Config, asked: Part | None) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        # A worker does not see the command line.
        self.asked: Part | None = config.workerinput["speedacc_shard"] if self.is_worker else asked  # type: ignore[attr-defined]
        self.shard: Shard | None = None
        """The part of this run, once the tests are collected; None for a run of all."""
        self.elsewhere: tuple[pytest.Item, ...] = ()
        """The tests of this process that are other parts'."""
        self.gates_elsewhere: frozenset[str] = frozenset()
        """Node ids of the gates that are."""
        self.is_idle = False
        """Whether there are tests, and none for this part."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """After every other hook, so that what is left is shared out and nothing else."""
        result = yield
        if self.asked is None:
            return result
        part, parts = self.asked
        gates = {item.nodeid for item in items if is_gate(item)}
        tests = {item.nodeid for item in items}
        own = split(gates, parts)[part - 1] | split(tests - gates, parts)[part - 1]
        self.elsewhere = tuple(item for item in items if item.nodeid not in own)
        self.gates_elsewhere = frozenset(gates - own)
        self.shard = Shard(part, parts, len(gates & own), len(gates), _digest(gates, tests))
        self.is_idle = not own and bool(tests)
        items[:] = [item for item in items if item.nodeid in own]
        if self.elsewhere:
            self.config.hook.pytest_deselected(items=self.elsewhere)
        if self.is_worker:
            said = {"shard": asdict(self.shard), "elsewhere": sorted(self.gates_elsewhere), "is_idle": self.is_idle}
            self.config.workeroutput["speedacc_shard"] = said  # type: ignore[attr-defined]
        return result

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what it cannot see."""
        node.workerinput["speedacc_shard"] = self.asked

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Take what a worker found: all of them collect the same."""
        if said := getattr(node, "workeroutput", {}).get("speedacc_shard"):
            self.shard, self.is_idle = Shard(**said["shard"]), said["is_idle"]
            self.gates_elsewhere = frozenset(said["elsewhere"])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """A part without a test has nothing to fail, and all that comes after may still fail it."""
        if self.is_idle and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        return (yield)


def _digest(gates: set[str], tests: set[str]) -> str:
    lines = sorted(f"{'gate' if test in gates else 'test'} {test}" for test in tests)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()[:16]
