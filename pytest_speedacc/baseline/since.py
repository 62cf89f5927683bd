"""What a change says in a baseline file: only that has been reviewed with it, and only that accepts anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.changes import GONE, changes, is_record_updated, is_updated
from pytest_speedacc.baseline.files import load_baseline, load_predictions
from pytest_speedacc.baseline.merge import is_same_model
from pytest_speedacc.baseline.schema import Accepted, Baseline, Metrics
from pytest_speedacc.errors import GateError


@dataclass(frozen=True, slots=True)
class SinceBase:
    """One check's baseline file beside the one that the base revision has of it."""

    accepted: tuple[Accepted, ...] = ()
    """Entries that were added since the base."""
    before: Baseline | None = None
    """The base's file; None where the base has none."""
    predictions: Predictions | None = field(default=None, compare=False)
    """Of the base's file, which are gone with its folder; None where this checkout's serve."""
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

    def with_predictions(self, base: Path) -> SinceBase:
        """With the predictions of the base's file ``base``, where they can be read."""
        assert self.before is not None, "there is a file"
        try:
            return dataclasses.replace(self, predictions=load_predictions(base, self.before))
        except GateError:
            return self

    def renewed(self, now: Baseline | None, environment: str) -> Baseline | None:
        """``now``, this checkout's file, without what no update since the base wrote; None where nothing can be told.

        The parts are those that an update writes as a whole, with its date: what is held once, and the record of
        ``environment``, a key, the only one that is kept. A value counts that an update confirmed, and none that was
        left standing or changed by hand.
        """
        if now is None or not self.known:
            return None
        before, record = self.before, now.environments.get(environment)
        kept = record is not None
        if before is not None:
            kept = record != before.environments.get(environment) and is_record_updated(before, now, environment)
            if not is_updated(before, now):
                now = replace(now, accuracy=None, parameters=None, model_size=None, metrics=UNSET, predictions=None)
        return replace(now, environments={environment: record} if record is not None and kept else {})

    def unreplaced(self, now: Baseline | None, environment: str, *, scored: bool = True) -> Baseline | None:
        """What of the base's file holds still: what ``now``, this checkout's, does not say, or says without an update.

        None where an update replaced all of it, or nobody touched it. A step is not ``scored``: its file has none.
        """
        before = self.before
        if before is None or now is None:
            return before
        by_hand, score = self.is_by_hand(now), self.lacks_score(now, scored=scored)
        was, record = before.environments.get(environment), now.environments.get(environment)
        parameters = before.parameters if by_hand or now.parameters is None else None
        size = before.model_size if by_hand or now.model_size is None else None
        if record is None:
            # An update takes the records of other environments away with the model that they are of.
            holds = not is_updated(before, now) or is_same_model(before, now)
        else:
            holds = record.memory is None or (record != was and not is_record_updated(before, now, environment))
        left = replace(
            before,
            evaluation_set=before.evaluation_set if score else now.evaluation_set,
            accuracy=before.accuracy if score else None,
            predictions=before.predictions if score else None,
            parameters=parameters,
            model_size=size,
            metrics=_without(before.metrics, {} if by_hand else now.metrics),
            environments={environment: was} if was is not None and holds else {},
        )
        once = (left.accuracy, left.predictions, left.parameters, left.model_size, left.metrics or None)
        nothing = not any(value is not None for value in once) and not left.environments
        return None if nothing else left

    def is_by_hand(self, now: Baseline) -> bool:
        """Whether somebody changed what ``now`` holds once, and no update did."""
        before = self.before
        return before is not None and not is_updated(before, now) and _held_once(now) != _held_once(before)

    def lacks_score(self, now: Baseline, *, scored: bool = True) -> bool:
        """Whether ``now`` has no whole score that an update wrote or the base has; of a step, which is not ``scored``,
        no outputs."""
        return (scored and now.accuracy is None) or now.predictions is None or self.is_by_hand(now)

    def made_with(self, now: Baseline | None) -> Baseline | None:
        """The file that says what the baseline was made with: this checkout's where an update wrote it."""
        return now if now is not None and (self.before is None or is_updated(self.before, now)) else self.before


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
        return SinceBase((), before, known=True, changed=(GONE,)).with_predictions(base)
    added = tuple(entry for entry in now.accepted if entry not in before.accepted)
    since = SinceBase(added, before, known=True, changed=changes(before, now))
    return since.with_predictions(base) if since.lacks_score(now) else since


def _without(before: Metrics, now: Metrics) -> Metrics:
    """What ``before`` has and ``now`` has not."""
    return {name: it for name, it in (before or {}).items() if name not in (now or {})} or UNSET


def _held_once(baseline: Baseline) -> Baseline:
    return replace(baseline, environments={}, accepted=())
