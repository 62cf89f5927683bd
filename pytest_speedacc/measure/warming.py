"""Untimed calls until a model is warm: compilers, caches and pools of memory may take far more than a few of them."""

from __future__ import annotations

from dataclasses import replace

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.forks import one_process
from pytest_speedacc.measure.latency import FASTER, WarmUp, Workload, pace, run_again, run_untimed, warm_up
from pytest_speedacc.measure.quiet import quietly
from pytest_speedacc.measure.raised import RAISED

FEWEST_CALLS = 200
"""Most compilers that wait for calls wait for fewer. For so many, PATIENCE of the budget at most."""
PATIENCE = 1 / 3
MOST_PATIENCE = 1 / 2
"""Of the budget, while calls still get faster."""


def first_call(work: Workload) -> float | None:
    """Seconds that one call takes, which may load and compile; None of a model that raises, as it will when scored.

    Raises GateError for a model that cannot be measured.
    """
    try:
        with one_process():
            return quietly(run_untimed, work, 1)
    except GateError:
        raise
    except RAISED:
        return None


def until_warm(work: Workload, budget: float) -> WarmUp:
    """Warm up as ``warm_up`` does, and go on until enough calls were made and they do not get faster any more.

    Raises GateError likewise.
    """
    warm = warm_up(work, budget)
    while warm.gets_faster or warm.calls < FEWEST_CALLS:
        left = (MOST_PATIENCE if warm.gets_faster else PATIENCE) * budget - warm.spent
        if left <= 0:
            break
        # As many as all before, so that a pace that changes slowly is seen to change.
        count = max(1, min(warm.calls, round(left / warm.seconds_per_call)))
        took = quietly(run_again, work, count)
        each = max(took / count, 1e-9)
        warm = replace(
            pace(each, min(warm.fastest, each)),
            calls=warm.calls + count,
            spent=warm.spent + took,
            gets_faster=each < FASTER * warm.fastest,
        )
    return warm
