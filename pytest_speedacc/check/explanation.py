"""Why a verdict is what it is, where something asks: a profile, the allocations of the peak, the samples that flipped.

Each by itself, or beside former ones or another model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import Baseline, StoredProfile
from pytest_speedacc.baseline.record import record_profile
from pytest_speedacc.check.case import Case, Run
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.accuracy import flip_lines, slice_lines
from pytest_speedacc.judge.allocated import explain_allocations, explain_growth
from pytest_speedacc.judge.explain import explain_difference, explain_stored, explain_time
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.of_versions import other_versions
from pytest_speedacc.judge.reference import LiveComparison, Reference
from pytest_speedacc.judge.stages import explain_waiting
from pytest_speedacc.judge.verdict import Finding, Observation, Outcome, any_failed, because
from pytest_speedacc.measure.allocations import Allocations, find_allocations
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.profile import Profile, attempt_profile, profiled_calls
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.waiting import measure_waiting
from pytest_speedacc.report.sentences import all_said, formerly, said

MOST_TIMES = 10
"""The usual number of calls, that a profile beside the baseline's may take."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What accounts for the time or the memory of a gate."""

    beside: str = ""
    """Whose profile the lines compare with: the ``base``'s, the ``baseline``'s, the ``other``'s; empty for a profile by
    itself."""
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Files that were written, and why something is missing."""
    stored: StoredProfile | None = None
    """For the baseline that is written; None where there is none, or nothing bounds the latency."""


def explain(
    case: Case, checks: tuple[Finding, ...], measurement: Measurement, stored: Baseline | None, writes: bool
) -> Explanation:
    """Explain the latency of a gate, function by function, and profile it for the baseline that is written.

    A gate that is fast enough is not explained, unless profiles are asked for. What goes wrong is a note: nothing here
    changes a verdict.
    """
    timed = [check for check in checks if check.metric == "latency"]
    failed = any_failed(timed)
    former = None if writes or case.live is not None else _former(case, stored)
    unsettled = former is not None and any(check.outcome is not Outcome.PASSED for check in timed)
    asks = case.live is None and (case.run.profiles is not None or failed or unsettled)
    keeps = writes and case.policy.limits("latency") and all(check.outcome is not Outcome.FAILED for check in checks)
    profile, notes = _profile(case, measurement.latency.median, former) if asks or keeps else (None, ())
    kept = record_profile(profile) if profile and keeps else None
    if case.live is not None:
        return Explanation("base", _slower_than_base(case.live, timed), notes, kept)
    if profile is None or not asks:
        return Explanation("", (), notes, kept)
    if former is not None and stored is not None:
        changed = other_versions(stored.versions, library_versions())
        if changed:
            notes = (*notes, said(because("uncounted", changed=[*changed])))
        if told := all_said(explain_stored(profile, former, not changed)):
            return Explanation("baseline", told, notes)
    if not failed and not case.run.profiles:
        return Explanation("", (), notes, kept)
    waits = measurement.waiting
    waiting = explain_waiting(waits, measurement.latency.median) if waits else ()
    return Explanation("", all_said((*waiting, *explain_time(profile))), notes, kept)


def watch(case: Case, checks: tuple[Finding, ...], measurement: Measurement) -> tuple[Measurement, tuple[str, ...]]:
    """The measurement with what a call of an async model waits for, and what there is to say of it.

    The event loop, which is the user's own, is not watched where a gate is fast enough, unless profiles are asked for.
    """
    if case.run.profiles is None and all(
        check.outcome is Outcome.PASSED for check in checks if check.metric == "latency"
    ):
        return measurement, ()
    try:
        with case.subject.adapter.running(case.subject.model):
            waiting = measure_waiting(case.subject.workload(), measurement.latency.median)
    except GateError as error:
        return measurement, (str(error),)
    return replace(measurement, waiting=waiting), ()


def explain_memory(case: Case, checks: tuple[Finding, ...]) -> Explanation:
    """Who holds the peak where a check on memory fails: what grew beside the base, where something did."""
    if not _is_too_large(checks):
        return Explanation()
    if case.live is not None and case.live.allocations and (grown := explain_growth(*case.live.allocations)):
        return Explanation(lines=all_said(grown))
    try:
        return Explanation(lines=all_said(explain_allocations(_allocations(case.subject, case.run))))
    except GateError as error:
        return Explanation(notes=(str(error),))


def explain_beside_other(
    run: Run, stem: str, checks: tuple[Finding, ...], subject: Subject, other: Subject, seconds: float
) -> Explanation:
    """Explain the latency of a model beside another's, of which the slower takes ``seconds`` a call.

    What goes wrong is a note, as in ``explain``. ``stem`` names the files of the two profiles.
    """
    timed = [check for check in checks if check.metric == "latency"]
    failed = any_failed(timed)
    if not failed and run.profiles is None:
        return Explanation()
    calls = profiled_calls(seconds)
    theirs, their_notes = _take(other, calls, run, f"{stem}.other")
    ours, notes = _take(subject, calls, run, stem)
    notes = (*notes, *their_notes)
    named = explain_difference(ours, theirs, "other") if ours and theirs and _is_slower_than_other(timed) else ()
    if named or not failed or ours is None:
        return Explanation("other", all_said(named), notes)
    return Explanation("", all_said(explain_time(ours)), notes)


def explain_memory_beside_other(run: Run, checks: tuple[Finding, ...], subject: Subject, other: Subject) -> Explanation:
    """Who holds the peak where a check on memory fails: what grew beside another model, where something did."""
    if not _is_too_large(checks):
        return Explanation()
    try:
        ours = _allocations(subject, run)
        grown = explain_growth(ours, _allocations(other, run), "other")
        return Explanation(lines=all_said(grown or explain_allocations(ours)))
    except GateError as error:
        return Explanation(notes=(str(error),))


def explain_score(
    checks: tuple[Finding, ...], observations: tuple[Observation, ...], reference: Reference
) -> tuple[str, ...]:
    """What got worse, where a score or its change is not passed."""
    missed = [check for check in checks if check.outcome is not Outcome.PASSED]
    lost = any(check.setting in ("max_accuracy_drop", "max_churn") for check in missed)
    flips = flip_lines(reference.accuracy, formerly(reference.source)) if reference.accuracy and lost else ()
    scored = any(check.metric in ("accuracy", "churn") for check in missed)
    return all_said((*flips, *slice_lines(checks, observations))) if scored else ()


def _is_too_large(checks: Sequence[Finding]) -> bool:
    # A peak that was not measured fails its bound as well, and nobody holds it.
    return any_failed(check for check in checks if check.metric == "memory" and check.observed is not None)


def _allocations(subject: Subject, run: Run) -> Allocations:
    with subject.adapter.running(subject.model):
        return find_allocations(subject, run.root)


def _former(case: Case, stored: Baseline | None) -> StoredProfile | None:
    """The baseline's profile, of calls like these."""
    profile = stored.profile if stored is not None else None
    return profile if profile and profile.batch_size == case.subject.batch_size else None


def _profile(case: Case, seconds: float, former: StoredProfile | None) -> tuple[Profile | None, tuple[str, ...]]:
    """A profile of this process, of as many calls as the ``former`` one, and what there is to say of it."""
    usual = profiled_calls(seconds)
    # Of a model that is many times slower now, fewer.
    calls = min(former.calls, MOST_TIMES * usual) if former else usual
    # In a live run the files are those of the workers.
    return _take(case.subject, calls, case.run, case.path.stem if case.live is None else "")


def _take(subject: Subject, calls: int, run: Run, stem: str) -> tuple[Profile | None, tuple[str, ...]]:
    """A profile of this process and what there is to say of it; files of the name ``stem`` where profiles are kept."""
    save = run.profiles / stem if run.profiles is not None and stem else None
    with subject.adapter.running(subject.model):
        profile, problem = attempt_profile(subject.workload(), calls, run.root, clock=run.clock, save=save)
    if profile is None:
        return None, (problem,)
    return profile, (f"wrote {save}.pstat and {save}.callgrind",) if save is not None else ()


def _slower_than_base(live: LiveComparison, timed: Sequence[Finding]) -> tuple[str, ...]:
    # Two processes differ by luck. Functions are named for a slow-down that the launches show, and for no other.
    slower = any(check.kind is Kind.CHANGE and check.interval and check.interval[0] > 0 for check in timed)
    return all_said(explain_difference(*live.profiles)) if live.profiles and slower else ()


def _is_slower_than_other(timed: Sequence[Finding]) -> bool:
    # By what the launches show, or by more than the luck of one process.
    return any(
        (check.interval[0] if check.interval else check.observed - LAUNCH_SPREAD) > 0
        for check in timed
        if check.kind is Kind.CHANGE and check.observed is not None
    )
