"""``[tool.speedacc.live]`` of a live run: the base's own, so that no change chooses what it is compared with."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pytest_speedacc.config.live_settings import WHERE, LiveSettings, parse_live
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import Base
from pytest_speedacc.live.tree.git import git_output

FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class LiveRules:
    """How a live run is made, and who says so."""

    settings: LiveSettings
    """What holds for the run."""
    said: tuple[str, ...] = ()
    """Where this checkout says otherwise, or is the first to say anything, a sentence each."""
    stricter: tuple[str, ...] = ()
    """The same of what asks for more than the base."""
    unread: tuple[str, ...] = ()
    """Why the base's could not be read, in which case this checkout's hold."""


def live_rules(base: Base, own: LiveSettings, *starts: Path) -> LiveRules:
    """The settings of the base; those of this checkout, ``own``, where the base has none.

    They are looked for upwards from the same folders ``starts`` as this checkout's, whichever file holds those now.
    This is before the base is checked out, which they say how to do.
    """
    try:
        theirs = _table_of(base, starts)
        former = None if theirs is None else parse_live(theirs)
    except (ConfigError, ValueError) as error:
        why = f"the base's {WHERE} cannot be read, so this checkout's holds for both: {str(error).rstrip('.')}"
        return LiveRules(own, unread=(why,))
    if former is None:
        return LiveRules(own, said=_introduced(own))
    return LiveRules(former, *(tuple(_differences(former, own, stricter=stricter)) for stricter in (False, True)))


def _content(base: Base, place: str) -> str:
    """The text of a file of the base; empty where it has none."""
    if not git_output(base.top, "ls-tree", "--name-only", base.sha, "--", place):
        return ""
    text = git_output(base.top, "show", f"{base.sha}:{place}")
    # Bytes that are no UTF-8 are no TOML either.
    return text.encode(errors="surrogateescape").decode()


def _table_of(base: Base, starts: Sequence[Path]) -> object:
    """The table in the nearest pyproject.toml with ``[tool.speedacc]``; None where there is none."""
    for start in starts:
        folder = start.resolve()
        for place in (folder, *folder.parents):
            if not place.is_relative_to(base.top):
                break
            document = tomllib.loads(_content(base, (place / FILE).relative_to(base.top).as_posix()))
            section = _inner(_inner(document, "tool"), "speedacc")
            if section is not None:
                return _inner(section, "live")
    return None


def _inner(table: object, name: str) -> object:
    """What a table holds under ``name``; None where there is neither the one nor the other."""
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ConfigError(f"{name!r} stands in no table.")
    return table.get(name)


def _introduced(own: LiveSettings) -> tuple[str, ...]:
    usual = asdict(LiveSettings())
    new = [f"{name} = {_shown(value)}" for name, value in asdict(own).items() if value != usual[name]]
    said = f"{FILE}: {WHERE} is new, and holds for the base as well in this run: {', '.join(new)}"
    return (said,) if new else ()


def _differences(was: LiveSettings, now: LiveSettings, *, stricter: bool) -> list[str]:
    return [
        f"{FILE}: {WHERE} {name} was {_shown(former)} and is {_shown(value)}; this run goes by the base's"
        for name in (field.name for field in fields(LiveSettings))
        if (former := getattr(was, name)) != (value := getattr(now, name))
        and _is_stricter(name, former, value) is stricter
    ]


def _is_stricter(name: str, was: Any, now: Any) -> bool:
    """Whether a setting can only make a run see more. What the base is given, and how, may do anything."""
    match name:
        case "launches" | "budget" | "timeout":
            return bool(now > was)
        case "removed" | "loosened":
            return bool(now == "fail")
        case "threads":
            return bool(now == "one")
        case _:
            return False


def _shown(value: object) -> str:
    """As it is written in TOML."""
    if value is None:
        return "not set"
    return f'"{value:g} s"' if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
