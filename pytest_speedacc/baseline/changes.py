"""What a change says in a baseline file and the base's file said otherwise: the reviewer is shown each value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pytest_speedacc.baseline.schema import Baseline, EnvironmentRecord

GONE = "the file is gone"
# Whose file it is, when and with what it was written, and what is told elsewhere.
_NO_VALUES = frozenset({"schema", "test", "name", "updated", "versions", "accepted", "profile", "environments"})
_NO_EVIDENCE = frozenset({"commit", "date", "versions", "environment"})
_INFORMATION = re.compile(r"latency\.(median|p\d+|calls|calls_per_round)|training\..*")
_RATIO = re.compile(r"yardstick\.\w+( \(.*\))? ")
_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")


def changes(before: Baseline, now: Baseline) -> tuple[str, ...]:
    """The values that differ, and who changed them: an update, with its reason, or somebody by hand.

    An update writes its date with what it measured. Dates, versions, profiles and stored times, which decide nothing,
    are left out.
    """
    updated = is_updated(before, now)
    by_hand: list[str] = []
    by_update: list[str] = []
    (by_update if updated else by_hand).extend(_differences(_plain(before, _NO_VALUES), _plain(now, _NO_VALUES)))
    for key in sorted({*before.environments, *now.environments}):
        was, record = before.environments.get(key), now.environments.get(key)
        (by_update if is_record_updated(before, now, key) else by_hand).extend(_of_environment(was, record))
    why = quoted(now.updated.reason) or " (updated without a reason)"
    said = [f"{', '.join(_brief(by_update))}{why}"] if by_update else []
    return (*said, *([f"{', '.join(by_hand)} (by hand: no update wrote this)"] if by_hand else []))


def is_updated(before: Baseline, now: Baseline) -> bool:
    """Whether an update wrote ``now``: it writes its date with what it measured."""
    return now.updated != before.updated


def is_record_updated(before: Baseline, now: Baseline, environment: str) -> bool:
    """The same of the record of ``environment``, a key, or of its going."""
    was, record = before.environments.get(environment), now.environments.get(environment)
    if was is None or record is None:
        return is_updated(before, now)
    # Two updates may share a second, and then the last one's date is both.
    return is_updated(before, now) and (record.date != was.date or record.date == now.updated.date)


def quoted(reason: str) -> str:
    """The reason that somebody gave, in brackets and on one line; nothing where none was given."""
    return f' ("{" ".join(reason.split())}")' if reason.strip() else ""


def _brief(differences: Sequence[str]) -> Iterator[str]:
    """What an update wrote, with the parts of a time as one: no reader knows them, unless a hand made them up."""
    told: dict[str, None] = {}
    for said in differences:
        found = _RATIO.match(said)
        # A record that has none is told as it is.
        is_new = found is not None and not said.startswith("none -> ", found.end()) and not said.endswith(" -> none")
        told[f"time beside the yardstick{found[1] or ''} measured anew" if found and is_new else said] = None
    return iter(told)


def _of_environment(was: EnvironmentRecord | None, now: EnvironmentRecord | None) -> Iterator[str]:
    record = now or was
    assert record is not None, "one of the two has it"
    where = f" ({record.environment.cpu})"
    if was is None or now is None:
        yield f"environment{where} {'none -> recorded' if was is None else 'recorded -> none'}"
    else:
        yield from _differences(_plain(was, _NO_EVIDENCE), _plain(now, _NO_EVIDENCE), where)


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name) and not _INFORMATION.fullmatch(name):
            yield f"{name}{where} {_shown(was.get(name))} -> {_shown(now.get(name))}"


def _plain(record: Baseline | EnvironmentRecord, without: frozenset[str]) -> dict[str, Any]:
    """Its values by their place in the file, such as ``accuracy.value``."""
    return dict(_leaves({name: it for name, it in msgspec.to_builtins(record).items() if name not in without}, ""))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}" if place else name)
    else:
        yield place, value


def _shown(value: Any) -> str:
    return "none" if value is None else _DIGEST.sub(r"\1", value if isinstance(value, str) else json.dumps(value))
