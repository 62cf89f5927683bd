"""What accounts for a slow-down: two profiles subtracted, and nothing named that profiling alone could explain."""

from __future__ import annotations

from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.baseline.schema import MOST_FUNCTIONS, StoredFunction, StoredProfile
from pytest_speedacc.judge.hints import hints
from pytest_speedacc.judge.stages import slower_stages, smallest_change, stage_line
from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.profile import Function, Profile

MOST_NAMED = 5
MOST_LISTED = 8
SMALLEST_LISTED = 0.005
"""Of a call."""
SMALLEST_MOVE = 0.1
"""A share that grew by so much is named."""
SHORTEST_SHARED = 10e-6
"""Seconds of a call whose shares are compared: yappi counts whole microseconds, which are most of a shorter call."""
FEWEST_MORE = 0.5
"""Calls for each call of the model, and a tenth of what they were, below which a count has not changed: a function
that is called now and then, or by chance, moves by less."""


def explain_difference(candidate: Profile, base: Profile, beside: str = "base") -> tuple[Reason, ...]:
    """The functions of the candidate that take longer than the base's, the largest change first.

    ``beside`` is what the base is called, ``other`` where it is another model.
    A function is named where every pass of the candidate took longer than every pass of the base, and by
    ``smallest_change``. One whose time moves by itself is not.
    """
    before = {function.key: function for function in base.functions}
    slower = [
        (function.own - own_before, function, before.get(function.key))
        for function in candidate.functions
        if (own_before := before[function.key].own if function.key in before else 0.0) < function.own
        and _is_beyond_doubt(function, before.get(function.key))
    ]
    named = [each for each in slower if each[0] >= smallest_change(candidate, base)]
    named.sort(key=lambda each: -each[0])
    grown = candidate.seconds - base.seconds
    lines = [_difference(change, grown, now, then, beside) for change, now, then in named[:MOST_NAMED]]
    lines = [*slower_stages(candidate, base, beside), *lines]
    return (*lines, *hints(candidate, base)) if lines else ()


def explain_time(profile: Profile) -> tuple[Reason, ...]:
    """Where the time of a call goes, the largest share first."""
    shown = [each for each in profile.functions if each.own >= SMALLEST_LISTED * profile.seconds][:MOST_LISTED]
    lines = [
        because("takes", place=each.place, share=each.own / profile.seconds, time=Quantity(each.own, Kind.TIME))
        + _times(each.calls)
        + because("for each call")
        for each in shown
        if profile.seconds > 0
    ]
    lines = [*stage_line(profile), *lines]
    return (*lines, *hints(profile)) if lines else ()


def explain_stored(now: Profile, stored: StoredProfile, counts_hold: bool) -> tuple[Reason, ...]:
    """The functions that differ from the baseline's profile: those with another call count first.

    ``counts_hold`` is whether counts may be compared, see ``other_versions``. Shares may be of another machine: one is
    named where it grew by 10 points or more, as information.
    """
    before = {(each.name, each.file): each for each in stored.functions}
    is_full = len(stored.functions) == MOST_FUNCTIONS
    # What is not among as many as are kept may have been called, with no larger share than theirs.
    unknown = min(each.share for each in stored.functions) if is_full else 0.0
    counted, grown = [], []
    for function in now.functions:
        then = before.get(function.key)
        more = now.share(function) - (then.share if then else unknown)
        has_shares = now.clock == stored.clock and now.least >= SHORTEST_SHARED
        is_grown = has_shares and round(more, 6) >= SMALLEST_MOVE
        is_known = then is not None or not is_full
        if counts_hold and is_known and _has_other_count(function.calls, then.calls if then else 0.0):
            share = because("and") + _share(now.share(function), then) if then and now.clock == stored.clock else ()
            counted.append(because("place", place=function.place) + _calls(function, then, "baseline") + share)
        elif is_grown:
            unnamed = because("not among", count=MOST_FUNCTIONS) if is_full else because("not there", where="baseline")
            share = because("place", place=function.place) + _share(now.share(function), then)
            grown.append(share if then else share + unnamed)
    lines = [*counted, *grown][:MOST_NAMED]
    return (*lines, *hints(now)) if lines else ()


def _has_other_count(now: float, then: float) -> bool:
    return abs(now - then) >= max(FEWEST_MORE, SMALLEST_MOVE * then)


def _is_beyond_doubt(now: Function, then: Function | None) -> bool:
    return then is None or now.least > then.most


def _difference(change: float, grown: float, now: Function, then: Function | None, beside: str) -> Reason:
    more = because("more in", place=now.place, more=Quantity(change, Kind.TIME))
    more += because("of more", total=Quantity(grown, Kind.TIME)) if grown > 0 else ()
    return more + because("then") + _calls(now, then, beside)


def _calls(now: Function, then: Function | StoredFunction | None, where: str) -> Reason:
    called = _times(now.calls)
    if then is None:
        return called + because("not there", where=where)
    if round(now.calls, 6) != round(then.calls, 6):
        return called + because("called there", where=where, count=_number(then.calls))
    return called + because("in both")


def _share(now: float, then: StoredFunction | None) -> Reason:
    share = because("share", share=now * 100)
    return share + because("former share", share=then.share * 100) if then else share


def _times(calls: float) -> Reason:
    return because("called once") if calls == 1 else because("called", count=_number(calls))


def _number(calls: float) -> str:
    return f"{calls:.0f}" if calls == round(calls) else f"{calls:.2g}"
