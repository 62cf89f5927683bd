"""Trades: the cases that they exist for, and what holds for any numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_examples import accuracy, bound, error, evidence, timed
from values import reference_of

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.baseline import SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.live_increase import undecided
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.repeats import Former
from pytest_speedacc.judge.trades import excused
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.measurement import Measurement, Slice, Statics
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.sentences import said, told_trade
from pytest_speedacc.stats.paired import Interval

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
ALPHA = 0.001
SPEED = [{"give": {"accuracy": "0.5 pp"}, "gain": {"latency": "30 %"}}]
SMALLER = [{"give": {"accuracy": "0.5 pp"}, "gain": {"parameters": "50 x"}}]


def launches(ratio, spread=0.01, count=8):
    """``count`` launches around a ratio candidate/base."""
    return tuple(
        PairTimes(math.log(ratio) + spread * (-1) ** place, 0.01, None, 0, 0.001 * ratio, 0.001, 0.1)
        for place in range(count)
    )


def reference(score=0.95, ratio=None, *, spread=0.01, **changes):
    live = None
    if ratio is not None:
        gate = LiveGate(launches(ratio, spread), None, None, None, "")
        live = LiveComparison(gate, (), ALPHA, "0" * 40, SinceBase())
    usual = {"accuracy": evidence(score), "parameters": 1000, "model_size": 2000, "memory": 100_000}
    return reference_of("missing", live=live, source="base" if live else "baseline", **(usual | changes))


def measured(score=0.95, *, parameters=1000, size=2000, memory=100_000, **statics):
    usual = Statics(
        score if not isinstance(score, float) else accuracy(score),
        ParameterCount(parameters),
        size,
        None,
        MemoryPeak(memory, (memory, memory)),
        (),
    )
    return Measurement(replace(usual, **statics), timed(np.full(128, 0.001)))


def judged(bounds, trades, measurement, against, rule=None, slices=None):
    """The checks by setting, and the sums of the trades; ``rule`` is what the policy says, None for nothing."""
    policy = Policy(
        tuple(bound(name, value) for name, value in bounds.items()),
        rule or "exact",
        10.0,
        slices or {},
        parse_trades(trades, "[tool.speedacc]: trades"),
        exact_gains=rule == "exact",
    )
    checks = judge(measurement, policy, against, (64, 128), ALPHA)
    found, sums = excused(checks, measurement, policy, against, ALPHA)
    return found, tuple(map(told_trade, sums))


def outcomes(*arguments, **options):
    return [check.outcome for check in judged(*arguments, **options)[0]]


DROP = {"max_accuracy_drop": "0.1 pp"}


def test_points_for_a_fifty_fold_reduction():
    """The case of the article: 0.3 points of accuracy for fifty times fewer parameters."""
    smaller = measured(0.947, parameters=20)
    assert outcomes(DROP, SMALLER, smaller, reference()) == [PASSED]
    assert outcomes(DROP, [], smaller, reference()) == [FAILED]
    assert outcomes(DROP, SMALLER, measured(0.947, parameters=21), reference()) == [FAILED]
    assert outcomes(DROP, SMALLER, measured(0.944, parameters=20), reference()) == [FAILED]


@pytest.mark.parametrize(
    ("ratio", "spread", "outcome"),
    [
        (0.6, 0.01, PASSED),
        (0.69, 0.1, FAILED),  # faster by 31 %, and not shown to be by 30 %
        (0.75, 0.01, FAILED),
    ],
)
def test_a_gain_that_is_estimated_and_not_shown_buys_nothing(ratio, spread, outcome):
    checks, (found,) = judged(DROP, SPEED, measured(0.947), reference(ratio=ratio, spread=spread))
    assert [check.outcome for check in checks] == [outcome]
    assert found.applies is (outcome is PASSED)
    assert found.given[0].holds
    (leg,) = found.gained
    assert leg.holds is (outcome is PASSED)
    assert leg.observed.endswith("which is not shown") is (ratio == 0.69)


def test_what_a_trade_allowed_is_said():
    (check,), (found,) = judged(DROP, SPEED, measured(0.947), reference(ratio=0.5, spread=0.001))
    assert said(check.reason).startswith(
        "[tool.speedacc] allows to give accuracy 0.5 pp for latency 30 %, and gained is latency -50 %"
    )
    assert found.source == "[tool.speedacc]"
    assert found.given[0].observed == "-0.3 pp"


def test_eight_per_cent_more_errors_for_five_times_the_speed_at_half_the_size():
    trades = [{"give": {"error": "8 %"}, "gain": {"latency": "5 x", "model_size": "2 x"}}]
    against = reference(0.95, ratio=0.19)
    assert outcomes(DROP, trades, measured(0.946, size=1000), against) == [PASSED]  # 5.4 % error after 5.0 %
    assert outcomes(DROP, trades, measured(0.9459, size=1000), against) == [FAILED]
    assert outcomes(DROP, trades, measured(0.946, size=1001), against) == [FAILED]
    assert outcomes(DROP, trades, measured(0.946, size=1000), reference(0.95, ratio=0.21)) == [FAILED]


def test_time_may_be_given_for_accuracy():
    trades = [{"give": {"latency": "100 %"}, "gain": {"accuracy": "0.5 pp"}}]
    slower = {"max_latency_increase": "3 %"}
    for score, ratio, spread, outcome in (
        (0.955, 1.8, 0.01, PASSED),
        (0.9549, 1.8, 0.01, FAILED),
        (0.955, 2.2, 0.01, FAILED),
        # Slower by 95 % where 100 % are allowed, and not shown to be within that.
        (0.955, 1.95, 0.1, FAILED),
    ):
        against = reference(ratio=ratio, spread=spread)
        assert outcomes(slower, trades, measured(score), against, rule="exact") == [outcome]


GAIN = [{"give": {"memory": "100 %"}, "gain": {"accuracy": "0.5 pp"}}]


@pytest.mark.parametrize(
    ("rule", "flips", "outcome"),
    [
        ("exact", (0, 5), PASSED),
        ("exact", (0, 4), FAILED),
        (None, (0, 5), FAILED),
        (None, (0, 30), PASSED),
        # Proven to be better, and not by as much.
        ("evidence", (0, 5), FAILED),
        ("evidence", (0, 30), PASSED),
        ("noninferior", (0, 5), FAILED),
        ("noninferior", (0, 30), PASSED),
    ],
)
def test_a_gain_of_score_is_its_bound_unless_the_policy_says_exact(rule, flips, outcome):
    better = 0.95 + (flips[1] - flips[0]) / 1000
    against = reference(accuracy=evidence(0.95, flips=flips))
    found = outcomes({"max_memory_increase": "0 %"}, GAIN, measured(better, memory=150_000), against, rule=rule)
    assert found == [outcome]


@pytest.mark.parametrize(
    ("better", "difference", "words"),
    [
        (accuracy(0.97), Interval(0.02, 0.004, 0.03), "accuracy +2 pp (+0.4 pp at the least), which is not shown"),
        (accuracy(0.97), Interval(0.02, 0.006, 0.03), "accuracy +2 pp (+0.6 pp at the least)"),
        (accuracy(0.97), None, "accuracy +2 pp, which is not shown"),
    ],
)
def test_a_gain_of_score_is_told_with_its_bound(better, difference, words):
    against = reference(accuracy=evidence(0.95, difference=difference))
    _, (found,) = judged({"max_memory_increase": "0 %"}, GAIN, measured(better, memory=150_000), against)
    (leg,) = found.gained
    assert f"{leg.axis} {leg.observed}" == words
    assert leg.holds is not words.endswith("not shown")


def test_a_gain_of_a_score_where_lower_is_better_is_its_bound():
    trades = [{"give": {"memory": "100 %"}, "gain": {"accuracy": 0.2}}]
    for high, outcome in ((-0.19, FAILED), (-0.21, PASSED)):
        against = reference(accuracy=evidence(2.0, difference=Interval(-0.5, -0.8, high)))
        better = measured(error(1.5), memory=150_000)
        checks, (found,) = judged({"max_memory_increase": "0 %"}, trades, better, against)
        assert [check.outcome for check in checks] == [outcome]
        assert found.gained[0].observed.startswith(f"-0.5 ({high:g} at the least)")


@pytest.mark.parametrize("true_gain", [0.005, 0.0099])
def test_few_gains_are_taken_for_more_than_they_are(true_gain):
    """1,000 samples of which 2 % flip, and a trade that wants 1 pp: as measured, 17 % and 53 % would be excused."""
    trades = [{"give": {"memory": "100 %"}, "gain": {"accuracy": "1 pp"}}]
    random, runs = np.random.default_rng(2), 800
    gained, lost = 0.01 + true_gain / 2, 0.01 - true_gain / 2
    excused_in = dict.fromkeys((None, "evidence", "exact"), 0)
    for won, gone, _ in random.multinomial(1000, (gained, lost, 1 - gained - lost), runs).tolist():
        against = reference(accuracy=evidence(0.9, flips=(gone, won)))
        better = measured(0.9 + (won - gone) / 1000, memory=150_000)
        for rule in excused_in:
            found = outcomes({"max_memory_increase": "0 %"}, trades, better, against, rule=rule)
            excused_in[rule] += found == [PASSED]
    assert excused_in[None] <= 0.05 * runs
    assert excused_in["evidence"] <= 0.05 * runs
    # What was measured, taken as it is: the simulation could have caught it.
    assert excused_in["exact"] > 0.08 * runs


def test_a_random_score_is_a_gain_over_its_seeds_only():
    trades = [{"give": {"memory": "100 %"}, "gain": {"accuracy": "0.5 pp"}}]
    against = reference(accuracy=replace(evidence(0.90), former=Former(0.90, 0.005, 20)))
    for step, outcome in ((0.03, PASSED), (0.007, FAILED)):
        scores = tuple(0.90 + step + 0.005 * (-1) ** place for place in range(20))
        random = replace(accuracy(0.90 + step), scores=scores)
        (check,), (found,) = judged({"max_memory_increase": "0 %"}, trades, measured(random, memory=150_000), against)
        assert check.outcome is outcome
        assert "pp over 20 seeds, which are taken to spread roughly normally" in found.gained[0].observed


def test_an_error_in_its_own_unit_is_traded():
    trades = [{"give": {"error": "10 %"}, "gain": {"parameters": "2 x"}}]
    against = reference(accuracy=evidence(2.0))
    assert outcomes({"max_accuracy_drop": 0.01}, trades, measured(error(2.2), parameters=500), against) == [PASSED]
    assert outcomes({"max_accuracy_drop": 0.01}, trades, measured(error(2.3), parameters=500), against) == [FAILED]


def test_stored_ratios_show_only_large_gains():
    even = (0.0, 0.0, 0.0)
    ratios = lambda mean: (Ratios(mean, 0.01, 5, even, 0.01), Ratios(1.0, 0.01, 5, even, 0.01))  # noqa: E731
    assert outcomes(DROP, SPEED, measured(0.947), reference(ratios=ratios(0.3))) == [PASSED]
    assert outcomes(DROP, SPEED, measured(0.947), reference(ratios=ratios(0.6))) == [FAILED]
    _, (found,) = judged(DROP, SPEED, measured(0.947), reference())
    assert found.gained[0].observed == "not known, since no time can be compared"


def test_a_slice_is_within_what_is_given_or_nothing_is_excused():
    for night, outcome in ((0.896, PASSED), (0.894, FAILED)):
        part = Slice(np.ones(1000, bool), accuracy(night))
        against = reference(slices={"night": evidence(0.90)})
        found = outcomes(DROP, SMALLER, measured(0.947, parameters=20, slices={"night": part}), against)
        assert found == [outcome, outcome]


def test_an_inconclusive_worsening_is_excused_as_well():
    trades = [{"give": {"latency": "20 %"}, "gain": {"accuracy": "1 pp"}}]
    slower = {"max_latency_increase": "3 %"}
    against = reference(ratio=1.03, spread=0.02)
    assert outcomes(slower, [], measured(0.97), against) == [INCONCLUSIVE]
    assert outcomes(slower, trades, measured(0.97), against, rule="exact") == [PASSED]


def test_a_gain_of_time_is_shown_by_three_launches_where_it_is_known_how_much_they_differ():
    trades = [{"give": {"accuracy": "0.5 pp"}, "gain": {"latency": "30 %"}}]
    for usual, expected in ((None, False), (0.02, True)):
        against = reference(ratio=0.5, spread=0.02)
        live = replace(against.live, gate=replace(against.live.gate, launches=launches(0.5, 0.02, 3), usual=usual))
        _, (found,) = judged(DROP, trades, measured(0.947), replace(against, live=live))
        assert found.applies is expected


def test_a_trade_of_what_was_not_measured_does_not_apply():
    blind = measured(0.947)
    blind = Measurement(replace(blind.statics, parameters=Unavailable("no")), blind.latency)
    _, (found,) = judged(DROP, SMALLER, blind, reference())
    assert (found.applies, found.gained[0].observed) == (False, "not known")


class TestSampling:
    """A live run goes on until every trade is decided."""

    KEY = ("test_it", "")

    def is_open(self, trades, ratio, count, tolerance="200 %", usual=None):
        found = undecided(
            {self.KEY: launches(ratio, 0.03, count)},
            [self.KEY],
            {} if usual is None else {self.KEY: usual},
            {"test_it": (bound("max_latency_increase", tolerance),)},
            trades={"test_it": parse_trades(trades, "x")},
        )
        return self.KEY in found

    @pytest.mark.parametrize(("ratio", "expected"), [(0.5, False), (0.69, True), (0.71, True), (1.0, False)])
    def test_a_gain_near_what_is_asked_for_takes_more_launches(self, ratio, expected):
        assert self.is_open(SPEED, ratio, 8) is expected
        assert not self.is_open([], ratio, 8)

    def test_three_are_enough_where_it_is_known_how_much_they_differ(self):
        assert self.is_open(SPEED, 0.5, 3)
        assert not self.is_open(SPEED, 0.5, 3, usual=0.03)

    def test_so_does_what_is_given(self):
        trades = [{"give": {"latency": "20 %"}, "gain": {"accuracy": "1 pp"}}]
        assert not self.is_open([], 1.19, 8, "3 %")
        assert self.is_open(trades, 1.19, 8, "3 %")
        assert not self.is_open(trades, 1.19, 200, "3 %")


# Properties, for any numbers

AXES = ("accuracy", "latency", "parameters", "model_size", "memory")
TOLERANCES = {
    "max_accuracy_drop": "0.1 pp",
    "max_latency_increase": "3 %",
    "max_parameters_increase": "1 %",
    "max_model_size_increase": "1 %",
    "max_memory_increase": "1 %",
}


PER_CENT = st.sampled_from(["4 %", "30 %", "75 %"])
AMOUNTS = dict.fromkeys(AXES, PER_CENT) | {"accuracy": st.sampled_from(["0.2 pp", "0.5 pp", "3 pp"])}


@cache
def some_of(axes, most):
    """A strategy is made once: making it takes longer than drawing from it."""
    return st.lists(st.sampled_from(axes), min_size=1, max_size=most, unique=True)


@st.composite
def one_trade(draw):
    give = draw(some_of(AXES, 3))
    gain = draw(some_of(tuple(axis for axis in AXES if axis not in give), None))
    return {side: {axis: draw(AMOUNTS[axis]) for axis in axes} for side, axes in (("give", give), ("gain", gain))}


changes = st.fixed_dictionaries(
    {
        "accuracy": st.floats(0.8, 1.0),
        "latency": st.floats(0.1, 4.0),
        "parameters": st.integers(0, 5000),
        "model_size": st.integers(0, 9000),
        "memory": st.integers(0, 400_000),
    }
)
trades_of = st.lists(one_trade(), max_size=4)


def verdict(change, trades, limits=None):
    measurement = measured(
        change["accuracy"],
        parameters=change["parameters"],
        size=change["model_size"],
        memory=change["memory"],
    )
    checks, _ = judged(TOLERANCES | (limits or {}), trades, measurement, reference(0.9, ratio=change["latency"]))
    return checks


def worst(checks):
    return max(check.outcome for check in checks)


@settings(max_examples=200)
@given(changes, trades_of)
def test_a_model_no_worse_on_any_axis_never_fails(change, trades):
    same = {"accuracy": 0.9, "latency": 1.0, "parameters": 1000, "model_size": 2000, "memory": 100_000}
    better = {
        axis: max(change[axis], same[axis]) if axis == "accuracy" else min(change[axis], same[axis]) for axis in same
    }
    assert worst(verdict(better, trades)) is PASSED


@settings(max_examples=300)
@given(changes, trades_of, st.sampled_from(AXES), changes)
def test_an_improvement_never_turns_a_pass_into_a_fail(change, trades, axis, other):
    before = worst(verdict(change, trades))
    best = max if axis == "accuracy" else min
    after = worst(verdict({**change, axis: best(change[axis], other[axis])}, trades))
    assert after <= before


@settings(max_examples=200)
@given(changes, trades_of)
def test_a_limit_is_never_bought_off(change, trades):
    limits = {"min_accuracy": 0.9, "max_parameters": 1000, "max_model_size": "2000 B", "max_memory": "100000 B"}
    held = {"min_accuracy": change["accuracy"] >= 0.9 - 1e-12}
    held |= {
        f"max_{axis}": change[axis] <= most
        for axis, most in (("parameters", 1000), ("model_size", 2000), ("memory", 100_000))
    }
    for check in verdict(change, trades, limits):
        if check.setting in limits:
            within_band = check.outcome is INCONCLUSIVE and check.setting == "max_memory"
            assert (check.outcome is PASSED) is held[check.setting] or within_band


@settings(max_examples=200)
@given(changes, trades_of, st.randoms())
def test_the_order_of_trades_does_not_matter(change, trades, random):
    shuffled = random.sample(trades, len(trades))
    assert [c.outcome for c in verdict(change, trades)] == [c.outcome for c in verdict(change, shuffled)]


@settings(max_examples=200)
@given(changes, trades_of)
def test_a_trade_only_ever_excuses(change, trades):
    for with_trades, without in zip(verdict(change, trades), verdict(change, []), strict=True):
        assert with_trades.outcome in (PASSED, without.outcome)
