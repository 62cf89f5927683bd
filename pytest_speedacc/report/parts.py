"""What a report holds, as it is read: types and lengths, and nothing that is not among them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=100_000)]
Name = Annotated[str, Meta(max_length=10_000)]
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[float, Meta(ge=-1e300, le=1e300)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Interval = tuple[Number, Number]
Lines = Annotated[tuple[Text, ...], Meta(max_length=10_000)]
Word = Literal["passed", "inconclusive", "not_compared", "failed"]
Fact = Text | int | float | bool | None | dict[Name, Text]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document. What has a default came with schema 2; fields that nobody reads are left alone."""


class CheckPart(Part, frozen=True, kw_only=True):
    setting: Name
    metric: Name
    statistic: Name
    slice: Name
    title: Name = ""
    observed: Number | None
    interval: Interval | None
    unit: Name
    limit: Number | None
    reference: Number | None
    allowed: Text
    outcome: Word
    reason: Text
    sides: Interval | None = None
    accepted: Text = ""


class MeasuredPart(Part, frozen=True, kw_only=True):
    metric: Name
    statistic: Name
    slice: Name
    observed: Number | None
    interval: Interval | None
    unit: Name
    reference: Number | None
    better: Literal["higher", "lower"] | None = None
    points: bool = False
    note: Text


class LegPart(Part, frozen=True, kw_only=True):
    axis: Name
    wanted: Text
    observed: Text
    holds: bool


class TradePart(Part, frozen=True, kw_only=True):
    trade: Text
    source: Text
    given: Annotated[tuple[LegPart, ...], Meta(max_length=100)]
    gained: Annotated[tuple[LegPart, ...], Meta(max_length=100)]


class GatePart(Part, frozen=True, kw_only=True):
    test: Name
    name: Name
    file: Name = ""
    line: Count = 0
    verdict: Word
    group: Name
    compared_with: Name
    error: Text
    checks: Annotated[tuple[CheckPart, ...], Meta(max_length=10_000)]
    measured: Annotated[tuple[MeasuredPart, ...], Meta(max_length=10_000)]
    explained: Lines
    explained_beside: Literal["", "base", "other", "baseline"] = ""
    allocated: Lines
    flipped: Lines
    trades: Annotated[tuple[TradePart, ...], Meta(max_length=100)]
    notes: Lines
    accept: Text = ""


class LivePart(Part, frozen=True, kw_only=True):
    base: Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}\Z")]
    ref: Name = ""
    how: Text = "an older version tells no more of it"
    description: Text = ""
    mode: Name
    launches: Count = 0
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    canary: Text = ""
    new: Lines = ()
    removed: Lines
    loosened: Lines
    changed_baselines: Lines
    notes: Lines


class ScalePart(Part, frozen=True, kw_only=True):
    requests: Annotated[tuple[Annotated[int, Meta(ge=1, le=10**15)], ...], Meta(min_length=1, max_length=20)]
    price_per_hour: Annotated[float, Meta(gt=0, le=1e12)] | None
    is_wanted: bool


class AlternativePart(Part, frozen=True, kw_only=True):
    gate: Name
    on_front: bool
    dominated_by: Annotated[tuple[Name, ...], Meta(max_length=10_000)]


class GroupPart(Part, frozen=True, kw_only=True):
    group: Name
    alternatives: Annotated[tuple[AlternativePart, ...], Meta(max_length=10_000)]
    choices: Annotated[dict[Name, Name], Meta(max_length=1000)]


class ValuePart(Part, frozen=True, kw_only=True):
    axis: Name
    value: Number
    unit: Name


class MomentPart(Part, frozen=True, kw_only=True):
    commit: Name
    date: Name
    why: Text
    values: Annotated[tuple[ValuePart, ...], Meta(max_length=1000)]


class PastPart(Part, frozen=True, kw_only=True):
    test: Name
    name: Name
    moments: Annotated[tuple[MomentPart, ...], Meta(max_length=1000)]


class Document(Part, frozen=True, kw_only=True):
    schema: Literal[1, 2]
    verdict: Word | None = None
    failed: bool | None = None
    environment: Annotated[dict[Name, Fact], Meta(max_length=1000)]
    scale: ScalePart | None = None
    live: LivePart | None
    gates: Annotated[tuple[GatePart, ...], Meta(max_length=10_000)]
    groups: Annotated[tuple[GroupPart, ...], Meta(max_length=1000)]
    lost: Lines = ()
    losses_fail: bool = False
    past: Annotated[tuple[PastPart, ...], Meta(max_length=10_000)] = ()
    past_ends: Text = ""
    remarks: Lines = ()
    problems: Lines = ()
