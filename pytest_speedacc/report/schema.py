"""What a JSON report holds. ``document`` writes it, ``reading`` reads it, and its JSON Schema is made of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pytest_speedacc.report.shard import MOST_SHARDS

SCHEMA = 2
"""2 tells of the base, the run as a whole, the place of a test and the direction of an axis; 1 lacks all that."""

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


class LivePart(Part, frozen=True, kw_only=True):
    """The base revision that the gates were compared with, and what changed since."""

    base: Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}\Z")]
    """Its commit, in full."""
    ref: Name = ""
    """As it was asked for."""
    how: Text = "an older version tells no more of it"
    """How it was found."""
    description: Text = ""
    """Its short name and subject."""
    mode: Name
    """How the two were timed."""
    launches: Count = 0
    """Fresh processes of either side."""
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """That the launches took."""
    canary: Text = ""
    """The base against itself, in a sentence."""
    new: Lines = ()
    """Gates that the base does not have."""
    removed: Lines
    """Gates that the base has and this checkout lost."""
    loosened: Lines
    """What is allowed now and was not."""
    loosened_fails: bool = False
    """Whether that fails the run."""
    changed_baselines: Lines
    """What baseline files hold now and did not."""
    notes: Lines
    """Remarks on the run as a whole."""


class ShardPart(Part, frozen=True, kw_only=True):
    """The part of a suite that the run had; others ran the rest."""

    part: Annotated[int, Meta(ge=1, le=MOST_SHARDS)]
    """Which one, from 1."""
    parts: Annotated[int, Meta(ge=1, le=MOST_SHARDS)]
    """How many there are."""
    gates: Count
    """That it had to judge."""
    all_gates: Count
    """Of all parts together."""
    suite: Name
    """A digest of all tests that were shared out: the parts of one suite have the same."""


class ScalePart(Part, frozen=True, kw_only=True):
    """What latencies are translated into."""

    requests: Annotated[tuple[Annotated[int, Meta(ge=1, le=10**15)], ...], Meta(min_length=1, max_length=20)]
    """Numbers of requests."""
    price_per_hour: Annotated[float, Meta(gt=0, le=1e12)] | None
    """Of the machine."""
    is_wanted: bool
    """Whether it is in every summary."""


class AlternativePart(Part, frozen=True, kw_only=True):
    """One of several models for a job."""

    gate: Name
    """Its test, with the name of the check."""
    on_front: bool
    """Whether no other is better in score without being slower, or faster without a worse score."""
    dominated_by: Annotated[tuple[Name, ...], Meta(max_length=10_000)]
    """Those that are no worse on any axis, and better on one."""


class GroupPart(Part, frozen=True, kw_only=True):
    """The alternatives for one job."""

    group: Name
    """The job."""
    alternatives: Annotated[tuple[AlternativePart, ...], Meta(max_length=10_000)]
    """The models."""
    choices: Annotated[dict[Name, Name], Meta(max_length=1000)]
    """By policy, the alternative that it would choose."""


class ValuePart(Part, frozen=True, kw_only=True):
    """What an axis was in a former baseline."""

    axis: Name
    """Its name."""
    value: Number
    """In ``unit``."""
    unit: Name
    """Of the value."""


class MomentPart(Part, frozen=True, kw_only=True):
    """A commit that changed a baseline."""

    commit: Name
    """Its short name."""
    date: Name
    """Its day: ``2026-05-03``."""
    why: Text
    """The reason that its update was given, else the subject of the commit."""
    values: Annotated[tuple[ValuePart, ...], Meta(max_length=1000)]
    """What it held."""


class PastPart(Part, frozen=True, kw_only=True):
    """What the baselines of one gate were, from git's own log."""

    test: Name
    """Node id."""
    name: Name
    """Of the check; empty for the only one of its test."""
    moments: Annotated[tuple[MomentPart, ...], Meta(max_length=1000)]
    """The oldest first."""


class Document(Part, frozen=True, kw_only=True):
    """A run."""

    schema: Literal[1, 2]
    """Of this document."""
    date: Text = ""
    """ISO 8601, UTC."""
    verdict: Word | UnsetType = UNSET
    """The worst of the run."""
    failed: bool | UnsetType = UNSET
    """Whether the run is no pass, as its settings have it."""
    headline: Text = ""
    """The news in a line."""
    commit: Name = ""
    """What was checked out, with ``-dirty`` where files differ from it; empty where nobody knows."""
    environment: Annotated[dict[Name, Fact], Meta(max_length=1000)]
    """Where it was measured: a ``description`` in words, the fields behind it, the ``versions`` of libraries."""
    shard: ShardPart | None = None
    """The part of a suite that it was; null for all of it."""
    scale: ScalePart | UnsetType = UNSET
    """What latencies are translated into."""
    live: LivePart | None
    """The base; null without one."""
    gates: Annotated[tuple[GatePart, ...], Meta(max_length=10_000)]
    """In the order of the run."""
    groups: Annotated[tuple[GroupPart, ...], Meta(max_length=1000)]
    """Alternatives side by side."""
    lost: Lines = ()
    """Gates that are gone, a sentence each."""
    losses_fail: bool = False
    """Whether a lost gate fails the run."""
    past: Annotated[tuple[PastPart, ...], Meta(max_length=10_000)] = ()
    """Former baselines, gate by gate."""
    past_ends: Text = ""
    """How far back they go, where something ends them early."""
    remarks: Lines = ()
    """What was left out, skipped or hidden, a sentence each."""
    problems: Lines = ()
    """Why the run shows nothing, or could not write what was asked for, a sentence each."""
