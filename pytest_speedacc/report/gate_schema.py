"""What a JSON report holds of one gate, and the types and the base class of all its parts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(max_length=100_000)]
Name = Annotated[str, Meta(max_length=10_000)]
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[float, Meta(ge=-1e300, le=1e300)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Interval = tuple[Number, Number]
Lines = Annotated[tuple[Text, ...], Meta(max_length=10_000)]
Word = Literal["passed", "inconclusive", "not_compared", "failed"]
Fact = Text | int | float | bool | None | dict[Name, Text]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document. What has a default came with schema 2, or nobody reads it; further fields are left
    alone."""


class CheckPart(Part, frozen=True, kw_only=True):
    """One limit or tolerance held against what was measured."""

    setting: Name
    """Its name, such as ``max_latency``."""
    metric: Name
    """The axis that it bounds."""
    statistic: Name
    """``median`` or ``p95`` for a latency, empty elsewhere."""
    slice: Name
    """The part of the evaluation set; empty for all of it."""
    title: Name = ""
    """What the axis is called where it is a score with a name of its own; empty elsewhere."""
    observed: Number | None
    """What was measured, or the change of it; null where it could not be."""
    interval: Interval | None
    """Of ``observed``, where there is one."""
    unit: Name
    """Of the numbers: s, B, count, 1/s, fraction, change (0.03 is 3 % more), score, or that of an axis of your own."""
    limit: Number | None
    """The absolute bound; null for a tolerance."""
    reference: Number | None
    """The former value that it is compared with; null for a limit, or where there is none."""
    allowed: Text
    """The bound in words, such as ``worse by at most 3 %``."""
    outcome: Word
    """What it came to."""
    reason: Text
    """Why, in one sentence."""
    sides: Interval | None = None
    """Seconds of both sides behind a change of a time, this one first."""
    accepted: Text = ""
    """What somebody accepted of it since the base, how much and why; empty where nothing was."""


class MeasuredPart(Part, frozen=True, kw_only=True):
    """A number that was measured, whether or not anything bounds it."""

    metric: Name
    """The axis."""
    statistic: Name
    """Of a latency; empty elsewhere."""
    slice: Name
    """The part of the evaluation set; empty for all of it."""
    observed: Number | None
    """Null when it could not be measured."""
    interval: Interval | None
    """Of ``observed``, where there is one."""
    unit: Name
    """As of a check."""
    reference: Number | None
    """The former value, as information."""
    better: Literal["higher", "lower"] | UnsetType = UNSET
    """The direction."""
    points: bool = False
    """Whether it is a score that lies within 0 to 1 by definition."""
    note: Text
    """What explains it, or why it is missing."""


class ScaledPart(Part, frozen=True, kw_only=True):
    """What a latency is for many requests, one after the other."""

    title: Name
    """The gate, or what it is compared with."""
    request: Number
    """Seconds of one."""
    times: Annotated[tuple[Name, ...], Meta(max_length=20)]
    """In words, for each number of requests of the run's ``scale``."""
    costs: Annotated[tuple[Name, ...], Meta(max_length=20)]
    """Of each, where a price is known."""


class LegPart(Part, frozen=True, kw_only=True):
    """One term of a trade beside what was measured."""

    axis: Name
    """What is given or gained."""
    wanted: Text
    """At most so much given, or at least so much gained."""
    observed: Text
    """What it came to, in words."""
    holds: bool
    """Whether it is shown to hold."""


class TradePart(Part, frozen=True, kw_only=True):
    """What was given, what was gained, and whether a trade allows the one for the other."""

    trade: Text
    """In words."""
    source: Text
    """The table or marker that it stands in."""
    applies: bool = False
    """Whether all of it is shown to hold."""
    given: Annotated[tuple[LegPart, ...], Meta(max_length=100)]
    """What got worse."""
    gained: Annotated[tuple[LegPart, ...], Meta(max_length=100)]
    """What got better for it."""


class GatePart(Part, frozen=True, kw_only=True):
    """What was decided about one model in one test."""

    test: Name
    """The node id."""
    name: Name
    """The ``name=`` of the check; empty for the only one."""
    file: Name = ""
    """Of the test, relative to the folder that node ids start from; empty where it is not known."""
    line: Count = 0
    """Of the test, from 1; 0 where it is not known."""
    verdict: Word
    """The worst of its checks."""
    group: Name
    """The job that its model is one of several for; empty for none."""
    compared_with: Name
    """Where former values are from: the ``baseline``, or the ``base`` of a live run."""
    error: Text
    """Why nothing could be judged; empty where something was."""
    checks: Annotated[tuple[CheckPart, ...], Meta(max_length=10_000)]
    """For each limit and tolerance."""
    measured: Annotated[tuple[MeasuredPart, ...], Meta(max_length=10_000)]
    """Each number."""
    at_scale: Annotated[tuple[ScaledPart, ...], Meta(max_length=10)] = ()
    """Its latency for many requests, and that of what it is compared with."""
    suspects: Lines = ()
    """What it runs with in other versions than its base, where it failed."""
    explained: Lines
    """What accounts for the time, function by function."""
    explained_beside: Literal["", "base", "other", "baseline"] = ""
    """Whose profile those lines compare with; empty for a profile by itself."""
    allocated: Lines
    """What holds the peak of memory, function by function."""
    flipped: Lines
    """Samples that were right and are wrong now, and the classes and slices that got worse."""
    trades: Annotated[tuple[TradePart, ...], Meta(max_length=100)]
    """Those that could excuse what got worse, whether or not they do."""
    notes: Lines
    """Remarks that may change how the verdict is read."""
    accept: Text = ""
    """The command that accepts what failed; empty where nothing did."""
