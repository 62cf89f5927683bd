"""The baseline file in a live run: it is held against what does not come from time, and the stricter answer stands.

The base loads what it shares with this checkout, such as weights, as it is now. Only the file knows what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from msgspec import UNSET

from pytest_speedacc.baseline import Baseline
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison, Reference
from pytest_speedacc.judge.trades import excused
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because
from pytest_speedacc.measure.measurement import Measurement

SAID = because("held")
UNREPLACED = because("unreplaced")


def stricter(
    checks: tuple[Finding, ...],
    measurement: Measurement,
    policy: Policy,
    own: Reference | Reason,
    live: LiveComparison,
    alpha: float,
    said: Reason = SAID,
) -> tuple[Finding, ...]:
    """The checks against the base, each replaced by the one against the baseline file where that one is worse.

    ``own`` is what the file holds, or why it cannot be compared with. What it does not hold, it says nothing of. A
    trade holds here too: what is given is counted from the file, and a gain of time is that of the ``live`` run.
    ``said`` says which file it is.
    """
    exact = {check.place: check for check in checks if check.limit is None and check.metric != "latency"}
    if not isinstance(own, Reference):
        refused = {place: replace(check, outcome=Outcome.FAILED, reason=own) for place, check in exact.items()}
        return tuple(_worse(check, refused.get(check.place), said) for check in checks)
    reference = replace(own, live=live)
    untimed = replace(policy, bounds=tuple(bound for bound in policy.bounds if not bound.setting.is_noisy))
    found, _ = excused(judge(measurement, untimed, reference, (), alpha), measurement, policy, reference, alpha)
    held = {check.place: check for check in found if check.place in exact and check.outcome is not Outcome.NOT_COMPARED}
    return tuple(_worse(check, held.get(check.place), said) for check in checks)


def _worse(check: Finding, held: Finding | None, said: Reason) -> Finding:
    if held is None or held.outcome <= check.outcome:
        return check
    return replace(held, reason=said + held.reason, accepted=check.accepted)


def is_held(checks: tuple[Finding, ...]) -> bool:
    """Whether a baseline file gave any of the answers."""
    return any(check.reason[:1] in (SAID, UNREPLACED) for check in checks)


def shared_notes(stored: Baseline, shared: Mapping[str, str]) -> Iterator[Reason]:
    """What the base shares with this checkout that is not what the baseline was made with.

    ``shared`` are the digests of this run's.
    """
    if stored.shared is UNSET:
        return
    for path in sorted({*stored.shared, *shared}):
        then, now = stored.shared.get(path, ""), shared.get(path, "")
        if then and now and then != now:
            yield because("shared otherwise", path=path, then=_short(then), now=_short(now))
        elif then and not now:
            yield because("no longer shared", path=path, then=_short(then))
        elif now and not then:
            yield because("newly shared", path=path, now=_short(now))


def _short(digest: str) -> str:
    return digest.replace(":", " ")[: len("sha256:") + 12]
