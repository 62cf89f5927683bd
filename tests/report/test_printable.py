"""Foreign text is shown and never obeyed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_speedacc.report.printable import (
    LONGEST,
    LONGEST_TITLE,
    is_whole,
    printable,
    printable_lines,
    shortened,
    shown_title,
)
from pytest_speedacc.report.table import table_lines

ANYTHING = st.text(st.characters(codec=None, categories=None), max_size=60) | st.from_regex(
    r"\s*(::|##\w*\[)[\s\S]*", fullmatch=True
)
COMMAND = re.compile(r"^\s*::|##\w*\[")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tests/test_it.py::test[a-0.5]", "tests/test_it.py::test[a-0.5]"),
        ("12 µs, 3 \N{MULTIPLICATION SIGN} naïve 模型", "12 µs, 3 \N{MULTIPLICATION SIGN} naïve 模型"),
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc\0", r"a\r\nb\tc\x00"),
        ("one\u2028other", r"one\u2028other"),
        ("\u202egnorw", r"\u202egnorw"),
        ("\u2066left\u2069", r"\u2066left\u2069"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("::error::stop", r"\x3a:error::stop"),
        ("  ::add-mask::a", r"  \x3a:add-mask::a"),
        ("note: ##[group]a", r"note: \x23#[group]a"),
        ("##vso[task.complete result=Succeeded]", r"\x23#vso[task.complete result=Succeeded]"),
        ("##teamcity[testPassed]", r"\x23#teamcity[testPassed]"),
        ("# a heading ## another", "# a heading ## another"),
    ],
)
def test_what_a_terminal_or_a_log_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANYTHING)
def test_any_text_becomes_one_line_that_commands_nothing(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert not COMMAND.search(shown)
    assert printable(shown) == shown
    assert is_whole(shown)


@given(ANYTHING, st.integers(3, 20))
def test_what_is_too_long_keeps_its_two_ends(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) == min(len(text), most)
    # The text may have dots of its own beside those that stand for what is left out.
    cuts = [place for place in range(len(short)) if short.startswith("...", place)]
    assert text == short or any(text.startswith(short[:cut]) and text.endswith(short[cut + 3 :]) for cut in cuts)


def test_a_line_has_an_end_and_a_title_an_earlier_one() -> None:
    assert len(printable("a" * 10**6)) == LONGEST
    title = "tests/test_it.py::test[" + "x" * 500 + "-last]"
    assert len(shown_title(title)) == LONGEST_TITLE
    assert shown_title(title).startswith("tests/test_it.py::test[xxx")
    assert shown_title(title).endswith("xxx-last]")


def test_lines_are_kept_and_each_commands_nothing() -> None:
    assert printable_lines("one\n::error::two\n\x1b[0m") == "one\n\\x3a:error::two\n\\x1b[0m"


def test_half_of_a_character_is_no_whole_text() -> None:
    assert is_whole("\U0001f600")
    assert not is_whole("\udcff")


def test_a_table_stays_one_whatever_is_in_it() -> None:
    lines = table_lines(("gate", "verdict"), [("a\nb\x1b[1m", "failed"), ("x" * 500, "passed")])
    assert len(lines) == 4
    assert lines[2].split() == [r"a\nb\x1b[1m", "failed"]
    assert lines[3].endswith("  passed")
    assert len(lines[3]) < 120
