"""The JSON text of a baseline, read with suspicion: whatever is wrong with it is named with its place."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pytest_speedacc.baseline.schema import SCHEMA, Baseline, EnvironmentRecord, Metrics
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.memory import widest_band

T = TypeVar("T")

_PLACE = re.compile(r"(?P<what>.*) - at `(?P<where>.*)`", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LAST_SCHEMA = 1000
"""Of any version to come: a higher number is no number of a schema."""
_LONGEST_QUOTE = 300
"""Characters."""


def damaged(path: Path, where: str, what: str) -> GateError:
    """The error for the file ``path``: ``what`` is wrong with the field ``where``, or with all of it ("")."""
    place = f" at {plain(where)}" if where else ""
    return GateError(
        f"the baseline file {path} is damaged{place}: {plain(what)}. "
        "Restore it from version control, or write it anew with --speedacc-update."
    )


def plain(text: str) -> str:
    """Text from a file as a message may quote it: a few lines at most, and nothing that a terminal obeys."""
    short = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in short)


def encode_document(baseline: Baseline) -> bytes:
    """The text of the file: equal baselines give equal bytes. Raises GateError for what UTF-8 cannot hold."""
    try:
        return msgspec.json.format(msgspec.json.encode(baseline, order="deterministic"), indent=2) + b"\n"
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise GateError(
            f"no baseline can be written of a name or a reason that holds half of a character ({half}, a lone "
            "surrogate): change that text."
        ) from None


def decode_document(path: Path, data: bytes) -> Baseline:
    """The baseline in ``data``, the content of the file ``path``.

    Raises GateError for anything but a whole document in a schema that is known here.
    """
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates)
        _check_schema(path, document)
        if fault := _fault(document):
            raise damaged(path, f"${fault[0]}", fault[1])
        return _typed(path, document)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise damaged(path, where, f"it is not JSON ({error.msg})") from error
    except ValueError as error:
        raise damaged(path, "", f"it is not JSON ({error})") from error
    except RecursionError:
        raise damaged(path, "", "it is nested too deeply") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the field {twice!r} is there twice")
    return found


def _check_schema(path: Path, document: Any) -> None:
    if not isinstance(document, dict):
        raise damaged(path, "$", "it is not an object")
    schema = document.get("schema")
    if isinstance(schema, int) and SCHEMA < schema <= _LAST_SCHEMA:
        raise GateError(
            f"the baseline file {path} was written by a newer pytest-speedacc: it has schema {schema}, and "
            f"this version reads up to {SCHEMA}. Upgrade pytest-speedacc."
        )
    if isinstance(schema, bool) or schema != SCHEMA:
        raise damaged(path, "$.schema", f"it must be {SCHEMA}, not {schema!r}")


def _fault(value: Any) -> tuple[str, str] | None:
    """Where and what in a document no later step could bear, though Python's reader of JSON lets it through.

    The place is put together on the way back, so that a document without a fault costs nothing but the walk.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "", "it is not a finite number"
    if isinstance(value, str) and not _is_text(value):
        return "", "it is not Unicode text"
    if isinstance(value, dict):
        for key, inner in value.items():
            if not _is_text(key):
                return "", f"the name of the field {key!r} is not Unicode text"
            if found := _fault(inner):
                return f".{key}{found[0]}", found[1]
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if found := _fault(inner):
                return f"[{index}]{found[0]}", found[1]
    return None


def _is_text(value: str) -> bool:
    """False for half a surrogate pair, which can be neither printed nor written."""
    return value.isascii() or not _SURROGATE.search(value)


def _typed(path: Path, document: dict[str, Any]) -> Baseline:
    environments = document.get("environments")
    # One by one, since the decoder does not say in which entry of a mapping the fault is.
    for key, record in environments.items() if isinstance(environments, dict) else ():
        known = _convert(path, record, EnvironmentRecord, f"$.environments.{key}")
        if known.environment.key != key:
            raise damaged(path, f"$.environments.{key}", "this is not the key of that environment")
        memory = known.memory
        if memory is not None and memory.band > (most := widest_band(memory.peak)):
            what = f"it is {memory.band}, and a peak of {memory.peak} moves by {most} at the most"
            raise damaged(path, f"$.environments.{key}.memory.band", what)
        _check_metrics(path, f"$.environments.{key}", known.metrics)
    baseline = _convert(path, document, Baseline, "$")
    _check_metrics(path, "$", baseline.metrics)
    for place, date in _dates(baseline):
        if not _is_date(date):
            raise damaged(path, place, f"it is {date!r}, and no date such as 2026-01-02T03:04:05+00:00")
    return baseline


def _check_metrics(path: Path, place: str, metrics: Metrics) -> None:
    """Noise is a fraction of what is measured: a band beyond that would excuse whatever comes."""
    for name, metric in (metrics or {}).items():
        if metric.band > abs(metric.value):
            what = f"it is {metric.band}, and {metric.value} moves by no more than itself"
            raise damaged(path, f"{place}.metrics.{name}.band", what)


def _dates(baseline: Baseline) -> Iterator[tuple[str, str]]:
    yield "$.updated.date", baseline.updated.date
    for index, entry in enumerate(baseline.accepted):
        yield f"$.accepted[{index}].date", entry.date
    for key, record in baseline.environments.items():
        yield f"$.environments.{key}.date", record.date


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    # Between day and hour anything would do.
    return text.isascii() and text.isprintable()


def _convert(path: Path, value: Any, kind: type[T], place: str) -> T:
    try:
        return msgspec.convert(value, kind)
    # The other one for a whole number beyond all others, before msgspec 0.22.
    except (msgspec.ValidationError, OverflowError) as error:
        match = _PLACE.fullmatch(str(error))
        what, where = match.group("what", "where") if match else (str(error), "$")
        raise damaged(path, place + where.removeprefix("$"), what) from error
