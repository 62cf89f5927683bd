"""Documents beside the JSON Schemas that come with the package."""

from __future__ import annotations

import json
from functools import cache

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator

from pytest_speedacc.schemas import schema_text
from pytest_speedacc.schemas.documents import BASELINE, REPORT

__all__ = ["BASELINE", "REPORT", "faults_of", "is_one", "validator"]


def faults_of(document: object, name: str) -> list[str]:
    """What is wrong by the schema, each with its place. Of a report, a field that it does not name is wrong as well."""
    found = validator(name, closed=name == REPORT).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def is_one(document: object, name: str) -> bool:
    """Whether nothing is wrong, which is quicker to tell than what is."""
    return bool(validator(name, closed=name == REPORT).is_valid(document))


@cache
def validator(name: str, *, closed: bool = False) -> Validator:
    """Of the schema; ``closed`` takes no further fields where it would."""
    schema = json.loads(schema_text(name))
    if closed:
        for part in schema["$defs"].values():
            part["additionalProperties"] = False
    return Draft7Validator(schema) if "draft-07" in schema["$schema"] else Draft202012Validator(schema)
