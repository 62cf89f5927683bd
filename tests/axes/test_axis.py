"""An axis says all that is known of it, and nothing that nobody compares."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.axes import AXES, BUILT_IN, SETTINGS, TRADED, add_axes
from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.baseline.schema import StoredMetric
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.measure.memory import MemoryPeak
from pytest_speedacc.measure.training import Training


def setting(name: str, role: Role, quantile: float | None = None) -> Setting:
    return Setting(name, role, "help", "1", quantile)


@pytest.mark.parametrize(
    ("compared", "wrong", "said"),
    [
        (Comparison.LATENCY, setting("max_x_p99_increase", Role.WORSENING, 0.99), "nothing compares p99"),
        (Comparison.LATENCY, setting("max_x", Role.MAXIMUM), "has a quantile only where the axis is a latency"),
        (Comparison.AMOUNT, setting("max_x", Role.MAXIMUM, 0.5), "has a quantile only where the axis is a latency"),
        (Comparison.AMOUNT, setting("max_x_change", Role.CHANGE), "nothing compares max_x_change"),
        (Comparison.ONE_TIMING, setting("max_x_increase", Role.WORSENING), "nothing compares max_x_increase"),
        (Comparison.CONFIDENCE, setting("max_x_drop", Role.WORSENING), "nothing compares max_x_drop"),
        (Comparison.CHURN, setting("max_x", Role.MAXIMUM), "nothing compares max_x"),
    ],
)
def test_a_setting_that_nothing_compares_cannot_be_made(compared: Comparison, wrong: Setting, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Axis("x", Kind.TIME, compared=compared, settings=(wrong,))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Cost", {}, "an axis is named in small letters, digits and underscores, not 'Cost'."),
        ("x", {"better": "up"}, "axis x: better='up' must be 'lower' or 'higher'."),
        ("x", {"unit": "score"}, "axis x: the unit 'score' is for scores and changes: write another one."),
        ("x", {"noise": 1}, "axis x: noise=1 must be a fraction, such as 0.02."),
        ("x", {"noise": -0.1}, "axis x: noise=-0.1 must be a fraction, such as 0.02."),
        ("x", {"noise": "5 %"}, "axis x: noise='5 %' must be a fraction, such as 0.02."),
        ("x", {"noise": None}, "axis x: noise=None must be a fraction, such as 0.02."),
        ("x", {"noise": False}, "axis x: noise=False must be a fraction, such as 0.02."),
        ("x", {"unit": None}, "axis x: unit=None must be a text, empty for none."),
        ("x", {"unit": ["J"]}, "axis x: unit=['J'] must be a text, empty for none."),
        ("x", {"per_environment": "no"}, "axis x: per_environment='no' must be true or false."),
        (3, {}, "an axis is named in small letters, digits and underscores, not 3."),
        (
            "x",
            {"measure": 3},
            "axis x: measure=3 must be a function of the model and its inputs. A number goes into check(metrics=).",
        ),
    ],
)
def test_what_is_no_axis_is_refused_with_what_would_be_one(name: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Axis(name, **options)
    assert str(refused.value) == said


def test_every_built_in_setting_knows_its_axis() -> None:
    for axis in BUILT_IN:
        assert {(each.metric, each.kind) for each in axis.settings} == {(axis.name, axis.unit)}
    assert list(AXES) == [axis.name for axis in BUILT_IN]
    assert {name for name, each in TRADED.items() if not each.is_tolerance} == set()


def test_the_usual_settings_follow_the_direction() -> None:
    lower, higher = Axis("cost"), Axis("margin", better="higher")
    assert [each.name for each in lower.settings] == ["max_cost", "max_cost_increase"]
    assert [each.name for each in higher.settings] == ["min_margin", "max_margin_drop"]
    assert (lower.traded, higher.traded) == ({"cost": "max_cost_increase"}, {"margin": "max_margin_drop"})
    assert [(each.role, each.help, each.example) for each in (*lower.settings, *higher.settings)] == [
        (Role.MAXIMUM, "largest cost", "5"),
        (Role.WORSENING, "how much worse cost may get", '"5 %"'),
        (Role.MINIMUM, "smallest margin", "5"),
        (Role.WORSENING, "how much worse margin may get", '"5 %"'),
    ]


@pytest.mark.parametrize(("unit", "kind", "example"), [("s", Kind.TIME, '"5 ms"'), ("J", "J", "5")])
def test_a_setting_has_the_unit_of_its_axis(unit: str, kind: str, example: str) -> None:
    limit, tolerance = Axis("first_reply", unit).settings
    assert (limit.kind, tolerance.kind, limit.example, limit.help) == (kind, kind, example, "largest first reply")
    assert type(limit.kind) is type(kind)
    assert (limit.is_noisy, limit.is_sliced, limit.higher_is_better) == (False, True, False)
    quantile = setting("max_x_increase", Role.WORSENING, 0.5)
    (noisy,) = Axis("x", Kind.TIME, compared=Comparison.LATENCY, settings=(quantile,)).settings
    assert (noisy.is_noisy, noisy.is_sliced) == (True, False)


def test_what_a_trade_calls_it_is_its_only_tolerance_unless_it_says_otherwise() -> None:
    limit, tolerance = setting("max_x", Role.MAXIMUM), setting("max_x_increase", Role.WORSENING)
    assert Axis("x", settings=(limit,)).traded == {}
    assert Axis("x", settings=(limit, tolerance)).traded == {"x": "max_x_increase"}
    assert Axis("x", settings=(limit, tolerance), traded={"y": "max_x_increase"}).traded == {"y": "max_x_increase"}
    quantile = setting("max_x_increase", Role.WORSENING, 0.5)
    assert Axis("x", compared=Comparison.LATENCY, settings=(quantile,)).traded == {}


HERE, EVERYWHERE = StoredMetric(value=3.0, band=1.0, slices={"night": 2.0}), StoredMetric(value=5.0)


@pytest.mark.parametrize(
    ("axis", "record", "former"),
    [
        (Axis("cost"), SimpleNamespace(metrics={"cost": HERE}), Amount(3.0, 1.0, slices={"night": 2.0})),
        (Axis("cost"), SimpleNamespace(metrics={}), None),
        (Axis("cost"), SimpleNamespace(metrics=None), None),
        (Axis("cost"), None, None),
        (Axis("cost", per_environment=False), SimpleNamespace(metrics={"cost": HERE}), Amount(5.0)),
        (Axis("margin", per_environment=False), None, None),
        (AXES["churn"], SimpleNamespace(metrics={"churn": HERE}), None),
    ],
)
def test_a_baseline_keeps_an_own_axis_where_its_values_hold(axis: Axis, record: Any, former: Amount | None) -> None:
    baseline: Any = SimpleNamespace(metrics={"cost": EVERYWHERE})
    assert axis.former_in(baseline, record) == former


NO = Unavailable("no")
PEAK = MemoryPeak(5000, (5000, 5000))
TREES = ParameterCount(1000, {"trees": 3, "leaves": 4000})


@pytest.mark.parametrize(
    ("name", "measured", "found"),
    [
        ("bytecodes", {"bytecodes": Amount(7, 2, "note", parts={"f": 3})}, Amount(7, 2, "note", parts={"f": 3})),
        ("bytecodes", {"bytecodes": NO}, NO),
        ("memory", {"memory": replace(PEAK, of="3 batches")}, Amount(5000, 1024, "peak of one call, of 3 batches")),
        ("memory", {"memory": PEAK}, Amount(5000, 1024, "peak of one call")),
        ("memory", {"memory": NO}, NO),
        ("model_size", {"model_size": 2000, "weights": 4096}, Amount(2000, note="4.00 KiB of weights in memory")),
        ("model_size", {"model_size": 2000, "weights": None}, Amount(2000)),
        ("model_size", {"model_size": NO, "weights": None}, NO),
        ("parameters", {"parameters": TREES}, Amount(1000, note="3 trees, 4,000 leaves")),
        ("parameters", {"parameters": NO}, NO),
        ("training_time", {"training": Training(2.5, 4000, "")}, Amount(2.5, note="one training")),
        ("training_time", {"training": NO}, NO),
        ("training_memory", {"training": Training(2.5, 4000, "")}, Amount(4000, 1024, "peak of one training")),
        ("training_memory", {"training": Training(2.5, None, "no memray")}, Unavailable("no memray")),
        ("training_memory", {"training": NO}, NO),
    ],
)  # fmt: skip
def test_an_axis_is_found_in_what_was_measured(name: str, measured: dict[str, Any], found: object) -> None:
    assert AXES[name].found_in(SimpleNamespace(**measured)) == found


STORED = SimpleNamespace(
    memory=SimpleNamespace(peak=5000, band=64), training=SimpleNamespace(seconds=2.5, peak=4000), metrics=None
)
BARE = SimpleNamespace(memory=None, training=None, metrics=None)


@pytest.mark.parametrize(
    ("name", "record", "former"),
    [
        ("memory", STORED, Amount(5000, 64)),
        ("memory", BARE, None),
        ("memory", None, None),
        ("training_time", STORED, Amount(2.5)),
        ("training_time", BARE, None),
        ("training_time", None, None),
        ("training_memory", STORED, Amount(4000)),
        ("training_memory", SimpleNamespace(training=SimpleNamespace(peak=None)), None),
        ("training_memory", BARE, None),
        ("training_memory", None, None),
        ("parameters", None, Amount(1000)),
        ("model_size", None, None),
    ],
)
def test_an_axis_is_found_in_a_baseline(name: str, record: Any, former: Amount | None) -> None:
    baseline: Any = SimpleNamespace(metrics=None, parameters=1000, model_size=None)
    assert AXES[name].former_in(baseline, record) == former


def test_what_was_added_can_be_taken_back_and_a_part_is_never_left() -> None:
    before = dict(AXES), dict(SETTINGS), dict(TRADED)
    take_back = add_axes([Axis("cost"), Axis("margin", better="higher")], "a test")
    assert list(AXES)[-2:] == ["cost", "margin"]
    take_back()
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before
    with pytest.raises(ConfigError, match="a test: the name 'latency' is taken"):
        add_axes([Axis("cost"), Axis("latency")], "a test")
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("energy", "a test: 'energy' is not an Axis."),
        (Axis("error"), "a test: the name 'error' is taken by pytest-speedacc: give the axis another one."),
        (
            Axis("cost", settings=(setting("max_memory", Role.MAXIMUM),)),
            "a test: the name 'max_memory' is taken by pytest-speedacc: give the axis another one.",
        ),
    ],
)
def test_what_is_no_axis_or_has_a_name_that_is_taken_is_not_added(added: Any, said: str) -> None:
    before = dict(AXES), dict(SETTINGS), dict(TRADED)
    with pytest.raises(ConfigError) as refused:
        add_axes([added], "a test")
    assert str(refused.value) == said
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before


def test_an_amount_of_a_slice_moves_as_the_whole_does() -> None:
    assert Amount(3.0, 0.5, "note", {"night": 2.0}).of("night") == Amount(2.0, 0.5)
