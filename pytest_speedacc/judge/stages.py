"""The parts of a call in words: the stages that its author named, and what an async call waits for."""

from __future__ import annotations

from pytest_speedacc.axes.units import format_seconds
from pytest_speedacc.measure.profile import Profile
from pytest_speedacc.measure.waiting import Waiting

SMALLEST_SHARE = 0.03
"""Of a call of the base, and of what the candidate takes longer: what accounts for so much is named."""
BUSY_LOOP = 0.3
"""Of a call of an async model: more than that spent waiting for a turn is worth a hint."""


def stage_line(profile: Profile) -> tuple[str, ...]:
    """What each stage takes, in a line; none where the model names no stages."""
    if not profile.stages or profile.seconds <= 0:
        return ()
    parts = (
        f"{each.name} {format_seconds(each.seconds)} ({each.seconds / profile.seconds:.0%})" for each in profile.stages
    )
    return (f"by stage: {', '.join(parts)}",)


def smallest_change(candidate: Profile, base: Profile) -> float:
    """Seconds of a call by which a function or a stage must have become slower, to be named."""
    return SMALLEST_SHARE * max(base.seconds, candidate.seconds - base.seconds)


def slower_stages(candidate: Profile, base: Profile, beside: str) -> tuple[str, ...]:
    """The stages that take longer beyond doubt, in a line; none where no stage does."""
    before = {stage.name: stage for stage in base.stages}
    slower = []
    for stage in candidate.stages:
        then = before.get(stage.name)
        change = stage.seconds - (then.seconds if then else 0.0)
        if (then is None or stage.least > then.most) and change >= smallest_change(candidate, base):
            slower.append(f"{stage.name} +{format_seconds(change)}" + ("" if then else f" (not in the {beside})"))
    return (f"by stage: {', '.join(slower)}",) if slower else ()


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
