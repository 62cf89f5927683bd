"""Axes that are whole numbers: parameters, model size, and the memory peak up to its band."""

from __future__ import annotations

from pytest_speedacc.config.settings import Bound
from pytest_speedacc.config.units import format_change, format_value
from pytest_speedacc.judge.verdict import Check, Outcome, check_of


def judge_amount(bound: Bound, observed: int, reference: int | None, band: int = 0, source: str = "baseline") -> Check:
    """Hold a limit or tolerance against an amount; ``band`` is how much it moves when nothing has changed.

    A tolerance needs its ``reference``; ``source`` says in a word where that is from. An amount over its bound by no
    more than the band is inconclusive.
    """
    setting = bound.setting
    if setting.is_tolerance:
        assert reference is not None, "a tolerance is judged against a former value"
        # A rise that equals its tolerance must not fail by the last digit of a product.
        most = round(reference * (1 + bound.value), 3)
        change = format_change(observed, reference, setting.kind, points=False)
        reason = f"{change} against the {source}'s {format_value(reference, setting.kind)}"
    else:
        most = bound.value
        over = observed - most
        side = "over" if over > 0 else "under"
        reason = f"{format_value(abs(over), setting.kind)} {side} the limit" if over else "exactly the limit"
    if observed <= most:
        outcome = Outcome.PASSED
    elif observed - band > most:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.INCONCLUSIVE
        reason += f", within the {format_value(band, setting.kind)} that this figure moves by itself"
    interval = (float(observed - band), float(observed + band)) if band else None
    return check_of(
        bound, observed, outcome, reason, interval=interval, reference=reference if setting.is_tolerance else None
    )
