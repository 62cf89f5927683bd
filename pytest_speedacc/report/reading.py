"""A report that was written as JSON, read back as the run that it tells of. It is data: whatever is wrong is named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET

from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.confidence import CONFIDENCE
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import Group, Standing, groups_of
from pytest_speedacc.judge.verdict import Check, Leg, Observation, Outcome, TradeSum, Verdict
from pytest_speedacc.report import gate_schema
from pytest_speedacc.report import schema as parts
from pytest_speedacc.report.document import UNITS
from pytest_speedacc.report.past import Moment, Past
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.summary import BaseLine, RunReport

LARGEST = 64 * 2**20
"""Bytes of a report; one of a hundred gates has half a million."""
ENDED = "Did the run that was to write it end before? Its log says why."

_PLACE = re.compile(r"(?P<what>.*) - at `(?P<where>.*)`", re.DOTALL)
_KINDS = {unit: kind for kind, unit in UNITS.items()}


def read_report(path: Path) -> RunReport:
    """The run that the file tells of. Raises ConfigError, naming the file and the place, for what is no report."""
    document = _typed(path, _loaded(path))
    verdicts = tuple(map(_verdict, document.gates))
    for place, (gate, verdict) in enumerate(zip(document.gates, verdicts, strict=True)):
        if gate.verdict != verdict.outcome.word:
            _refuse(path, f"$.gates[{place}].verdict", f"it is {gate.verdict}, and the checks: {verdict.outcome.word}")
    try:
        groups = tuple(_groups(document, verdicts))
    except KeyError as error:
        _refuse(path, "$.groups", f"no such group or gate: {error}")
    live = document.live
    run = RunReport(
        verdicts=verdicts,
        commit=document.commit,
        environment=document.environment,
        groups=groups,
        scale=Scale(**msgspec.structs.asdict(document.scale)) if document.scale else Scale(),
        base=None if live is None else _base(live),
        new=live.new if live else (),
        lost=document.lost,
        removed=live.removed if live else (),
        losses_fail=document.losses_fail,
        loosened=live.loosened if live else (),
        loosened_fails=bool(live and live.loosened_fails),
        changed=live.changed_baselines if live else (),
        notes=live.notes if live else (),
        past=tuple(map(_past, document.past)),
        past_ends=document.past_ends,
        shard=Shard(**msgspec.structs.asdict(document.shard)) if document.shard else None,
        remarks=document.remarks,
        problems=document.problems,
        # An older report does not say whether a gate that could not be compared has failed, as it does in CI.
        fails=any(each.outcome >= Outcome.NOT_COMPARED for each in verdicts)
        if document.failed is UNSET
        else document.failed,
    )
    if document.verdict not in (UNSET, run.outcome.word):
        _refuse(path, "$.verdict", f"it is {document.verdict}, and its gates make {run.outcome.word}")
    return run


def _loaded(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. {ENDED}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST:
        _refuse(path, "", f"it is larger than {LARGEST // 2**20} MiB")
    if not data.strip():
        _refuse(path, "", f"it is empty. {ENDED}")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=lambda word: _refuse(path, "", f"{word} is no number"))
    except ValueError as error:
        _refuse(path, "", f"it is not JSON ({error})")
    except RecursionError:
        _refuse(path, "", "it is nested too deeply")


def _typed(path: Path, document: Any) -> parts.Document:
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, int) and parts.SCHEMA < schema < 1000:
        raise ConfigError(
            f"{path} was written by a newer pytest-speedacc: it has schema {schema}, and this version reads up to "
            f"{parts.SCHEMA}. Upgrade pytest-speedacc."
        )
    try:
        return msgspec.convert(document, parts.Document)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        what, where = match.group("what", "where") if match else (str(error), "$")
        _refuse(path, where, what)


def _refuse(path: Path, where: str, what: str) -> NoReturn:
    place = f" at {printable(where)}" if where else ""
    raise ConfigError(
        f"{path} is no report of --speedacc-report{place}: {shortened(printable(what), 300).removesuffix('.')}."
    )


def _verdict(gate: gate_schema.GatePart) -> Verdict:
    fields = msgspec.structs.asdict(gate)
    for told_by_checks in ("verdict", "measured", "at_scale"):
        del fields[told_by_checks]
    checks, rows = tuple(map(_check, gate.checks)), tuple(map(_observation, gate.measured))
    return Verdict(**{**fields, "checks": checks, "observations": rows, "trades": tuple(map(_trade, gate.trades))})


def _check(part: gate_schema.CheckPart) -> Check[str]:
    fields = msgspec.structs.asdict(part)
    kind, outcome = _kind(fields.pop("unit")), Outcome[fields.pop("outcome").upper()]
    return Check(**fields, kind=kind, outcome=outcome)


def _observation(part: gate_schema.MeasuredPart) -> Observation:
    fields = msgspec.structs.asdict(part)
    kind, better = _kind(fields.pop("unit")), fields.pop("better")
    # An older report does not say of a score; most are better where they are higher.
    is_higher = part.metric in (ACCURACY.name, CONFIDENCE.name) if better is UNSET else better == "higher"
    return Observation(**fields, kind=kind, higher_is_better=is_higher)


def _trade(part: gate_schema.TradePart) -> TradeSum[str]:
    given, gained = (tuple(Leg(**msgspec.structs.asdict(leg)) for leg in legs) for legs in (part.given, part.gained))
    return TradeSum(part.trade, part.source, given, gained)


def _past(part: parts.PastPart) -> Past:
    moments = (
        Moment(each.commit, each.date, each.why, {it.axis: (it.value, _kind(it.unit)) for it in each.values})
        for each in part.moments
    )
    return Past(part.test, part.name, tuple(moments))


def _kind(unit: str) -> str:
    return _KINDS.get(unit, unit)


def _base(live: parts.LivePart) -> BaseLine:
    description = live.description or live.base[:12]
    return BaseLine(live.base, description, live.ref, live.how, live.mode, live.launches, live.seconds, live.canary)


def _groups(document: parts.Document, verdicts: tuple[Verdict, ...]) -> Iterator[Group]:
    """The alternatives as they were told, since only the run knew the axes and the policies of its project."""
    members = {group.name: group for group in groups_of(verdicts, {})}
    for part in document.groups:
        alternatives = {each.alternative.title: each.alternative for each in members[part.group].standings}
        standings = tuple(
            Standing(alternatives[each.gate], each.on_front, each.dominated_by) for each in part.alternatives
        )
        yield Group(part.group, standings, part.choices)
