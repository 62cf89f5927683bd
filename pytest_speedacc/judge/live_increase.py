"""A latency tolerance judged by launches of both revisions, and what to measure next (the rule of stats.sequence)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.baseline import Accepted, SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.config.trades import Term, Trade, widened
from pytest_speedacc.judge.entries import accepted_by, counted, refusals
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because, check_of, moved_by
from pytest_speedacc.measure.launches import Key, LiveGate, LiveRun, PairTimes
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES, Gain, judge_launches, launch_bounds, launch_gain, resolution

SUITE_ALPHA = 0.01
"""How often a live run of unchanged models may call any of them slower."""
FEWEST_TAIL_CALLS = 600
"""Calls a side that a relative p95 needs."""
CANARY_LEVEL = 0.05
"""Error rate of either bound of the base against itself."""


def latency_tolerances(policy: Policy) -> tuple[Bound, ...]:
    """What a live run decides for a gate: the latency tolerances of its policy."""
    return tuple(bound for bound in policy.bounds if bound.setting.is_noisy and bound.setting.is_tolerance)


def compares_tail(policy: Policy) -> bool:
    """Whether a live run has to time calls one by one, for a p95 that is compared or traded."""
    traded = [term.setting for trade in policy.trades for term in (*trade.give, *trade.gain)]
    compared = [bound.setting for bound in latency_tolerances(policy)]
    return any(setting.is_noisy and setting.quantile != 0.5 for setting in (*compared, *traded))


def run_alpha(own: Iterable[Policy], elsewhere: Iterable[Policy]) -> float:
    """The false alarm rate of a run: the suite's, or of a shard its part of that, by the tolerances it has of all."""
    ours, others = (sum(len(latency_tolerances(policy)) for policy in policies) for policies in (own, elsewhere))
    # One without a tolerance needs no rate, and gets one that nothing is divided by.
    return SUITE_ALPHA * (max(1, ours) / max(1, ours + others))


def live_alpha(keys: Sequence[Key], bounds: Mapping[str, Sequence[Bound]], rate: float = SUITE_ALPHA) -> float:
    """The false alarm rate of one check: that of the run, shared among the checks that the first launch compared."""
    return rate / max(1, sum(len(bounds[test]) for test, _ in keys))


def undecided(
    results: Mapping[Key, Sequence[PairTimes]],
    compared: Sequence[Key],
    usual: Mapping[Key, float],
    bounds: Mapping[str, Sequence[Bound]],
    accepted: Callable[[Key], Sequence[Accepted]] = lambda key: (),
    trades: Mapping[str, Sequence[Trade]] = MappingProxyType({}),
    rate: float = SUITE_ALPHA,
) -> frozenset[Key]:
    """The checks that another launch could decide, or a trade of them: what a live run measures next.

    ``compared`` are the checks that share the error ``rate`` of the run, as counted in the first launch; ``usual`` is
    the spread of the other gates' launches, and ``accepted`` gives what was accepted for a check since the base.
    """
    alpha = live_alpha(compared, bounds, rate)
    return frozenset(
        key
        for key, launches in results.items()
        if any(
            _verdict(
                bound, launches, alpha, _accepted_for(bound, accepted(key), launches), usual.get(key), budget_left=True
            )
            == "more"
            for bound in (*bounds[key[0]], *_given(trades.get(key[0], ())))
        )
        or any(
            (gain := gain_of_launches(term, launches, alpha, usual.get(key))) is None or gain.is_open
            for term in _gained(trades.get(key[0], ()))
        )
    )


def too_slow(
    run: LiveRun,
    bounds: Mapping[str, Sequence[Bound]],
    accepted: Callable[[Key], Sequence[Accepted]],
    rate: float = SUITE_ALPHA,
) -> frozenset[Key]:
    """The checks of which a latency tolerance fails as the launches stand."""
    alpha = live_alpha(run.compared, bounds, rate)
    return frozenset(
        key
        for key, gate in run.gates.items()
        if gate.launches
        and any(
            _verdict(
                bound,
                gate.launches,
                alpha,
                _accepted_for(bound, accepted(key), gate.launches),
                gate.usual,
                budget_left=False,
            )
            == "failed"
            for bound in bounds.get(key[0], ())
        )
    )


def _given(trades: Sequence[Trade]) -> list[Bound]:
    """What trades allow times, as tolerances."""
    return [bound for trade in trades for bound in widened(trade) if bound.setting.is_noisy]


def _gained(trades: Sequence[Trade]) -> list[Term]:
    return [term for trade in trades for term in trade.gain if term.setting.is_noisy]


def gain_of_launches(
    term: Term, launches: Sequence[PairTimes], alpha: float, usual: float | None = None, *, once: bool = False
) -> Gain | None:
    """Whether the launches show the speed-up that ``term`` asks for; None where nothing was timed."""
    bound = Bound(term.setting, term.value, term.unit)
    differences = _differences(bound, launches)
    if not differences or (_is_tail(bound) and sum(launch.tail_calls for launch in launches) < FEWEST_TAIL_CALLS):
        return None
    return launch_gain(differences, math.log1p(-term.value), alpha, usual=_usual_of(bound, usual), once=once)


def judge_live_increase(
    bound: Bound,
    gate: LiveGate,
    canary: Sequence[PairTimes],
    alpha: float,
    accepted: Sequence[Accepted] = (),
    *,
    once: bool = False,
) -> Finding:
    """Hold a latency tolerance against the launches of one check, after many looks or, with ``once``, a single one.

    The largest slow-down that was ``accepted`` since the base, and that the launches bear out, counts as unchanged: the
    tolerance is on top of it.
    """
    if gate.is_new:
        return check_of(bound, None, Outcome.PASSED, because("nothing slower", problem=gate.problem))
    if not gate.launches:
        outcome = Outcome.FAILED if gate.is_lost else Outcome.NOT_COMPARED
        return check_of(bound, None, outcome, because("not timed", problem=gate.problem))
    differences = _differences(bound, gate.launches)
    usual = _usual_of(bound, gate.usual)
    bounds = launch_bounds(differences, alpha, usual=usual, once=once)
    slower, low, high = (math.expm1(value) for value in (bounds.mean, bounds.lower, bounds.upper))
    interval = (low, high) if math.isfinite(high) else None
    entry = counted(bound, accepted, differences)
    verdict = _verdict(bound, gate.launches, alpha, entry, usual, budget_left=False, once=once)
    last = gate.launches[-1]
    now, then = Quantity(last.candidate_seconds, Kind.TIME), Quantity(last.base_seconds, Kind.TIME)
    count = len(gate.launches)
    reason = because("launches" if count > 1 else "launch", now=now, then=then, count=count)
    outcome = {"passed": Outcome.PASSED, "failed": Outcome.FAILED}.get(verdict, Outcome.INCONCLUSIVE)
    if outcome is Outcome.FAILED and bounds.lower - _log_ratio(entry) <= (noise := _own_difference(bound, canary)):
        outcome = Outcome.INCONCLUSIVE
        reason += because("base slower", noise=math.expm1(noise))
    elif outcome is Outcome.INCONCLUSIVE:
        reason += _why_close(bound, differences, alpha, entry, usual, once)
    elif outcome is Outcome.FAILED and low <= bound.value + math.expm1(_log_ratio(entry)):
        reason += because("shown slower")
    elif high < 0:
        reason += because("faster")
    check = check_of(
        bound, slower, outcome, reason, interval=interval, kind=Kind.CHANGE, sides=_sides(bound, gate.launches)
    )
    return check if entry is None else _on_top_of(entry, check)


def refused_entries(policy: Policy, gate: LiveGate, since: SinceBase) -> tuple[Reason, ...]:
    """Why slow-downs that this change says were accepted do not count."""
    bounds = latency_tolerances(policy)
    return tuple(refusals(since, bounds, [_differences(bound, gate.launches) for bound in bounds]))


def _on_top_of(entry: Accepted, check: Finding) -> Finding:
    accepted = accepted_by(entry)
    return replace(
        check,
        allowed=check.allowed + because("on top", accepted=moved_by(entry.ratio - 1)),
        reason=check.reason + because("accepted", accepted=accepted),
        accepted=accepted,
    )


def _accepted_for(bound: Bound, accepted: Sequence[Accepted], launches: Sequence[PairTimes]) -> Accepted | None:
    return counted(bound, accepted, _differences(bound, launches))


def _log_ratio(entry: Accepted | None) -> float:
    return math.log(entry.ratio) if entry is not None else 0.0


def _verdict(
    bound: Bound,
    launches: Sequence[PairTimes],
    alpha: float,
    entry: Accepted | None,
    usual: float | None,
    *,
    budget_left: bool,
    once: bool = False,
) -> str:
    if _is_tail(bound) and sum(launch.tail_calls for launch in launches) < FEWEST_TAIL_CALLS:
        return "more" if budget_left else "inconclusive"
    # Counted from what was accepted, so that the rule's last clause asks for a slow-down beyond that one.
    beyond = [difference - _log_ratio(entry) for difference in _differences(bound, launches)]
    spread = _usual_of(bound, usual)
    return judge_launches(beyond, math.log1p(bound.value), alpha, budget_left, usual=spread, once=once)


def _usual_of(bound: Bound, usual: float | None) -> float | None:
    """The usual spread, which is that of medians: nothing is known of tails."""
    return None if _is_tail(bound) else usual


def _is_tail(bound: Bound) -> bool:
    return bound.setting.quantile != 0.5


def _differences(bound: Bound, launches: Sequence[PairTimes]) -> list[float]:
    if not _is_tail(bound):
        return [launch.difference for launch in launches]
    return [launch.tail_difference for launch in launches if launch.tail_difference is not None]


def _why_close(
    bound: Bound, differences: Sequence[float], alpha: float, entry: Accepted | None, usual: float | None, once: bool
) -> Reason:
    smallest = resolution(differences, math.log1p(bound.value), alpha, usual=usual, once=once) + _log_ratio(entry)
    if math.isinf(smallest):
        return because("one launch too few" if len(differences) == 1 else "too few launches", count=len(differences))
    return because("close", smallest=math.expm1(smallest))


def _sides(bound: Bound, launches: Sequence[PairTimes]) -> tuple[float, float] | None:
    """The median times of the launches, of which a tail has none."""
    if _is_tail(bound):
        return None
    return (
        statistics.median(launch.candidate_seconds for launch in launches),
        statistics.median(launch.base_seconds for launch in launches),
    )


def _own_difference(bound: Bound, canary: Sequence[PairTimes]) -> float:
    """How much slower than itself the base may be, where that it is slower at all is shown; else minus infinity.

    A canary of a few launches has wide bounds. Held against every failure, its upper bound alone would take back half
    to three quarters of those of models that are 5 or 10 % slower (simulated, launch spread 1 to 3 %).
    """
    differences = _differences(bound, canary)
    if len(differences) < FEWEST_LAUNCHES:
        return -math.inf
    bounds = launch_bounds(differences, CANARY_LEVEL, CANARY_LEVEL)
    return bounds.upper if bounds.lower > 0 else -math.inf
