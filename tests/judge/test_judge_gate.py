"""A whole gate: every bound meets its number, in the order of the axes, and every number is observed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, evidence, timed
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Observation, Outcome
from pytest_speedacc.measure.launches import NEW_GATE, LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said
from pytest_speedacc.stats.sequence import launch_bounds
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
PLAN = (64, 128)
NOTHING = reference_of("no baseline yet")
KNOWN = reference_of(
    "missing",
    accuracy=evidence(0.95),
    parameters=1000,
    model_size=2000,
    memory=100_000,
    memory_band=1024,
    latency={"median": 0.001},
)


def measured(**statics):
    usual = {
        "accuracy": accuracy(0.95),
        "parameters": ParameterCount(1000, {"trees": 3, "leaves": 40}),
        "model_size": 2000,
        "weights": 4096,
        "memory": MemoryPeak(100_000, (100_000, 100_000)),
        "notes": (),
    }
    return Measurement(Statics(**(usual | statics)), timed(np.full(128, 0.001)))


def judged(bounds, measurement=None, reference=KNOWN):
    policy = Policy(tuple(bound(name, value) for name, value in bounds), "exact", 10.0)
    return judge(measurement or measured(), policy, reference, PLAN, 0.01)


EVERY = [
    ("max_memory_increase", "0 %"),
    ("max_memory", "1 MiB"),
    ("max_model_size_increase", "0 %"),
    ("max_model_size", "1 MiB"),
    ("max_parameters_increase", "0 %"),
    ("max_parameters", 1000),
    ("max_latency_p95", "10 ms"),
    ("max_latency", "10 ms"),
    ("max_accuracy_drop", "0 pp"),
    ("min_accuracy", 0.9),
]


def test_checks_come_in_the_order_of_the_axes_limits_first():
    checks = judged(EVERY)
    assert [check.setting for check in checks] == [
        "min_accuracy",
        "max_accuracy_drop",
        "max_latency_p95",
        "max_latency",
        "max_parameters",
        "max_parameters_increase",
        "max_model_size",
        "max_model_size_increase",
        "max_memory",
        "max_memory_increase",
    ]
    assert {check.outcome for check in checks} == {PASSED}


def test_every_setting_that_can_be_written_is_judged():
    available = list(SETTINGS.values())
    bounds = [(setting.name, _example(setting)) for setting in available]
    assert {check.setting for check in judged(bounds)} == {setting.name for setting in available}


def _example(setting):
    return setting.example.strip('"') if '"' in setting.example else float(setting.example.replace("_", ""))


@pytest.mark.parametrize(
    ("limit", "tolerance", "worse"),
    [
        (("max_parameters", 1000), ("max_parameters_increase", "0 %"), {"parameters": ParameterCount(1001)}),
        (("max_model_size", "2 kB"), ("max_model_size_increase", "0 %"), {"model_size": 2001}),
        (("max_memory", "100 kB"), ("max_memory_increase", "0 %"), {"memory": MemoryPeak(101_025, (101_025, 101_025))}),
        (("min_accuracy", 0.95), ("max_accuracy_drop", "0 pp"), {"accuracy": accuracy(0.949)}),
    ],
)
def test_each_axis_meets_its_own_number(limit, tolerance, worse):
    others = [each for each in EVERY if each[0] not in (limit[0], tolerance[0])]
    checks = judged([*others, limit, tolerance], measured(**worse))
    assert {check.setting for check in checks if check.outcome is FAILED} == {limit[0], tolerance[0]}
    assert len(checks) == len(EVERY)


@pytest.mark.parametrize(
    ("peak", "former_band", "outcome"),
    [
        (101_024, 0, INCONCLUSIVE),  # its own band is 1 KiB
        (101_025, 0, FAILED),
        (150_000, 50_000, INCONCLUSIVE),
        (150_001, 50_000, FAILED),
    ],
)
def test_a_peak_has_the_wider_of_the_two_bands(peak, former_band, outcome):
    reference = reference_of("", memory=100_000, memory_band=former_band)
    (check,) = judged([("max_memory_increase", "0 %")], measured(memory=MemoryPeak(peak, (peak, peak))), reference)
    assert check.outcome is outcome
    # Whose band it is that leaves the check open.
    whose = "moves by itself (so the baseline says; here it moved by 1.00 KiB)"
    assert (whose in said(check.reason)) is (former_band > 1024 and outcome is INCONCLUSIVE)


def test_a_limit_knows_only_the_band_that_was_measured():
    reference = reference_of("", memory=100_000, memory_band=100_000)
    (check,) = judged([("max_memory", "100 kB")], measured(memory=MemoryPeak(102_000, (102_000, 102_000))), reference)
    assert check.outcome is FAILED


@pytest.mark.parametrize(
    ("name", "value", "gone"),
    [
        ("max_parameters", 1, "parameters"),
        ("max_parameters_increase", "1 %", "parameters"),
        ("max_model_size", "1 B", "model_size"),
        ("max_memory", "1 GiB", "memory"),
        ("max_memory_increase", "1 %", "memory"),
    ],
)
def test_a_bound_on_what_cannot_be_measured_fails(name, value, gone):
    (check,) = judged([(name, value)], measured(**{gone: Unavailable("it is a function")}))
    assert (check.outcome, check.observed) == (FAILED, None)
    assert said(check.reason) == "cannot be measured here: it is a function"


TOLERANCES = [bound for bound in EVERY if SETTINGS[bound[0]].is_tolerance]


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_tolerance_without_a_baseline_is_not_compared(tolerance):
    (check,) = judged([tolerance], reference=NOTHING)
    assert check.outcome is NOT_COMPARED
    assert check.observed is not None
    assert said(check.reason) == "no baseline yet"


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_tolerance_of_a_gate_that_the_base_lacks_passes(tolerance):
    (check,) = judged([tolerance], reference=reference_of(NEW_GATE, is_new=True))
    assert check.outcome is PASSED
    assert said(check.reason) == NEW_GATE


@pytest.mark.parametrize("source", ["baseline", "base"])
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_reason_names_what_was_compared_with(tolerance, source):
    known = replace(KNOWN, source=source, accuracy=replace(KNOWN.accuracy, source=source))
    (check,) = judged([tolerance], reference=known)
    assert f" against the {source}'s " in said(check.reason)


def test_a_peak_that_the_baseline_lacks_has_a_reason_of_its_own():
    reference = reference_of("missing", parameters=1000, no_memory="another environment")
    checks = judged([("max_memory_increase", "0 %"), ("max_model_size_increase", "0 %")], reference=reference)
    assert {check.setting: said(check.reason) for check in checks} == {
        "max_memory_increase": "another environment",
        "max_model_size_increase": "missing",
    }
    (limit,) = judged([("max_memory", "1 MiB")], reference=reference)
    assert limit.outcome is PASSED


def test_a_latency_tolerance_is_judged_by_launches_where_there_are_some():
    tolerance = ("max_latency_increase", "3 %")
    (stored,) = judged([tolerance])
    assert (stored.outcome, stored.reference) == (NOT_COMPARED, None)
    slower = tuple(PairTimes(0.1 + place % 2 / 1000, 0.01, None, 0, 0.002, 0.001, 0.1) for place in range(6))
    live = LiveComparison(LiveGate(slower, None, None, None, ""), (), 0.001, "0" * 40, SinceBase())
    (check,) = judged([tolerance], reference=reference_of("", live=live))
    assert check.outcome is FAILED
    assert check.observed == pytest.approx(0.105, abs=0.002)


def test_launches_whose_number_was_asked_for_are_judged_by_a_single_look():
    """Those of ``compare``: the same eight pass at once, and are too few for bounds that hold at any number."""
    launches = tuple(PairTimes(0.02 * (-1) ** place, 0.01, None, 0, 1.0, 1.0, 0.1) for place in range(8))
    for once, outcome in ((False, INCONCLUSIVE), (True, PASSED)):
        live = LiveComparison(LiveGate(launches, None, None, None, ""), (), 0.01, "", SinceBase(), once=once)
        (check,) = judged([("max_latency_increase", "2 %")], reference=reference_of("", live=live))
        bounds = launch_bounds([launch.difference for launch in launches], 0.01, once=once)
        assert (check.outcome, check.interval) == (outcome, (math.expm1(bounds.lower), math.expm1(bounds.upper)))


def test_every_axis_is_observed_with_what_it_was():
    rows = {(row.metric, row.statistic): row for row in observe(measured(), KNOWN)}
    assert list(rows) == [
        ("accuracy", ""),
        ("latency", "median"),
        ("latency", "p90"),
        ("latency", "p95"),
        ("latency", "p99"),
        ("parameters", ""),
        ("model_size", ""),
        ("memory", ""),
        ("evaluation", ""),
    ]
    assert (rows["accuracy", ""].observed, rows["accuracy", ""].reference) == (0.95, 0.95)
    assert rows["accuracy", ""].points
    assert rows["latency", "median"].reference == 0.001
    assert rows["latency", "median"].note == "a call of 1 sample, 128 calls"
    assert (rows["latency", "median"].interval, rows["latency", "p95"].reference) == ((0.001, 0.001), None)
    assert (rows["parameters", ""].note, rows["parameters", ""].reference) == ("3 trees, 40 leaves", 1000)
    assert rows["model_size", ""].note == "4.00 KiB of weights in memory"
    assert rows["memory", ""].observed == 100_000


def test_what_could_not_be_measured_is_observed_with_its_reason():
    gone = {"parameters": Unavailable("no"), "model_size": Unavailable("none"), "memory": Unavailable("never")}
    rows = {row.metric: row for row in observe(measured(**gone), NOTHING)}
    assert [(rows[name].observed, rows[name].note) for name in gone] == [(None, "no"), (None, "none"), (None, "never")]


@pytest.mark.parametrize("memory", [MemoryPeak(100_000, (100_000, 100_000), retained=64), Unavailable("never")])
def test_what_stays_of_memory_is_observed_below_its_peak(memory):
    found = measured(memory=memory, retained=4096, parameters=Unavailable("no"))
    rows = [row for row in observe(found, NOTHING) if row.metric == "memory"]
    first = "stays after the set was first predicted: caches, pools, and what was loaded"
    later = "stays after each call, and is no part of the peak of the next"
    assert rows[1] == Observation("memory", "retained", Kind.SIZE, 4096, None, None, first)
    each_call = Observation("memory", "retained a call", Kind.SIZE, 64, None, None, later)
    assert rows[2:] == ([] if isinstance(memory, Unavailable) else [each_call])
    assert (rows[0].statistic, rows[0].observed) == ("", None if isinstance(memory, Unavailable) else 100_000)


def test_calls_timed_in_rounds_are_observed_by_their_median():
    rounds = Measurement(measured().statics, timed(np.full(64, 1e-7), calls_per_round=50))
    rows = [row for row in observe(rounds, NOTHING) if row.metric == "latency"]
    assert [(row.statistic, row.note) for row in rows] == [("median", "a call of 1 sample, 64 rounds of 50 calls")]


def test_a_stored_time_is_told_with_its_day_and_never_beside_the_new_one_as_a_change():
    reference = replace(KNOWN, latency={}, stored_latency={"median": text("1.50 ms on 2026-11-25")})
    median, *others = (row for row in observe(measured(), reference) if row.metric == "latency")
    assert (median.statistic, median.reference) == ("median", None)
    assert median.note.endswith("; stored: 1.50 ms on 2026-11-25")
    assert not any("stored" in row.note for row in others)


EVEN = (0.0, 0.0, 0.0)
RATIOS = (Ratios(1.5, 0.01, 5, EVEN, 0.01), Ratios(1.0, 0.01, 5, EVEN, 0.01))


@pytest.mark.parametrize(
    ("name", "ratios", "outcome", "reason"),
    [
        ("max_stored_latency_increase", RATIOS, FAILED, "5 launches now"),
        ("max_stored_latency_increase", text("nothing of it"), NOT_COMPARED, "nothing of it; or"),
        ("max_stored_latency_increase", (), NOT_COMPARED, "missing; or measure the base revision"),
        ("max_latency_increase", RATIOS, NOT_COMPARED, "stored times cannot tell: measure the base revision"),
        ("max_latency_p95_increase", RATIOS, NOT_COMPARED, "stored times cannot tell"),
    ],
)  # fmt: skip
def test_a_stored_ratio_is_compared_where_a_tolerance_asks_for_it_by_name(name, ratios, outcome, reason):
    (check,) = judged(
        [(name, "20 %")],
        reference=replace(KNOWN, **({"ratios": ratios} if ratios is RATIOS else {"no_ratios": ratios})),
    )
    assert check.outcome is outcome
    assert reason in said(check.reason)
