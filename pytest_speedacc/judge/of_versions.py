"""What holds wherever Python and the libraries are of the same versions: found in the records of any environment."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import Baseline
from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.verdict import Reason, because


def stored_amount(
    axis: Axis, stored: Baseline, versions: Mapping[str, str], batch_size: int, command: str
) -> Amount | Reason:
    """The axis in the newest record with these ``versions`` and this ``batch_size``, or why there is none."""
    newest = sorted(stored.environments.values(), key=lambda record: record.date, reverse=True)
    held = [(record, it) for record in newest if (it := (record.metrics or {}).get(axis.name))]
    if not held:
        return because("no axis of versions", title=axis.title, command=command)
    calls = [(record, it) for record, it in held if record.latency and record.latency.batch_size == batch_size]
    if not calls:
        return because("batches of versions", title=axis.title, batch_size=batch_size, command=command)
    for record, it in calls:
        if not moved(record.versions, versions):
            return Amount(it.value, it.band)
    changed = moved(calls[0][0].versions, versions)
    return because("other versions", title=axis.title, changed=[*changed], command=command)


def moved(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Reason, ...]:
    """What tells the versions apart, as ``other_versions`` has it; empty where they are the same."""
    return other_versions(then, now) if "python" in then and "python" in now else (because("no versions"),)


def other_versions(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Reason, ...]:
    """What changed, as ``numpy 2.3.0 -> 2.4.0``; empty where nothing did. Python counts by minor version."""
    changed = []
    for name in sorted(then.keys() & now.keys() - {"pytest-speedacc"}):
        was, found = (_minor(each[name]) if name == "python" else each[name] for each in (then, now))
        changed += [because("moved", name=name, then=was, now=found)] if was != found else []
    return tuple(changed)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
