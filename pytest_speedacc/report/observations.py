"""Every axis as it was measured, whether or not anything bounds it."""

from __future__ import annotations

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.axis import Axis, Comparison, statistic_name
from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.axes.units import Kind, format_seconds
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import Part
from pytest_speedacc.judge.reference import QUANTILES, Reference
from pytest_speedacc.judge.verdict import Observation
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.waiting import Waiting
from pytest_speedacc.report.sentences import said


def observe(measurement: Measurement, reference: Reference) -> tuple[Observation, ...]:
    """Every axis as it was measured, with its former value beside it, whether or not anything bounds it."""
    statics = measurement.statics
    return (
        *_observe_part(Part("", statics.accuracy, statics.confidence, None, reference.accuracy)),
        *_observe_latency(measurement, reference),
        *_observe_waiting(measurement.waiting),
        *(row for axis in AXES.values() for row in _observe_amount(axis, measurement, reference)),
        Observation("evaluation", "", Kind.TIME, statics.evaluation_seconds, None, None, "all samples predicted once"),
        *(
            row
            for name, own in statics.slices.items()
            for row in _observe_part(Part(name, own.accuracy, statics.confidence, own.mask, reference.slices.get(name)))
        ),
    )


def _observe_amount(axis: Axis, measurement: Measurement, reference: Reference) -> list[Observation]:
    """A plain quantity, of all samples and of each slice that has its own; and what stays of memory, below its peak."""
    if axis.compared not in (Comparison.AMOUNT, Comparison.ONE_TIMING):
        return []
    found, former = axis.found_in(measurement.statics), reference.amounts.get(axis.name)
    was = former.value if former else None
    if isinstance(found, Unavailable):
        row = Observation(axis.name, "", axis.unit, None, None, was, found.reason)
        return [] if axis.is_optional else [row, *(observe_retained(measurement.statics) if axis is MEMORY else ())]
    better = axis.higher_is_better
    rows = [Observation(axis.name, "", axis.unit, found.value, None, was, found.note, higher_is_better=better)]
    for name, value in found.slices.items():
        was = former.slices.get(name) if former else None
        rows.append(Observation(axis.name, "", axis.unit, value, None, was, "", slice=name, higher_is_better=better))
    return [*rows, *(observe_retained(measurement.statics) if axis is MEMORY else ())]


def _observe_part(part: Part) -> list[Observation]:
    """The score of all samples or of a slice, and how sure the model is of them where that is known."""
    rows, of = [], part.accuracy
    former = part.evidence.reference if part.evidence else None
    if isinstance(of, Accuracy):
        score = ("accuracy", "", Kind.SCORE, of.value, None, former, of.score)
        rows.append(Observation(*score, of.within_unit, part.name, of.greater_is_better))
    if not isinstance(part.confidence, Unavailable):
        mean, note = part.confidence.mean(part.mask), "mean of the largest probability"
        rows.append(Observation("confidence", "", Kind.SCORE, mean, None, None, note, True, part.name, True))
    return rows


def observe_retained(statics: Statics) -> list[Observation]:
    """What stays, where anything does: after the first pass over the set, and after each further call."""
    memory, rows = statics.memory, []
    if statics.retained:
        note = "stays after the set was first predicted: caches, pools, and what was loaded"
        rows.append(Observation("memory", "retained", Kind.SIZE, statics.retained, None, None, note))
    if isinstance(memory, MemoryPeak) and memory.retained:
        note = "stays after each call, and is no part of the peak of the next"
        rows.append(Observation("memory", "retained a call", Kind.SIZE, memory.retained, None, None, note))
    return rows


def _observe_latency(measurement: Measurement, reference: Reference) -> list[Observation]:
    latency = measurement.latency
    batch = f"a call of {latency.batch_size} sample{'s' if latency.batch_size > 1 else ''}"
    observations = f"{latency.calls} " + ("calls" if latency.has_tail else f"rounds of {latency.calls_per_round} calls")
    load = f", {latency.concurrency} in flight" if latency.concurrency > 1 else ""
    first = "" if measurement.first_call is None else f", the first of all {format_seconds(measurement.first_call)}"
    warm = f" after {measurement.untimed_calls} untimed ones{first}" if measurement.untimed_calls else ""
    rows = []
    for q in QUANTILES if latency.has_tail else QUANTILES[:1]:
        name = statistic_name(q)
        stored = f"; stored: {said(reference.stored_latency[name])}" if name in reference.stored_latency else ""
        note = f"{batch}, {observations}{warm}{load}{stored}"
        former = reference.latency.get(name)
        rows.append(Observation("latency", name, Kind.TIME, latency.quantile(q), latency.interval(q), former, note))
    if latency.concurrency > 1:
        rate, note = latency.throughput, f"samples a second{load}"
        rows.append(Observation("throughput", "", Kind.RATE, rate, None, None, note, higher_is_better=True))
    return rows


def _observe_waiting(waiting: Waiting | None) -> list[Observation]:
    if waiting is None:
        return []
    parts = (
        ("own code", waiting.own, "in the thread of the event loop"),
        ("loop turn", waiting.turn, "ready to go on, and the loop busy with something else"),
        ("awaited", waiting.other, "for what it awaits"),
    )
    return [
        Observation("latency", name, Kind.TIME, seconds, None, None, f"mean of a call: {note}")
        for name, seconds, note in parts
        if seconds is not None
    ]
