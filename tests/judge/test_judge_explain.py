"""Two profiles subtracted: what grew is named first, and what only moves is not named at all."""

from __future__ import annotations

import pytest

from pytest_speedacc.judge.explain import explain_difference, explain_time
from pytest_speedacc.measure.profile import Function, Profile


def function(name, own, *, calls=1.0, spread=0.02, line=10):
    return Function(name, "features.py", line, calls, own, own, own * (1 - spread), own * (1 + spread))


def profile(*functions, rowwise=False):
    ordered = tuple(sorted(functions, key=lambda each: -each.own))
    return Profile("wall", sum(each.own for each in functions), ordered, rowwise)


BASE = profile(function("clean_rows", 0.0002), function("score", 0.001))


def test_what_grew_is_named_with_its_part_and_its_calls():
    now = profile(function("clean_rows", 0.0011, calls=64, line=41), function("score", 0.0011))
    first, second = explain_difference(now, BASE)
    assert first == ("clean_rows (features.py:41): +900 µs of 1.00 ms more, called 64 times where the base called it 1")
    assert second == "score (features.py:10): +100 µs of 1.00 ms more, called once in both"


def test_what_is_new_is_named_as_that():
    (line,) = explain_difference(profile(*BASE.functions, function("copy_all", 0.0005)), BASE)
    assert line == "copy_all (features.py:10): +500 µs of 500 µs more, called once, and not at all in the base"


@pytest.mark.parametrize(
    "now",
    [
        BASE,
        profile(function("clean_rows", 0.00019), function("score", 0.0009)),  # faster
        profile(function("clean_rows", 0.00023), function("score", 0.001)),  # by less than 3 % of a call
        profile(function("clean_rows", 0.0002), function("score", 0.0011, spread=0.2)),  # it moves by itself
    ],
)
def test_without_a_change_nothing_is_named(now):
    assert explain_difference(now, BASE) == ()


def test_the_largest_change_comes_first_and_few_are_named():
    many = [function(f"f{number}", 0.001 * number) for number in range(1, 9)]
    lines = explain_difference(profile(*BASE.functions, *many), BASE)
    assert [line.partition(" ")[0] for line in lines] == ["f8", "f7", "f6", "f5", "f4"]


def test_a_known_pattern_is_hinted_at_where_it_is_new():
    slow = [function("by_rows", 0.01)]
    assert explain_difference(profile(*slow, rowwise=True), BASE)[-1].startswith("hint: pandas calls a Python function")
    before = Profile(BASE.clock, BASE.seconds, BASE.functions, True)
    assert len(explain_difference(profile(*slow, rowwise=True), before)) == 1


def test_where_the_time_goes():
    lines = explain_time(profile(function("score", 0.003), function("clean_rows", 0.001, calls=64)))
    assert lines == (
        "score (features.py:10): 75%, 3.00 ms, called once for each call of the model",
        "clean_rows (features.py:10): 25%, 1.00 ms, called 64 times for each call of the model",
    )
