"""What a change says in a baseline file: only that has been reviewed with it, and only that accepts anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from pytest_speedacc.baseline.changes import GONE, changes
from pytest_speedacc.baseline.files import load_baseline
from pytest_speedacc.baseline.schema import Accepted, Baseline
from pytest_speedacc.errors import GateError


@dataclass(frozen=True, slots=True)
class SinceBase:
    """One check's baseline file beside the one that the base revision has of it."""

    accepted: tuple[Accepted, ...] = ()
    """Entries that were added since the base."""
    before: Baseline | None = None
    """The base's file; None where the base has none."""
    known: bool = False
    """Whether the base's file could be read, if there is one: what is new cannot be told otherwise."""
    refused: tuple[tuple[Accepted, str], ...] = ()
    """Entries that were added, of a base that is no commit this checkout descends from, each with what it is."""
    changed: tuple[str, ...] = ()
    """What it holds now and held in the base, value by value, and who changed it."""

    def believed(self, foreign: Callable[[str], str]) -> SinceBase:
        """Without the entries against a commit of another history; ``foreign`` says of a commit why it is one."""
        found = [(entry, foreign(entry.base)) for entry in self.accepted]
        kept = tuple(entry for entry, why in found if not why)
        return dataclasses.replace(self, accepted=kept, refused=tuple(each for each in found if each[1]))

    def renewed(self, now: Baseline | None, environment: str) -> Baseline | None:
        """``now``, this checkout's file, without the parts that are the base's; None where nothing can be told.

        The parts are those that an update writes as a whole, with its date: what is held once, and the record of
        ``environment``, a key, the only one that is kept. A value counts that an update confirmed, and none that was
        left standing.
        """
        if now is None or not self.known:
            return None
        if self.before is not None and _held_once(now) == _held_once(self.before):
            now = replace(now, accuracy=None, parameters=None, model_size=None, predictions=None)
        former = self.before.environments.get(environment) if self.before is not None else None
        record = now.environments.get(environment)
        return replace(now, environments={environment: record} if record is not None and record != former else {})


def since_base(own: Path, base: Path | None, test: str, name: str, formerly: str = "") -> SinceBase:
    """Read the two files of one check; ``base`` is None where it is not known which file is the base's.

    ``formerly`` is the name of the test in the base, where that is another.
    """
    if base is None:
        return SinceBase()
    try:
        before = load_baseline(base, formerly or test, name)
    except GateError:
        return SinceBase()
    try:
        now = load_baseline(own, test, name)
    except GateError:
        # The gate itself says what is wrong with it, or an update mends it.
        return SinceBase((), before, known=True)
    if before is None:
        return SinceBase(now.accepted if now is not None else (), None, known=True)
    if now is None:
        return SinceBase((), before, known=True, changed=(GONE,))
    added = tuple(entry for entry in now.accepted if entry not in before.accepted)
    return SinceBase(added, before, known=True, changed=changes(before, now))


def _held_once(baseline: Baseline) -> Baseline:
    return replace(baseline, environments={}, accepted=())
