"""Hints about known patterns: given where one holds, and not beside it; real models are in tests/measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_speedacc.judge.hints import CONVERSIONS, ROWS, VALIDATION, hints
from pytest_speedacc.measure.patterns import KNOWN
from pytest_speedacc.measure.profile import Function, Profile
from pytest_speedacc.report.sentences import all_said

CLEAN = Function("clean", "features.py", 41, 64, 0.0005, 0.0006, 0.0005, 0.0005)
PLAIN = Profile("wall", 100, 64, 0.001, 0.001, (replace(CLEAN, calls=1),), {})
PANDAS = "pandas to arrays"


def with_calls(calls: float, **changes: float) -> Profile:
    return replace(PLAIN, functions=(replace(CLEAN, calls=calls, **changes),))


def test_every_known_pattern_has_its_hint() -> None:
    assert set(KNOWN) == {*CONVERSIONS, ROWS, VALIDATION}


@pytest.mark.parametrize(
    ("profile", "often"),
    [
        (with_calls(64), "once"),
        (with_calls(192), "3 times"),
        (replace(with_calls(8), batch_size=8), "once"),
        (with_calls(63), ""),
        (with_calls(96), ""),
        (with_calls(1), ""),
        (with_calls(0), ""),
        (replace(with_calls(7), batch_size=7), ""),  # seven calls may be of anything
        (with_calls(64, total=0.00009), ""),  # and these take no time
    ],
)
def test_a_call_for_each_sample(profile: Profile, often: str) -> None:
    text = f"hint: clean (features.py:41) is called {often} for each of the {profile.batch_size} samples: let it take "
    told = (f"{text}the whole batch, with operations on arrays or columns",)
    assert all_said(hints(profile)) == (told if often else ())


def test_of_several_the_outermost_is_named() -> None:
    inner = replace(CLEAN, name="inner", own=0.0006, total=0.0004)
    (hint,) = all_said(hints(replace(PLAIN, functions=(inner, CLEAN))))
    assert "clean (" in hint
    (rows,) = all_said(hints(replace(with_calls(64), known={ROWS: 0.0005})))
    assert rows.startswith("hint: pandas calls a Python function for each row")


def test_in_a_difference_a_call_for_each_sample_is_new() -> None:
    assert len(all_said(hints(with_calls(64), PLAIN))) == 1
    assert len(all_said(hints(with_calls(128), with_calls(64)))) == 1
    assert all_said(hints(with_calls(64), with_calls(64))) == ()


@pytest.mark.parametrize("name", [ROWS, *CONVERSIONS, VALIDATION])
def test_in_a_difference_a_known_pattern_has_grown(name: str) -> None:
    now = replace(PLAIN, batch_size=1, known={name: 0.0005})
    assert len(all_said(hints(now))) == len(all_said(hints(now, PLAIN))) == 1
    before = [replace(PLAIN, known={name: seconds}) for seconds in (0.00046, 0.00048, 0.0006)]
    assert [len(all_said(hints(now, each))) for each in before] == [1, 0, 0]


@pytest.mark.parametrize(
    ("name", "share", "batch_size", "given"),
    [
        (PANDAS, 0.10, 64, True),
        (PANDAS, 0.09, 64, False),
        (VALIDATION, 0.30, 1, True),
        (VALIDATION, 0.29, 1, False),
        (VALIDATION, 0.90, 2, False),
    ],
)
def test_a_pattern_that_takes_little_is_left_alone(name: str, share: float, batch_size: int, given: bool) -> None:
    found = all_said(hints(replace(PLAIN, seconds=1.0, batch_size=batch_size, known={name: share})))
    assert [f"in {share * 100:.0f} % of each call" in each for each in found] == ([True] if given else [])


def test_what_takes_no_time_has_no_share() -> None:
    assert all_said(hints(replace(PLAIN, seconds=0.0, known={PANDAS: 0.0}))) == ()


@pytest.mark.parametrize(("factor", "hinted"), [(1.0, True), (0.999, False)])
def test_who_takes_just_the_smallest_share_or_grew_by_it_is_hinted_at(factor: float, hinted: bool) -> None:
    called = replace(CLEAN, calls=64.0, total=0.1 * factor)
    assert bool(all_said(hints(replace(PLAIN, seconds=1.0, functions=(called,))))) is hinted
    base = replace(PLAIN, seconds=1.0, functions=(), known={ROWS: 0.0})
    assert bool(all_said(hints(replace(base, known={ROWS: 0.03 * factor}), base))) is hinted


@pytest.mark.parametrize("known", [PANDAS, VALIDATION])
def test_a_share_is_told_in_per_cent(known: str) -> None:
    (hint,) = all_said(hints(replace(PLAIN, batch_size=1, seconds=1.0, known={known: 0.9})))
    assert hint.startswith("hint: in 90 % of each call ")
