"""``--speedacc-report=PATH.json``: the run as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import Group
from pytest_speedacc.judge.verdict import Check, Observation, TradeSum, Verdict
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.report.news import headline
from pytest_speedacc.report.past import Past
from pytest_speedacc.report.scale import at_scale
from pytest_speedacc.report.schema import SCHEMA
from pytest_speedacc.report.summary import BaseLine, RunReport

UNITS: Mapping[str, str] = {
    Kind.SCORE: "score",
    Kind.TIME: "s",
    Kind.SIZE: "B",
    Kind.COUNT: "count",
    Kind.RATE: "1/s",
    Kind.FRACTION: "fraction",
    Kind.CHANGE: "change",
}
"""An axis of the user's own has the unit that it says."""


def write_json(path: Path, run: RunReport) -> None:
    """Write the run. Raises ConfigError when the file cannot be written."""
    write_text(path, json.dumps(run_document(run), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def run_document(run: RunReport) -> dict[str, Any]:
    """The run as plain values."""
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": run.outcome.word,
        "failed": run.failed,
        "headline": headline(run),
        "commit": run.commit,
        "environment": dict(run.environment),
        "shard": None if run.shard is None else msgspec.to_builtins(run.shard),
        "scale": msgspec.to_builtins(run.scale),
        "live": None if run.base is None else _live(run, run.base),
        "gates": [gate_document(verdict, run.scale) for verdict in run.verdicts],
        "groups": [_group(group) for group in run.groups],
        "lost": list(run.lost),
        "losses_fail": run.losses_fail,
        "past": [_past(past) for past in run.past],
        "past_ends": run.past_ends,
        "remarks": list(run.remarks),
        "problems": list(run.problems),
    }


def _live(run: RunReport, base: BaseLine) -> dict[str, Any]:
    return {
        "base": base.sha,
        "ref": base.ref,
        "how": base.how,
        "description": base.description,
        "mode": base.mode,
        "launches": base.launches,
        "seconds": base.seconds,
        "canary": base.canary,
        "new": list(run.new),
        "removed": list(run.removed),
        "loosened": list(run.loosened),
        "loosened_fails": run.loosened_fails,
        "changed_baselines": list(run.changed),
        "notes": list(run.notes),
    }


def write_text(path: Path, text: str) -> None:
    """Write a report. Raises ConfigError when the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate, which UTF-8 has no bytes for, is then written as an escape sequence for it, in JSON its own.
        path.write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        raise ConfigError(f"--speedacc-report: {path} cannot be written: {error.strerror}.") from error


def environment_document(environment: Environment) -> dict[str, Any]:
    """Where a gate was measured: one line for people, the fields behind it, and the libraries imported by now."""
    return {
        "description": environment.describe(),
        **msgspec.structs.asdict(environment),
        "versions": library_versions(),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "group": group.name,
        "alternatives": [
            {"gate": each.alternative.title, "on_front": each.on_front, "dominated_by": list(each.dominated_by)}
            for each in group.standings
        ],
        "choices": dict(group.choices),
    }


def _past(past: Past) -> dict[str, Any]:
    return {
        "test": past.test,
        "name": past.name,
        "moments": [
            {
                "commit": moment.commit,
                "date": moment.date,
                "why": moment.why,
                "values": [
                    {"axis": axis, "value": value, "unit": UNITS.get(kind, kind)}
                    for axis, (value, kind) in moment.values.items()
                ],
            }
            for moment in past.moments
        ],
    }


def gate_document(verdict: Verdict, scale: Scale) -> dict[str, Any]:
    """One gate: its verdict, its checks, and every number that was measured."""
    return {
        "test": verdict.test,
        "name": verdict.name,
        "file": verdict.file,
        "line": verdict.line,
        "verdict": verdict.outcome.word,
        "group": verdict.group,
        "compared_with": verdict.compared_with,
        "error": verdict.error,
        "checks": [_check(check) for check in verdict.checks],
        "measured": [_observation(row) for row in verdict.observations],
        "at_scale": [
            {"title": row.title.strip(), "request": row.seconds, "times": list(row.times), "costs": list(row.costs)}
            for row in at_scale(verdict, scale)
        ],
        "suspects": list(verdict.suspects),
        "explained": list(verdict.explained),
        "explained_beside": verdict.explained_beside,
        "allocated": list(verdict.allocated),
        "flipped": list(verdict.flipped),
        "trades": [_trade(found) for found in verdict.trades],
        "notes": list(verdict.notes),
        "accept": verdict.accept,
    }


def _trade(found: TradeSum[str]) -> dict[str, Any]:
    return {"source": found.source, "applies": found.applies, **msgspec.to_builtins(found)}


def _check(check: Check[str]) -> dict[str, Any]:
    return {
        "setting": check.setting,
        "metric": check.metric,
        "statistic": check.statistic,
        "slice": check.slice,
        "title": check.title,
        "observed": check.observed,
        "interval": check.interval,
        "unit": UNITS.get(check.kind, check.kind),
        "limit": check.limit,
        "reference": check.reference,
        "allowed": check.allowed,
        "outcome": check.outcome.word,
        "reason": check.reason,
        "sides": check.sides,
        "accepted": check.accepted,
    }


def _observation(row: Observation) -> dict[str, Any]:
    return {
        "metric": row.metric,
        "statistic": row.statistic,
        "slice": row.slice,
        "observed": row.observed,
        "interval": row.interval,
        "unit": UNITS.get(row.kind, row.kind),
        "reference": row.reference,
        "better": "higher" if row.higher_is_better else "lower",
        "points": row.points,
        "note": row.note,
    }
