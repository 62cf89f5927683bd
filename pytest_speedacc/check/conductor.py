"""The conductor: measure a model, find what it is compared with, judge, and write the baseline when asked to."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pytest_speedacc.baseline import merged
from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.check.baseline_file import (
    NO_TOLERANCE,
    kept_out,
    left_alone,
    load,
    not_written,
    recorded,
    suspicions,
    update_command,
    write,
)
from pytest_speedacc.check.case import Case, Judged, Say
from pytest_speedacc.check.explanation import explain, explain_memory, explain_score, watch
from pytest_speedacc.check.former import after_file, decides_enough, from_file, held, ratios_of, standing
from pytest_speedacc.check.measuring import Measured, measure
from pytest_speedacc.check.unfit import bare_drop, needs_score
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.accepted import accept_now, is_acceptable
from pytest_speedacc.judge.advice import advice
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.held import is_held, shared_notes
from pytest_speedacc.judge.leaks import leaked
from pytest_speedacc.judge.live_increase import refused_entries
from pytest_speedacc.judge.reference import Reference, from_live
from pytest_speedacc.judge.suspects import other_libraries
from pytest_speedacc.judge.trades import allowed_by_trade, excused
from pytest_speedacc.judge.verdict import Finding, Outcome, Reason, TradeSum, Verdict, any_failed, because
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.measure.outputs import Outputs, compact
from pytest_speedacc.measure.training import Training
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said, told, told_trade


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
        case.alpha,
        say,
        case.training,
        decides_enough(case, old),
        is_bounded=case.policy.bounds_calls,
    )
    measurement = measured.measurement
    environment = Environment.current(case.subject.adapter.device_name(case.subject.model))
    writes = run.writes == "update" or (run.writes == "missing" and old is None)
    ratios = ratios_of(case, old, writes, environment)
    stored = merged(old, recorded(case, measurement, environment, ratios)) if writes else old
    if case.live is not None:
        reference = from_live(case.live, case.subject, measurement.statics.accuracy, run.base, library_versions())
    else:
        reference = from_file(case, stored, writes, measurement, environment, ratios)
    checks, sums = _judged(case, measured, reference)
    notes: list[str] = []
    if writes and case.live is None and any_failed(checks):
        # Nothing takes its place, so it is what the file holds that the report shows.
        notes.append(not_written(case))
        writes, (stored, reference) = False, standing(case, measurement, environment, ratios)
        checks, sums = _judged(case, measured, reference)
    accepts = False
    if case.live is not None and stored is not None:
        before = checks
        checks = after_file(case, case.live, checks, stored, writes, measurement, environment)
        accepts = checks != before
        if writes and case.live.since.known:
            checks, stored = accept_now(checks, stored, case.live.sha)
    if case.live is not None and not writes:
        checks = held(case, case.live, checks, stored, measurement, environment)
    statics = measurement.statics
    remarks = map(said, advice(case.subject, statics))
    notes = [*statics.notes, *measurement.notes, *_remarks(case.training), *remarks, *notes]
    notes += map(said, leaked(case.subject))
    notes += [said(allowed_by_trade(found)) for found in sums if found.applies]
    if score is None and case.policy.group:
        notes.append(f"it is left out of the alternatives for {case.policy.group}, which are ranked by score")
    if case.live is not None:
        notes += map(said, refused_entries(case.policy, case.live.gate, case.live.since))
        made = None if writes else case.live.since.made_with(stored)
        notes += map(said, shared_notes(made, case.live.shared)) if made is not None else ()
        if stored is not None and case.live.since.is_by_hand(stored) and any_failed(checks):
            notes.append(said(because("by hand")))
    acceptable, known = is_acceptable(checks), case.live is None or case.live.since.known
    if acceptable and not known:
        notes.append(
            "what the base's own baseline file holds is not known, so nothing is accepted: mend it there first"
        )
    others = tuple(map(said, other_libraries(case.live.gate))) if case.live is not None else ()
    if others and not any_failed(checks):
        notes.append(f"other versions than in the base: {', '.join(others)}")
    measurement, watched = watch(case, checks, measurement)
    explained = explain(case, checks, measurement, stored, writes)
    allocated = explain_memory(case, checks)
    notes += [*watched, *explained.notes, *allocated.notes]
    if writes and any_failed(checks):
        notes.append(not_written(case))
    elif stored is not None and writes:
        new = replace(stored, profile=explained.stored)
        notes += write(case, old, new, _kept(statics.accuracy), environment.key, must=accepts)
        notes += [] if case.policy.has_tolerance else [NO_TOLERANCE]
    elif stored is not None and (reference.live is None or is_held(checks)):
        notes += suspicions(stored)
    notes += left_alone(case) if old is not None else []
    notes += kept_out(case) if stored is None and any(it.outcome is Outcome.NOT_COMPARED for it in checks) else []
    accept = f'{update_command(case)} --speedacc-reason="why"' if acceptable and known else ""
    observations = observe(measurement, reference)
    verdict = Verdict(
        test=case.test,
        name=case.name,
        checks=tuple(map(told, checks)),
        observations=observations,
        notes=tuple(notes),
        accept=accept,
        trades=tuple(map(told_trade, sums)),
        suspects=others if any_failed(checks) else (),
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


def _judged(
    case: Case, measured: Measured, reference: Reference
) -> tuple[tuple[Finding, ...], tuple[TradeSum[Reason], ...]]:
    """The checks against ``reference``, with what trades excuse."""
    measurement, policy, alpha = measured.measurement, case.policy, case.alpha
    return excused(judge(measurement, policy, reference, measured.plan, alpha), measurement, policy, reference, alpha)


def _remarks(training: Training | Unavailable) -> tuple[str, ...]:
    return () if isinstance(training, Unavailable) else training.notes
