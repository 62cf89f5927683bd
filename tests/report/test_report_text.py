"""A verdict in words: what it was compared with has the right name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_examples import FULL, GATE, SLOWER

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.verdict import Observation, Outcome, Verdict, check_of
from pytest_speedacc.report.document import gate_document
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.sentences import told
from pytest_speedacc.report.summary import why_of
from pytest_speedacc.report.text import brief_text, headline, news_of, observation_text, verdict_text
from tests.values import text

BOUND = parse_bound("max_parameters_increase", "0 %", "test")
SIZE = Observation("model_size", "", Kind.SIZE, 2048, None, 1024, "")


def verdict(**options: str) -> Verdict:
    """More parameters than before, and a larger model that nothing limits."""
    checks = (told(check_of(BOUND, 12, Outcome.FAILED, text("more"), reference=10)),)
    return Verdict("test_it.py::test", "", checks, (SIZE,), (), **options)


@pytest.mark.parametrize("compared_with", ["baseline", "base"])
def test_the_table_and_the_other_numbers_name_what_was_compared_with(compared_with: str) -> None:
    text = verdict_text(verdict(compared_with=compared_with), "here", Scale())
    heading = text.splitlines()[2]
    assert heading.split() == ["axis", "observed", compared_with, "allowed", "outcome", "why"]
    assert f"model size 2.00 KiB (+100 % from 1.00 KiB in the {compared_with})." in text


def test_the_document_names_it_too() -> None:
    assert gate_document(verdict(), Scale())["compared_with"] == "baseline"
    assert gate_document(verdict(compared_with="base"), Scale())["compared_with"] == "base"


def test_a_stored_time_is_never_told_as_a_change() -> None:
    slower = Observation("latency", "median", Kind.TIME, 0.002, None, 0.001, "")
    assert observation_text(slower, "baseline") == "latency median 2.00 ms (1.00 ms when the baseline was written)"
    assert observation_text(slower, "other") == "latency median 2.00 ms (+100 % from 1.00 ms in the other)"


def test_a_number_that_did_not_change_stands_alone() -> None:
    same = Observation("model_size", "", Kind.SIZE, 1024, None, 1024, "")
    assert observation_text(same, "base") == "model size 1.00 KiB"


LOST = tuple(f"sample {place}: target 4, now predicted 7" for place in range(5))
CLASSES = ("class 3: 37 of 37 right before, 35 now", "class 9: 35 of 36 right before, 33 now")


def test_what_was_lost_is_a_line_a_kind_and_verbosely_a_line_each() -> None:
    failed = replace(verdict(), flipped=(*LOST, "and 2 more", *CLASSES, "target 3 predicted 8: 2 now, 0 before"))
    short = verdict_text(failed, "here", Scale(), width=200, is_verbose=False).splitlines()
    place = short.index("Right before and wrong now:")
    assert short[place + 1 : place + 4] == [
        f"  {'; '.join(LOST[:3])}; and 4 more",
        f"  {'; '.join(CLASSES)}",
        "  target 3 predicted 8: 2 now, 0 before",
    ]
    assert all(f"  {line}" in verdict_text(failed, "here", Scale()).splitlines() for line in failed.flipped)


def test_the_headline_fits_the_terminal_and_is_one_line_again_where_pytest_wants_it() -> None:
    check = replace(SLOWER, outcome=Outcome.FAILED, accepted="")
    failed = Verdict("test_models.py::test_digits", "", (check,), (), ())
    for told_as in (verdict_text(failed, "here", Scale(), width=60, is_verbose=False), brief_text(failed, width=60)):
        assert all(len(line) <= 60 for line in told_as.splitlines())
        assert news_of(told_as) == f"speedacc {headline(failed)}"
        # What it is about is not told twice.
        assert told_as.count("allowed") == 1
    broken = Verdict("t", "", (), (), (), error="ValueError: it broke\n    in the model\nhere")
    assert news_of(verdict_text(broken, "here", Scale(), width=60)) == "speedacc cannot judge t: ValueError: it broke"


def test_advice_is_no_part_of_a_failure_and_other_notes_are() -> None:
    check = replace(SLOWER, outcome=Outcome.FAILED, accepted="")
    failed = Verdict("t", "", (check,), (), ("advice: use fewer", "wrote a file"))
    for shown in (verdict_text(failed, "here", Scale(), is_verbose=False), brief_text(failed)):
        assert ("advice" in shown, "Note: wrote a file." in shown.splitlines()) == (False, True)
    assert "advice" in verdict_text(failed, "here", Scale())


class TestOtherLibraries:
    """Before anything that a profile says, in every report."""

    def test_they_come_before_the_functions(self) -> None:
        lines = verdict_text(GATE, "here", Scale()).splitlines()
        place = lines.index("Other versions than in the base, the first to suspect:")
        assert lines[place + 1] == "  scikit-learn 1.5.2 -> 1.9.1, numpy 2.2.6 -> 2.4.6"
        assert lines[place + 3].startswith("What takes longer than in the base")
        told = (
            "other versions than in the base, the first to suspect: scikit-learn 1.5.2 -> 1.9.1, numpy 2.2.6 -> 2.4.6"
        )
        assert why_of(GATE)[0] == told
        assert f"- {told}".replace(">", "&gt;") in markdown(FULL)
        assert gate_document(GATE, Scale())["suspects"] == ["scikit-learn 1.5.2 -> 1.9.1", "numpy 2.2.6 -> 2.4.6"]

    def test_only_the_likeliest_are_shown(self) -> None:
        many = verdict(suspects=tuple(f"library{number} 1 -> 2" for number in range(9)))
        assert "  library0 1 -> 2, library1 1 -> 2, library2 1 -> 2, library3 1 -> 2, and 5 more\n" in verdict_text(
            many, "here", Scale()
        )
        assert len(gate_document(many, Scale())["suspects"]) == 9
