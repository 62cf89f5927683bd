"""The command line, checked as a whole: no option is ever silently ignored."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_speedacc.config.project import Leniency, Project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.printable import is_whole
from pytest_speedacc.report.writers import report_path
from pytest_speedacc.session.hidden_options import in_ci
from pytest_speedacc.session.shards import Part, read_part

Writes = Literal["", "update", "missing"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the surroundings ask of a run."""

    writes: Writes
    """Which baselines are written."""
    reason: str
    """Recorded in the baselines that are written."""
    reports: tuple[Path, ...]
    """Files that get the verdicts."""
    budget: float | None
    """Seconds of timing for a gate; None leaves it to the settings."""
    inconclusive: Leniency | None
    """Overrides pyproject; None leaves it to that."""
    not_compared: Leniency | None
    """Overrides pyproject; None leaves it to that."""
    skipped: Leniency | None
    """Overrides pyproject; None leaves it to that."""
    against: str
    """The revision to compare with in a live run; empty for none."""
    base_python: str
    """The interpreter of the base; empty for this one."""
    profile: Path | None
    """The folder for the profiles of every gate; None profiles those that are too slow, and keeps no file."""
    in_ci: bool
    """Whether ``CI`` is set: a gate that compares nothing then fails."""
    shard: Part | None = None
    """The part of the suite that this run has; None for all of it."""

    def fails(self, outcome: str, project: Project) -> bool:
        """Whether a check with this outcome fails its test, or a gate that was skipped its run."""
        match outcome:
            case "passed":
                return False
            case "inconclusive":
                return (self.inconclusive or project.inconclusive) == "fail"
            case "not_compared" | "skipped":
                default = "fail" if self.in_ci else "warn"
                return (getattr(self, outcome) or getattr(project, outcome) or default) == "fail"
            case _:
                return True


def read_options(values: Any) -> Options:
    """Read the parsed command line. Raises ConfigError for values and combinations that mean nothing."""
    writes: Writes = "update" if values.speedacc_update else "missing" if values.speedacc_missing else ""
    if values.speedacc_update and values.speedacc_missing:
        raise ConfigError("--speedacc-update writes every baseline and --speedacc-missing only missing ones: give one.")
    if values.speedacc_reason is not None and not writes:
        raise ConfigError(
            "--speedacc-reason is recorded with a baseline, and none is written: "
            "add --speedacc-update or --speedacc-missing."
        )
    against = _against(values)
    if values.speedacc_reason is not None and not values.speedacc_reason.strip():
        raise ConfigError(
            "--speedacc-reason is empty, so nobody would learn from the baseline why: is a variable of the command "
            "empty? Say why, or leave the option out."
        )
    reason: str = values.speedacc_reason or ""
    if not is_whole(reason):
        raise ConfigError(f"--speedacc-reason={reason!a} holds bytes that are no text in this terminal's encoding.")
    return Options(
        writes=writes,
        reason=reason,
        reports=tuple(report_path(text) for text in values.speedacc_report),
        budget=None if values.speedacc_budget is None else _seconds(values.speedacc_budget),
        inconclusive=values.speedacc_inconclusive,
        not_compared=values.speedacc_not_compared,
        skipped=values.speedacc_skipped,
        against=against,
        base_python=_interpreter(values),
        profile=None if values.speedacc_profile is None else _folder(values.speedacc_profile),
        in_ci=in_ci(),
        shard=read_part(values),
    )


def _against(values: Any) -> str:
    ref: str = values.speedacc_against or ""
    if values.speedacc_against is not None and not ref.strip():
        raise ConfigError(
            "--speedacc-against names no revision, so nothing would be compared: is a variable of the command empty? "
            "Name a branch, a tag or a commit, such as origin/main."
        )
    if ref and values.speedacc_missing:
        raise ConfigError(
            "--speedacc-missing writes the first baselines, which accept nothing that --speedacc-against shows: run it "
            "alone, or accept with --speedacc-update."
        )
    if ref and values.speedacc_update and not (values.speedacc_reason or "").strip():
        raise ConfigError(
            "--speedacc-update with --speedacc-against accepts what got worse, and a reviewer will want to know why: "
            'add --speedacc-reason="why".'
        )
    if ref and getattr(values, "numprocesses", None):
        raise ConfigError(
            "--speedacc-against times two revisions on one core in turn, and -n runs tests beside each other: "
            "run it without -n (-n0 overrides an addopts)."
        )
    return ref


def _interpreter(values: Any) -> str:
    path: str | None = values.speedacc_base_python
    if path is None:
        return ""
    if not values.speedacc_against:
        raise ConfigError(
            "--speedacc-base-python is the base's interpreter, and there is none: add --speedacc-against=REF."
        )
    if shutil.which(path) is None:
        raise ConfigError(f"--speedacc-base-python={path} is not an interpreter that can be run.")
    return path


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigError(f"--speedacc-budget={text} must be a number of seconds above zero, such as 5 or 0.5.")
    return seconds


def _folder(text: str) -> Path:
    path = Path(text)
    if not text or path.is_file():
        raise ConfigError(f"--speedacc-profile={text} must be a folder.")
    return path.absolute()
