"""What a baseline file holds. The order of the fields here is their order in the file."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pytest_speedacc.config.project import Clock
from pytest_speedacc.measure.environment import Environment

SCHEMA = 1
"""A reader refuses a higher number; a new one reads all lower ones."""

Count = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Amount = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Number = Annotated[float, Meta(ge=-1e100, le=1e100)]
"""Can be squared, and multiplied by a count."""
Deviation = Annotated[float, Meta(ge=0, le=1e100)]
# Not "$", which allows for a newline behind it.
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
Sha = Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}\Z")]
Commit = Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}(-dirty)?\Z")]
"""Of the repository; ends with ``-dirty`` when files differed from it."""
Ratio = Annotated[float, Meta(gt=0, le=1e9)]
LogTime = Annotated[float, Meta(ge=-50, le=50)]
# Between launches of one model: by 1, they would differ as 1 and 2.7 do, and open every tolerance.
LogSpread = Annotated[float, Meta(ge=0, le=1)]
MOST_FUNCTIONS = 8
"""Of a profile, that are kept: those with the most time."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file. Every field must be there."""


class Updated(Record, frozen=True):
    """The last update."""

    commit: Commit | None
    """None without git."""
    date: str
    """ISO 8601, UTC."""
    reason: str
    """As given with ``--speedacc-reason``."""


class EvaluationSet(Record, frozen=True):
    """The samples behind the score."""

    samples: Count
    fingerprint: Digest
    """Of inputs and targets."""


class StoredAccuracy(Record, frozen=True):
    """The score."""

    score: str
    """Its name."""
    value: Number
    """In full: it is compared exactly."""
    greater_is_better: bool
    repeats: Count = 1
    """Evaluations under different seeds, whose mean is ``value``; 1 for a model that is not random."""
    spread: Deviation = 0.0
    """Standard deviation between them."""


class StoredLatency(Record, frozen=True):
    """Quantiles of the wall time of a call, in seconds."""

    batch_size: Count
    """Samples in a call."""
    calls: Count
    """Observations behind the quantiles."""
    calls_per_round: Count
    """1 when every call was timed by itself."""
    median: Seconds
    p90: Seconds | None
    """None, as those below, where too few calls were timed to tell."""
    p95: Seconds | None
    p99: Seconds | None
    concurrency: Count = 1
    """Calls in flight at a time."""


class StoredMemory(Record, frozen=True):
    """Peak memory of inference, in bytes."""

    peak: Amount
    band: Amount
    """By how much it may differ with nothing changed."""


class StoredRatio(Record, frozen=True):
    """The median time of a call as a multiple of the yardstick's."""

    version: Count
    """Of the yardstick: ratios to different versions are not compared."""
    log_ratio: LogTime
    """log(model/yardstick), the mean over launches."""
    spread: LogSpread
    """Standard deviation between launches."""
    launches: Annotated[int, Meta(ge=2, le=1_000_000)]
    parts: tuple[LogTime, LogTime, LogTime] | None = None
    """Logarithms of what the yardstick's parts take by themselves, less their mean; files from before lack it."""
    parts_spread: LogSpread = 0.0
    """Standard deviation of one of them between launches."""


class StoredTraining(Record, frozen=True):
    """What one training took."""

    seconds: Seconds
    peak: Amount | None
    """Bytes; None where memory could not be measured."""


class StoredMetric(Record, frozen=True):
    """An axis of the user's own, or one that holds for versions."""

    value: Number
    band: Deviation = 0.0
    """By how much it may differ with nothing changed."""
    slices: dict[str, Number] = {}
    """Its mean over the samples of each slice."""
    scale: str | UnsetType = UNSET
    """Unit and direction of an axis of the user's own; files from before they were kept lack them."""


Metrics = dict[str, StoredMetric] | UnsetType
"""By axis; left out of the file where there are none."""


class EnvironmentRecord(Record, frozen=True):
    """What holds for one environment only."""

    environment: Environment
    versions: dict[str, str]
    """Of the libraries, by distribution name."""
    commit: Commit | None
    date: str
    """ISO 8601, UTC."""
    latency: StoredLatency | None
    memory: StoredMemory | None
    yardstick: StoredRatio | None = None
    """None where no latency tolerance asked for it; and files from before there was a yardstick lack it."""
    training: StoredTraining | None = None
    """None where the test trains nothing with ``speedacc.fit``; and files from before there was one lack it."""
    metrics: Metrics = UNSET
    """Axes of the user's own that hold for this environment only, and those that hold wherever the versions do."""


class StoredFunction(Record, frozen=True):
    """One function of the user's, or step of a pipeline."""

    name: str
    file: str
    """Relative to the project where it lies in it. No line, which moves with every edit."""
    calls: Annotated[float, Meta(ge=0, le=1e15)]
    """For each call of the model."""
    share: Annotated[float, Meta(ge=0, le=1)]
    """Of the time of a call, under the profiler."""


class StoredProfile(Record, frozen=True):
    """Where the time of a call goes. Its call counts hold on any hardware, for the same Python and libraries."""

    batch_size: Count
    """Samples in a call."""
    calls: Count
    """Profiled calls of the model. As many give the same counts, where these depend on the samples."""
    clock: Clock
    """Of the shares."""
    functions: Annotated[tuple[StoredFunction, ...], Meta(max_length=MOST_FUNCTIONS)]
    """The one with the most time first."""


class Accepted(Record, frozen=True):
    """A slow-down against another revision, measured live, that somebody accepted."""

    metric: Literal["latency"]
    """The axis."""
    statistic: Literal["median", "p95"]
    ratio: Annotated[float, Meta(ge=1, le=1e9)]
    """Candidate/base: 1.1 is 10 % slower."""
    interval: tuple[Ratio, Ratio]
    """Of the ratio: its lower bound at the run's error rate, its upper bound at 5 %."""
    base: Sha
    """The commit that it was slower than."""
    reason: Annotated[str, Meta(min_length=1)]
    """As given with ``--speedacc-reason``."""
    date: str
    """ISO 8601, UTC."""


class Baseline(Record, frozen=True, kw_only=True):
    """One accepted model."""

    schema: int
    test: str
    """Node id."""
    name: str
    """The ``name=`` of the check; empty without one."""
    updated: Updated
    accepted: tuple[Accepted, ...] = ()
    """Every slow-down that was ever accepted, the oldest first; files from before there could be any lack it."""
    evaluation_set: EvaluationSet
    accuracy: StoredAccuracy | None
    """None of a step, which has no score."""
    parameters: Amount | None
    """None where the model has none, or they cannot be counted."""
    model_size: Amount | None
    """Bytes of the canonical serialisation."""
    versions: dict[str, str]
    """Of the libraries that the values above were measured with."""
    predictions: Digest | None
    """Of the array file beside this one, whose name has the first digits of it; of a step it holds the outputs."""
    shared: dict[str, Digest] | UnsetType = UNSET
    """Of the files and folders that live runs share with the base, by path; left out where there are none."""
    metrics: Metrics = UNSET
    """Axes of the user's own that hold everywhere."""
    profile: StoredProfile | None = None
    """None where nothing bounds the latency, or yappi was in use; and files from before there was one lack it."""
    environments: dict[str, EnvironmentRecord]
    """By ``Environment.key``."""
