"""What accounts for a slow-down: two profiles subtracted, and nothing named that profiling alone could explain."""

from __future__ import annotations

from pytest_speedacc.config.units import format_seconds
from pytest_speedacc.measure.profile import Function, Profile
from pytest_speedacc.measure.waiting import Waiting

MOST_NAMED = 5
SMALLEST_SHARE = 0.03
"""Of a call of the base: a function that takes so much longer is named."""
MOST_LISTED = 8
BUSY_LOOP = 0.3
"""Of a call of an async model: more than that spent waiting for a turn is worth a hint."""
ROWWISE = "pandas calls a Python function for each row (apply with axis=1): column operations do that at once"


def explain_difference(candidate: Profile, base: Profile) -> tuple[str, ...]:
    """The functions of the candidate that take longer than the base's, the largest change first, a line each.

    A function is named where every pass of the candidate took longer than every pass of the base, and by at least 3 %
    of a call. One whose time moves by itself is not.
    """
    before = {function.key: function for function in base.functions}
    slower = [
        (function.own - own_before, function, before.get(function.key))
        for function in candidate.functions
        if (own_before := before[function.key].own if function.key in before else 0.0) < function.own
        and _is_beyond_doubt(function, before.get(function.key))
    ]
    named = [each for each in slower if each[0] >= SMALLEST_SHARE * base.seconds]
    named.sort(key=lambda each: -each[0])
    grown = candidate.seconds - base.seconds
    lines = [_difference_text(change, grown, now, then) for change, now, then in named[:MOST_NAMED]]
    lines = [*_slower_stages(candidate, base), *lines]
    if lines and candidate.rowwise and not base.rowwise:
        lines.append(f"hint: {ROWWISE}")
    return tuple(lines)


def _slower_stages(candidate: Profile, base: Profile) -> list[str]:
    """The named parts that take longer beyond doubt, in a line; none where no part does."""
    before = {stage.name: stage for stage in base.stages}
    slower = []
    for stage in candidate.stages:
        then = before.get(stage.name)
        change = stage.seconds - (then.seconds if then else 0.0)
        if (then is None or stage.least > then.most) and change >= SMALLEST_SHARE * base.seconds:
            slower.append(f"{stage.name} +{format_seconds(change)}" + ("" if then else " (not in the base)"))
    return [f"by stage: {', '.join(slower)}"] if slower else []


def explain_waiting(waiting: Waiting, seconds: float) -> tuple[str, ...]:
    """What a call of an async model, which takes ``seconds``, waits for; with a hint where that is the loop."""
    turn = "" if waiting.turn is None else f"{format_seconds(waiting.turn)} waiting for a turn of the event loop, "
    line = (
        f"of a call, {format_seconds(waiting.own)} are its own code, {turn}"
        f"{format_seconds(waiting.other)} waiting for what it awaits"
    )
    is_loop = waiting.turn is not None and waiting.turn > seconds * BUSY_LOOP
    hint = "hint: the event loop is busy with something else: run what blocks it in a thread (asyncio.to_thread)"
    return (line, hint) if is_loop else (line,)


def explain_time(profile: Profile) -> tuple[str, ...]:
    """Where the time of a call goes, the largest share first, a line each."""
    shown = [function for function in profile.functions if function.own > 0][:MOST_LISTED]
    lines = [
        f"{_place(function)}: {function.own / profile.seconds:.0%}, {format_seconds(function.own)}, "
        f"{_times(function.calls)} for each call of the model"
        for function in shown
        if profile.seconds > 0
    ]
    if profile.stages and profile.seconds > 0:
        parts = (
            f"{each.name} {format_seconds(each.seconds)} ({each.seconds / profile.seconds:.0%})"
            for each in profile.stages
        )
        lines.insert(0, f"by stage: {', '.join(parts)}")
    if lines and profile.rowwise:
        lines.append(f"hint: {ROWWISE}")
    return tuple(lines)


def _is_beyond_doubt(now: Function, then: Function | None) -> bool:
    return then is None or now.least > then.most


def _difference_text(change: float, grown: float, now: Function, then: Function | None) -> str:
    of = f" of {format_seconds(grown)} more" if grown > 0 else ""
    text = f"{_place(now)}: +{format_seconds(change)}{of}"
    if then is None:
        return f"{text}, {_times(now.calls)}, and not at all in the base"
    if round(now.calls, 6) != round(then.calls, 6):
        return f"{text}, {_times(now.calls)} where the base called it {_number(then.calls)}"
    return f"{text}, {_times(now.calls)} in both"


def _place(function: Function) -> str:
    return f"{function.name} ({function.file}:{function.line})"


def _times(calls: float) -> str:
    return "called once" if calls == 1 else f"called {_number(calls)} times"


def _number(calls: float) -> str:
    return f"{calls:.0f}" if calls == round(calls) else f"{calls:.2g}"
