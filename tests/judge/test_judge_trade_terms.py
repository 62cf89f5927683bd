"""Every term of a trade at its bound: what is given, what is gained, and what is told of either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound, error, evidence, timed
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import add_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.trades import allowed_by_trade, excused
from pytest_speedacc.judge.verdict import Leg, Outcome, TradeSum
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Slice, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.report.sentences import said, told_trade
from pytest_speedacc.stats.paired import Interval
from tests.values import text

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
NO = Unavailable("it is a function")
SURE = Interval(0.1, 0.1, 0.2)
"""Of a gain of score that no evidence doubts; lower is better with the signs turned."""
SURE_ERROR = Interval(-5.0, -6.0, -5.0)
R2 = accuracy(0.8, score="r2", within_unit=False)


def peak(size):
    return MemoryPeak(size, (size, size))


def traded(bounds, trade, statics=None, known=None, *, slices=None):
    """The checks by place and the sums, of a model that is as before but for ``statics``."""
    usual = Statics(accuracy(0.95), ParameterCount(1000), 2000, None, peak(100_000), ())
    measurement = Measurement(replace(usual, **(statics or {})), timed(np.full(128, 0.001)))
    before = {"accuracy": evidence(0.95, difference=SURE), "parameters": 1000, "model_size": 2000, "memory": 100_000}
    known = before | (known or {})
    own = known.pop("own", {})
    reference = reference_of("missing", **known)
    reference = replace(reference, amounts=reference.amounts | own)
    policy = Policy(
        tuple(bound(*each) for each in bounds.items()),
        "exact",
        10.0,
        slices or {},
        parse_trades([{"give": give, "gain": gain} for give, gain in trade], "[tool.speedacc]: trades"),
    )
    checks = judge(measurement, policy, reference, (64, 128), 0.001)
    found, sums = excused(checks, measurement, policy, reference, 0.001)
    return {check.place: check for check in found}, tuple(map(told_trade, sums))


def gained(axis, amount, statics=None, known=None):
    """The leg of a gain, for which half of the memory again is given."""
    grown = {"memory": peak(150_000)} | (statics or {})
    checks, (found,) = traded({"max_memory_increase": "0 %"}, [({"memory": "100 %"}, {axis: amount})], grown, known)
    (leg,) = found.gained
    assert found.given[0].holds
    assert (leg.axis, leg.wanted) == (axis, str(amount))
    assert checks["max_memory_increase", ""].outcome is (PASSED if leg.holds else FAILED)
    return leg


@pytest.mark.parametrize(
    ("axis", "amount", "now", "former", "holds"),
    [
        ("accuracy", "1 pp", accuracy(0.96), 0.95, True),
        ("accuracy", "1 pp", accuracy(0.9599), 0.95, False),
        ("accuracy", "2 %", accuracy(0.9691), 0.95, True),
        ("accuracy", "2 %", accuracy(0.9689), 0.95, False),
        ("accuracy", "20 %", accuracy(0.49), 0.4, True),
        ("accuracy", "20 %", accuracy(0.47), 0.4, False),
        ("accuracy", 0.5, error(9.5), 10.0, True),
        ("accuracy", 0.5, error(9.6), 10.0, False),
        ("accuracy", 0.5, error(10.5), 10.0, False),
        ("error", "10 %", accuracy(0.9551), 0.95, True),
        ("error", "10 %", accuracy(0.9549), 0.95, False),
        ("error", "10 %", error(9.0), 10.0, True),
        ("error", "10 %", error(9.1), 10.0, False),
    ],
)
def test_a_gain_of_score(axis, amount, now, former, holds):
    known = evidence(former, difference=SURE if now.greater_is_better else SURE_ERROR)
    leg = gained(axis, amount, {"accuracy": now}, {"accuracy": known})
    assert leg.holds is holds
    change = now.value - former
    assert leg.observed.startswith(f"{change * 100:+.3g} pp" if now.within_unit else f"{change:+.3g}")


@pytest.mark.parametrize(
    ("axis", "amount", "now", "why"),
    [
        ("accuracy", "1 pp", error(1.0), "cannot be told in points"),
        ("accuracy", 0.5, accuracy(0.99), "cannot be told in its own unit"),
        ("error", "10 %", R2, "the score 'r2' has no error beside it: trade accuracy"),
    ],
)
def test_a_gain_that_a_score_cannot_have(axis, amount, now, why):
    leg = gained(axis, amount, {"accuracy": now}, {"accuracy": evidence(0.5, difference=SURE)})
    assert (leg.observed, leg.holds) == (why, False)


@pytest.mark.parametrize(
    ("axis", "now", "holds", "observed"),
    [
        ("parameters", {"parameters": ParameterCount(500)}, True, "-50 %"),
        ("parameters", {"parameters": ParameterCount(501)}, False, "-49.9 %"),
        ("model_size", {"model_size": 1000}, True, "-50 %"),
        ("model_size", {"model_size": 1001}, False, "-50 %"),
    ],
)
def test_a_gain_of_an_amount(axis, now, holds, observed):
    leg = gained(axis, "50 %", now)
    assert (leg.holds, leg.observed) == (holds, observed)


@pytest.mark.parametrize(
    ("now", "band", "observed", "holds"),
    [
        (48_976, 0, "-51 %", True),  # with its own band of 1 KiB it is half of what it was
        (48_977, 0, "-51 %, which is not shown", False),
        (50_000, 0, "-50 %, which is not shown", False),
        (50_001, 0, "-50 %", False),
        (45_904, 4096, "-54.1 %", True),
        (45_905, 4096, "-54.1 %, which is not shown", False),
    ],
)
def test_a_gain_of_memory_is_shown_beyond_the_wider_band(now, band, observed, holds):
    checks, (found,) = traded(
        {"max_parameters_increase": "0 %"},
        [({"parameters": "100 %"}, {"memory": "50 %"})],
        {"parameters": ParameterCount(1500), "memory": peak(now)},
        {"memory_band": band},
    )
    assert found.gained == (Leg("memory", "50 %", observed, holds),)
    assert checks["max_parameters_increase", ""].outcome is (PASSED if holds else FAILED)


@pytest.mark.parametrize(
    ("now", "observed", "holds"),
    [(6.25, "+56.2 %", True), (6.24, "+56 %, which is not shown", False), (5.99, "+49.8 %", False)],
)
def test_more_of_what_is_better_higher_is_a_gain(now, observed, holds):
    take_back = add_axes([Axis("margin", better="higher")], "a test")
    try:
        leg = gained("margin", "50 %", {"metrics": {"margin": Amount(now, 0.25)}}, {"own": {"margin": Amount(4.0)}})
    finally:
        take_back()
    assert (leg.observed, leg.holds) == (observed, holds)


@pytest.mark.parametrize(
    ("axis", "amount", "statics", "known"),
    [
        ("accuracy", "1 pp", {"accuracy": accuracy(0.99)}, {"accuracy": None}),
        ("parameters", "50 %", {"parameters": NO}, {}),
        ("parameters", "50 %", {"parameters": ParameterCount(1)}, {"parameters": None}),
        ("model_size", "50 %", {"model_size": NO}, {}),
        ("latency", "50 %", {}, {}),
    ],
)
def test_what_is_not_known_is_no_gain(axis, amount, statics, known):
    leg = gained(axis, amount, statics, known)
    assert leg.observed.startswith("not known")
    assert not leg.holds


@pytest.mark.parametrize(("statics", "known"), [({"memory": NO}, {}), ({"memory": peak(1)}, {"memory": None})])
def test_memory_that_is_not_known_is_no_gain(statics, known):
    trade = [({"parameters": "100 %"}, {"memory": "50 %"})]
    grown = {"parameters": ParameterCount(1500)}
    _, (found,) = traded({"max_parameters_increase": "0 %"}, trade, grown | statics, known)
    assert found.gained == (Leg("memory", "50 %", "not known", False),)


SMALLER = {"parameters": "50 %"}
HALF = {"parameters": ParameterCount(500)}
DROP = {"max_accuracy_drop": "0.1 pp"}


@pytest.mark.parametrize(
    ("axis", "amount", "now", "former", "observed", "outcome"),
    [
        ("accuracy", "0.5 pp", accuracy(0.946), 0.95, "-0.4 pp", PASSED),
        ("accuracy", "0.5 pp", accuracy(0.944), 0.95, "-0.6 pp, which is more", FAILED),
        ("accuracy", "2 %", accuracy(0.932), 0.95, "-1.8 pp", PASSED),
        ("accuracy", "2 %", accuracy(0.93), 0.95, "-2 pp, which is more", FAILED),
        ("error", "10 %", accuracy(0.9451), 0.95, "-0.49 pp", PASSED),
        ("error", "10 %", accuracy(0.944), 0.95, "-0.6 pp, which is more", FAILED),
        ("error", "10 %", error(10.9), 10.0, "+0.9", PASSED),
        ("error", "10 %", error(11.1), 10.0, "+1.1, which is more", FAILED),
    ],
)
def test_what_is_given_of_a_score(axis, amount, now, former, observed, outcome):
    bounds = DROP if now.within_unit else {"max_accuracy_drop": "0.1 %"}
    checks, (found,) = traded(
        bounds, [({axis: amount}, SMALLER)], {"accuracy": now} | HALF, {"accuracy": evidence(former)}
    )
    assert found.given == (Leg(axis, amount, observed, outcome is PASSED),)
    assert checks["max_accuracy_drop", ""].outcome is outcome


def test_what_is_given_of_memory_within_its_band_is_not_shown_to_be_within_it():
    trade = [({"memory": "50 %"}, SMALLER)]
    checks, (found,) = traded({"max_memory_increase": "0 %"}, trade, {"memory": peak(150_500)} | HALF)
    observed = "+50.5 %, which is not shown to be within it"
    assert found.given == (Leg("memory", "50 %", observed, False),)
    assert checks["max_memory_increase", ""].outcome is FAILED


@pytest.mark.parametrize(
    ("now", "former", "observed"),
    [
        (R2, evidence(0.9), "the score 'r2' has no error beside it: trade accuracy"),
        (accuracy(0.9), None, "not known"),
    ],
)
def test_an_error_that_is_not_known_cannot_be_given(now, former, observed):
    trade = [({"error": "10 %"}, SMALLER)]
    worse = {"memory": peak(150_000)} | HALF | {"accuracy": now}
    # What fails is the drop: where it is not compared, the trade is not concerned.
    checks, sums = traded({"max_accuracy_drop": "1 %"}, trade, worse, {"accuracy": former})
    assert not any(each.applies for each in sums)
    if former is None:
        assert checks["max_accuracy_drop", ""].outcome is NOT_COMPARED
    else:
        assert sums[0].given == (Leg("error", "10 %", observed, False),)


def test_the_second_axis_that_is_given_may_be_unknown():
    trade = [({"memory": "100 %", "model_size": "100 %", "error": "10 %"}, SMALLER)]
    bounds = {"max_memory_increase": "0 %", "max_model_size_increase": "0 %", "max_accuracy_drop": "1 %"}
    worse = {"memory": peak(150_000), "model_size": NO} | HALF
    _, (found,) = traded(bounds, trade, worse, {"accuracy": None})
    assert [(leg.axis, leg.observed, leg.holds) for leg in found.given] == [
        ("memory", "+50 %", True),
        ("model_size", "not known, which is more", False),
        ("error", "not known", False),
    ]
    _, (found,) = traded(bounds, trade, {"memory": peak(150_000)} | HALF, {"model_size": None})
    assert found.given[1] == Leg("model_size", "100 %", "not known", False)


def test_time_is_given_by_the_error_rate_of_the_run():
    slower = tuple(PairTimes(0.1 + place % 2 / 1000, 0.01, None, 0, 0.002, 0.001, 0.1) for place in range(6))
    known = {"live": LiveComparison(LiveGate(slower, None, None, None, ""), (), 0.001, "0" * 40, SinceBase())}
    trade = [({"latency": "100 %"}, SMALLER)]
    checks, (found,) = traded({"max_latency_increase": "5 %", "max_parameters_increase": "0 %"}, trade, HALF, known)
    assert found.given[0].holds
    assert found.given[0].observed == "+10.6 %"
    assert checks["max_latency_increase", ""].outcome is PASSED


def test_the_worst_slice_is_what_is_given_and_limits_of_slices_are_not_traded():
    night = Slice(np.array([True, False]), accuracy(0.8))
    known = {"accuracy": evidence(0.953), "slices": {"night": evidence(0.804)}}
    statics = {"slices": {"night": night}} | HALF
    trade = [({"accuracy": "0.5 pp"}, SMALLER)]
    limits = {"night": (bound("min_accuracy", 0.99),)}
    checks, (found,) = traded(DROP, trade, statics, known, slices=limits)
    assert found.applies
    assert {place: check.outcome for place, check in checks.items()} == {
        ("max_accuracy_drop", ""): PASSED,
        ("max_accuracy_drop", "night"): PASSED,
        ("min_accuracy", "night"): FAILED,
    }
    checks, (found,) = traded(DROP, trade, statics, known | {"slices": {"night": evidence(0.81)}})
    assert found.given == (Leg("accuracy", "0.5 pp", "-1 pp in the slice 'night', which is more", False),)
    assert {check.outcome for check in checks.values()} == {FAILED}


def test_a_trade_of_what_did_not_get_worse_is_not_told_and_the_next_one_is():
    trades = [({"memory": "100 %"}, SMALLER), ({"accuracy": "0.5 pp"}, SMALLER)]
    bounds = {"max_memory_increase": "0 %"} | DROP
    checks, sums = traded(bounds, trades, {"accuracy": accuracy(0.947)} | HALF)
    assert [str(each.trade) for each in sums] == ["give accuracy 0.5 pp for parameters 50 %"]
    assert checks["max_accuracy_drop", ""].outcome is PASSED
    assert said(checks["max_memory_increase", ""].reason) == "+0 % against the baseline's 97.7 KiB"
    assert traded(bounds, trades)[1] == ()


def test_what_was_allowed_in_a_sentence():
    legs = (Leg("accuracy", "1 pp", text("-0.5 pp"), True), Leg("memory", "5 %", text("+1 %"), True))
    found = TradeSum("give a and b for c", "[tool.speedacc]", legs, legs[1:])
    assert said(allowed_by_trade(found)) == (
        "[tool.speedacc] allows to give a and b for c: given is accuracy -0.5 pp and memory +1 %, gained is memory +1 %"
    )


def live(ratio=None, tail=None, *, once=False):
    """Launches of both revisions, none without a ratio."""
    launches = tuple(
        PairTimes(np.log(ratio) + place % 2 / 1000, 0.01, None if tail is None else np.log(tail), 100, 1.0, 1.0, 0.1)
        for place in range(8 if ratio else 0)
    )
    gate = LiveGate(launches, None, None, None, "")
    return {"live": LiveComparison(gate, (), 0.001, "0" * 40, SinceBase(), once=once)}


def test_a_gain_of_time_is_told_with_what_it_is_at_the_most():
    leg = gained("latency", "30 %", known=live(0.5))
    assert leg.holds
    assert leg.observed.startswith("-50 % (-49.")
    assert leg.observed.endswith(" % at the most)")
    unsure = gained("latency", "30 %", known=live(0.699))
    assert (unsure.holds, unsure.observed) == (False, "-30.1 % (-29.5 % at the most), which is not shown")
    assert gained("latency", "30 %", known=live(0.9)).observed.startswith("-9.95 % (")


def test_launches_that_are_looked_at_once_show_a_smaller_gain():
    assert [gained("latency", "30 %", known=live(0.695, once=once)).holds for once in (False, True)] == [False, True]


def test_a_gain_of_the_tail_is_one_of_time():
    assert gained("latency_p95", "30 %", known=live(1.0, 0.5)).holds
    assert not gained("latency_p95", "30 %", known=live(0.5, 1.0)).holds


def test_without_launches_there_is_no_gain_of_time():
    leg = gained("latency", "30 %", known=live())
    assert (leg.observed, leg.holds) == ("not known", False)


def test_every_gain_is_told_where_a_trade_applied():
    trade = [({"memory": "100 %"}, {"parameters": "50 %", "model_size": "50 %"})]
    smaller = HALF | {"model_size": 1000, "memory": peak(150_000)}
    checks, _ = traded({"max_memory_increase": "0 %"}, trade, smaller)
    assert said(checks["max_memory_increase", ""].reason).startswith(
        "[tool.speedacc] allows to give memory 100 % for parameters 50 % and model_size 50 %, "
        "and gained is parameters -50 % and model_size -50 %; +50 % against the baseline's "
    )
