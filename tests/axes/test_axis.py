"""An axis says all that is known of it, and nothing that nobody compares."""

from __future__ import annotations

import pytest

from pytest_speedacc.axes import AXES, BUILT_IN, SETTINGS, TRADED, add_axes
from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.facts import Amount


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


def test_what_was_added_can_be_taken_back_and_a_part_is_never_left() -> None:
    before = dict(AXES), dict(SETTINGS), dict(TRADED)
    take_back = add_axes([Axis("cost"), Axis("margin", better="higher")], "a test")
    assert list(AXES)[-2:] == ["cost", "margin"]
    take_back()
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before
    with pytest.raises(ConfigError, match="a test: the name 'latency' is taken"):
        add_axes([Axis("cost"), Axis("latency")], "a test")
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before


def test_an_amount_of_a_slice_moves_as_the_whole_does() -> None:
    assert Amount(3.0, 0.5, "note", {"night": 2.0}).of("night") == Amount(2.0, 0.5)
