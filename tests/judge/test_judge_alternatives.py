"""Alternatives side by side: the front, domination, and what each policy would choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_speedacc.config.policy import named_policies
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.config.units import Kind
from pytest_speedacc.judge.alternatives import groups_of
from pytest_speedacc.judge.verdict import Observation, Verdict

POLICIES = named_policies(parse_project({}, Path()))


def gate(name, score, milliseconds, *, parameters=1000, size=1000, memory=1000, group="rank", higher=True, former=None):
    rows = [
        Observation("accuracy", "", Kind.SCORE, score, None, None, "accuracy", higher, "", higher),
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
