"""Who holds the memory at the peak: by itself, or what two sides hold subtracted."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.verdict import Outcome, Reason, because
from pytest_speedacc.measure.allocations import Allocations, Site
from pytest_speedacc.measure.launches import Key, LiveGate, LiveRun
from pytest_speedacc.measure.memory import resolution

MOST_NAMED = 5
SMALLEST_SHARE = 0.03
"""Of a peak: who holds less is not named."""


def explain_allocations(now: Allocations) -> tuple[Reason, ...]:
    """The functions that hold the peak, the one with most first."""
    return tuple(
        because("holds", place=site.place, held=Quantity(site.bytes, Kind.SIZE), share=site.bytes / now.peak * 100)
        + _number(site.allocations)
        for site in now.sites[:MOST_NAMED]
        if site.bytes >= SMALLEST_SHARE * now.peak
    )


def explain_growth(now: Allocations, base: Allocations, beside: str = "base") -> tuple[Reason, ...]:
    """The functions that hold more than in the base, the largest growth first.

    A function is named where that is more than two peaks of one model may differ by, and at least 3 % of the base's.
    ``beside`` is what the base is called, ``other`` where it is another model.
    """
    before = {site.key: site for site in base.sites}
    grown = [(site.bytes - (before[site.key].bytes if site.key in before else 0), site) for site in now.sites]
    least = max(resolution(base.peak), SMALLEST_SHARE * base.peak)
    named = sorted((each for each in grown if each[0] > least), key=lambda each: -each[0])
    more = now.peak - base.peak
    return tuple(_growth(change, more, site, before.get(site.key), beside) for change, site in named[:MOST_NAMED])


def too_large(run: LiveRun, policies: Mapping[str, Policy]) -> frozenset[Key]:
    """The checks of which a bound on memory fails as the first launch measured it, where it measured the base's too."""
    return frozenset(key for key, gate in run.gates.items() if key[0] in policies and _fails(gate, policies[key[0]]))


def _fails(gate: LiveGate, policy: Policy) -> bool:
    now, base = gate.candidate, gate.base
    if now is None or base is None or now.batch_size != base.batch_size:
        return False
    ours, theirs = (facts.amounts.get(MEMORY.name) for facts in (now, base))
    if ours is None or theirs is None:
        return False
    bounds = [bound for bound in policy.bounds if bound.setting.metric == MEMORY.name]
    return any(judge_amount(bound, ours, theirs).outcome is Outcome.FAILED for bound in bounds)


def _growth(change: int, more: int, now: Site, then: Site | None, beside: str) -> Reason:
    grown = because("more in", place=now.place, more=Quantity(change, Kind.SIZE))
    grown += because("of more", total=Quantity(more, Kind.SIZE)) if more > 0 else ()
    grown += _number(now.allocations)
    if then is None:
        return grown + because("none there", beside=beside)
    if now.allocations == then.allocations:
        return grown + because("in both")
    return grown + because("made there", beside=beside, count=then.allocations)


def _number(allocations: int) -> Reason:
    return because("allocation" if allocations == 1 else "allocations", count=allocations)
