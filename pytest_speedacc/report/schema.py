"""What a JSON report holds. ``document`` writes it, ``reading`` reads it, and its JSON Schema is made of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pytest_speedacc.report.gate_schema import Count, Fact, GatePart, Lines, Name, Number, Part, Text, Word
from pytest_speedacc.report.shard import MOST_SHARDS

SCHEMA = 2
"""2 tells of the base, the run as a whole, the place of a test and the direction of an axis; 1 lacks all that."""


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
