"""Two models in one process, timed in turn."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.latency import run_untimed, time_calls, warm_up
from pytest_speedacc.measure.subject import CallOptions, Subject
from pytest_speedacc.measure.turns import round_of, take_turns

QUADS = 20
"""Of rounds in a process: as many as in a launch of a live run."""
WARM_UP_BUDGET = 0.5
"""Seconds; a tenth of it is spent on untimed calls of each."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What the quads of one process came to."""

    difference: float
    """Median over quads of log(model/other)."""
    within: float
    """Standard deviation of a quad."""
    seconds: float
    """Median time of a call of the model."""
    other_seconds: float
    """Median time of a call of the other."""


def call_options_of(options: Mapping[str, Any]) -> tuple[CallOptions, CallOptions]:
    """How the two models of a ``compare`` are called, by its keywords; what is about the verdict is left out."""
    known = {field.name for field in fields(CallOptions)}
    shared = {name: value for name, value in options.items() if name in known}
    return CallOptions(**shared), CallOptions(
        **{**shared, "predict": options.get("other_predict") or options.get("predict")}
    )


def time_in_turn(subject: Subject, other: Subject, quads: int = QUADS) -> Paired:
    """Time both in ABBA quads. Raises GateError when either raises or answers something else, or the clock
    cannot be trusted."""
    answers = (Answers(), Answers())
    works = (subject.workload(answers[0]), other.workload(answers[1]))
    seconds: tuple[list[float], list[float]] = ([], [])
    with subject.adapter.running(subject.model), other.adapter.running(other.model):
        turns = [round_of(warm_up(work, WARM_UP_BUDGET).seconds_per_call) for work in works]

        def take(side: int, quad: int) -> float:
            run_untimed(works[side], turns[side].untimed)
            took = float(time_calls(works[side], turns[side].calls, 1, start=quad).seconds[0])
            seconds[side].append(took)
            return took

        found = take_turns(take, quads)
        for side, kept in zip((subject, other), answers, strict=True):
            check_answers(side, kept)
    return Paired(found.difference, found.within, statistics.median(seconds[0]), statistics.median(seconds[1]))
