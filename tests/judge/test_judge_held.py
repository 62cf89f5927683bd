"""The baseline file in a live run: the stricter answer stands, times aside; what is shared and differs is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, evidence, timed
from msgspec import UNSET
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.baseline import Baseline, SinceBase
from pytest_speedacc.baseline.schema import SCHEMA, EvaluationSet, Updated
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.held import is_held, shared_notes, stricter
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Slice, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.sentences import all_said, said
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
HELD = "held against the baseline file as well: "
STATICS = Statics(accuracy(0.95), ParameterCount(1000), 2000, None, MemoryPeak(100_000, (100_000, 100_000)), ())
EVERY = {
    "max_accuracy_drop": "1 pp",
    "max_parameters_increase": "0 %",
    "max_model_size_increase": "0 %",
    "max_memory_increase": "0 %",
    "max_parameters": 2000,
    "max_latency_increase": "3 %",
}
SAME = {"accuracy": evidence(0.95), "parameters": 1000, "model_size": 2000, "memory": 100_000}


def live(ratio=1.0):
    difference = float(np.log(ratio))
    launches = tuple(PairTimes(difference + place % 2 / 1000, 0.01, None, 0, 0.002, 0.002, 0.1) for place in range(8))
    return LiveComparison(LiveGate(launches, None, None, None, ""), (), 0.001, "0" * 40, SinceBase())


def answers(base, own, *, ratio=1.0, bounds=EVERY, trades=(), statics=STATICS, accepted=""):
    """The checks of a live run beside ``base`` once ``own``, the baseline file, has been asked, by setting."""
    policy = Policy(
        tuple(bound(*each) for each in bounds.items()), "exact", 10.0, {}, parse_trades(list(trades), "x: trades")
    )
    measurement = Measurement(statics, timed(np.full(128, 0.001)))
    comparison = live(ratio)
    against = reference_of("", **base, live=comparison, source="base")
    checks = tuple(replace(check, accepted=accepted) for check in judge(measurement, policy, against, (64, 128), 0.001))
    held = text(own) if isinstance(own, str) else reference_of("missing", **own)
    found = stricter(checks, measurement, policy, held, comparison, 0.001)
    assert [check.place for check in found] == [check.place for check in checks]
    for before, now in zip(checks, found, strict=True):
        assert now.outcome >= before.outcome
        assert now == before or said(now.reason).startswith(HELD) or isinstance(own, str)
    return {check.setting if not check.slice else check.place: check for check in found}


@pytest.mark.parametrize(
    ("worse", "setting"),
    [
        ({"accuracy": evidence(0.97)}, "max_accuracy_drop"),
        ({"parameters": 900}, "max_parameters_increase"),
        ({"model_size": 1999}, "max_model_size_increase"),
        ({"memory": 90_000}, "max_memory_increase"),
    ],
)
def test_what_the_file_says_is_worse_fails_though_the_base_is_no_better(worse, setting):
    found = answers(SAME, SAME | worse, accepted=text("+10 %"))
    assert {name for name, check in found.items() if check.outcome is FAILED} == {setting}
    assert said(found[setting].reason).startswith(HELD)
    assert " against the baseline's " in said(found[setting].reason)
    assert said(found[setting].accepted) == "+10 %"
    assert is_held(tuple(found.values()))
    # And the other way round: the base's answer stands.
    found = answers(SAME | worse, SAME)
    assert {name for name, check in found.items() if check.outcome is FAILED} == {setting}
    assert not is_held(tuple(found.values()))


def test_what_the_file_cannot_tell_is_less_than_a_failure_and_more_than_a_pass():
    found = answers(SAME, SAME | {"memory": 99_500})
    assert found["max_memory_increase"].outcome is INCONCLUSIVE
    assert said(found["max_memory_increase"].reason).startswith(HELD)
    assert answers(SAME | {"memory": 90_000}, SAME | {"memory": 99_500})["max_memory_increase"].outcome is FAILED


def test_of_what_the_file_does_not_hold_it_says_nothing():
    found = answers(SAME, {})
    assert {check.outcome for check in found.values()} == {PASSED}


def test_a_time_is_the_base_s_alone_whatever_the_file_says():
    own = SAME | {
        "ratios": tuple(Ratios(mean, 0.01, 5, (0.0, 0.0, 0.0), 0.01) for mean in (2.0, 1.0)),
        "latency": {"median": 1e-6},
    }
    assert answers(SAME, own)["max_latency_increase"].outcome is PASSED
    assert answers(SAME, own, ratio=1.2)["max_latency_increase"].outcome is FAILED
    assert not said(answers(SAME, own, ratio=1.2)["max_latency_increase"].reason).startswith(HELD)


def test_a_slice_is_held_too():
    night = Slice(np.array([True, False]), accuracy(0.8))
    statics = replace(STATICS, slices={"night": night})
    slices = {"slices": {"night": evidence(0.8)}}
    found = answers(SAME | slices, SAME | {"slices": {"night": evidence(0.9)}}, statics=statics)
    assert found["max_accuracy_drop", "night"].outcome is FAILED
    assert found["max_accuracy_drop"].outcome is PASSED


def test_a_file_that_cannot_be_compared_with_fails_what_is_held_with_its_reason():
    found = answers(SAME, "the evaluation set is not the one of the baseline")
    failed = {name for name, check in found.items() if check.outcome is FAILED}
    assert failed == {name for name in EVERY if name.endswith(("increase", "drop"))} - {"max_latency_increase"}
    assert said(found["max_accuracy_drop"].reason) == f"{HELD}the evaluation set is not the one of the baseline"
    assert (found["max_accuracy_drop"].observed, found["max_accuracy_drop"].reference) == (0.95, 0.95)


@pytest.mark.parametrize(
    ("ratio", "former", "outcome"),
    [
        (0.5, 0.954, PASSED),  # the gain of time is that of the live run,
        (0.9, 0.954, FAILED),  # which it must be,
        (0.5, 0.96, FAILED),  # and what is given is counted from the file
    ],
)
def test_a_trade_holds_beside_the_file_too(ratio, former, outcome):
    trade = {"give": {"accuracy": "0.5 pp"}, "gain": {"latency": "30 %"}}
    bounds = {"max_accuracy_drop": "0.1 pp", "max_latency_increase": "3 %"}
    own = SAME | {"accuracy": evidence(former)}
    assert answers(SAME, own, ratio=ratio, bounds=bounds, trades=[trade])["max_accuracy_drop"].outcome is outcome


def digest(letter):
    return "sha256:" + letter * 64


def stored(shared):
    return Baseline(
        schema=SCHEMA,
        test="t",
        name="",
        updated=Updated(commit=None, date="", reason=""),
        evaluation_set=EvaluationSet(samples=1, fingerprint=digest("0")),
        accuracy=None,
        parameters=None,
        model_size=None,
        versions={},
        predictions=None,
        shared=shared,
        environments={},
    )


A, B = f"sha256 {'a' * 12}", f"sha256 {'b' * 12}"


@pytest.mark.parametrize(
    ("then", "now", "notes"),
    [
        (UNSET, {"data": digest("a")}, []),  # a file from before anybody wrote this down
        ({}, {}, []),
        ({"data": digest("a")}, {"data": digest("a")}, []),
        (
            {"data": digest("a")},
            {"data": digest("b")},
            [
                f"data is not what the baseline was made with ({A} then, {B} now), and the base runs with it as it is "
                "now: a time that it changes is the same on both sides"
            ],
        ),
        (
            {"data": digest("a")},
            {},
            [f"data ({A}), which the baseline was made with, is not shared with the base in this run"],
        ),
        (
            {},
            {"data": digest("b")},
            [f"data ({B}) is shared with the base, and was not when the baseline was made"],
        ),
    ],
)
def test_what_is_shared_and_differs_is_told(then, now, notes):
    assert list(all_said(shared_notes(stored(then), now))) == notes


def test_all_that_is_shared_and_differs_is_told_in_order():
    found = list(
        all_said(shared_notes(stored({"b": digest("a"), "same": digest("a")}), {"a": digest("b"), "same": digest("a")}))
    )
    assert [note.partition(" ")[0] for note in found] == ["a", "b"]
