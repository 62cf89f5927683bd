"""What a gate is compared with: the baseline file, as it is and as this change leaves it, with a base or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_speedacc.baseline import Baseline, check_agreement, load_baseline
from pytest_speedacc.check.baseline_file import read_predictions, update_command
from pytest_speedacc.check.case import Case
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.accepted import accept_by_file
from pytest_speedacc.judge.held import UNREPLACED, stricter
from pytest_speedacc.judge.reference import LiveComparison, Reference, from_baseline
from pytest_speedacc.judge.repeats import Former, Repeated, is_decided
from pytest_speedacc.judge.verdict import Finding, Reason, because
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.stats.sequence import mean_and_sd


def decides_enough(case: Case, old: Baseline | None) -> Callable[[Sequence[float]], bool]:
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


def wants_ratio(policy: Policy) -> bool:
    """Whether a gate asks by name that its time is compared with what is stored, as a multiple of the yardstick."""
    return any(bound.setting.by_yardstick for bound in policy.bounds)


def ratios_of(case: Case, old: Baseline | None, writes: bool, environment: Environment) -> Ratios | Reason:
    """Today's ratios to the yardstick where they are written or compared, else why there are none."""
    record = old.environments.get(environment.key) if old else None
    compared = case.live is None and record is not None and record.yardstick is not None
    if not wants_ratio(case.policy) or not (writes or compared):
        return ()
    try:
        return case.ratios()
    except GateError as error:
        return because("unmeasured ratio", error=str(error))


def from_file(
    case: Case,
    stored: Baseline | None,
    fresh: bool,
    measurement: Measurement,
    environment: Environment,
    ratios: Ratios | Reason,
) -> Reference:
    """What a baseline file holds; ``fresh`` where it is of this very measurement. Raises GateError where it cannot be
    read, or is of another task."""
    accuracy, command = measurement.statics.accuracy, update_command(case)
    before = accuracy.predictions if fresh else read_predictions(case, stored) if stored else None
    if stored is not None:
        check_same_task(stored, case.subject, accuracy, command)
    reference = from_baseline(stored, before, case.subject, accuracy, environment, ratios, command, library_versions())
    if stored is not None and not fresh:
        check_agreement(case.path, stored, before, case.subject)
    return reference


def check_same_task(stored: Baseline, subject: Subject, now: Accuracy | Outputs, command: str) -> None:
    """Raises GateError for a baseline of another evaluation set or score; ``command`` is what updates it."""
    accept = f'If the change is meant: {command} --speedacc-reason="why"'
    if problem := _score_or_none(stored, now):
        raise GateError(f"{problem}. {accept}")
    if stored.evaluation_set.fingerprint != subject.fingerprint:
        what = "outputs" if isinstance(now, Outputs) else "scores"
        raise GateError(
            f"the evaluation set is not the one of the baseline ({subject.samples} samples now, "
            f"{stored.evaluation_set.samples} then): {what} on different samples cannot be compared. {accept}"
        )
    then = stored.accuracy
    if then is None or isinstance(now, Outputs):
        return
    if (then.score, then.greater_is_better) != (now.score, now.greater_is_better):
        was, here = (
            f"{each.score!r} ({'higher' if each.greater_is_better else 'lower'} is better)" for each in (then, now)
        )
        raise GateError(f"the baseline holds the score {was} and this gate asks for {here}. {accept}")


def _score_or_none(stored: Baseline, now: Accuracy | Outputs) -> str:
    """Why a baseline is not of this kind of gate, one with a score or a step; empty where it is."""
    then = stored.accuracy
    if isinstance(now, Outputs):
        return f"the baseline holds the score {then.score!r} and this gate asks for none" if then else ""
    is_of_step = then is None and stored.predictions is not None
    return f"the baseline is of score=None and this gate asks for {now.score!r}" if is_of_step else ""


def standing(
    case: Case, measurement: Measurement, environment: Environment, ratios: Ratios | Reason
) -> tuple[Baseline | None, Reference]:
    """What the file holds that an update leaves as it is; where that cannot be compared, the reference says why."""
    try:
        stored = load_baseline(case.path, case.filed, case.name)
        return stored, from_file(case, stored, False, measurement, environment, ratios)
    except GateError as error:
        return None, Reference(because("text", text=str(error)))


def after_file(
    case: Case,
    live: LiveComparison,
    checks: tuple[Finding, ...],
    stored: Baseline,
    fresh: bool,
    measurement: Measurement,
    environment: Environment,
) -> tuple[Finding, ...]:
    """The checks after what this change says in the baseline file, which its reviewer reads."""
    renewed = live.since.renewed(stored, environment.key)
    if renewed is None:
        return checks
    try:
        own = from_file(case, renewed, fresh, measurement, environment, ())
    except GateError:
        # Of another evaluation set, or damaged: it accepts nothing.
        return checks
    return accept_by_file(checks, measurement, case.policy, own, stored.updated.reason)


def held(
    case: Case,
    live: LiveComparison,
    checks: tuple[Finding, ...],
    stored: Baseline | None,
    measurement: Measurement,
    environment: Environment,
) -> tuple[Finding, ...]:
    """The checks, with what does not come from time held against the baseline file as well as against the base.

    Against the base's own file, too, where this checkout's was changed by hand, is gone, or has nothing of an axis.
    """
    policy, accuracy, command = case.policy, measurement.statics.accuracy, update_command(case)
    own: Reference | Reason
    if stored is not None:
        try:
            own = from_file(case, stored, False, measurement, environment, ())
        except GateError as error:
            own = because("text", text=str(error))
        checks = stricter(checks, measurement, policy, own, live, live.alpha)
    scored = case.subject.score is not None
    if (left := live.since.unreplaced(stored, environment.key, scored=scored)) is not None:
        try:
            check_same_task(left, case.subject, accuracy, command)
            own = from_baseline(
                left, live.since.predictions, case.subject, accuracy, environment, (), command, library_versions()
            )
        except GateError as error:
            own = because("text", text=str(error))
        checks = stricter(checks, measurement, policy, own, live, live.alpha, UNREPLACED)
    return checks
