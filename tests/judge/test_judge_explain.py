"""Two profiles subtracted: what grew is named first, and what only moves is not named at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_speedacc.baseline import StoredProfile
from pytest_speedacc.baseline.schema import StoredFunction
from pytest_speedacc.judge.explain import explain_difference, explain_stored, explain_time
from pytest_speedacc.judge.of_versions import other_versions
from pytest_speedacc.measure.profile import Function, Profile
from pytest_speedacc.report.sentences import all_said


def function(name, own, *, calls=1.0, spread=0.02, line=10):
    return Function(name, "features.py", line, calls, own, own, own * (1 - spread), own * (1 + spread))


def profile(*functions, known=None):
    ordered = tuple(sorted(functions, key=lambda each: -each.own))
    seconds, least = (sum(times) for times in zip(*((each.own, each.least) for each in functions), strict=True))
    return Profile("wall", 100, 50, seconds, least, ordered, known or {})


BASE = profile(function("clean_rows", 0.0002), function("score", 0.001))


def test_what_grew_is_named_with_its_part_and_its_calls():
    now = profile(function("clean_rows", 0.0011, calls=64, line=41), function("score", 0.0011))
    first, second = all_said(explain_difference(now, BASE))
    assert first == ("clean_rows (features.py:41): +900 µs of 1.00 ms more, called 64 times where the base called it 1")
    assert second == "score (features.py:10): +100 µs of 1.00 ms more, called once in both"


def test_what_is_new_is_named_as_that():
    (line,) = all_said(explain_difference(profile(*BASE.functions, function("copy_all", 0.0005)), BASE))
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
    assert all_said(explain_difference(now, BASE)) == ()


def test_what_accounts_for_little_of_a_large_change_is_not_named():
    now = profile(function("clean_rows", 0.0003), function("score", 0.006))  # 0.1 ms of 5.1 ms
    (line,) = all_said(explain_difference(now, BASE))
    assert line.startswith("score ")


def test_what_takes_next_to_nothing_is_not_listed():
    lines = all_said(explain_time(profile(function("clean_rows", 0.000004), function("score", 0.001))))
    assert [line.partition(" ")[0] for line in lines] == ["score"]


def test_the_largest_change_comes_first_and_few_are_named():
    many = [function(f"f{number}", 0.001 * number) for number in range(1, 9)]
    lines = all_said(explain_difference(profile(*BASE.functions, *many), BASE))
    assert [line.partition(" ")[0] for line in lines] == ["f8", "f7", "f6", "f5", "f4"]


def test_a_known_pattern_is_hinted_at_after_what_is_named():
    rows = {"rows of pandas": 0.005}
    slow = profile(function("by_rows", 0.01), known=rows)
    hint = "hint: pandas calls a Python function"
    assert all_said(explain_difference(slow, BASE))[-1].startswith(hint)
    assert all_said(explain_time(slow))[-1].startswith(hint)
    assert all_said(explain_stored(slow, stored(), True))[-1].startswith(hint)
    assert len(all_said(explain_difference(slow, replace(BASE, known=rows)))) == 1
    assert all_said(explain_difference(replace(BASE, known=rows), BASE)) == ()
    assert all_said(explain_stored(slow, stored(("by_rows", 1, 1)), True)) == ()


def test_where_the_time_goes():
    lines = all_said(explain_time(profile(function("score", 0.003), function("clean_rows", 0.001, calls=64))))
    assert lines == (
        "score (features.py:10): 75%, 3.00 ms, called once for each call of the model",
        "clean_rows (features.py:10): 25%, 1.00 ms, called 64 times for each call of the model",
    )


def stored(*functions, clock="wall"):
    kept = tuple(
        StoredFunction(name=name, file="features.py", calls=calls, share=share) for name, calls, share in functions
    )
    return StoredProfile(batch_size=64, calls=100, clock=clock, functions=kept)


NOW = profile(function("clean_rows", 0.0071, calls=64, line=41), function("score", 0.0029))
BEFORE = stored(("score", 1, 0.88), ("clean_rows", 1, 0.12))
CLEAN = "clean_rows (features.py:41): "


class TestBesideTheBaseline:
    def test_a_function_that_is_called_more_often_is_named_with_its_share(self):
        often = "called 64 times where the baseline called it 1; 71 % of the time where it was 12 %"
        assert all_said(explain_stored(NOW, BEFORE, True)) == (CLEAN + often,)

    def test_a_function_that_is_new_is_named_as_that(self):
        new = "called 64 times, and not at all in the baseline"
        assert all_said(explain_stored(NOW, stored(("score", 1, 1)), True)) == (CLEAN + new,)

    @pytest.mark.parametrize(
        "before",
        [
            stored(("clean_rows", 64, 0.71), ("score", 1, 0.29)),
            stored(("clean_rows", 60, 0.62), ("score", 1, 0.38)),  # by less than a tenth, and by less than 10 points
            stored(("clean_rows", 64, 0.71), ("score", 1.4, 0.25), ("gone", 3, 0.04)),  # by less than every other call
        ],
    )
    def test_without_a_change_nothing_is_named(self, before):
        assert all_said(explain_stored(NOW, before, True)) == ()

    def test_a_share_that_grew_by_ten_points_comes_after_the_counts(self):
        now = profile(function("score", 0.006), function("clean_rows", 0.004, calls=64, line=41))
        lines = all_said(explain_stored(now, stored(("clean_rows", 1, 0.5), ("score", 1, 0.5)), True))
        assert lines == (
            CLEAN + "called 64 times where the baseline called it 1; 40 % of the time where it was 50 %",
            "score (features.py:10): 60 % of the time where it was 50 %",
        )

    def test_a_share_is_that_of_the_fastest_passes(self):
        interrupted = replace(NOW, functions=tuple(replace(each, own=each.own * 9) for each in NOW.functions))
        assert all_said(explain_stored(interrupted, stored(("clean_rows", 64, 0.7), ("score", 1, 0.3)), True)) == ()

    @pytest.mark.parametrize(("seconds", "named"), [(9e-6, 0), (11e-6, 1)])
    def test_shares_of_a_call_that_is_short_for_the_clock_are_not_compared(self, seconds, named):
        now = profile(function("score", 0.6 * seconds, spread=0), function("clean_rows", 0.4 * seconds, spread=0))
        assert len(all_said(explain_stored(now, stored(("clean_rows", 1, 0.6), ("score", 1, 0.4)), True))) == named

    def test_counts_that_do_not_hold_leave_the_shares(self):
        assert all_said(explain_stored(NOW, BEFORE, False)) == (CLEAN + "71 % of the time where it was 12 %",)
        new = "71 % of the time, and not at all in the baseline"
        assert all_said(explain_stored(NOW, stored(("score", 1, 1)), False)) == (CLEAN + new,)

    def test_shares_of_another_clock_leave_the_counts(self):
        before = stored(("score", 1, 0.1), ("clean_rows", 1, 0.12), clock="cpu")
        called = CLEAN + "called 64 times where the baseline called it 1"
        assert all_said(explain_stored(NOW, before, True)) == (called,)
        assert all_said(explain_stored(NOW, before, False)) == ()

    def test_what_may_only_not_have_been_kept_is_not_new(self):
        many = [(f"f{number}", 1, 0.1) for number in range(7)]
        full = stored(*many, ("score", 1, 0.1))
        small = profile(function("score", 0.001), function("ninth", 0.001, calls=64), function("rest", 0.008))
        (line,) = all_said(explain_stored(small, full, True))
        assert line == ("rest (features.py:10): 80 % of the time, and not among the 8 functions of the baseline")

    def test_few_are_named(self):
        now = profile(*(function(f"f{number}", 0.001) for number in range(9)))
        assert len(all_said(explain_stored(now, stored(), True))) == 5


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        ({"python": "3.11.4", "numpy": "2.4.0"}, {"python": "3.11.9", "numpy": "2.4.0"}, ()),
        ({"python": "3.11.4"}, {"python": "3.12.4"}, ("python 3.11 -> 3.12",)),
        ({"numpy": "2.4.0", "scipy": "1"}, {"numpy": "2.4.1", "pandas": "3"}, ("numpy 2.4.0 -> 2.4.1",)),
        ({"pytest-speedacc": "0.1"}, {"pytest-speedacc": "0.2"}, ()),
    ],
)
def test_counts_hold_while_python_and_libraries_agree(then, now, why):
    assert all_said(other_versions(then, now)) == why


def test_a_function_without_a_clear_change_is_not_named():
    touching = Function("score", "features.py", 10, 1.0, 0.0015, 0.0015, 0.00102, 0.002)  # its least is the base's most
    assert all_said(explain_difference(profile(BASE.functions[1], touching), BASE)) == ()


def test_a_change_of_just_the_smallest_is_named():
    now = profile(function("clean_rows", 0.0002), function("score", 0.001))
    base = Profile("wall", 100, 50, 0.001, 0.001, (function("score", 0.001),), {})
    (line,) = all_said(explain_difference(replace(now, seconds=0.001), base))
    assert line == "clean_rows (features.py:10): +200 µs, called once, and not at all in the base"


def test_a_call_that_took_no_time_has_no_parts():
    empty = Profile("wall", 100, 50, 0.0, 0.0, (function("score", 0.0),), {"rows of pandas": 0.005})
    assert all_said(explain_time(empty)) == ()


def test_a_hint_needs_something_that_is_named():
    assert all_said(explain_time(Profile("wall", 100, 50, 0.001, 0.001, (), {"rows of pandas": 0.0005}))) == ()


def test_every_other_version_is_told():
    then, now = {"numpy": "2.3.0", "pandas": "2.2.0", "x": "1"}, {"numpy": "2.4.0", "pandas": "2.3.0", "x": "1"}
    assert all_said(other_versions(then, now)) == ("numpy 2.3.0 -> 2.4.0", "pandas 2.2.0 -> 2.3.0")


@pytest.mark.parametrize(
    ("calls", "former", "text"),
    [
        (2.0, 1.0, "called 2 times where the base called it 1"),
        (1.25, 1.0, "called 1.2 times where the base called it 1"),
        (1.0, 1.25, "called once where the base called it 1.2"),
        (1.0, 1.0 + 1e-9, "called once in both"),
        (123.0, 123.0, "called 123 times in both"),
        (0.33333, 0.33334, "called 0.33 times where the base called it 0.33"),
    ],
)
def test_calls_in_words(calls, former, text):
    base = profile(function("clean_rows", 0.0002, calls=former), function("score", 0.001))
    (line,) = all_said(
        explain_difference(profile(function("clean_rows", 0.0011, calls=calls), function("score", 0.001)), base)
    )
    assert line.endswith(text)


def test_a_function_that_is_new_is_named_though_it_is_called_once():
    stored = StoredProfile(batch_size=50, calls=100, clock="wall", functions=())
    (line,) = all_said(explain_stored(profile(function("copy_all", 0.0005)), stored, counts_hold=True))
    assert line == "copy_all (features.py:10): called once, and not at all in the baseline"


def test_a_former_share_is_told_in_per_cent():
    then = StoredFunction(name="score", file="features.py", calls=1.0, share=0.7)
    stored = StoredProfile(batch_size=50, calls=100, clock="wall", functions=(then,))
    (line,) = all_said(explain_stored(profile(function("score", 0.001)), stored, counts_hold=False))
    assert line == "score (features.py:10): 100 % of the time where it was 70 %"
