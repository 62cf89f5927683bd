"""The JSON text of a baseline, read with suspicion: whatever is wrong with it is named with its place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pytest_speedacc.baseline.schema import SCHEMA, Baseline, EnvironmentRecord
from pytest_speedacc.errors import GateError

T = TypeVar("T")

_PLACE = re.compile(r"(?P<what>.*) - at `(?P<where>.*)`")


def damaged(path: Path, where: str, what: str) -> GateError:
    """The error for the file ``path``: ``what`` is wrong with the field ``where``, or with all of it ("")."""
    place = f" at {where}" if where else ""
    return GateError(
        f"the baseline file {path} is damaged{place}: {what}. "
        "Restore it from version control, or write it anew with --speedacc-update."
    )


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
        for where in _not_finite(document, "$"):
            raise damaged(path, where, "it is not a finite number")
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
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} is there twice")
    return found


def _check_schema(path: Path, document: Any) -> None:
    if not isinstance(document, dict):
        raise damaged(path, "$", "it is not an object")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise GateError(
            f"the baseline file {path} was written by a newer pytest-speedacc: it has schema {schema}, and "
            f"this version reads up to {SCHEMA}. Upgrade pytest-speedacc."
        )
    if isinstance(schema, bool) or schema != SCHEMA:
        raise damaged(path, "$.schema", f"it must be {SCHEMA}, not {schema!r}")


def _not_finite(value: Any, where: str) -> Iterator[str]:
    """Where a number is NaN or infinite: words that Python's reader of JSON lets through."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_finite(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, f"{where}[{index}]")


def _typed(path: Path, document: dict[str, Any]) -> Baseline:
    environments = document.get("environments")
    # One by one, since the decoder does not say in which entry of a mapping the fault is.
    for key, record in environments.items() if isinstance(environments, dict) else ():
        known = _convert(path, record, EnvironmentRecord, f"$.environments.{key}")
        if known.environment.key != key:
            raise damaged(path, f"$.environments.{key}", "this is not the key of that environment")
    return _convert(path, document, Baseline, "$")


def _convert(path: Path, value: Any, kind: type[T], place: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        what, where = match.group("what", "where") if match else (str(error), "$")
        raise damaged(path, place + where.removeprefix("$"), what) from error
