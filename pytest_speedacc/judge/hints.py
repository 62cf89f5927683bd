"""What to do about a known pattern of slow models."""

from __future__ import annotations

from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.patterns import KNOWN
from pytest_speedacc.measure.profile import Function, Profile

FEWEST_SAMPLES = 8
"""A batch in which as many calls as samples are no accident."""
SMALLEST_SHARE = 0.1
"""Of a call, that is worth a hint."""
SMALLEST_VALIDATION = 0.3
SMALLEST_GROWTH = 0.03
"""Of a call of the base: a pattern that takes so much longer has grown."""
ROWS = "rows of pandas"
VALIDATION = "validation"
CONVERSIONS = tuple(name for name in KNOWN if name not in (ROWS, VALIDATION))
"""What happens on each call, and could be spared."""


def hints(profile: Profile, base: Profile | None = None) -> tuple[Reason, ...]:
    """What to do about the known patterns in a profile.

    With a ``base``, only about those that it does not have, or that take longer by 3 % of its call or more.
    """
    found = []
    if ROWS in profile.known and _has_grown(ROWS, profile, base):
        found.append(because("rows"))
    elif function := _once_a_sample(profile, base):
        each = round(function.calls / profile.batch_size)
        often = because("times", count=each) if each > 1 else "once"
        found.append(because("each sample", place=function.place, often=often, samples=profile.batch_size))
    for name in CONVERSIONS:
        if _share(name, profile) >= SMALLEST_SHARE and _has_grown(name, profile, base):
            found.append(because("conversion", share=_share(name, profile) * 100, what=because(name)))
    validation = _share(VALIDATION, profile)
    if profile.batch_size == 1 and validation >= SMALLEST_VALIDATION and _has_grown(VALIDATION, profile, base):
        found.append(because("validation", share=validation * 100))
    return tuple(because("hint", what=each) for each in found)


def _once_a_sample(profile: Profile, base: Profile | None) -> Function | None:
    """The function that takes the longest of those called once, or a few times, for each sample of the batch."""
    size = profile.batch_size
    before = {each.key: each.calls for each in base.functions} if base else {}
    called = [
        each
        for each in profile.functions
        if size >= FEWEST_SAMPLES
        and each.calls >= size
        and each.calls % size == 0
        and each.total >= SMALLEST_SHARE * profile.seconds
        and each.calls > before.get(each.key, 0.0)
    ]
    return max(called, key=lambda each: each.total, default=None)


def _share(name: str, profile: Profile) -> float:
    return profile.known.get(name, 0.0) / profile.seconds if profile.seconds > 0 else 0.0


def _has_grown(name: str, profile: Profile, base: Profile | None) -> bool:
    if base is None or name not in base.known:
        return True
    return profile.known[name] - base.known[name] >= SMALLEST_GROWTH * base.seconds
