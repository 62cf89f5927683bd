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
from pytest_speedacc.judge.verdict import Check, Outcome
from pytest_speedacc.measure.measurement import Measurement

SAID = "held against the baseline file as well: "
UNREPLACED = "held against the base's own baseline file, which no update replaced: "
BY_HAND = "what was changed by hand in the baseline file excuses nothing: no update wrote it"


def stricter(
    checks: tuple[Check, ...],
    measurement: Measurement,
    policy: Policy,
    own: Reference | str,
    live: LiveComparison,
    alpha: float,
    said: str = SAID,
) -> tuple[Check, ...]:
    """The checks against the base, each replaced by the one against the baseline file where that one is worse.

    ``own`` is what the file holds, or why it cannot be compared with. What it does not hold, it says nothing of. A
    trade holds here too: what is given is counted from the file, and a gain of time is that of the ``live`` run.
    ``said`` says which file it is.
    """
    exact = {check.place: check for check in checks if check.limit is None and check.metric != "latency"}
    if isinstance(own, str):
        refused = {place: replace(check, outcome=Outcome.FAILED, reason=own) for place, check in exact.items()}
        return tuple(_worse(check, refused.get(check.place), said) for check in checks)
    reference = replace(own, live=live)
    untimed = replace(policy, bounds=tuple(bound for bound in policy.bounds if not bound.setting.is_noisy))
    found, _ = excused(judge(measurement, untimed, reference, (), alpha), measurement, policy, reference, alpha)
    held = {check.place: check for check in found if check.place in exact and check.outcome is not Outcome.NOT_COMPARED}
    return tuple(_worse(check, held.get(check.place), said) for check in checks)


def _worse(check: Check, held: Check | None, said: str) -> Check:
    if held is None or held.outcome <= check.outcome:
        return check
    return replace(held, reason=f"{said}{held.reason}", accepted=check.accepted)


def is_held(checks: tuple[Check, ...]) -> bool:
    """Whether a baseline file gave any of the answers."""
    return any(check.reason.startswith((SAID, UNREPLACED)) for check in checks)


def shared_notes(stored: Baseline, shared: Mapping[str, str]) -> Iterator[str]:
    """What the base shares with this checkout that is not what the baseline was made with, a sentence each.

    ``shared`` are the digests of this run's.
    """
    if stored.shared is UNSET:
        return
    for path in sorted({*stored.shared, *shared}):
        then, now = stored.shared.get(path, ""), shared.get(path, "")
        if then and now and then != now:
            yield (
                f"{path} is not what the baseline was made with ({_short(then)} then, {_short(now)} now), and the base "
                "runs with it as it is now: a time that it changes is the same on both sides"
            )
        elif then and not now:
            yield f"{path} ({_short(then)}), which the baseline was made with, is not shared with the base in this run"
        elif now and not then:
            yield f"{path} ({_short(now)}) is shared with the base, and was not when the baseline was made"


def _short(digest: str) -> str:
    return digest.replace(":", " ")[: len("sha256 ") + 12]
