"""Axes that are plain quantities: counts, bytes, and what a user measures, each up to the band it moves by."""

from __future__ import annotations

from pytest_speedacc.axes.axis import Role
from pytest_speedacc.axes.units import Change, Quantity
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, because, check_of

MOST_NAMED = 3
"""Functions of which an amount has grown."""


def judge_amount(bound: Bound, amount: Amount, former: Amount | None = None, source: str = "baseline") -> Finding:
    """Hold a limit or tolerance against an amount.

    A tolerance needs its ``former`` value; ``source`` says in a word where that is from. An amount beyond its bound by
    no more than the wider of the two bands is inconclusive. How a former value moved is no matter of a limit.
    """
    setting, observed, band = bound.setting, amount.value, amount.band
    if setting.is_tolerance:
        assert former is not None, "a tolerance is judged against a former value"
        band = max(band, former.band)
        # What is negative gets worse in the same direction.
        room = abs(former.value) * bound.value
        # A rise that equals its tolerance must not fail by the last digit of a product.
        edge = _tidy(former.value - room if setting.higher_is_better else former.value + room)
        change, then = Change(observed, former.value, setting.kind), Quantity(former.value, setting.kind)
        reason = because("change", change=change, source=source, then=then)
    else:
        edge = bound.value
        away = Quantity(abs(observed - edge), setting.kind)
        reason = because("under" if observed < edge else "over" if observed > edge else "exactly", away=away)
    is_least = setting.role is Role.MINIMUM or (setting.is_tolerance and setting.higher_is_better)
    beyond = edge - observed if is_least else observed - edge
    if beyond <= 0:
        outcome = Outcome.PASSED
    elif beyond > band:
        outcome = Outcome.FAILED
        if former is not None:
            reason += _grown(amount, former, setting.kind)
    else:
        outcome = Outcome.INCONCLUSIVE
        reason += because("within band", band=Quantity(band, setting.kind))
        if amount.band < band:
            reason += because("band of former", source=source, here=Quantity(amount.band, setting.kind))
    interval = (float(observed - band), float(observed + band)) if band else None
    reference = former.value if former and setting.is_tolerance else None
    return check_of(bound, observed, outcome, reason, interval=interval, reference=reference)


def _grown(amount: Amount, former: Amount, kind: str) -> Reason:
    """The functions that have most to do with it; nothing where either does not tell its functions."""
    if not amount.parts or not former.parts:
        return ()
    more = {name: part - former.parts.get(name, 0) for name, part in amount.parts.items()}
    named = sorted((name for name in more if more[name] > 0), key=lambda name: -more[name])[:MOST_NAMED]
    grown = [because("grown by", more=Quantity(more[name], kind), name=name) for name in named]
    return because("grown", functions=grown) if grown else ()


def _tidy(product: float) -> float:
    return float(f"{product:.15g}")
