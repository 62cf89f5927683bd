"""Trades as they are written: what each means, and what is refused because it contradicts itself or can never apply."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pytest_speedacc.config.policy import parse_marker, resolve
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.config.settings import Unit
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.errors import ConfigError

ROOT = Path("/project")


def read(text):
    return parse_project(tomllib.loads(text), ROOT)


def trade(give, gain):
    return parse_trades([{"give": give, "gain": gain}], "marker: trades")


@pytest.mark.parametrize(
    ("axis", "amount", "given", "gained"),
    [
        ("accuracy", "0.5 pp", (0.005, Unit.POINTS), (0.005, Unit.POINTS)),
        ("accuracy", "1 %", (0.01, Unit.RELATIVE), (0.01, Unit.RELATIVE)),
        ("accuracy", 0.3, (0.3, Unit.PLAIN), (0.3, Unit.PLAIN)),
        ("error", "8 %", (0.08, Unit.RELATIVE), (0.08, Unit.RELATIVE)),
        ("latency", "30 %", (0.3, Unit.RELATIVE), (0.3, Unit.RELATIVE)),
        ("latency", "5 x", (4.0, Unit.RELATIVE), (0.8, Unit.RELATIVE)),
        ("parameters", "50x", (49.0, Unit.RELATIVE), (0.98, Unit.RELATIVE)),
        ("memory", "100 %", (1.0, Unit.RELATIVE), None),
    ],
)
def test_an_amount_is_read_for_the_side_that_it_stands_on(axis, amount, given, gained):
    other = "latency" if axis != "latency" else "memory"
    ((term,), _), *_ = [(each.give, each.gain) for each in trade({axis: amount}, {other: "10 %"})]
    assert (term.axis, term.value, term.unit) == (axis, *[pytest.approx(given[0]), given[1]])
    if gained is not None:
        (found,) = trade({other: "10 %"}, {axis: amount})
        assert (found.gain[0].value, found.gain[0].unit) == (pytest.approx(gained[0]), gained[1])


def test_a_trade_says_itself():
    (found,) = trade({"accuracy": "0.5 pp", "memory": "2 x"}, {"latency": "30 %"})
    assert str(found) == "give accuracy 0.5 pp and memory 2 x for latency 30 %"
    assert found.source == "marker"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "marker: trades must be a list, as in trades = "),
        ([1], r"marker: trades[0] must have give and gain, and nothing else"),
        ([{"give": {"accuracy": "1 pp"}}], "must have give and gain, and nothing else"),
        ([{"give": {"accuracy": "1 pp"}, "gain": {"latency": "5 %"}, "if": 1}], "and nothing else"),
        ([{"give": {}, "gain": {"latency": "5 %"}}], "trades[0].give must name at least one axis with its amount"),
        ([{"give": {"acuracy": "1 pp"}, "gain": {"latency": "5 %"}}], "'acuracy' cannot be traded. Did you mean 'acc"),
        ([{"give": {"latency": 5}, "gain": {"accuracy": "1 pp"}}], 'latency = 5 has no unit: write "30 %" or "5 x"'),
        ([{"give": {"latency": "5 ms"}, "gain": {"accuracy": "1 pp"}}], "latency = '5 ms' has the unit 'ms'; it takes"),
        ([{"give": {"latency": "5 pp"}, "gain": {"accuracy": "1 pp"}}], "has the unit 'pp'"),
        ([{"give": {"accuracy": "2 x"}, "gain": {"latency": "5 %"}}], 'has the unit \'x\'; it takes "0.5 pp" or "1 %"'),
        ([{"give": {"accuracy": "0 pp"}, "gain": {"latency": "5 %"}}], "accuracy = '0 pp' trades nothing"),
        ([{"give": {"accuracy": "1 pp"}, "gain": {"latency": "100 %"}}], "can never happen: nothing would be left of"),
        ([{"give": {"memory": "5 %"}, "gain": {"accuracy": "101 pp"}}], "can never happen: a score has 100 points"),
        ([{"give": {"accuracy": "1 pp"}, "gain": {"latency": "1 x"}}], "latency = '1 x' must be above 1"),
        ([{"give": {"latency": "5 %"}, "gain": {"latency": "9 %"}}], "contradicts itself: it gives and gains latency"),
        ([{"give": {"accuracy": "5 %"}, "gain": {"error": "9 %"}}], "contradicts itself: it gives and gains error"),
    ],
)
def test_what_is_no_trade_is_refused(value, message):
    with pytest.raises(ConfigError) as refusal:
        parse_trades(value, "marker: trades")
    assert message in str(refusal.value)


GIVE = 'trades = [{ give = { accuracy = "0.2 pp" }, gain = { latency = "30 %" } }]'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GIVE, "can never apply: max_accuracy_drop is not set"),
        (f'{GIVE}\nmax_accuracy_drop = "0.2 pp"', "can never apply: max_accuracy_drop allows as much without any gain"),
        ('trades = [{ give = { memory = "9 %" }, gain = { latency = "9 %" } }]', "max_memory_increase is not set"),
    ],
)
def test_a_trade_that_can_never_apply_is_refused(text, message):
    with pytest.raises(ConfigError, match=r"\[tool\.speedacc\]: the trade to give") as refusal:
        resolve(read(text), "test_it.py::test_it", parse_marker((), {}))
    assert message in str(refusal.value)


def test_latency_may_be_given_where_only_a_live_run_compares_it():
    text = 'trades = [{ give = { latency = "9 %" }, gain = { accuracy = "1 pp" } }]'
    assert len(resolve(read(text), "x", parse_marker((), {})).trades) == 1


def test_the_nearest_list_of_trades_holds_as_a_whole():
    project = read(f'max_accuracy_drop = "0.1 pp"\n{GIVE}')
    marker = {"trades": [{"give": {"accuracy": "1 pp"}, "gain": {"memory": "5 x"}}]}
    assert [str(each) for each in resolve(project, "x", parse_marker((), {})).trades] == [
        "give accuracy 0.2 pp for latency 30 %"
    ]
    assert [each.source for each in resolve(project, "x", parse_marker((), marker)).trades] == ["marker"]
    assert resolve(project, "x", parse_marker((), {"trades": []})).trades == ()


class TestPolicies:
    @pytest.mark.parametrize("name", ["customer-facing", "internal-analytics"])
    def test_two_come_with_the_plugin(self, name):
        policy = resolve(read(f'policy = "{name}"'), "x", parse_marker((), {}))
        assert policy.trades
        assert policy.limits("accuracy")

    def test_a_policy_extends_another(self):
        text = """
[policies.shop]
extends = "customer-facing"
max_memory_increase = "1 %"
[policies.checkout]
extends = "shop"
max_latency = "5 ms"
"""
        policy = resolve(read(text), "x", parse_marker((), {"policy": "checkout"}))
        bounds = {bound.setting.name: bound.value for bound in policy.bounds}
        assert bounds["max_memory_increase"] == 0.01
        assert bounds["max_latency"] == 0.005
        assert bounds["max_accuracy_drop"] == 0.002
        assert len(policy.trades) == 2

    def test_a_policy_may_extend_the_built_in_one_of_its_name(self):
        text = '[policies.customer-facing]\nextends = "customer-facing"\nmax_latency_p95 = "20 ms"\n'
        policy = resolve(read(text), "x", parse_marker((), {"policy": "customer-facing"}))
        assert {bound.setting.name for bound in policy.bounds} >= {"max_latency_p95", "max_accuracy_drop"}

    def test_a_policy_of_the_same_name_replaces_the_built_in_one(self):
        policy = resolve(
            read("[policies.customer-facing]\nmin_accuracy = 0.9\n"),
            "x",
            parse_marker((), {"policy": "customer-facing"}),
        )
        assert [bound.setting.name for bound in policy.bounds] == ["min_accuracy"]
        assert policy.trades == ()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                '[policies.a]\nextends = "customr-facing"',
                "extends = 'customr-facing' is not defined. Did you mean 'cust",
            ),
            ('[policies.a]\nextends = "b"\n[policies.b]\nextends = "a"', "extends leads back to 'a'"),
            ('[policies.a]\nextends = "a"', "extends leads back to 'a'"),
            ("[policies.a]\nextends = 1", "must be a text"),
            ('extends = "a"', "unknown key 'extends'"),
            ('[tests."x"]\nextends = "a"', "unknown key 'extends'"),
        ],
    )
    def test_what_cannot_be_extended_is_refused(self, text, message):
        with pytest.raises(ConfigError) as refusal:
            read(text)
        assert message in str(refusal.value)
