"""Trades: a worsening beyond its tolerance is excused by a gain that is shown, never by one that is only estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.axis import Axis, Comparison
from pytest_speedacc.axes.units import Change, Kind
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.config.trades import Term, Trade
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.accuracy import LAST_DIGIT, PairedEvidence, least_gain
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.live_increase import gain_of_launches
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.repeats import is_shown_better
from pytest_speedacc.judge.stored import gain_of_ratios
from pytest_speedacc.judge.verdict import Finding, Leg, Outcome, Reason, TradeSum, because, moved_by
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.outputs import Outputs

NOT_KNOWN = because("not known")
NOT_SHOWN = because("not shown")


def excused(
    checks: tuple[Finding, ...], measurement: Measurement, policy: Policy, reference: Reference, alpha: float
) -> tuple[tuple[Finding, ...], tuple[TradeSum[Reason], ...]]:
    """The checks, less what a trade of ``policy`` allows; and the sum of every trade that could have.

    A trade excuses what got worse on the axes that it gives, of all samples and of slices alike, where all its gains
    are shown and what is given is shown to be within it. A limit is never excused: it is no tolerance.
    """
    worse = [
        check
        for check in checks
        if check.observed is not None and check.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE)
    ]
    sums: list[TradeSum[Reason]] = []
    allowed: dict[tuple[str, str], TradeSum[Reason]] = {}
    for trade in policy.trades:
        concerned = [check for check in worse if check.setting in {term.setting.name for term in trade.give}]
        if not concerned:
            continue
        found = _sum(trade, measurement, policy, reference, alpha)
        sums.append(found)
        if found.applies:
            allowed = {**{check.place: found for check in concerned}, **allowed}
    return tuple(_excuse(check, allowed.get(check.place)) for check in checks), tuple(sums)


def _excuse(check: Finding, trade: TradeSum[Reason] | None) -> Finding:
    if trade is None:
        return check
    why = because("excused", source=trade.source, trade=trade.trade, gained=_came_to(trade.gained))
    return replace(check, outcome=Outcome.PASSED, reason=why + check.reason)


def allowed_by_trade(found: TradeSum[Reason]) -> Reason:
    """A trade that applied: what was given, and what was gained."""
    given, gained = _came_to(found.given), _came_to(found.gained)
    return because("trade", source=found.source, trade=found.trade, given=given, gained=gained)


def _came_to(legs: Sequence[Leg[Reason]]) -> list[Reason]:
    return [because("leg", axis=leg.axis, observed=leg.observed) for leg in legs]


def _sum(
    trade: Trade, measurement: Measurement, policy: Policy, reference: Reference, alpha: float
) -> TradeSum[Reason]:
    given = tuple(_given(term, measurement, policy, reference, alpha) for term in trade.give)
    gained = tuple(_gained(term, measurement, policy, reference, alpha) for term in trade.gain)
    return TradeSum(str(trade), trade.source, given, gained)


def _given(term: Term, measurement: Measurement, policy: Policy, reference: Reference, alpha: float) -> Leg[Reason]:
    """What is given is judged as its tolerance would be, were it this wide."""
    bound = _as_tolerance(term, measurement.statics.accuracy, reference.accuracy)
    if not isinstance(bound, Bound):
        return Leg(term.axis, term.written, bound, False)
    checks = judge(measurement, replace(policy, bounds=(bound,), slices={}), reference, (), alpha)
    # The worst of all samples and the slices: the one that would fail.
    worst = max(checks, key=lambda check: check.outcome)
    observed = _change(worst, measurement) + (because("in slice", slice=worst.slice) if worst.slice else ())
    if worst.outcome is Outcome.FAILED:
        observed += because("too much")
    elif worst.outcome is Outcome.INCONCLUSIVE:
        observed += because("not shown within")
    return Leg(term.axis, term.written, observed, worst.outcome is Outcome.PASSED)


def _as_tolerance(term: Term, accuracy: Accuracy | Outputs, evidence: PairedEvidence | None) -> Bound | Reason:
    """The tolerance that a given term stands for, or why there is none."""
    if term.axis != "error":
        return Bound(term.setting, term.value, term.unit)
    if evidence is None or isinstance(accuracy, Outputs):
        return NOT_KNOWN
    error = _error(evidence.reference, accuracy)
    if error is None:
        return _no_error(accuracy)
    return Bound(term.setting, term.value * error, Unit.POINTS if accuracy.within_unit else Unit.PLAIN)


def _change(check: Finding, measurement: Measurement) -> Reason:
    if check.observed is not None and check.kind is Kind.CHANGE:
        return because("value", value=moved_by(check.observed))
    if check.observed is None or check.reference is None:
        return NOT_KNOWN
    accuracy = measurement.statics.accuracy
    points = isinstance(accuracy, Accuracy) and accuracy.within_unit
    return because("value", value=Change(check.observed, check.reference, check.kind, points))


def _gained(term: Term, measurement: Measurement, policy: Policy, reference: Reference, alpha: float) -> Leg[Reason]:
    axis = AXES[term.setting.metric]
    match axis.compared:
        case Comparison.SCORE:
            found = _gain_of_score(term, measurement.statics.accuracy, policy, reference.accuracy)
        case Comparison.LATENCY:
            found = _gain_of_time(term, reference, alpha)
        case Comparison.AMOUNT:
            found = _gain_of_amount(axis, term, measurement, reference)
        case _:
            raise AssertionError(f"{axis.name} cannot be traded, for none of its settings is a worsening")
    return Leg(term.axis, term.written, *found)


def _gain_of_score(
    term: Term, accuracy: Accuracy | Outputs, policy: Policy, evidence: PairedEvidence | None
) -> tuple[Reason, bool]:
    if evidence is None or isinstance(accuracy, Outputs):
        return NOT_KNOWN, False
    former = evidence.reference
    better = accuracy.value - former if accuracy.greater_is_better else former - accuracy.value
    wanted = term.value
    if term.axis == "error":
        error = _error(former, accuracy)
        if error is None:
            return _no_error(accuracy), False
        wanted *= error
    elif term.unit is Unit.RELATIVE:
        wanted *= abs(former)
    elif (term.unit is Unit.POINTS) is not accuracy.within_unit:
        return because("no gain in points" if term.unit is Unit.POINTS else "no gain in own unit"), False
    observed = because("value", value=Change(accuracy.value, former, Kind.SCORE, accuracy.within_unit))
    if better < wanted - LAST_DIGIT:
        return observed, False
    if accuracy.scores:
        observed += because("over seeds", count=len(accuracy.scores))
        shown = evidence.former is not None and is_shown_better(accuracy, evidence.former, wanted)
    elif policy.exact_gains:
        shown = True
    elif (least := least_gain(accuracy, evidence)) is None:
        shown = False
    else:
        surely = former + (least if accuracy.greater_is_better else -least)
        observed += because("at least", value=Change(surely, former, Kind.SCORE, accuracy.within_unit))
        shown = least >= wanted - LAST_DIGIT
    return observed if shown else observed + NOT_SHOWN, shown


def _gain_of_time(term: Term, reference: Reference, alpha: float) -> tuple[Reason, bool]:
    if reference.live is not None:
        live = reference.live
        gained = gain_of_launches(term, live.gate.launches, live.alpha, live.gate.usual, once=live.once)
    elif reference.ratios is not None and term.setting.quantile == 0.5:
        gained = gain_of_ratios(term, *reference.ratios, alpha)
    else:
        return NOT_KNOWN + because("no time"), False
    if gained is None:
        return NOT_KNOWN, False
    observed = because("value", value=moved_by(math.expm1(gained.change)))
    if math.isfinite(gained.at_most):
        observed += because("at most", value=moved_by(math.expm1(gained.at_most)))
    if not gained.is_shown and gained.change <= math.log1p(-term.value):
        observed += NOT_SHOWN
    return observed, gained.is_shown


def _gain_of_amount(axis: Axis, term: Term, measurement: Measurement, reference: Reference) -> tuple[Reason, bool]:
    found, former = axis.found_in(measurement.statics), reference.amounts.get(axis.name)
    if isinstance(found, Unavailable) or former is None:
        return NOT_KNOWN, False
    observed = because("value", value=Change(found.value, former.value, axis.unit))
    room, band = abs(former.value) * term.value, max(found.band, former.band)
    # How much further than what is wanted.
    beyond = found.value - former.value - room if axis.higher_is_better else former.value - room - found.value
    if beyond < 0:
        return observed, False
    shown = beyond >= band
    return observed if shown else observed + NOT_SHOWN, shown


def _error(score: float, accuracy: Accuracy) -> float | None:
    """The error that stands beside a score: what is missing to 1, or the score itself where lower is better."""
    if not accuracy.greater_is_better:
        return abs(score)
    return 1 - score if accuracy.within_unit else None


def _no_error(accuracy: Accuracy) -> Reason:
    return because("no error", score=accuracy.score)
