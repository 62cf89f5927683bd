"""What a verdict is made of: outcomes, checks, and the verdict they make together.

What decided is kept in values, as ``because`` has it, until ``report/sentences`` puts it in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, Literal, TypeVar

from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.config.settings import Bound, Unit


class Outcome(IntEnum):
    """What a check came to; a gate's verdict is its worst check, in this order."""

    PASSED = 0
    """Shown to hold."""
    INCONCLUSIVE = 1
    """Measured, and this machine cannot tell."""
    NOT_COMPARED = 2
    """Asked for, and there is nothing comparable."""
    FAILED = 3
    """Shown to be violated, or impossible to measure."""

    @property
    def word(self) -> str:
        """As it is printed and stored."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Point:
    """Something that is to be said: which rule found it, and by which values."""

    rule: str
    """A key of ``report/sentences``."""
    values: Mapping[str, object]
    """What its sentence names."""


Reason = tuple[Point, ...]
"""All that is to be said of one thing, in order."""


def because(rule: str, /, **values: object) -> Reason:
    """The reason that ``rule`` gives, with the values that it went by; reasons add up."""
    return (Point(rule, values),)


Said = TypeVar("Said")
"""A ``Reason``, and ``str`` once it is in words."""


@dataclass(frozen=True, slots=True)
class Check(Generic[Said]):
    """One bound held against one number."""

    setting: str
    """The limit or tolerance, as the user wrote its name."""
    metric: str
    """The axis."""
    statistic: str
    """``median`` or ``p95`` for a latency, empty elsewhere."""
    slice: str
    """The part of the evaluation set; empty for all of it."""
    kind: str
    """What the numbers are measured in."""
    observed: float | None
    """What was measured; None when it could not be."""
    interval: tuple[float, float] | None
    """Of what was measured, where there is one: 95 % of a time, 90 % of a score beside its baseline."""
    limit: float | None
    """The absolute bound; None for a tolerance."""
    reference: float | None
    """The value that it is compared with; None for a limit, or where there is none."""
    allowed: Said
    """The bound, such as ``at most 5.00 ms`` or ``worse by at most 3 %``."""
    outcome: Outcome
    """What it came to."""
    reason: Said
    """Why, in one sentence."""
    title: str = ""
    """What the axis is called here: a score by its own name; empty for the axis's."""
    sides: tuple[float, float] | None = None
    """Seconds of both sides behind a change of a time, this one first; None where they are not known."""
    accepted: Said | Literal[""] = ""
    """What somebody accepted of it since the base, how much and why; empty where nothing was."""

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from the other checks of a gate: the setting, and the slice."""
        return self.setting, self.slice


Finding = Check[Reason]
"""A check as it is judged, in values alone."""


def any_failed(checks: Iterable[Finding]) -> bool:
    """Whether one of them is shown to be violated."""
    return any(check.outcome is Outcome.FAILED for check in checks)


@dataclass(frozen=True, slots=True)
class Leg(Generic[Said]):
    """One term of a trade beside what was measured."""

    axis: str
    """What the trade calls it."""
    wanted: str
    """At most so much given, or at least so much gained: ``30 %``."""
    observed: Said
    """What it came to, and why it does not hold where it does not."""
    holds: bool
    """Whether it is shown to hold."""


@dataclass(frozen=True, slots=True)
class TradeSum(Generic[Said]):
    """What was given, what was gained, and whether a trade allows the one for the other."""

    trade: str
    """``give accuracy 0.5 pp for latency 30 %``."""
    source: str
    """The table or marker that it stands in."""
    given: tuple[Leg[Said], ...]
    """What got worse, and how much of that the trade allows."""
    gained: tuple[Leg[Said], ...]
    """What got better, and how much of that the trade asks for."""

    @property
    def applies(self) -> bool:
        """Whether all of it is shown to hold."""
        return all(leg.holds for leg in (*self.given, *self.gained))


@dataclass(frozen=True, slots=True)
class Observation:
    """A number that was measured, whether or not anything bounds it."""

    metric: str
    """The axis."""
    statistic: str
    """``median`` or ``p95`` for a latency, empty elsewhere."""
    kind: str
    """What the numbers are measured in."""
    observed: float | None
    """None when it could not be measured."""
    interval: tuple[float, float] | None
    """Of what was measured, where there is one."""
    reference: float | None
    """The former value, as information."""
    note: str
    """What explains it: trees and leaves, why it is missing."""
    points: bool = False
    """True for a score that lies within 0 to 1 by definition, whose changes are told in points."""
    slice: str = ""
    """The part of the evaluation set; empty for all of it."""
    higher_is_better: bool = False
    """The direction; True for most scores."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one model in one test."""

    test: str
    """The node id."""
    name: str
    """``check(name=...)``; empty for the only one."""
    checks: tuple[Check[str], ...]
    """Every bound, in the order of the axes."""
    observations: tuple[Observation, ...]
    """Every axis that was measured."""
    notes: tuple[str, ...]
    """Remarks that may change how the verdict is read."""
    accept: str = ""
    """The command that accepts what failed; empty where nothing did, or an update would not be written."""
    trades: tuple[TradeSum[str], ...] = ()
    """Those that could excuse what got worse, whether or not they do."""
    suspects: tuple[str, ...] = ()
    """What it runs with in other versions than its base, where it failed: ``scikit-learn 1.5.2 -> 1.9.1``."""
    explained: tuple[str, ...] = ()
    """What accounts for the time, function by function, a line each."""
    explained_beside: str = ""
    """Whose profile those lines compare with: the ``base``'s, the ``baseline``'s; empty for a profile by itself."""
    allocated: tuple[str, ...] = ()
    """What holds the peak of memory, or more of it than in the base, function by function, a line each."""
    flipped: tuple[str, ...] = ()
    """Samples that were right and are wrong now, and the classes, confusions and slices that got worse, a line each."""
    group: str = ""
    """The job that this model is one of several for; empty for none."""
    compared_with: str = "baseline"
    """Where former values are from: the ``baseline``, or the ``base`` of a live run."""
    error: str = ""
    """Why nothing could be judged; the verdict is then failed."""
    file: str = ""
    """Of the test, relative to the folder that node ids start from; empty where it is not known."""
    line: int = 0
    """Of the test, from 1; 0 where it is not known."""

    @property
    def outcome(self) -> Outcome:
        """The worst of the checks; failed when there is none, for then nothing was judged."""
        return max((check.outcome for check in self.checks), default=Outcome.FAILED)

    @property
    def title(self) -> str:
        """The node id, with the name of the check where it has one."""
        return f"{self.test} ({self.name})" if self.name else self.test

    def worst(self) -> tuple[Check[str], ...]:
        """The checks that made the verdict what it is."""
        return tuple(check for check in self.checks if check.outcome is self.outcome)


def check_of(
    bound: Bound,
    observed: float | None,
    outcome: Outcome,
    reason: Reason,
    *,
    interval: tuple[float, float] | None = None,
    reference: float | None = None,
    kind: str | None = None,
    sides: tuple[float, float] | None = None,
) -> Finding:
    """The check that ``bound`` came to; ``kind`` where what was observed is not of the setting's own."""
    setting = bound.setting
    return Check(
        setting=setting.name,
        metric=setting.metric,
        statistic=setting.statistic,
        slice="",
        kind=kind or setting.kind,
        observed=observed,
        interval=interval,
        limit=None if setting.is_tolerance else bound.value,
        reference=reference,
        allowed=allowed_by(bound),
        outcome=outcome,
        reason=reason,
        sides=sides,
    )


def allowed_by(bound: Bound) -> Reason:
    """What a bound allows: ``at most 5.00 ms``, ``worse by at most 3 %``."""
    role = bound.setting.role
    if bound.unit is Unit.PLAIN:
        return because("bound", role=role, value=Quantity(bound.value, bound.setting.kind))
    return because("bound in unit", role=role, value=bound.value * 100, unit=bound.unit)


def moved_by(change: float) -> Quantity:
    """A change of a time, as a fraction."""
    return Quantity(change, Kind.CHANGE)
