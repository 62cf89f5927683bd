"""Alternatives side by side: the front, domination, and what each policy would choose."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_speedacc.axes import add_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.policy import named_policies
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.judge import alternatives
from pytest_speedacc.judge.alternatives import Alternative, as_good, groups_of
from pytest_speedacc.judge.verdict import Observation, Outcome, Verdict
from pytest_speedacc.report.groups import group_lines

POLICIES = named_policies(parse_project({}, Path()))


def gate(
    name,
    score,
    milliseconds,
    *,
    parameters=1000,
    size=1000,
    memory=1000,
    group="rank",
    higher=True,
    former=None,
    was=None,
):
    rows = [
        Observation("accuracy", "", Kind.SCORE, score, None, was, "accuracy", higher, "", higher),
        Observation("accuracy", "", Kind.SCORE, 0.1, None, None, "of a slice", higher, "rare", higher),
        Observation("latency", "median", Kind.TIME, milliseconds / 1000, None, former, ""),
        Observation("latency", "p95", Kind.TIME, milliseconds, None, None, ""),
        *(
            Observation(axis, "", kind, value, None, None, "")
            for axis, kind, value in (
                ("parameters", Kind.COUNT, parameters),
                ("model_size", Kind.SIZE, size),
                ("memory", Kind.SIZE, memory),
            )
        ),
    ]
    return Verdict(name, "", (), tuple(rows), (), group=group)


def standings(*gates):
    (group,) = groups_of(gates, {})
    return {each.alternative.title: (each.on_front, each.dominated_by) for each in group.standings}


def choices(*gates, policies=POLICIES):
    (group,) = groups_of(gates, policies)
    return dict(group.choices)


def test_the_front_is_over_score_and_latency():
    found = standings(
        gate("best", 0.99, 50), gate("fast", 0.90, 1), gate("between", 0.95, 10), gate("beaten", 0.94, 40)
    )
    assert {title for title, (on_front, _) in found.items() if on_front} == {"best", "fast", "between"}
    assert found["beaten"] == (False, ("between",))


def test_domination_is_over_every_axis():
    found = standings(gate("large", 0.95, 10, parameters=5000), gate("slow", 0.95, 40, parameters=10))
    assert found == {"large": (True, ()), "slow": (False, ())}


def test_more_of_what_is_better_higher_dominates():
    def with_margin(name, value):
        row = Observation("margin", "", Kind.COUNT, value, None, None, "", higher_is_better=True)
        found = gate(name, 0.95, 10)
        return replace(found, observations=(*found.observations, row))

    take_back = add_axes([Axis("margin", better="higher")], "a test")
    try:
        found = standings(with_margin("wide", 2.0), with_margin("narrow", 1.0))
    finally:
        take_back()
    assert found == {"wide": (True, ()), "narrow": (True, ("wide",))}


def test_times_that_differ_as_processes_do_count_as_equal():
    assert standings(gate("a", 0.95, 10), gate("b", 0.95, 12)) == {"a": (True, ()), "b": (True, ())}
    assert standings(gate("a", 0.95, 10), gate("b", 0.95, 13))["b"] == (False, ("a",))
    # A better score at an equal time is better.
    assert standings(gate("a", 0.96, 12), gate("b", 0.95, 10))["b"] == (False, ("a",))


def test_lower_is_better_for_an_error():
    found = standings(gate("a", 2.0, 10, higher=False), gate("b", 3.0, 10, higher=False))
    assert found == {"a": (True, ()), "b": (False, ("a",))}


def test_a_group_of_one_and_gates_without_one_are_left_out():
    assert groups_of([gate("a", 1, 1), gate("b", 1, 1, group="other"), gate("c", 1, 1, group="")], {}) == []
    assert groups_of([gate("a", 1, 1), Verdict("b", "", (), (), (), error="broken", group="rank")], {}) == []


def test_where_nobody_waits_the_better_score_is_worth_the_time():
    gates = gate("slow", 0.960, 18), gate("fast", 0.955, 10)
    assert choices(*gates) == {"customer-facing": "fast", "internal-analytics": "slow"}


def test_where_somebody_waits_speed_is_bought_with_little_accuracy_only():
    assert choices(gate("slow", 0.960, 18), gate("fast", 0.954, 10))["customer-facing"] == "slow"


def test_a_limit_rules_an_alternative_out():
    policies = named_policies(parse_project({"policies": {"strict": {"max_latency": "5 ms"}}}, Path()))
    assert choices(gate("a", 0.99, 10), gate("b", 0.9, 4), policies=policies)["strict"] == "b"
    assert "strict" not in choices(gate("a", 0.99, 10), gate("b", 0.9, 8), policies=policies)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_gates_does_not_matter(order):
    gates = [gate("a", 0.99, 50), gate("b", 0.97, 10), gate("c", 0.90, 1)][::order]
    assert choices(*gates) == choices(*gates[::-1])


def test_an_alternative_is_what_was_measured_of_all_samples_and_what_it_was_before():
    gates = gate("a", 0.99, 10, parameters=1, size=2, memory=3, former=0.02, was=0.98), gate("b", 3.0, 20, higher=False)
    (group,) = groups_of(gates, {})
    assert group.name == "rank"
    costs = {"latency": 0.01, "parameters": 1.0, "model_size": 2.0, "memory": 3.0}
    assert [each.alternative for each in group.standings] == [
        Alternative("a", 0.99, True, True, costs, (0.98, 0.02), Outcome.FAILED),
        Alternative("b", 3.0, False, False, dict.fromkeys(costs, 1000.0) | {"latency": 0.02}, None, Outcome.FAILED),
    ]


@pytest.mark.parametrize("known", [{"former": 0.02}, {"was": 0.98}])
def test_half_of_what_it_was_before_is_not_told(known):
    (group,) = groups_of([gate("a", 0.99, 10, **known), gate("b", 0.99, 10)], {})
    assert [each.alternative.former for each in group.standings] == [None, None]


def test_gates_without_a_group_are_no_alternatives_to_each_other():
    assert groups_of([gate("a", 1, 1, group=""), gate("b", 1, 1, group="")], {}) == []


def test_a_single_parameter_less_is_less():
    assert standings(gate("a", 0.95, 10, parameters=1000), gate("b", 0.95, 10, parameters=999))["a"] == (True, ("b",))


def without(verdict, metric):
    return replace(verdict, observations=tuple(row for row in verdict.observations if row.metric != metric))


@pytest.mark.parametrize(
    ("better", "worse", "dominates"),
    [
        # What was not measured may be worse,
        (gate("better", 0.96, 10, memory=None), gate("worse", 0.95, 10), False),
        (without(gate("better", 0.96, 10), "memory"), gate("worse", 0.95, 10), False),
        # and what only the better one was measured on decides nothing.
        (gate("better", 0.96, 10), gate("worse", 0.95, 10, memory=None), True),
        (gate("better", 0.96, 10, memory=None), gate("worse", 0.95, 10, memory=None), True),
    ],
)
def test_who_was_not_measured_on_an_axis_dominates_nobody_who_was(better, worse, dominates):
    assert standings(better, worse)["worse"] == (False, ("better",) if dominates else ())


def test_who_has_no_time_beats_nobody_who_has_one():
    found = standings(without(gate("untimed", 0.96, 1), "latency"), gate("timed", 0.95, 10))
    assert found == {"untimed": (True, ()), "timed": (True, ())}


@pytest.mark.parametrize(
    ("settings", "choice"),
    [
        ({"max_energy": "3 J"}, "thrifty"),
        ({"max_energy": 1}, None),
        ({"max_energy_increase": "5 %"}, "thrifty"),
        ({"max_memory": "1 MiB"}, "unmetered"),
        # No axis of a group: nobody is ruled out by it.
        ({"max_training_time": "1 s"}, "unmetered"),
    ],
)
def test_a_policy_that_bounds_an_axis_of_ones_own_chooses_nobody_who_has_no_number_of_it(settings, choice):
    def with_energy(found, joules):
        return replace(
            found, observations=(*found.observations, Observation("energy", "", "J", joules, None, None, ""))
        )

    take_back = add_axes([Axis("energy", "J")], "a test")
    try:
        gates = with_energy(gate("unmetered", 0.99, 10), None), with_energy(gate("thrifty", 0.95, 10), 2.0)
        policies = named_policies(parse_project({"policies": {"green": settings}}, Path()))
        assert choices(*gates, policies=policies).get("green") == choice
        assert standings(*gates)["thrifty"] == (False, ())
    finally:
        take_back()


@pytest.mark.parametrize(
    ("axis", "now", "former", "worse"),
    [
        ("parameters", 0.0, 0.0, 0.0),
        ("parameters", 5.0, 0.0, math.inf),
        ("parameters", 5.0, 4.0, 0.25),
        ("margin", 0.0, 0.0, 0.0),
        ("margin", 5.0, 0.0, -math.inf),
        ("margin", 3.0, 4.0, 0.25),
        ("margin", -5.0, -4.0, 0.25),
        ("margin", 5.0, None, None),
    ],
)
def test_how_much_worse_an_amount_is_follows_its_direction_and_may_start_at_nothing(axis, now, former, worse):
    one, other = (
        Alternative("", 1.0, True, True, {} if value is None else {axis: value}, None, Outcome.PASSED)
        for value in (now, former)
    )
    take_back = add_axes([Axis("margin", better="higher")], "a test")
    try:
        assert alternatives._worsening(one, other, axis) == worse
    finally:
        take_back()


def replaces(settings, one, other):
    """Whether a policy lets ``one`` replace ``other``, told by its choice: the other it is where it does not.

    Either the better score of the other decides then, or that it may replace the one.
    """
    policies = named_policies(parse_project({"policies": {"policy": settings}}, Path()))
    return (
        choices(gate("one", *one[:2], **one[2]), gate("other", *other[:2], **other[2]), policies=policies)["policy"]
        == "one"
    )


BIGGER = {"parameters": 1001}
NO_MORE = {"max_parameters_increase": "0 %"}


@pytest.mark.parametrize(
    ("settings", "one", "other", "allowed"),
    [
        # The other has the better score, and more parameters than the policy lets it have in place of the one.
        ({"max_accuracy_drop": "1 pp"}, (0.9501, 10, {}), (0.96, 10, BIGGER), True),
        ({"max_accuracy_drop": "1 pp"}, (0.9499, 10, {}), (0.96, 10, BIGGER), False),
        ({"max_accuracy_drop": "1 %"}, (0.4951, 10, {}), (0.5, 10, BIGGER), True),
        ({"max_accuracy_drop": "1 %"}, (0.4949, 10, {}), (0.5, 10, BIGGER), False),
        ({"max_model_size_increase": "50 %"}, (0.9, 10, {"size": 1500}), (0.96, 10, BIGGER), True),
        ({"max_model_size_increase": "50 %"}, (0.9, 10, {"size": 1501}), (0.96, 10, BIGGER), False),
        ({"max_model_size_increase": "10 %"}, (0.9, 10, {"size": 1200}), (0.96, 10, BIGGER), False),
        ({"max_model_size_increase": "10 %"}, (0.9, 10, {"size": None}), (0.96, 10, BIGGER), False),
        ({"max_model_size_increase": "10 %"}, (0.9, 10, {}), (0.96, 10, BIGGER | {"size": None}), True),
        ({"max_model_size_increase": "10 %"}, (0.9, 10, {"size": None}), (0.96, 10, BIGGER | {"size": None}), True),
        ({"max_latency_increase": "10 %"}, (0.9, 12.4, {}), (0.96, 10, BIGGER), True),  # as processes differ
        ({"max_latency_increase": "10 %"}, (0.9, 12.6, {}), (0.96, 10, BIGGER), False),
        ({"max_latency_increase": "50 %"}, (0.9, 14.9, {}), (0.96, 10, BIGGER), True),
        ({"max_latency_increase": "50 %"}, (0.9, 15.1, {}), (0.96, 10, BIGGER), False),
        ({"max_latency_p95_increase": "20 %"}, (0.9, 90, {}), (0.96, 10, BIGGER), True),  # a tail is not compared
        ({"min_accuracy": 0.1}, (0.7, 10, {}), (0.96, 10, BIGGER), True),  # a limit is no tolerance,
        ({"min_accuracy": 0.1, "max_accuracy_drop": "1 pp"}, (0.7, 10, {}), (0.96, 10, BIGGER), False),
        ({"min_accuracy": 0.9}, (0.9, 10, {}), (0.96, 10, BIGGER), True),  # and rules out who breaks it
        ({"min_accuracy": 0.9}, (0.89, 10, {}), (0.96, 10, BIGGER), False),
        ({"max_model_size": "1 kB"}, (0.9, 10, {"size": 1000}), (0.96, 10, BIGGER), True),
        ({"max_model_size": "1 kB"}, (0.9, 10, {"size": 1001}), (0.96, 10, BIGGER), False),
        ({"max_model_size": "1 kB"}, (0.9, 10, {"size": None}), (0.96, 10, BIGGER), False),  # nor who was not measured
        ({"max_latency_p95": "1 ms"}, (0.9, 10, {}), (0.96, 10, BIGGER), True),
    ],
)
def test_a_policy_lets_replace_what_its_tolerances_allow(settings, one, other, allowed):
    assert replaces({**settings, **NO_MORE}, one, other) is allowed


def trading(tolerances, give, gain):
    return {**tolerances, "trades": [{"give": give, "gain": gain}]}


EQUAL = {"max_accuracy_drop": "0 pp"}
EQUAL_ERROR = {"max_accuracy_drop": 0}
HALF_ERROR = trading({"max_latency_increase": "10 %"}, {"latency": "100 %"}, {"error": "50 %"})
MORE_SCORE = trading({"max_latency_increase": "10 %"}, {"latency": "100 %"}, {"accuracy": "25 pp"})
MORE_OF_IT = trading({"max_latency_increase": "10 %"}, {"latency": "100 %"}, {"accuracy": "50 %"})
LOWER = {"higher": False}
SMALL = {"parameters": 500}


@pytest.mark.parametrize(
    ("settings", "one", "other", "allowed"),
    [
        # Score for parameters.
        (trading(EQUAL, {"accuracy": "1 pp"}, {"parameters": "50 %"}), (0.9501, 10, SMALL), (0.96, 10, {}), True),
        (trading(EQUAL, {"accuracy": "1 pp"}, {"parameters": "50 %"}), (0.9499, 10, SMALL), (0.96, 10, {}), False),
        (
            trading(EQUAL, {"accuracy": "1 pp"}, {"parameters": "50 %"}),
            (0.955, 10, {"parameters": 501}),
            (0.96, 10, {}),
            False,
        ),
        (
            trading(EQUAL, {"accuracy": "1 pp"}, {"parameters": "50 %"}),
            (0.955, 10, {"parameters": None}),
            (0.96, 10, {}),
            False,
        ),
        (trading(EQUAL, {"error": "10 %"}, {"parameters": "2 x"}), (0.8901, 10, SMALL), (0.9, 10, {}), True),
        (trading(EQUAL, {"error": "10 %"}, {"parameters": "2 x"}), (0.8899, 10, SMALL), (0.9, 10, {}), False),
        (
            trading(EQUAL_ERROR, {"error": "10 %"}, {"parameters": "2 x"}),
            (2.2, 10, SMALL | LOWER),
            (2.0, 10, LOWER),
            True,
        ),
        (
            trading(EQUAL_ERROR, {"error": "10 %"}, {"parameters": "2 x"}),
            (2.21, 10, SMALL | LOWER),
            (2.0, 10, LOWER),
            False,
        ),
        (trading(EQUAL, {"accuracy": "2 %"}, {"parameters": "2 x"}), (0.4901, 10, SMALL), (0.5, 10, {}), True),
        (trading(EQUAL, {"accuracy": "2 %"}, {"parameters": "2 x"}), (0.4899, 10, SMALL), (0.5, 10, {}), False),
        # Time for score: the one may be replaced by the other in any case, and the better score decides.
        (HALF_ERROR, (0.9501, 20, {}), (0.9, 10, {}), True),
        (HALF_ERROR, (0.9499, 20, {}), (0.9, 10, {}), False),
        (HALF_ERROR, (1.0, 20, LOWER), (2.0, 10, LOWER), True),
        (HALF_ERROR, (1.01, 20, LOWER), (2.0, 10, LOWER), False),
        (MORE_SCORE, (0.75, 20, {}), (0.5, 10, {}), True),
        (MORE_SCORE, (0.7499, 20, {}), (0.5, 10, {}), False),
        (MORE_SCORE, (0.75, 20.1, {}), (0.5, 10, {}), False),
        (MORE_OF_IT, (0.75, 20, {}), (0.5, 10, {}), True),
        (MORE_OF_IT, (0.7499, 20, {}), (0.5, 10, {}), False),
    ],
)
def test_a_policy_lets_replace_what_its_trades_allow(settings, one, other, allowed):
    assert replaces({**settings, **(NO_MORE if "max_accuracy_drop" in settings else {})}, one, other) is allowed


@pytest.mark.parametrize(
    ("one", "other"),
    [((0.96, 20, {}), (0.95, 10, {})), ((2.0, 20, LOWER), (3.0, 10, LOWER)), ((0.95, 10, {}), (0.95, 20, {}))],
    ids=["score", "error", "time"],
)
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_that_may_replace_each_other_the_better_is_chosen_then_the_faster(one, other, order):
    policies = named_policies(parse_project({"policies": {"lax": {"max_latency_increase": "100 %"}}}, Path()))
    gates = gate("one", *one[:2], **one[2]), gate("other", *other[:2], **other[2])
    assert choices(*gates[::order], policies=policies)["lax"] == "one"


@pytest.mark.parametrize(
    ("others", "same", "told"),
    [
        ([("twin", 0.95, 12, {})], ("twin",), " twin is as good on every axis, so that the next run may choose it."),
        (
            [("twin", 0.95, 10.5, {}), ("third", 0.95, 12, {})],
            ("twin", "third"),
            " twin and third are as good on every axis, so that the next run may choose one of them.",
        ),
        ([("slow", 0.95, 13, {})], (), ""),
        ([("worse", 0.949, 10, {})], (), ""),
        ([("larger", 0.95, 10, {"parameters": 1001})], (), ""),
        ([("unknown", 0.95, 10, {"memory": None})], (), ""),
    ],
    ids=["a twin", "two", "slower", "a worse score", "larger", "not measured"],
)
def test_a_choice_among_equals_says_so(others, same, told):
    gates = [gate("chosen", 0.95, 10), *(gate(name, score, ms, **amounts) for name, score, ms, amounts in others)]
    (group,) = groups_of(gates, POLICIES)
    assert set(group.choices.values()) == {"chosen"}
    assert as_good(group, "chosen") == same
    assert group_lines(group)[-1] == (
        f"By what was measured here, customer-facing and internal-analytics would choose chosen.{told}"
    )


def test_in_a_narrow_terminal_alternatives_have_numbers_and_axes_are_left_out():
    long = "test_models.py::test_of_a_model_with_a_long_name[{}]"
    gates = [gate(long.format(place), 0.95 - place / 100, 10 + place) for place in range(4)]
    (group,) = groups_of(gates, POLICIES)
    wide, narrow = group_lines(group), group_lines(group, 80)
    assert max(map(len, wide)) > 80
    assert all(len(line) <= 80 for line in narrow if "choose" not in line)
    # The first is better and faster than any other.
    assert [line[line.rindex("  ") + 2 :] for line in narrow[4:7]] == ["1", "1, 2", "1, 2, 3"]
    assert narrow[3].startswith("1 test_model")
    assert "median" in narrow[1]
    assert group_lines(group, 300) == wide
