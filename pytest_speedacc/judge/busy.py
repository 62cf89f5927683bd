"""What a busy machine can have done to a time: a limit that fails on one is not shown to be violated."""

from __future__ import annotations

from dataclasses import replace

from pytest_speedacc.judge.verdict import Finding, Outcome, because
from pytest_speedacc.measure.busy import Busy

MOST_WAITING = 0.1
"""Of the time: whoever waited longer for a processor was timed on a machine that had none to spare."""
NEIGHBOUR = 2
"""How much slower it may have run as well, beside others on the same core and cache. Sleep lasts as long as ever."""

MOST_SLOWED = 50
"""Beside other work an unchanged model has been 42 times slower than alone; a limit further off is not kept alone."""


def unless_busy(check: Finding, busy: Busy, seconds: float, quantile: float | None = None) -> Finding:
    """``check`` of an absolute limit, inconclusive where it fails and waiting for a processor can account for that.

    It cannot where even a usual call, of ``seconds``, would be over the limit without it. Of a tail that few calls
    decide, as few of them need to have waited. A check that passes has passed in spite of it.
    """
    allowed = MOST_WAITING if quantile is None else min(MOST_WAITING, 1 - quantile)
    if check.outcome is not Outcome.FAILED or check.observed is None or check.limit is None or busy.share <= allowed:
        return check
    alone = max(1 / MOST_SLOWED, 1 - busy.together - busy.ran * (1 - 1 / NEIGHBOUR))
    if seconds * alone > check.limit:
        return check
    return replace(check, outcome=Outcome.INCONCLUSIVE, reason=because("busy", busy=busy, otherwise=check.reason))
