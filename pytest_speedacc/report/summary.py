"""A run in one value: what failed, what could not be told, what moved, and why. Every rendering is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_speedacc.axes.units import Kind, format_change, format_value
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.alternatives import Group
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.report.past import Past
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.text import OTHERS, axis, is_open, suspects_text

LOUD = (Outcome.FAILED, Outcome.NOT_COMPARED, Outcome.INCONCLUSIVE)
"""What a reviewer has to see, the worst first."""
WORDS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.INCONCLUSIVE: "cannot tell",
    Outcome.NOT_COMPARED: "not compared",
}
"""What an outcome is called where a reviewer reads it."""


@dataclass(frozen=True, slots=True)
class BaseLine:
    """What the gates of a live run were compared with, and how."""

    sha: str
    """The commit, in full."""
    description: str
    """Its short name and subject."""
    ref: str
    """As the user wrote it."""
    how: str
    """How it was found: ``merge base with main``."""
    mode: str
    launches: int
    seconds: float
    canary: str
    """The base against itself, in a sentence, or in one of each run in a line; empty where nothing was told of it."""

    @property
    def counted(self) -> str:
        """How many launches, in words."""
        return f"{self.launches} launch{'es' * (self.launches != 1)}"


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that a run found out, as it is told."""

    verdicts: tuple[Verdict, ...]
    """In the order of the run."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Where it was measured, with a ``description`` in words; empty where nothing was measured."""
    commit: str = ""
    """What was checked out, with ``-dirty`` where files differ from it; empty where nobody knows."""
    groups: tuple[Group, ...] = ()
    """Alternatives for one job."""
    scale: Scale = field(default_factory=Scale)
    """What a latency is translated into."""
    base: BaseLine | None = None
    """None without a live run."""
    new: tuple[str, ...] = ()
    """Gates that the base does not have."""
    lost: tuple[str, ...] = ()
    """Gates that are gone, a sentence each."""
    removed: tuple[str, ...] = ()
    """Of those, the gates that the base of a live run has, by node id."""
    losses_fail: bool = False
    """Whether a lost gate fails the run."""
    loosened: tuple[str, ...] = ()
    """What is allowed now and was not, a sentence each."""
    loosened_fails: bool = False
    """Whether that fails the run."""
    changed: tuple[str, ...] = ()
    """What baseline files hold now and did not, a sentence each."""
    notes: tuple[str, ...] = ()
    """Remarks on the run as a whole."""
    remarks: tuple[str, ...] = ()
    """What was left out, skipped or hidden, a sentence each."""
    problems: tuple[str, ...] = ()
    """Why the run shows nothing, or could not write what was asked for, a sentence each."""
    past: tuple[Past, ...] = ()
    """What the baselines of the gates said before, where git tells."""
    past_ends: str = ""
    """Where that ends too early, in a sentence; empty where it does not."""
    shard: Shard | None = None
    """The part of a suite that it is; None for all of it."""
    fails: bool = False
    """Whether a gate failed its test, be it by a verdict that only the settings let fail one, or none was judged."""

    @property
    def measured_on(self) -> str:
        """The environment in words; empty where nothing was measured."""
        return str(self.environment.get("description", ""))

    @property
    def here(self) -> str:
        """The commit as it is read: short, and with what is not committed."""
        sha, dash, _ = self.commit.partition("-")
        return f"{sha[:7]} and changes" if dash else sha[:7]

    @property
    def outcome(self) -> Outcome:
        """The worst of the run."""
        if self.problems or (self.lost and self.losses_fail) or (self.loosened and self.loosened_fails):
            return Outcome.FAILED
        if self.judged_none:
            return Outcome.FAILED
        return max((verdict.outcome for verdict in self.verdicts), default=Outcome.PASSED)

    @property
    def judged_none(self) -> bool:
        """Whether it should have judged a gate, and did not: a shard may have none."""
        return not self.verdicts and not (self.shard is not None and self.shard.is_empty)

    @property
    def failed(self) -> bool:
        """Whether the run is no pass."""
        return self.fails or self.outcome is Outcome.FAILED

    @property
    def is_plain(self) -> bool:
        """Whether every gate passed, and none was lost or had its rules loosened."""
        return self.outcome is Outcome.PASSED and not (self.failed or self.lost or self.loosened)

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """The gates that came to it."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome is outcome)


@dataclass(frozen=True, slots=True)
class Row:
    """One check beside what it was compared with, every cell in words."""

    axis: str
    base: str
    """The former value; empty where there is none."""
    here: str
    change: str
    """With its interval; empty for a limit."""
    allowed: str
    outcome: Outcome
    reason: str
    has_moved: bool
    """Whether it is shown to be another value than before, or somebody accepted that it is."""


def short_title(verdict: Verdict) -> str:
    """What a gate is called where there is little room: its test without file and prefix, and the check's name."""
    test = without_file(verdict.test).removeprefix("test_") or verdict.test
    return f"{test} ({verdict.name})" if verdict.name else test


def without_file(test: str) -> str:
    """The function of a node id, with its parameters, in which colons are nothing but text."""
    file, separator, inside = test.partition("::")
    path, bracket, parameters = inside.partition("[")
    return path.rpartition("::")[2] + bracket + parameters if separator else file


def rows_of(verdict: Verdict) -> list[Row]:
    """Every check of a gate, the worst first, else in the order of the axes."""
    return [row_of(check, verdict) for check in sorted(verdict.checks, key=lambda check: -check.outcome)]


def row_of(check: Check[str], verdict: Verdict) -> Row:
    """One check, with the values behind it from what was measured beside it."""
    measured = _observation(check, verdict.observations)
    base, here, change, moved = "", "not measured", "", False
    if check.observed is not None:
        here = format_value(check.observed, check.kind)
    if check.kind == Kind.CHANGE:
        change = _with_interval(check) if check.observed is not None else ""
        moved = check.interval is not None and not check.interval[0] <= 0 <= check.interval[1]
        here, base = (format_value(side, Kind.TIME) for side in check.sides) if check.sides else ("", "")
    elif check.reference is not None:
        base = format_value(check.reference, check.kind)
        if check.observed is not None:
            points = bool(measured and measured.points) or (check.kind == Kind.SCORE and _is_unit(verdict))
            change = format_change(check.observed, check.reference, check.kind, points=points)
            moved = not math.isclose(check.observed, check.reference, rel_tol=1e-12)
    moved = moved or bool(check.accepted)
    return Row(axis(check), base, here, change, check.allowed, check.outcome, check.reason, moved)


def _observation(check: Check[str], rows: Sequence[Observation]) -> Observation | None:
    place = (check.metric, check.statistic, check.slice)
    return next((row for row in rows if (row.metric, row.statistic, row.slice) == place), None)


def _is_unit(verdict: Verdict) -> bool:
    return any(row.metric == "accuracy" and row.points for row in verdict.observations)


def _with_interval(check: Check[str]) -> str:
    assert check.observed is not None
    text = format_value(check.observed, Kind.CHANGE)
    if check.interval is None:
        return text
    low, high = (format_value(end, Kind.CHANGE).removesuffix(" %") for end in check.interval)
    return f"{text} (up to {high})" if is_open(check) else f"{text} ({low} to {high})"


def why_of(verdict: Verdict) -> tuple[str, ...]:
    """What accounts for a gate that did not pass: other libraries, functions, allocations, samples."""
    suspects = (f"{OTHERS}: {suspects_text(verdict)}",) if verdict.suspects else ()
    return (*suspects, *verdict.explained, *verdict.allocated, *verdict.flipped)


def untold_of(run: RunReport) -> Iterator[tuple[str, str]]:
    """Why checks that are neither passed nor failed are not, each with its gate, or the first of several gates."""
    gates: dict[str, list[str]] = {}
    for verdict in run.verdicts:
        for check in verdict.checks:
            if check.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED):
                gates.setdefault(f"{axis(check)}: {check.reason}", []).append(short_title(verdict))
    for said, names in gates.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield names[0], f"{more} {said}".strip()


def is_too_close(run: RunReport) -> bool:
    """Whether more timing could decide something."""
    checks = (check for verdict in run.verdicts for check in verdict.checks)
    return any(check.outcome is Outcome.INCONCLUSIVE and check.metric == "latency" for check in checks)


def what_helps(run: RunReport) -> str:
    """How a reader gets a verdict of times that are too close to call."""
    longer = "launches and budget in [tool.speedacc.live]" if run.base else "--speedacc-budget=SECONDS"
    return f"a quieter machine; more time ({longer}); or a wider limit or tolerance than what this machine can show."


def sections_of(run: RunReport) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is told of the run beside its gates, by title, where there is anything."""
    lost = "Lost gates, which fail this run" if run.losses_fail else "Lost gates"
    for title, sentences in (
        (lost, run.lost),
        ("Loosened here, which fails this run" if run.loosened_fails else "Loosened here", run.loosened),
        ("Accepted here", tuple(accepted_of(run.verdicts))),
        ("Changed baselines", run.changed),
    ):
        if sentences:
            yield title, sentences


def accepted_of(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What somebody accepted, a line each, so that no gate is green by it unseen."""
    for verdict in verdicts:
        for check in verdict.checks:
            if check.accepted:
                yield f"{short_title(verdict)} {axis(check)}: {check.accepted}"
