"""What may get worse than the base after all: what the baseline file says, and what an update accepts now."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as changed

from pytest_speedacc.baseline import Accepted, Baseline
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.units import format_value
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.live import quoted
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.verdict import Check, Outcome
from pytest_speedacc.measure.measurement import Measurement

DIGITS = 4
"""Decimals of a stored ratio: a hundredth of a per cent."""


def is_acceptable(checks: tuple[Check, ...]) -> bool:
    """Whether something failed, and an update would make all of it pass: none is written where a limit is violated."""
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    return bool(failed) and all(check.limit is None and check.observed is not None for check in failed)


def accept_by_file(
    checks: tuple[Check, ...], measurement: Measurement, policy: Policy, own: Reference, reason: str
) -> tuple[Check, ...]:
    """The checks against the base, less the failures of exact axes that the baseline file of this checkout explains.

    ``own`` is what that file holds and the base's does not, and ``reason`` that of the update which wrote it. A time
    is never accepted this way.
    """
    failed = {check.setting for check in checks if check.outcome is not Outcome.PASSED and check.metric != "latency"}
    bounds = tuple(bound for bound in policy.bounds if bound.setting.is_tolerance and bound.setting.name in failed)
    held = {check.setting: check for check in judge(measurement, replace(policy, bounds=bounds), own, (), 1.0)}
    return tuple(_better(check, held[check.setting], reason) if check.setting in held else check for check in checks)


def _better(check: Check, held: Check, reason: str) -> Check:
    if held.reference is None or held.outcome >= check.outcome:
        return check
    value, why = format_value(held.reference, held.kind), quoted(reason)
    return replace(
        check,
        outcome=held.outcome,
        reason=f"accepted in the baseline file: {value}{why}; {check.reason}",
    )


def accept_now(checks: tuple[Check, ...], stored: Baseline, base: str) -> tuple[tuple[Check, ...], Baseline]:
    """The checks, and ``stored``, once its update has accepted every time that failed against the commit ``base``.

    Both are as they were where anything else failed: an update that is not written accepts nothing.
    """
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    if not is_acceptable(checks) or any(check.metric != "latency" for check in failed):
        return checks, stored
    entries = tuple(_entry(check, stored, base) for check in failed)
    why = f"accepted now, against {base[:7]}{quoted(stored.updated.reason)}"
    passed = {
        check.setting: replace(check, outcome=Outcome.PASSED, reason=f"{why}: {check.reason}") for check in failed
    }
    return tuple(passed.get(check.setting, check) for check in checks), changed(
        stored, accepted=(*stored.accepted, *entries)
    )


def _entry(check: Check, stored: Baseline, base: str) -> Accepted:
    assert check.observed is not None, "what failed was measured"
    assert check.interval is not None, "what is shown to be slower has bounds"
    low, high = check.interval
    return Accepted(
        metric="latency",
        statistic="median" if check.statistic == "median" else "p95",
        ratio=round(1 + check.observed, DIGITS),
        interval=(round(1 + low, DIGITS), round(1 + high, DIGITS)),
        base=base,
        reason=stored.updated.reason,
        date=stored.updated.date,
    )
