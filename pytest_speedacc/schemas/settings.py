"""The JSON Schema of ``[tool.speedacc]``, made of the axes, the units and the rules that its reader has.

It says what a value may look like. What depends on several values, and how large an amount may be, a run says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pytest_speedacc.axes import BUILT_IN
from pytest_speedacc.axes.axis import Setting
from pytest_speedacc.axes.units import NUMBER, UNITS, Kind, quantity_pattern
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.policy import DEFAULT_BUDGET
from pytest_speedacc.config.project import DEFAULT_FOLDER, RULES, RUN_KEYS, AccuracyRule, Clock, Leniency
from pytest_speedacc.config.scale import HIGHEST_PRICE, Scale
from pytest_speedacc.config.settings import DROP_UNITS
from pytest_speedacc.config.trades import term_units
from pytest_speedacc.schemas.docstrings import meanings
from pytest_speedacc.schemas.documents import HOME
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES

Form = dict[str, Any]

_TEXT: Form = {"type": "string", "minLength": 1}
_SETTINGS = [setting for axis in BUILT_IN for setting in axis.settings]
_TRADED = [name for axis in BUILT_IN for name in axis.traded]
_NAMED = re.compile(r"(?:min|max)_(.*?)(?:_p\d+)?(?:_increase|_drop)?")


def settings_schema() -> Form:
    """The table, in the draft that validate-pyproject asks for."""
    bounds = {setting.name: _setting(setting) for setting in _SETTINGS}
    definitions = {
        **bounds,
        "own": _own_limit(),
        **{name: _RULES[name] for name in RULES},
        "slice": _table(setting.name for setting in _SETTINGS if setting.is_sliced),
        "trade": _trade(),
        "terms": _terms(),
        "limits": _table((*bounds, *RULES)),
        "live": _live(),
    }
    policy = _table((*bounds, *(name for name in RULES if name != "policy")))
    policy["properties"]["extends"] = {"description": "the policy that holds where this one says nothing", **_TEXT}
    definitions["limits_of_policy"] = policy
    table = _table((*bounds, *RULES))
    table["properties"] |= {name: _RUN[name] for name in RUN_KEYS}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{HOME}settings.json",
        "title": "Settings of pytest-speedacc",
        "description": "What models are held to, and how: the table [tool.speedacc] of pyproject.toml.",
        **table,
        "definitions": definitions,
    }


def pyproject_schema() -> Form:
    """The same for editors that know one schema for a whole file."""
    table = settings_schema()
    definitions, draft = table.pop("definitions"), table.pop("$schema")
    table.pop("$id")
    return {
        "$schema": draft,
        "$id": f"{HOME}pyproject.json",
        "title": "pyproject.toml with [tool.speedacc]",
        "description": "Settings of pytest-speedacc, and whatever else stands in the file.",
        "type": "object",
        "properties": {"tool": {"type": "object", "properties": {"speedacc": table}}},
        "definitions": definitions,
    }


def _setting(setting: Setting) -> Form:
    """As ``parse_bound`` reads it."""
    said = {"description": f"{setting.help}, as in {setting.name} = {setting.example}"}
    if setting.kind is Kind.SCORE and setting.is_tolerance:
        return {**said, "anyOf": [_quantity(DROP_UNITS), {"type": "number", "minimum": 0}]}
    if setting.kind is Kind.SCORE:
        return {**said, "type": "number"}
    if setting.is_tolerance:
        return {**said, **_quantity(UNITS[Kind.FRACTION])}
    if setting.kind is Kind.COUNT:
        return {**said, "type": "integer", "minimum": 0}
    return {**said, **_quantity(UNITS[setting.kind], above_zero=True)}


def _quantity(units: Iterable[str], *, above_zero: bool = False) -> Form:
    return {"type": "string", "pattern": quantity_pattern(units, above_zero=above_zero)}


def _own_limit() -> Form:
    """A number, with or without whatever unit the axis has."""
    said = "a limit or a tolerance of an axis of your own"
    text = {"type": "string", "pattern": rf"^\s*[+-]?{NUMBER}"}
    return {"description": said, "anyOf": [{"type": "number"}, text]}


def _table(names: Iterable[str]) -> Form:
    """A table with these keys, and with the limits of axes that a schema cannot know."""
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/definitions/{name}"} for name in names},
        "patternProperties": {f"^(?:min|max)_{_own_name()}": {"$ref": "#/definitions/own"}},
        "additionalProperties": False,
    }


def _own_name() -> str:
    """The name of an axis that is none of ours. What begins like one of ours, but for a slip, is taken for a slip."""
    words = sorted({_NAMED.fullmatch(setting.name)[1] for setting in _SETTINGS})  # type: ignore[index]
    slips = "|".join(slip for word in words for slip in _slips(word))
    return f"(?!(?:min_|max_)?(?:{slips}))[a-z][a-z0-9_]*$"


def _slips(word: str) -> Iterable[str]:
    """The word, with up to two letters in the place of any one, or with two neighbours swapped."""
    for place in range(len(word)):
        yield f"{word[:place]}.{{0,2}}{word[place + 1 :]}"
        if place and word[place] != word[place - 1]:
            yield f"{word[: place - 1]}{word[place]}{word[place - 1]}{word[place + 1 :]}"


def _trade() -> Form:
    terms = {side: {"$ref": "#/definitions/terms"} for side in ("give", "gain")}
    return {"type": "object", "properties": terms, "required": list(terms), "additionalProperties": False}


def _terms() -> Form:
    def amount(axis: str) -> Form:
        written = _quantity(term_units(axis), above_zero=True)
        # Of a score in its own unit.
        return {"anyOf": [written, {"type": "number", "exclusiveMinimum": 0}]} if axis == "accuracy" else written

    return {
        "type": "object",
        "minProperties": 1,
        "properties": {axis: amount(axis) for axis in _TRADED},
        "patternProperties": {f"^{_own_name()}": amount("")},
        "additionalProperties": False,
    }


def _live() -> Form:
    said, hints = meanings(LiveSettings), get_type_hints(LiveSettings)
    return {
        "description": "how the base revision of a run with --speedacc-against is run",
        "type": "object",
        "properties": {
            field.name: {"description": said[field.name], **_of_type(hints[field.name]), **_default(field.default)}
            for field in fields(LiveSettings)
        },
        "additionalProperties": False,
    }


def _of_type(hint: Any) -> Form:
    """What is read into a field of ``LiveSettings`` with this type."""
    if get_origin(hint) is Literal:
        return _one_of(hint)
    forms: dict[Any, Form] = {
        tuple[str, ...]: {"type": "array", "items": _TEXT},
        str | None: _TEXT,
        int: {"type": "integer", "minimum": FEWEST_LAUNCHES},
        float: _TIME,
        bool: {"type": "boolean"},
    }
    return forms[hint]


def _default(value: object) -> Form:
    """As it would be written; the only fractional numbers are seconds."""
    match value:
        case None:
            return {}
        case float():
            return {"default": f"{value:g} s"}
        case tuple():
            return {"default": list(value)}
        case _:
            return {"default": value}


def _one_of(words: Any) -> Form:
    return {"enum": list(get_args(words))}


def _tables(of: str) -> Form:
    return {"type": "object", "additionalProperties": {"$ref": f"#/definitions/{of}"}}


_TIME = _quantity(UNITS[Kind.TIME], above_zero=True)
_LENIENCY = _one_of(Leniency)
_RULES: dict[str, Form] = {
    "group": {"description": "the job that the model is one of several for", **_TEXT},
    "accuracy_rule": {"description": "how a drop of the score is judged", **_one_of(AccuracyRule)},
    "budget": {
        "description": "how long a gate's latency may be timed; most need less",
        **_TIME,
        **_default(DEFAULT_BUDGET),
    },
    "policy": {"description": "the named set of limits that holds", **_TEXT},
    "slices": {"description": "limits and tolerances of a part of the evaluation set, by its name", **_tables("slice")},
    "trades": {
        "description": "what may get worse where something else gets better by so much",
        "type": "array",
        "items": {"$ref": "#/definitions/trade"},
    },
}
_RUN: dict[str, Form] = {
    "baselines": {"description": "the folder of the baselines", **_TEXT, **_default(DEFAULT_FOLDER)},
    "inconclusive": {"description": "what a check does that this machine cannot decide", **_LENIENCY},
    "live": {"$ref": "#/definitions/live"},
    "not_compared": {"description": "what a tolerance does that has nothing to be compared with", **_LENIENCY},
    "policies": {"description": "sets of limits, by the name that policy = chooses", **_tables("limits_of_policy")},
    "profile_clock": {"description": "of profiles: wall, or cpu to leave waiting out", **_one_of(Clock)},
    "skipped": {"description": "what a gate does that has a baseline and is skipped", **_LENIENCY},
    "tests": {
        "description": "limits of some tests, by a pattern of their node ids; * and ? are wildcards",
        **_tables("limits"),
    },
    "requests": {
        "description": "numbers of requests that latencies are translated into",
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        **_default(Scale().requests),
    },
    "price_per_hour": {
        "description": "of the machine, for the cost of those requests",
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": HIGHEST_PRICE,
    },
}
