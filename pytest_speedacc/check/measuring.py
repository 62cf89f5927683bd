"""What is measured of a model: its score and sizes, and its time until every latency limit is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_speedacc.check.case import Say
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.latency import Progress, next_action, plan_looks
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.busy import look, since
from pytest_speedacc.measure.garbage import settled
from pytest_speedacc.measure.latency import Latency, WarmUp, Workload, joined, time_calls
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.measurement import Measurement, measure_statics
from pytest_speedacc.measure.remembered import remembers
from pytest_speedacc.measure.subject import Subject, check_unchanged
from pytest_speedacc.measure.surroundings import moved, surroundings
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.warming import first_call, until_warm


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement and the looks that were planned before its first timed call."""

    measurement: Measurement
    plan: tuple[int, ...]


def measure(
    subject: Subject,
    inputs: Any,
    policy: Policy,
    alpha: float,
    say: Say,
    training: Training | Unavailable,
    is_decided: Callable[[Sequence[float]], bool],
    *,
    is_bounded: bool = False,
) -> Measured:
    """Measure everything, and time the model until every latency limit of ``policy`` is decided or its budget ends.

    A random model is evaluated until ``is_decided`` says that its scores so far are enough. One that remembers its
    answers is refused where its time or its memory ``is_bounded``.

    ``inputs`` are the user's own, to see whether the model changed them. Raises GateError for what cannot be measured.
    """
    before = surroundings()
    with subject.adapter.running(subject.model):
        say("accuracy, parameters, size, memory")
        resting = settled()
        # What is read once, as a stream is, has been predicted already.
        first = None if subject.streamed else first_call(subject.workload())
        counts = policy.concerns("bytecodes")
        statics = measure_statics(subject, training, is_decided, counts=counts, resting=resting)
        with timing_lock(say):
            answers = Answers()
            work = subject.workload(answers)
            began = look()
            warm, latency, plan = _time(work, policy, alpha, say)
            busy = since(began)
            remembered = remembers(subject.workload(), latency.median)
        check_answers(subject, answers, statics)
    check_unchanged(subject, inputs)
    notes = (*work.garbage.remarks(), *moved(before), *busy.remarks, *filter(None, [remembered]))
    if remembered and is_bounded:
        raise GateError(f"{remembered}.")
    return Measured(Measurement(statics, latency, None, notes, first, warm.calls, busy), plan)


def _time(work: Workload, policy: Policy, alpha: float, say: Say) -> tuple[WarmUp, Latency, tuple[int, ...]]:
    warm = until_warm(work, policy.budget)
    bounds = [
        bound
        for bound in policy.bounds
        if bound.setting.is_noisy
        and not bound.setting.is_tolerance
        # Calls timed in rounds have no tail; its limits fail without more of them.
        and (warm.calls_per_round == 1 or bound.setting.quantile == 0.5)
    ]
    plan = plan_looks(policy.budget, warm.seconds_per_call * warm.calls_per_round, alpha)
    progress = Progress(None, 0.0)
    while more := next_action(progress, plan, bounds, alpha, policy.budget):
        taken = progress.latency.calls if progress.latency else 0
        say(f"latency, {taken} of at most {plan[-1]} calls")
        begin = clocks.seconds()
        part = time_calls(work, warm.calls_per_round, more, start=taken)
        latency = joined(progress.latency, part) if progress.latency else part
        progress = Progress(latency, progress.spent + clocks.seconds() - begin)
    assert progress.latency is not None, "the first action always times something"
    return warm, progress.latency, plan
