"""The parts of a call in words: the stages that its author named, and what an async call waits for."""

from __future__ import annotations

from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.profile import Profile
from pytest_speedacc.measure.waiting import Waiting

SMALLEST_SHARE = 0.03
"""Of a call of the base, and of what the candidate takes longer: what accounts for so much is named."""
BUSY_LOOP = 0.3
"""Of a call of an async model: more than that spent waiting for a turn is worth a hint."""


def stage_line(profile: Profile) -> tuple[Reason, ...]:
    """What each stage takes, in a line; none where the model names no stages."""
    if not profile.stages or profile.seconds <= 0:
        return ()
    stages = [
        because("stage", name=each.name, time=Quantity(each.seconds, Kind.TIME), share=each.seconds / profile.seconds)
        for each in profile.stages
    ]
    return (because("by stage", stages=stages),)


def smallest_change(candidate: Profile, base: Profile) -> float:
    """Seconds of a call by which a function or a stage must have become slower, to be named."""
    return SMALLEST_SHARE * max(base.seconds, candidate.seconds - base.seconds)


def slower_stages(candidate: Profile, base: Profile, beside: str) -> tuple[Reason, ...]:
    """The stages that take longer beyond doubt, in a line; none where no stage does."""
    before = {stage.name: stage for stage in base.stages}
    slower = []
    for stage in candidate.stages:
        then = before.get(stage.name)
        change = stage.seconds - (then.seconds if then else 0.0)
        if (then is None or stage.least > then.most) and change >= smallest_change(candidate, base):
            more = because("slower stage", name=stage.name, more=Quantity(change, Kind.TIME))
            slower.append(more if then else more + because("new stage", beside=beside))
    return (because("by stage", stages=slower),) if slower else ()


def explain_waiting(waiting: Waiting, seconds: float) -> tuple[Reason, ...]:
    """What a call of an async model, which takes ``seconds``, waits for; with a hint where that is the loop."""
    own, other = Quantity(waiting.own, Kind.TIME), Quantity(waiting.other, Kind.TIME)
    turn = () if waiting.turn is None else because("turn", time=Quantity(waiting.turn, Kind.TIME))
    line = because("waiting", own=own, turn=turn, other=other)
    is_loop = waiting.turn is not None and waiting.turn > seconds * BUSY_LOOP
    return (line, because("hint", what=because("busy loop"))) if is_loop else (line,)
