"""``--speedacc-report=PATH.json``: the run as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_speedacc.config.units import Kind
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Observation, Verdict
from pytest_speedacc.measure.environment import Environment, library_versions

SCHEMA = 1
UNITS = {
    Kind.SCORE: "score",
    Kind.TIME: "s",
    Kind.SIZE: "B",
    Kind.COUNT: "count",
    Kind.FRACTION: "fraction",
    Kind.CHANGE: "change",
}


def write_report(
    path: Path, verdicts: Sequence[Verdict], environment: Mapping[str, Any], live: Mapping[str, Any] | None
) -> None:
    """Write the document; ``live`` tells of the live run, where there was one.

    Raises ConfigError when the file cannot be written.
    """
    document = {
        "schema": SCHEMA,
        "environment": environment,
        "live": live,
        "gates": [gate_document(verdict) for verdict in verdicts],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(f"--speedacc-report: {path} cannot be written: {error.strerror}.") from error


def environment_document(environment: Environment) -> dict[str, Any]:
    """Where a gate was measured: one line for people, the fields behind it, and the libraries imported by now."""
    return {
        "description": environment.describe(),
        **msgspec.structs.asdict(environment),
        "versions": library_versions(),
    }


def gate_document(verdict: Verdict) -> dict[str, Any]:
    """One gate: its verdict, its checks, and every number that was measured."""
    return {
        "test": verdict.test,
        "name": verdict.name,
        "verdict": verdict.outcome.word,
        "compared_with": verdict.compared_with,
        "error": verdict.error,
        "checks": [_check(check) for check in verdict.checks],
        "measured": [_observation(row) for row in verdict.observations],
        "notes": list(verdict.notes),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "setting": check.setting,
        "metric": check.metric,
        "statistic": check.statistic,
        "slice": check.slice,
        "observed": check.observed,
        "interval": check.interval,
        "unit": UNITS[check.kind],
        "limit": check.limit,
        "reference": check.reference,
        "allowed": check.allowed,
        "outcome": check.outcome.word,
        "reason": check.reason,
    }


def _observation(row: Observation) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "statistic": row.statistic,
        "slice": row.slice,
        "observed": row.observed,
        "interval": row.interval,
        "unit": UNITS[row.kind],
        "reference": row.reference,
        "note": row.note,
    }
