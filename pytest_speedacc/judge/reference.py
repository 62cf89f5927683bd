"""What a measurement is compared with: a stored baseline, or the base revision run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pytest_speedacc.axes import AXES, amounts_of, own_axes
from pytest_speedacc.axes.axis import statistic_name
from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.axes.units import Kind, Quantity
from pytest_speedacc.baseline import Baseline, SinceBase
from pytest_speedacc.baseline.schema import StoredLatency, StoredRatio
from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.accuracy import PairedEvidence
from pytest_speedacc.judge.of_versions import moved, stored_amount
from pytest_speedacc.judge.outputs import OutputChange, compare_outputs
from pytest_speedacc.judge.pairing import Predictions, pair_all, pair_slices, with_repeats
from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.allocations import Allocations
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.profile import Profile
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.yardstick import VERSION, Ratios
from pytest_speedacc.stats.sequence import mean_and_sd

NO_VERSIONS: Mapping[str, str] = MappingProxyType({})
QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Of a latency, that are told."""


@dataclass(frozen=True, slots=True)
class LiveComparison:
    """The launches of one check, and what they are judged with."""

    gate: LiveGate
    canary: tuple[PairTimes, ...]
    """The base against itself."""
    alpha: float
    """False alarm rate of one check."""
    sha: str
    """The commit that is the base, in full."""
    since: SinceBase
    """What its baseline file says that the base's does not."""
    profiles: tuple[Profile, Profile] | None = None
    """The candidate's and the base's; None where neither was wanted."""
    allocations: tuple[Allocations, Allocations] | None = None
    """What holds the peak in either; None where that was not wanted."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """Digests of what the base was given of this checkout, by path."""
    once: bool = False
    """Whether the launches were as many as was asked for, and are looked at once, as those of ``compare`` are."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of the model's former self; None and empty where nothing is."""

    missing: Reason
    """Why a tolerance cannot be compared, with the command that helps; used where the value is None."""
    accuracy: PairedEvidence | None = None
    slices: Mapping[str, PairedEvidence] = field(default_factory=dict)
    """The same of each slice of the evaluation set whose former score is known."""
    outputs: Mapping[str, OutputChange] = field(default_factory=dict)
    """Of a step, in the place of both: by slice, with all samples under an empty name."""
    amounts: Mapping[str, Amount] = field(default_factory=dict)
    """By axis, those that are plain quantities and are known."""
    absent: Mapping[str, Reason] = field(default_factory=dict)
    """By axis, why it is not known; those that are not there are ``missing``."""
    new_axes: frozenset[str] = frozenset()
    """Axes that the base revision does not have, so that nothing can have got worse on them."""
    latency: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds by statistic, of a model that was timed in this very run."""
    stored_latency: Mapping[str, Reason] = field(default_factory=dict)
    """What was stored of this environment, by statistic, with its day: nothing to compare with."""
    ratios: tuple[Ratios, Ratios] | None = None
    """Today's and the baseline's multiples of the yardstick, in this environment."""
    no_ratios: Reason = ()
    """Why there are none."""
    live: LiveComparison | None = None
    source: str = "baseline"
    """Where it is from, in a word: the ``baseline``, or the ``base`` of a live run."""
    is_new: bool = False
    """Whether the base revision does not have this gate, so that nothing can have got worse."""


def from_baseline(
    stored: Baseline | None,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy | Outputs,
    environment: Environment,
    ratios: Ratios | Reason,
    command: str,
    versions: Mapping[str, str] = NO_VERSIONS,
) -> Reference:
    """The stored baseline with its predictions ``before``; ``command`` is what updates it.

    ``ratios`` are today's to the yardstick, or why there are none. ``versions`` are those of Python and the libraries
    here, and without them nothing that holds for versions only is compared.
    """
    if stored is None:
        return Reference(because("no baseline", command=command))
    record = stored.environments.get(environment.key)
    times = record.latency if record else None
    former = record.yardstick if record else None
    incomparable: Reason = ()
    other_batches = False
    if record is None:
        known = [_known(other.environment, environment) for other in stored.environments.values()]
        incomparable = because("other environment", known=known or [because("text", text="none")], command=command)
    elif times and times.batch_size != subject.batch_size:
        incomparable = because("batches", then=times.batch_size, now=subject.batch_size, command=command)
        times, other_batches = None, True
    elif times and times.concurrency != subject.concurrency:
        incomparable = because("concurrency", then=times.concurrency, now=subject.concurrency, command=command)
        times = None
    amounts: dict[str, Amount] = {}
    absent: dict[str, Reason] = {}
    for axis in AXES.values():
        if axis.per_versions:
            found = stored_amount(axis, stored, versions, subject.batch_size, command)
            if isinstance(found, Amount):
                amounts[axis.name] = found
            else:
                absent[axis.name] = found
            continue
        amount = axis.former_in(stored, record)
        if amount is not None and (other := axis.other_scale(amount)):
            absent[axis.name] = because("other scale", other=other, command=command)
        elif amount is not None and not (axis.per_call and other_batches):
            amounts[axis.name] = amount
        elif axis.per_environment:
            nothing = "no peak" if axis is MEMORY else "no axis"
            absent[axis.name] = incomparable or because(nothing, axis=axis.title, command=command)
    score, then = stored.accuracy, incomparable or _former_ratios(ratios, former, command)
    reference = Reference(
        missing=because("not held", command=command),
        amounts=amounts,
        absent=absent,
        ratios=(ratios, then) if isinstance(ratios, Ratios) and isinstance(then, Ratios) else None,
        no_ratios=() if isinstance(then, Ratios) else then,
        stored_latency=_stored_latency(times, record.date) if record and times else {},
    )
    former_score = (score.value, score.spread, score.repeats) if score else None
    return _paired(reference, former_score, record is not None, before, subject, accuracy)


def _paired(
    reference: Reference,
    score: tuple[float, float, int] | None,
    same_environment: bool,
    before: Predictions | None,
    subject: Subject,
    accuracy: Accuracy | Outputs,
) -> Reference:
    """The reference with what became of the score, or of a step's outputs, of all samples and of every slice.

    ``score`` is the former one, its standard deviation over seeds, and their number; None where it is not known.
    """
    if isinstance(accuracy, Outputs):
        return replace(reference, outputs=compare_outputs(before, subject, accuracy, same_environment))
    if score is None:
        return reference
    value, spread, repeats = score
    whole = pair_all(value, same_environment, before, subject, accuracy, reference.source)
    slices = pair_slices(same_environment, before, subject, accuracy, reference.source)
    return replace(reference, accuracy=with_repeats(whole, spread, repeats), slices=slices)


def _stored_latency(times: StoredLatency, date: str) -> dict[str, Reason]:
    """As what it was: seconds of one day, which tell nothing of another's."""
    stored = {name: getattr(times, name) for name in map(statistic_name, QUANTILES)}
    return {
        name: because("of a day", time=Quantity(time, Kind.TIME), day=date[:10])
        for name, time in stored.items()
        if time is not None
    }


def _known(other: Environment, here: Environment) -> Reason:
    name, unlike = because("text", text=other.describe()), other.unlike(here)
    return name + because("unlike", what=unlike) if unlike else name


def _former_ratios(now: Ratios | Reason, then: StoredRatio | None, command: str) -> Ratios | Reason:
    """The baseline's, or why there are no two to compare."""
    if then is None:
        return because("no ratio", command=command)
    if then.version != VERSION:
        return because("other yardstick", then=then.version, now=VERSION, command=command)
    if then.parts is None:
        return because("no parts", command=command)
    if not isinstance(now, Ratios):
        return now
    return Ratios(then.log_ratio, then.spread, then.launches, then.parts, then.parts_spread)


def from_live(
    comparison: LiveComparison,
    subject: Subject,
    accuracy: Accuracy | Outputs,
    base: str,
    versions: Mapping[str, str] = NO_VERSIONS,
) -> Reference:
    """The base revision, as its own worker measured it; ``base`` names it. ``versions`` as for ``from_baseline``."""
    gate, facts = comparison.gate, comparison.gate.base
    if gate.is_new:
        return Reference(because("new gate"), live=comparison, source="base", is_new=True)
    if facts is None:
        return Reference(because("not compared", base=base, problem=gate.problem), live=comparison, source="base")
    score, direction = (None, None) if isinstance(accuracy, Outputs) else (accuracy.score, accuracy.greater_is_better)
    comparable = (facts.fingerprint, facts.score, facts.greater_is_better) == (subject.fingerprint, score, direction)
    absent: dict[str, Reason] = {}
    if facts.batch_size != subject.batch_size:
        why = because("batches of base", then=facts.batch_size, now=subject.batch_size)
        absent = {axis.name: why for axis in AXES.values() if axis.per_call}
    if changed := moved(facts.versions, versions):
        why = because("versions of base", changed=[*changed])
        absent |= {axis.name: why for axis in AXES.values() if axis.per_versions}
    absent |= {
        name: because("scale of base", base=base, other=other)
        for name, amount in facts.amounts.items()
        if name in AXES and (other := AXES[name].other_scale(amount))
    }
    reference = Reference(
        missing=because("base lacks" if comparable else "other task", base=base),
        amounts={name: amount for name, amount in facts.amounts.items() if name not in absent},
        absent=absent,
        new_axes=frozenset(axis.name for axis in own_axes()).difference(facts.own_axes),
        live=comparison,
        source="base",
    )
    if not comparable:
        return reference
    former_score = None if facts.value is None else (facts.value, _spread(facts.scores), len(facts.scores))
    return _paired(reference, former_score, True, gate.base_predictions, subject, accuracy)


def from_other(
    other: Measurement, accuracy: Accuracy | Outputs, subject: Subject, launches: Sequence[PairTimes], alpha: float
) -> Reference:
    """Another model, measured in the same test on the same samples; ``launches`` timed both in turn."""
    statics, latency = other.statics, other.latency
    scored = statics.accuracy if isinstance(statics.accuracy, Accuracy) else None
    gate = LiveGate(tuple(launches), None, None, None, "")
    reference = Reference(
        missing=because("other lacks"),
        amounts=amounts_of(statics),
        latency={statistic_name(q): latency.quantile(q) for q in (QUANTILES if latency.has_tail else QUANTILES[:1])},
        live=LiveComparison(gate, (), alpha, "", SinceBase(), once=True) if launches else None,
        source="other",
    )
    score = None if scored is None else (scored.value, _spread(scored.scores), len(scored.scores))
    return _paired(reference, score, True, statics.accuracy.predictions, subject, accuracy)


def _spread(scores: Sequence[float]) -> float:
    return mean_and_sd(scores)[1] if scores else 0.0
