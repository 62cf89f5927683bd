"""What is judged is kept in values, and its sentences have one home: the table of report/sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import pytest_speedacc
from pytest_speedacc.axes.units import Change, Kind, Quantity
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.verdict import Check, Leg, Outcome, TradeSum, because, check_of
from pytest_speedacc.report.sentences import SENTENCES, all_said, said, told, told_trade

PACKAGE = Path(pytest_speedacc.__file__).parent
JUDGE = sorted((PACKAGE / "judge").glob("*.py"))
SPACED_WORD = re.compile(r"[a-z]{2} |( |,)[a-z]{2}")
NO_SENTENCE = {"rows of pandas"}
"""The name of a pattern, that ``measure/patterns`` knows it by."""


def calls_of_because(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "because":
            yield node


def rules_of(node: ast.expr) -> Iterator[str]:
    """The rules that an expression may name."""
    if isinstance(node, ast.IfExp):
        yield from (*rules_of(node.body), *rules_of(node.orelse))
    if isinstance(node, ast.Constant):
        yield str(node.value)


def words_in(path: Path) -> Iterator[str]:
    """Texts with a space in them that are no documentation, no rule, and no message to whoever breaks the code."""
    tree = ast.parse(path.read_text("utf-8"))
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assert | ast.Raise):
            text = node.value if isinstance(node, ast.Expr) else node.msg if isinstance(node, ast.Assert) else node.exc
            is_text = not isinstance(node, ast.Expr) or isinstance(text, ast.Constant)
            left_out |= {id(each) for each in ast.walk(text)} if text is not None and is_text else set()
    for call in calls_of_because(tree):
        left_out |= {id(each) for each in ast.walk(call.args[0])}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in left_out else None
        if isinstance(text, str) and SPACED_WORD.search(text) and text not in SENTENCES.keys() | NO_SENTENCE:
            yield text


@pytest.mark.parametrize("path", JUDGE, ids=lambda path: path.stem)
def test_the_judge_makes_no_sentence(path: Path) -> None:
    assert list(words_in(path)) == []


def test_a_sentence_would_be_noticed(tmp_path: Path) -> None:
    path = tmp_path / "judge.py"
    path.write_text('"""Of a module."""\nwhy = f"{1} over the limit"\nraise ValueError("not this one")\n', "utf-8")
    assert list(words_in(path)) == [" over the limit"]


def fields_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_rule_has_its_sentence_and_gives_what_that_names() -> None:
    """Else a verdict would end in a KeyError, where nobody has tested that one."""
    for path in PACKAGE.rglob("*.py"):
        for call in calls_of_because(ast.parse(path.read_text("utf-8"))):
            given = {keyword.arg for keyword in call.keywords}
            for rule in rules_of(call.args[0]):
                assert rule in SENTENCES, f"{path.name}:{call.lineno}"
                assert fields_of(SENTENCES[rule]) <= given, f"{path.name}:{call.lineno}"


def test_no_sentence_is_left_that_nothing_says() -> None:
    texts = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "sentences.py"]
    assert [rule for rule in SENTENCES if not any(f'"{rule}"' in text for text in texts)] == []


class TestWords:
    def test_reasons_add_up_and_name_each_other(self) -> None:
        inner = because("over", away=Quantity(512, Kind.SIZE))
        busy = because("busy", busy="waited", otherwise=inner)
        assert said(busy + because("faster")) == (
            "waited, which others had: 512 B over the limit. Run it where nothing else runs; it is faster"
        )
        assert said(()) == ""

    def test_a_list_is_told_with_what_stands_between(self) -> None:
        moved = [because("moved", name=name, then="1", now="2") for name in ("numpy", "python")]
        assert said(because("versions of base", changed=moved)).endswith("differ: numpy 1 -> 2, python 1 -> 2")
        assert all_said(moved) == ("numpy 1 -> 2", "python 1 -> 2")

    def test_numbers_read_as_everywhere(self) -> None:
        change = because("change", change=Change(0.93, 0.95, Kind.SCORE, True), source="base", then=0.95)
        assert said(change) == "-2 pp against the base's 0.95"

    def test_a_check_keeps_its_values(self) -> None:
        bound = parse_bound("max_latency", "5 ms", "test")
        found = check_of(bound, 0.006, Outcome.FAILED, because("took longer", over=3, seen=4, unit="calls"))
        check = told(found)
        assert isinstance(check, Check)
        assert (check.allowed, check.reason, check.accepted) == ("at most 5.00 ms", "3 of 4 calls took longer", "")
        assert (check.observed, check.limit, check.outcome) == (0.006, 0.005, Outcome.FAILED)

    def test_a_trade_keeps_whether_it_holds(self) -> None:
        legs = tuple(Leg("latency", "30 %", because("not known"), holds) for holds in (True, False))
        found = told_trade(TradeSum("give a for b", "x", legs[:1], legs[1:]))
        assert found.applies is False
        assert (found.given[0].observed, found.gained[0].holds) == ("not known", False)
