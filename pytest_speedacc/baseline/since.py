"""What a change says in a baseline file: only that has been reviewed with it, and only that accepts anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

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
        now = None
    former = before.accepted if before is not None else ()
    added = tuple(entry for entry in now.accepted if entry not in former) if now is not None else ()
    return SinceBase(added, before, known=True)


def _held_once(baseline: Baseline) -> Baseline:
    return replace(baseline, environments={}, accepted=())
