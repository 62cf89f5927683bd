"""What may get worse than the base after all: what the baseline file says, and what an update accepts now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec.structs import replace as changed

from pytest_speedacc.axes.units import Quantity
from pytest_speedacc.baseline import Accepted, Baseline
from pytest_speedacc.baseline.changes import quoted
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.judge.entries import accepted_by
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.verdict import Finding, Outcome, because
from pytest_speedacc.measure.measurement import Measurement

DIGITS = 4
"""Decimals of a stored ratio: a hundredth of a per cent."""


def is_acceptable(checks: tuple[Finding, ...]) -> bool:
    """Whether something failed, and an update would make all of it pass: none is written where a limit is violated."""
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    return bool(failed) and all(check.limit is None and check.observed is not None for check in failed)


def accept_by_file(
    checks: tuple[Finding, ...], measurement: Measurement, policy: Policy, own: Reference, reason: str
) -> tuple[Finding, ...]:
    """The checks against the base, less the failures of exact axes that the baseline file of this checkout explains.

    ``own`` is what that file holds and the base's does not, and ``reason`` that of the update which wrote it. A time
    is never accepted this way.
    """
    worse = {check.place for check in checks if check.outcome is not Outcome.PASSED and check.metric != "latency"}

    def kept(bounds: Sequence[Bound], name: str) -> tuple[Bound, ...]:
        return tuple(b for b in bounds if b.setting.is_tolerance and (b.setting.name, name) in worse)

    names = {name for _, name in worse if name}
    slices = {name: kept(policy.bounds_of(name), name) for name in names}
    again = replace(policy, bounds=kept(policy.bounds, ""), slices=slices)
    held = {check.place: check for check in judge(measurement, again, own, (), 1.0)}
    return tuple(_better(check, held[check.place], reason) if check.place in held else check for check in checks)


def _better(check: Finding, held: Finding, reason: str) -> Finding:
    # Which predictions are accepted is no number that could be shown.
    by_predictions = held.metric == "churn" and held.outcome is Outcome.PASSED
    if held.outcome >= check.outcome or not (by_predictions or held.reference is not None):
        return check
    value = because("predictions") if by_predictions else Quantity(held.reference or 0.0, held.kind)
    accepted = because("accepted value", value=value, why=quoted(reason))
    why = because("accepted in file", accepted=accepted)
    return replace(check, outcome=held.outcome, reason=why + check.reason, accepted=accepted)


def accept_now(checks: tuple[Finding, ...], stored: Baseline, base: str) -> tuple[tuple[Finding, ...], Baseline]:
    """The checks, and ``stored``, once its update has accepted every time that failed against the commit ``base``.

    Both are as they were where anything else failed: an update that is not written accepts nothing.
    """
    failed = [check for check in checks if check.outcome is Outcome.FAILED]
    if not is_acceptable(checks) or any(check.metric != "latency" for check in failed):
        return checks, stored
    entries = {check.place: _entry(check, stored, base) for check in failed}
    why = because("accepted now", base=base[:7], why=quoted(stored.updated.reason))
    passed = {
        check.place: replace(
            check, outcome=Outcome.PASSED, reason=why + check.reason, accepted=accepted_by(entries[check.place])
        )
        for check in failed
    }
    return tuple(passed.get(check.place, check) for check in checks), changed(
        stored, accepted=(*stored.accepted, *entries.values())
    )


def _entry(check: Finding, stored: Baseline, base: str) -> Accepted:
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
