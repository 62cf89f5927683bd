"""What holds wherever Python and the libraries are of the same versions: found in the records of any environment."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import Baseline
from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.explain import other_versions


def stored_amount(
    axis: Axis, stored: Baseline, versions: Mapping[str, str], batch_size: int, command: str
) -> Amount | str:
    """The axis in the newest record with these ``versions`` and this ``batch_size``, or why there is none."""
    newest = sorted(stored.environments.values(), key=lambda record: record.date, reverse=True)
    held = [(record, it) for record in newest if (it := (record.metrics or {}).get(axis.name))]
    if not held:
        return f"the baseline holds no {axis.title}: add them with {command}"
    calls = [(record, it) for record, it in held if record.latency and record.latency.batch_size == batch_size]
    if not calls:
        return f"the baseline's {axis.title} are not of batch_size={batch_size}: renew them with {command}"
    for record, it in calls:
        if not moved(record.versions, versions):
            return Amount(it.value, it.band)
    changed = moved(calls[0][0].versions, versions)
    return (
        f"{axis.title} hold for the same Python and libraries only, and of those the baseline knows none ({changed}): "
        f"add them with {command}"
    )


def moved(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What tells the versions apart, as ``numpy 2.3.0 -> 2.4.0``; empty where they are the same. Python counts by minor
    version."""
    if "python" not in then or "python" not in now:
        return "the versions are not known"
    return ", ".join(other_versions(then, now))
