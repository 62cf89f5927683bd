"""An absolute latency limit, judged at looks planned before the first call is timed (the binomial test of stats)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because, check_of
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.stats.alike import FEWEST, alike, judge_calls
from pytest_speedacc.stats.quantiles import QuantileVerdict, judge_quantile, look_sizes, spend

DESCRIPTIVE_CALLS = 256
"""Calls timed for the printed quantiles even when the limits are decided earlier, in a tenth of the budget."""
LAUNCH_SPREAD = 0.25
"""An unchanged model's median moves this much between processes on a shared machine (docs/verdict.md)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the timing of one gate has come to."""

    latency: Latency | None
    """The observations so far; None before the first."""
    spent: float
    """Seconds of timing so far."""


def plan_looks(budget: float, seconds_per_observation: float, alpha: float) -> tuple[int, ...]:
    """The numbers of observations at which limits are judged, chosen from the warm-up alone.

    A size chosen after seeing the times would void the test. A model too slow for the first usual look within
    ``budget`` seconds gets one look at as many calls as fit, and at no fewer than can fail a median.
    """
    # With fewer, a model whose every call is over the limit would be inconclusive: they are by luck in 0.5**n of cases.
    fewest = math.floor(-math.log2(spend(alpha, 0))) + 1
    most = max(fewest, int(budget / seconds_per_observation))
    return tuple(takewhile(lambda size: size <= most, look_sizes())) or (most,)


def next_action(progress: Progress, plan: Sequence[int], bounds: Sequence[Bound], alpha: float, budget: float) -> int:
    """How many further observations to take; 0 when every limit is decided or the budget is spent."""
    if progress.latency is None:
        return plan[0]
    calls = progress.latency.calls
    following = [size for size in plan if size > calls]
    if not following or progress.spent >= budget:
        return 0
    undecided = any(decide(progress.latency, bound, plan, alpha)[0] == "undecided" for bound in bounds)
    described = calls >= DESCRIPTIVE_CALLS or progress.spent >= budget / 10
    return following[0] - calls if undecided or not described else 0


def decide(latency: Latency, bound: Bound, plan: Sequence[int], alpha: float) -> tuple[QuantileVerdict, int, int]:
    """The first look that decides ``bound``: its verdict, the observations it saw, and how many were over the limit."""
    q = bound.setting.quantile
    assert q is not None, "a latency setting has its quantile"
    over = seen = 0
    for look, seen in enumerate(size for size in plan if size <= latency.calls):
        over = int((latency.seconds[:seen] > bound.value).sum())
        verdict = judge_calls(latency.seconds[:seen], bound.value, q, look, alpha)
        if verdict != "undecided":
            return verdict, seen, over
    return "undecided", seen, over


def judge_limit(latency: Latency, bound: Bound, plan: Sequence[int], alpha: float) -> Finding:
    """Hold a latency limit against the timed calls."""
    setting = bound.setting
    q = setting.quantile
    assert q is not None, "a latency setting has its quantile"
    if q != 0.5 and not latency.has_tail:
        return check_of(bound, None, Outcome.FAILED, because("no tail", calls=latency.calls_per_round))
    observed, interval = latency.quantile(q), latency.interval(q)
    verdict, seen, over = decide(latency, bound, plan, alpha)
    reason = because("took longer", over=over, seen=seen, unit="calls" if latency.has_tail else "rounds")
    match verdict:
        case "passed":
            if bound.value < observed * (1 + LAUNCH_SPREAD):
                reason += because("thin margin", margin=bound.value / observed - 1, spread=LAUNCH_SPREAD)
            return check_of(bound, observed, Outcome.PASSED, reason, interval=interval)
        case "failed":
            return check_of(bound, observed, Outcome.FAILED, reason, interval=interval)
        case _:
            reason += _why_open(latency, bound.value, q, plan, alpha) + because("budget")
            return check_of(bound, observed, Outcome.INCONCLUSIVE, reason, interval=interval)


def _why_open(latency: Latency, limit: float, q: float, plan: Sequence[int], alpha: float) -> Reason:
    """What keeps the last look from deciding that would decide if calls varied independently; empty for none."""
    look = sum(size <= latency.calls for size in plan) - 1
    if look < 0:  # none was reached
        return ()
    seconds = latency.seconds[: plan[look]]
    if judge_quantile(int((seconds > limit).sum()), len(seconds), q, look, alpha) == "undecided":
        return ()
    if len(seconds) < FEWEST:
        return because("too few alike")
    return because("alike", neighbours=alike(seconds, q, limit))


def judge_increase(latency: Latency, bound: Bound, why: Reason = ()) -> Finding:
    """A latency tolerance without a base revision, where a stored time is no evidence.

    ``why`` there is no ratio to compare, of a tolerance that asks for one.
    """
    q = bound.setting.quantile
    assert q is not None, "a latency setting has its quantile"
    observed = latency.quantile(q) if q == 0.5 or latency.has_tail else None
    reason = why + because("or against") if why else because("against")
    return check_of(bound, observed, Outcome.NOT_COMPARED, reason)
