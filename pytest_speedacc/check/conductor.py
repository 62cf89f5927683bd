"""The conductor: measure a model, find what it is compared with, judge, and write the baseline when asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from pytest_speedacc.baseline import (
    Baseline,
    check_agreement,
    load_baseline,
    load_predictions,
    merged,
)
from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.check.baseline_file import load, not_written, recorded, suspicions, update_command, write
from pytest_speedacc.check.case import Case, Judged, Say
from pytest_speedacc.check.explanation import explain, explain_memory, explain_score, watch
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.accepted import accept_by_file, accept_now, is_acceptable
from pytest_speedacc.judge.advice import advice
from pytest_speedacc.judge.bare_drop import bare_drop
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.held import BY_HAND, UNREPLACED, is_held, shared_notes, stricter
from pytest_speedacc.judge.latency import Progress, next_action, plan_looks
from pytest_speedacc.judge.live_increase import refused_entries
from pytest_speedacc.judge.observations import observe
from pytest_speedacc.judge.outputs import needs_score
from pytest_speedacc.judge.reference import LiveComparison, Reference, from_baseline, from_live
from pytest_speedacc.judge.repeats import Former, Repeated, is_decided
from pytest_speedacc.judge.trades import allowed_text, excused
from pytest_speedacc.judge.verdict import Check, Outcome, TradeSum, Verdict
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.busy import look, since
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.measure.latency import Latency, WarmUp, Workload, joined, time_calls
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.measurement import Measurement, measure_statics
from pytest_speedacc.measure.outputs import Outputs, compact
from pytest_speedacc.measure.remembered import remembers
from pytest_speedacc.measure.subject import Subject, check_unchanged
from pytest_speedacc.measure.surroundings import moved, surroundings
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.warming import first_call, until_warm
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.stats.sequence import mean_and_sd


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
        # What is read once, as a stream is, has been predicted already.
        first = None if subject.streamed else first_call(subject.workload())
        statics = measure_statics(subject, training, is_decided, counts=policy.concerns("bytecodes"))
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


def run_gate(case: Case, inputs: Any, say: Say) -> Judged:
    """Measure, compare and judge one model; write its baseline when the run asks for it and no limit is violated.

    Raises GateError for what cannot be judged or written.
    """
    run, score = case.run, case.subject.score
    if problem := bare_drop(case.policy, score.name, score.within_unit) if score else needs_score(case.policy):
        raise GateError(problem)
    old = load(case)
    measured = measure(
        case.subject,
        inputs,
        case.policy,
        run.alpha,
        say,
        case.training,
        _decides(case, old),
        is_bounded=case.policy.bounds_calls,
    )
    measurement = measured.measurement
    environment = Environment.current(case.subject.adapter.device_name(case.subject.model))
    writes = run.writes == "update" or (run.writes == "missing" and old is None)
    ratios = _ratios(case, old, writes, environment)
    stored = merged(old, recorded(case, measurement, environment, ratios)) if writes else old
    if case.live is not None:
        reference = from_live(case.live, case.subject, measurement.statics.accuracy, run.base, library_versions())
    else:
        reference = _stored_reference(case, stored, writes, measurement, environment, ratios)
    checks, trades = _judged(case, measured, reference)
    notes: list[str] = []
    if writes and case.live is None and _fails(checks):
        # Nothing takes its place, so it is what the file holds that the report shows.
        notes.append(not_written(case))
        writes, (stored, reference) = False, _standing(case, measurement, environment, ratios)
        checks, trades = _judged(case, measured, reference)
    accepts = False
    if case.live is not None and stored is not None:
        before = checks
        checks = _by_file(case, case.live, checks, stored, writes, measurement, environment)
        accepts = checks != before
        if writes and case.live.since.known:
            checks, stored = accept_now(checks, stored, case.live.sha)
    if case.live is not None and not writes:
        checks = _held(case, case.live, checks, stored, measurement, environment)
    statics = measurement.statics
    notes = [*statics.notes, *measurement.notes, *_remarks(case.training), *advice(case.subject, statics), *notes]
    notes += [allowed_text(found) for found in trades if found.applies]
    if score is None and case.policy.group:
        notes.append(f"it is left out of the alternatives for {case.policy.group}, which are ranked by score")
    if case.live is not None:
        notes += refused_entries(case.policy, case.live.gate, case.live.since)
        made = None if writes else case.live.since.made_with(stored)
        notes += shared_notes(made, case.live.shared) if made is not None else ()
        if stored is not None and case.live.since.is_by_hand(stored) and _fails(checks):
            notes.append(BY_HAND)
    acceptable, known = is_acceptable(checks), case.live is None or case.live.since.known
    if acceptable and not known:
        notes.append(
            "what the base's own baseline file holds is not known, so nothing is accepted: mend it there first"
        )
    measurement, watched = watch(case, checks, measurement)
    explained = explain(case, checks, measurement, stored, writes)
    allocated = explain_memory(case, checks)
    notes += [*watched, *explained.notes, *allocated.notes]
    if writes and _fails(checks):
        notes.append(not_written(case))
    elif stored is not None and writes:
        new = replace(stored, profile=explained.stored)
        notes.append(write(case, old, new, _kept(statics.accuracy), environment.key, must=accepts))
    elif stored is not None and (reference.live is None or is_held(checks)):
        notes += suspicions(stored)
    accept = f'{update_command(case)} --speedacc-reason="why"' if acceptable and known else ""
    observations = observe(measurement, reference)
    verdict = Verdict(
        test=case.test,
        name=case.name,
        checks=checks,
        observations=observations,
        notes=tuple(notes),
        accept=accept,
        trades=trades,
        explained=explained.lines,
        explained_beside=explained.beside,
        allocated=allocated.lines,
        flipped=explain_score(checks, observations, reference),
        group=case.policy.group,
        compared_with=reference.source,
    )
    accuracy = statics.accuracy
    if isinstance(accuracy, Outputs):
        return Judged(verdict, measurement.latency, environment)
    content = (case.subject.fingerprint, accuracy.score, accuracy.value)
    return Judged(verdict, measurement.latency, environment, content)


def _kept(accuracy: Accuracy | Outputs) -> Predictions:
    """What the file beside the baseline holds."""
    return compact(accuracy.predictions) if isinstance(accuracy, Outputs) else accuracy.predictions


def _judged(case: Case, measured: Measured, reference: Reference) -> tuple[tuple[Check, ...], tuple[TradeSum, ...]]:
    """The checks against ``reference``, with what trades excuse."""
    measurement, policy, alpha = measured.measurement, case.policy, case.run.alpha
    return excused(judge(measurement, policy, reference, measured.plan, alpha), measurement, policy, reference, alpha)


def _decides(case: Case, old: Baseline | None) -> Callable[[Sequence[float]], bool]:
    """What says whether the scores of a random model are enough: never, for a baseline that others will rely on."""
    score = case.subject.score
    if case.run.writes or score is None:
        return lambda scores: False
    facts = case.live.gate.base if case.live else None
    stored = old.accuracy if old else None
    formers: list[Former | None] = []
    if facts is not None and facts.value is not None and facts.scores:
        formers.append(Former(facts.value, mean_and_sd(facts.scores)[1], len(facts.scores)))
    if stored is not None and stored.repeats > 1:
        formers.append(Former(stored.value, stored.spread, stored.repeats))

    def decides(scores: Sequence[float]) -> bool:
        found = Repeated(scores, score.greater_is_better, score.within_unit)
        return all(is_decided(case.policy.bounds, found, former) for former in formers or (None,))

    return decides


def _remarks(training: Training | Unavailable) -> tuple[str, ...]:
    return () if isinstance(training, Unavailable) else training.notes


def wants_ratio(policy: Policy) -> bool:
    """Whether a gate's time is compared as a multiple of the yardstick, which only a median can be."""
    compared = [bound.setting for bound in policy.bounds if bound.setting.is_tolerance]
    traded = [term.setting for trade in policy.trades for term in (*trade.give, *trade.gain)]
    return any(setting.is_noisy and setting.quantile == 0.5 for setting in (*compared, *traded))


def _ratios(case: Case, old: Baseline | None, writes: bool, environment: Environment) -> Ratios | str:
    """Today's ratios to the yardstick where they are written or compared, else why there are none."""
    record = old.environments.get(environment.key) if old else None
    compared = case.live is None and record is not None and record.yardstick is not None
    if not wants_ratio(case.policy) or not (writes or compared):
        return ""
    try:
        return case.ratios()
    except GateError as error:
        return f"the ratio to the yardstick could not be measured: {error}"


def _stored_reference(
    case: Case,
    stored: Baseline | None,
    fresh: bool,
    measurement: Measurement,
    environment: Environment,
    ratios: Ratios | str,
) -> Reference:
    accuracy = measurement.statics.accuracy
    before = accuracy.predictions if fresh else load_predictions(case.path, stored) if stored else None
    reference = from_baseline(
        stored, before, case.subject, accuracy, environment, ratios, update_command(case), library_versions()
    )
    if stored is not None and not fresh:
        check_agreement(case.path, stored, before, case.subject)
    return reference


def _standing(
    case: Case, measurement: Measurement, environment: Environment, ratios: Ratios | str
) -> tuple[Baseline | None, Reference]:
    """What the file holds that an update leaves as it is; where that cannot be compared, the reference says why."""
    try:
        stored = load_baseline(case.path, case.filed, case.name)
        return stored, _stored_reference(case, stored, False, measurement, environment, ratios)
    except GateError as error:
        return None, Reference(str(error))


def _by_file(
    case: Case,
    live: LiveComparison,
    checks: tuple[Check, ...],
    stored: Baseline,
    fresh: bool,
    measurement: Measurement,
    environment: Environment,
) -> tuple[Check, ...]:
    """The checks after what this change says in the baseline file, which its reviewer reads."""
    renewed = live.since.renewed(stored, environment.key)
    if renewed is None:
        return checks
    try:
        own = _stored_reference(case, renewed, fresh, measurement, environment, "")
    except GateError:
        # Of another evaluation set, or damaged: it accepts nothing.
        return checks
    return accept_by_file(checks, measurement, case.policy, own, stored.updated.reason)


def _held(
    case: Case,
    live: LiveComparison,
    checks: tuple[Check, ...],
    stored: Baseline | None,
    measurement: Measurement,
    environment: Environment,
) -> tuple[Check, ...]:
    """The checks, with what does not come from time held against the baseline file as well as against the base.

    Against the base's own file, too, where this checkout's was changed by hand, is gone, or has nothing of an axis.
    """
    policy, accuracy, command = case.policy, measurement.statics.accuracy, update_command(case)
    own: Reference | str
    if stored is not None:
        try:
            own = _stored_reference(case, stored, False, measurement, environment, "")
        except GateError as error:
            own = str(error)
        checks = stricter(checks, measurement, policy, own, live, live.alpha)
    scored = case.subject.score is not None
    if (left := live.since.unreplaced(stored, environment.key, scored=scored)) is not None:
        try:
            own = from_baseline(
                left, live.since.predictions, case.subject, accuracy, environment, "", command, library_versions()
            )
        except GateError as error:
            own = str(error)
        checks = stricter(checks, measurement, policy, own, live, live.alpha, UNREPLACED)
    return checks


def _fails(checks: tuple[Check, ...]) -> bool:
    return any(check.outcome is Outcome.FAILED for check in checks)
