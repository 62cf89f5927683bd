"""Why a verdict is what it is: a profile, or the allocations of the peak, where something asks, beside former ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_speedacc.baseline import Baseline, StoredProfile
from pytest_speedacc.baseline.record import record_profile
from pytest_speedacc.case import Case
from pytest_speedacc.config.units import Kind
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.allocated import explain_allocations, explain_growth
from pytest_speedacc.judge.explain import explain_difference, explain_stored, explain_time, other_versions
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.stages import explain_waiting
from pytest_speedacc.judge.verdict import Check, Outcome
from pytest_speedacc.measure.allocations import find_allocations
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.profile import Profile, attempt_profile, profiled_calls

MOST_TIMES = 10
"""The usual number of calls, that a profile beside the baseline's may take."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What accounts for the time or the memory of a gate."""

    beside: str = ""
    """Whose profile the lines compare with: the ``base``'s, the ``baseline``'s; empty for a profile by itself."""
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Files that were written, and why something is missing."""
    stored: StoredProfile | None = None
    """For the baseline that is written; None where there is none, or nothing bounds the latency."""


def explain(
    case: Case, checks: tuple[Check, ...], measurement: Measurement, stored: Baseline | None, writes: bool
) -> Explanation:
    """Explain the latency of a gate, function by function, and profile it for the baseline that is written.

    A gate that is fast enough is not explained, unless profiles are asked for. What goes wrong is a note: nothing here
    changes a verdict.
    """
    timed = [check for check in checks if check.metric == "latency"]
    failed = any(check.outcome is Outcome.FAILED for check in timed)
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
            notes = (*notes, f"call counts are not compared with those of the baseline's profile: {', '.join(changed)}")
        if lines := explain_stored(profile, former, not changed):
            return Explanation("baseline", lines, notes)
    if not failed and not case.run.profiles:
        return Explanation("", (), notes, kept)
    waits = measurement.waiting
    waiting = explain_waiting(waits, measurement.latency.median) if waits else ()
    return Explanation("", (*waiting, *explain_time(profile)), notes, kept)


def explain_memory(case: Case, checks: tuple[Check, ...]) -> Explanation:
    """Who holds the peak where a check on memory fails: what grew beside the base, where something did."""
    # A peak that was not measured fails its bound as well, and nobody holds it.
    if all(
        check.outcome is not Outcome.FAILED or check.observed is None for check in checks if check.metric == "memory"
    ):
        return Explanation()
    if case.live is not None and case.live.allocations and (grown := explain_growth(*case.live.allocations)):
        return Explanation(lines=grown)
    try:
        with case.subject.adapter.running(case.subject.model):
            return Explanation(lines=explain_allocations(find_allocations(case.subject, case.run.root)))
    except GateError as error:
        return Explanation(notes=(str(error),))


def _former(case: Case, stored: Baseline | None) -> StoredProfile | None:
    """The baseline's profile, of calls like these."""
    profile = stored.profile if stored is not None else None
    return profile if profile and profile.batch_size == case.subject.batch_size else None


def _profile(case: Case, seconds: float, former: StoredProfile | None) -> tuple[Profile | None, tuple[str, ...]]:
    """A profile of this process, of as many calls as the ``former`` one, and what there is to say of it."""
    run = case.run
    usual = profiled_calls(seconds)
    # Of a model that is many times slower now, fewer.
    calls = min(former.calls, MOST_TIMES * usual) if former else usual
    # In a live run the files are those of the workers.
    save = run.profiles / case.path.stem if run.profiles is not None and case.live is None else None
    with case.subject.adapter.running(case.subject.model):
        profile, problem = attempt_profile(case.subject.workload(), calls, run.root, clock=run.clock, save=save)
    if profile is None:
        return None, (problem,)
    return profile, (f"wrote {save}.pstat and {save}.callgrind",) if save is not None else ()


def _slower_than_base(live: LiveComparison, timed: Sequence[Check]) -> tuple[str, ...]:
    # Two processes differ by luck. Functions are named for a slow-down that the launches show, and for no other.
    slower = any(check.kind is Kind.CHANGE and check.interval and check.interval[0] > 0 for check in timed)
    return explain_difference(*live.profiles) if live.profiles and slower else ()
