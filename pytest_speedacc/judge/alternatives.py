"""Several models for one job, side by side: the Pareto front, who is dominated by whom, and what a policy would choose.

Nothing here is a verdict. Times of one run are estimates, so those within LAUNCH_SPREAD of each other count as equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.axis import Axis, Comparison, Role
from pytest_speedacc.axes.churn import CHURN
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.config.trades import Term, Trade
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.verdict import Outcome, Verdict


def compared_axes() -> tuple[Axis, ...]:
    """The axes beside the score: the median latency, and what every model is measured in."""
    plain = (Comparison.LATENCY, Comparison.AMOUNT)
    return tuple(axis for axis in AXES.values() if axis.compared in plain and not axis.is_optional)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One model of a group."""

    title: str
    accuracy: float
    higher_is_better: bool
    """The direction of its score."""
    points: bool
    """Whether the score lies within 0 to 1 by definition."""
    amounts: Mapping[str, float]
    """By axis of ``compared_axes``, those that were measured; the latency is the median."""
    former: tuple[float, float] | None
    """Score and median latency of the baseline or base; None where either is not known."""
    outcome: Outcome
    """Of its own gate."""

    def gain_of_score(self, other: Alternative) -> float:
        """By how much its score is better than another's, in the score's own unit."""
        return self.accuracy - other.accuracy if self.higher_is_better else other.accuracy - self.accuracy


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an alternative stands among the others."""

    alternative: Alternative
    on_front: bool
    """Whether no other has a better score without being slower, or is faster without a worse score."""
    dominated_by: tuple[str, ...]
    """Titles of those that are no worse on any axis and better on one."""


@dataclass(frozen=True, slots=True)
class Group:
    """The alternatives for one job."""

    name: str
    standings: tuple[Standing, ...]
    choices: Mapping[str, str]
    """By the policy's name, the title of the alternative that it would choose."""


def groups_of(verdicts: Sequence[Verdict], policies: Mapping[str, Policy]) -> list[Group]:
    """Every group of at least two alternatives, in the order of the run."""
    members: dict[str, list[Alternative]] = {}
    for verdict in verdicts:
        found = _alternative(verdict) if verdict.group else None
        if found is not None:
            members.setdefault(verdict.group, []).append(found)
    return [_group(name, found, policies) for name, found in members.items() if len(found) > 1]


def _alternative(verdict: Verdict) -> Alternative | None:
    rows = {row.metric: row for row in verdict.observations if row.statistic in ("", "median") and not row.slice}
    score = rows.get("accuracy")
    if score is None or score.observed is None:
        return None
    measured = {axis.name: rows[axis.name].observed for axis in compared_axes() if axis.name in rows}
    amounts = {name: float(value) for name, value in measured.items() if value is not None}
    latency = rows.get("latency")
    former = None
    if score.reference is not None and latency is not None and latency.reference is not None:
        former = (score.reference, latency.reference)
    title, outcome = verdict.title, verdict.outcome
    return Alternative(title, score.observed, score.higher_is_better, score.points, amounts, former, outcome)


def _group(name: str, members: Sequence[Alternative], policies: Mapping[str, Policy]) -> Group:
    standings = tuple(_standing(one, [other for other in members if other is not one]) for one in members)
    choices = {title: choice for title, policy in policies.items() if (choice := _choice(members, policy))}
    return Group(name, standings, choices)


def _standing(one: Alternative, others: Sequence[Alternative]) -> Standing:
    beaten = any(_dominates(other, one, (LATENCY,)) for other in others)
    axes = compared_axes()
    return Standing(one, not beaten, tuple(other.title for other in others if _dominates(other, one, axes)))


def _dominates(one: Alternative, other: Alternative, axes: Sequence[Axis]) -> bool:
    """Whether ``one`` is no worse in score and on every axis that the other has, and better somewhere.

    What was not measured of ``one`` may be worse.
    """
    measured = [axis for axis in axes if axis.name in other.amounts]
    if any(axis.name not in one.amounts for axis in measured):
        return False
    gains = _gains(one, other, measured)
    return min(gains) >= 0 and max(gains) > 0


def _gains(one: Alternative, other: Alternative, axes: Sequence[Axis]) -> list[int]:
    """Where ``one`` is better (1), as good (0) or worse (-1): in score, and on these axes, which both have."""
    gains = [_sign(one.gain_of_score(other), 1e-12)]
    for axis in axes:
        a, b = one.amounts[axis.name], other.amounts[axis.name]
        gain = a - b if axis.higher_is_better else b - a
        gains.append(_sign(gain, LAUNCH_SPREAD * min(a, b) if axis is LATENCY else 0.0))
    return gains


def _sign(difference: float, within: float) -> int:
    return 0 if abs(difference) <= within else 1 if difference > 0 else -1


def as_good(group: Group, title: str) -> tuple[str, ...]:
    """Titles of those that are like this one in score and on every axis: the next run may choose them in its place."""
    members = [standing.alternative for standing in group.standings]
    one = next(each for each in members if each.title == title)
    axes = [axis for axis in compared_axes() if axis.name in one.amounts]
    others = (each for each in members if each is not one and each.amounts.keys() == one.amounts.keys())
    return tuple(each.title for each in others if not any(_gains(one, each, axes)))


def _choice(members: Sequence[Alternative], policy: Policy) -> str:
    """The alternative by which a policy would let most of the others be replaced; empty where all break its limits.

    Of several, the one with the best score, then the fastest.
    """
    fitting = [one for one in members if _holds_limits(one, policy)]

    def rank(one: Alternative) -> tuple[int, float, float]:
        replaced = sum(_may_replace(one, other, policy) for other in members if other is not one)
        score = one.accuracy if one.higher_is_better else -one.accuracy
        return replaced, score, -one.amounts.get(LATENCY.name, 0.0)

    return max(fitting, key=rank).title if fitting else ""


def _holds_limits(one: Alternative, policy: Policy) -> bool:
    measurable = {axis.name for axis in compared_axes()}

    def holds(bound: Bound) -> bool:
        setting = bound.setting
        if setting.is_tolerance or setting.quantile not in (None, 0.5):
            return True
        value = one.accuracy if setting.metric == ACCURACY.name else one.amounts.get(setting.metric)
        if value is None:
            # As for its own check, a limit of what was not measured is not kept. Some axes are none of a group's.
            return setting.metric not in measurable
        return value >= bound.value if setting.role is Role.MINIMUM else value <= bound.value

    return all(map(holds, policy.bounds))


def _may_replace(one: Alternative, other: Alternative, policy: Policy) -> bool:
    """Whether the policy would let ``one`` take the place of ``other``, by what was measured."""
    for bound in policy.bounds:
        setting = bound.setting
        if not setting.is_tolerance or setting.metric == CHURN.name or setting.quantile not in (None, 0.5):
            continue
        if not _is_within(one, other, setting.metric, bound.value, bound.unit) and not any(
            _allows(trade, setting.name, one, other) for trade in policy.trades
        ):
            return False
    return True


def _allows(trade: Trade, setting: str, one: Alternative, other: Alternative) -> bool:
    if setting not in {term.setting.name for term in trade.give}:
        return False
    given = all(_is_given(term, one, other) for term in trade.give)
    return given and all(_is_gained(term, one, other) for term in trade.gain)


def _is_given(term: Term, one: Alternative, other: Alternative) -> bool:
    if term.axis == "error":
        return _error(one) <= _error(other) * (1 + term.value)
    return _is_within(one, other, term.setting.metric, term.value, term.unit)


def _is_gained(term: Term, one: Alternative, other: Alternative) -> bool:
    if term.axis == "error":
        return _error(one) <= _error(other) * (1 - term.value)
    if term.axis == "accuracy":
        return one.gain_of_score(other) >= _in_own_unit(term.value, term.unit, other)
    worse = _worsening(one, other, term.setting.metric)
    return worse is not None and worse <= -term.value


def _is_within(one: Alternative, other: Alternative, metric: str, value: float, unit: Unit) -> bool:
    if metric == ACCURACY.name:
        return one.gain_of_score(other) >= -_in_own_unit(value, unit, other) - 1e-12
    if metric in other.amounts and metric not in one.amounts:
        return False
    worse = _worsening(one, other, metric)
    return worse is None or worse <= (max(value, LAUNCH_SPREAD) if metric == LATENCY.name else value)


def _worsening(one: Alternative, other: Alternative, metric: str) -> float | None:
    """The fraction of the other's amount by which one is worse; None where either is not known."""
    if metric not in one.amounts or metric not in other.amounts:
        return None
    now, former = one.amounts[metric], other.amounts[metric]
    worse = former - now if AXES[metric].higher_is_better else now - former
    return worse / abs(former) if former else math.copysign(math.inf, worse) if worse else 0.0


def _in_own_unit(value: float, unit: Unit, other: Alternative) -> float:
    return value * abs(other.accuracy) if unit is Unit.RELATIVE else value


def _error(one: Alternative) -> float:
    return 1 - one.accuracy if one.higher_is_better else abs(one.accuracy)
