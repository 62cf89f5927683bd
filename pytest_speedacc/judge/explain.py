"""What accounts for a slow-down: two profiles subtracted, and nothing named that profiling alone could explain."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_speedacc.axes.units import format_seconds
from pytest_speedacc.baseline.schema import MOST_FUNCTIONS, StoredFunction, StoredProfile
from pytest_speedacc.judge.hints import hints
from pytest_speedacc.judge.stages import slower_stages, smallest_change, stage_line
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


def explain_difference(candidate: Profile, base: Profile, beside: str = "base") -> tuple[str, ...]:
    """The functions of the candidate that take longer than the base's, the largest change first, a line each.

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
    lines = [_difference_text(change, grown, now, then, beside) for change, now, then in named[:MOST_NAMED]]
    lines = [*slower_stages(candidate, base, beside), *lines]
    return (*lines, *hints(candidate, base)) if lines else ()


def explain_time(profile: Profile) -> tuple[str, ...]:
    """Where the time of a call goes, the largest share first, a line each."""
    shown = [each for each in profile.functions if each.own >= SMALLEST_LISTED * profile.seconds][:MOST_LISTED]
    lines = [
        f"{function.place}: {function.own / profile.seconds:.0%}, {format_seconds(function.own)}, "
        f"{_times(function.calls)} for each call of the model"
        for function in shown
        if profile.seconds > 0
    ]
    lines = [*stage_line(profile), *lines]
    return (*lines, *hints(profile)) if lines else ()


def explain_stored(now: Profile, stored: StoredProfile, counts_hold: bool) -> tuple[str, ...]:
    """The functions that differ from the baseline's profile: those with another call count first, a line each.

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
            share = f"; {_share_text(now.share(function), then)}" if then and now.clock == stored.clock else ""
            counted.append(f"{function.place}: {_calls_text(function, then, 'baseline')}{share}")
        elif is_grown:
            unnamed = f"not among the {MOST_FUNCTIONS} functions of" if is_full else "not at all in"
            known = "" if then else f", and {unnamed} the baseline"
            grown.append(f"{function.place}: {_share_text(now.share(function), then)}{known}")
    lines = [*counted, *grown][:MOST_NAMED]
    return (*lines, *hints(now)) if lines else ()


def other_versions(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Why call counts do not hold, as ``numpy 2.3.0 -> 2.4.0``; empty where they do. Python counts by minor version."""
    changed = []
    for name in sorted(then.keys() & now.keys() - {"pytest-speedacc"}):
        was, found = (_minor(each[name]) if name == "python" else each[name] for each in (then, now))
        changed += [f"{name} {was} -> {found}"] if was != found else []
    return tuple(changed)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _has_other_count(now: float, then: float) -> bool:
    return abs(now - then) >= max(FEWEST_MORE, SMALLEST_MOVE * then)


def _is_beyond_doubt(now: Function, then: Function | None) -> bool:
    return then is None or now.least > then.most


def _difference_text(change: float, grown: float, now: Function, then: Function | None, beside: str) -> str:
    of = f" of {format_seconds(grown)} more" if grown > 0 else ""
    text = f"{now.place}: +{format_seconds(change)}{of}"
    return f"{text}, {_calls_text(now, then, beside)}"


def _calls_text(now: Function, then: Function | StoredFunction | None, where: str) -> str:
    if then is None:
        return f"{_times(now.calls)}, and not at all in the {where}"
    if round(now.calls, 6) != round(then.calls, 6):
        return f"{_times(now.calls)} where the {where} called it {_number(then.calls)}"
    return f"{_times(now.calls)} in both"


def _share_text(now: float, then: StoredFunction | None) -> str:
    before = f" where it was {then.share * 100:.0f} %" if then else ""
    return f"{now * 100:.0f} % of the time{before}"


def _times(calls: float) -> str:
    return "called once" if calls == 1 else f"called {_number(calls)} times"


def _number(calls: float) -> str:
    return f"{calls:.0f}" if calls == round(calls) else f"{calls:.2g}"
