"""The JSON Schemas of what runs write: reports and baselines, made of the types that these are read into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_speedacc.baseline import schema as baseline
from pytest_speedacc.report import gate_schema
from pytest_speedacc.report import schema as report
from pytest_speedacc.schemas.docstrings import meanings

HOME = "https://pytest-speedacc.invalid/schemas/"
"""What the name of each schema begins with: a name, not an address (``.invalid`` is kept free for that). It has the
form of one since fastjsonschema, and so validate-pyproject, resolves references in no other."""
REPORT = f"report-{report.SCHEMA}"
BASELINE = f"baseline-{baseline.SCHEMA}"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """What ``--speedacc-report=PATH.json`` writes."""
    parts = _parts(report.Document, report.SCHEMA, vars(gate_schema) | vars(report))
    for part in parts.values():
        # Every field is written. A reader that knows an older schema too has defaults for what that lacks.
        part["required"] = list(part["properties"])
        for field in part["properties"].values():
            field.pop("default", None)
    said = "A run, as --speedacc-report=PATH.json writes it. Later versions may add fields."
    return _schema(REPORT, "Report of pytest-speedacc", said, report.Document, parts)


def baseline_schema() -> dict[str, Any]:
    """What ``--speedacc-update`` writes, now and before."""
    said = "An accepted model, as --speedacc-update writes it. A field with a default is missing in older files."
    parts = _parts(baseline.Baseline, baseline.SCHEMA, vars(baseline))
    return _schema(BASELINE, "Baseline of pytest-speedacc", said, baseline.Baseline, parts)


def _schema(name: str, title: str, said: str, root: type, parts: dict[str, Any]) -> dict[str, Any]:
    head = {"$schema": _DRAFT, "$id": f"{HOME}{name}.json", "title": title, "description": said}
    return {**head, "$ref": f"#/$defs/{root.__name__}", "$defs": parts}


def _parts(root: type[msgspec.Struct], version: int, classes: Mapping[str, type]) -> dict[str, Any]:
    """By the name of its class, the schema of each part of the document, with what is said of each field."""
    _, found = msgspec.json.schema_components([root], ref_template="#/$defs/{name}")
    parts: dict[str, Any] = _portable(found)
    for name, part in parts.items():
        said = meanings(classes[name])
        for field, schema in part["properties"].items():
            if field in said:
                schema["description"] = said[field].replace("None", "null")
    parts[root.__name__]["properties"]["schema"] = {"const": version, "description": "Version of this format."}
    return parts


def _portable(value: Any) -> Any:
    r"""Expressions as JavaScript has them, where ``$`` is the end alone, and there is no ``\Z``."""
    match value:
        case dict():
            return {key: _portable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_portable(inner) for inner in value]
        case str() if value.endswith(r"\Z"):
            return value.removesuffix(r"\Z") + "$"
        case _:
            return value
