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
from pytest_speedacc.judge.verdict import Check, Observation, Verdict
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.report import gate_schema
from pytest_speedacc.report import schema as parts
from pytest_speedacc.report.news import headline
from pytest_speedacc.report.past import Moment, Past
from pytest_speedacc.report.scale import at_scale
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
    return _part(
        parts.Document,
        run,
        schema=parts.SCHEMA,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=run.outcome.word,
        headline=headline(run),
        shard=None if run.shard is None else msgspec.to_builtins(run.shard),
        scale=msgspec.to_builtins(run.scale),
        live=None if run.base is None else _live(run, run.base),
        gates=[gate_document(verdict, run.scale) for verdict in run.verdicts],
        groups=[_group(group) for group in run.groups],
        past=[_past(past) for past in run.past],
    )


def _part(schema: type[gate_schema.Part], value: object, /, **own: object) -> dict[str, Any]:
    """What ``schema`` holds, in its order: what is its ``own``, and of the rest what the value has."""
    return {name: own[name] if name in own else _plain(getattr(value, name)) for name in schema.__struct_fields__}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _live(run: RunReport, base: BaseLine) -> dict[str, Any]:
    return _part(parts.LivePart, run, base=base.sha, changed_baselines=list(run.changed), **msgspec.to_builtins(base))


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
    alternatives = [_part(parts.AlternativePart, each, gate=each.alternative.title) for each in group.standings]
    return _part(parts.GroupPart, group, group=group.name, alternatives=alternatives)


def _past(past: Past) -> dict[str, Any]:
    return _part(parts.PastPart, past, moments=[_part(parts.MomentPart, it, values=_values(it)) for it in past.moments])


def _values(moment: Moment) -> list[dict[str, Any]]:
    return [
        {"axis": axis, "value": value, "unit": UNITS.get(kind, kind)} for axis, (value, kind) in moment.values.items()
    ]


def gate_document(verdict: Verdict, scale: Scale) -> dict[str, Any]:
    """One gate: its verdict, its checks, and every number that was measured."""
    return _part(
        gate_schema.GatePart,
        verdict,
        verdict=verdict.outcome.word,
        checks=[_check(check) for check in verdict.checks],
        measured=[_observation(row) for row in verdict.observations],
        at_scale=[
            _part(gate_schema.ScaledPart, row, title=row.title.strip(), request=row.seconds)
            for row in at_scale(verdict, scale)
        ],
        trades=[{"source": it.source, "applies": it.applies, **msgspec.to_builtins(it)} for it in verdict.trades],
    )


def _check(check: Check[str]) -> dict[str, Any]:
    unit, outcome = UNITS.get(check.kind, check.kind), check.outcome.word
    return _part(gate_schema.CheckPart, check, unit=unit, outcome=outcome, interval=check.interval, sides=check.sides)


def _observation(row: Observation) -> dict[str, Any]:
    unit, better = UNITS.get(row.kind, row.kind), "higher" if row.higher_is_better else "lower"
    return _part(gate_schema.MeasuredPart, row, unit=unit, better=better, interval=row.interval)
