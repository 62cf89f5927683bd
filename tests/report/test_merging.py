"""Several runs told as one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_examples import BASE, FAST, FULL, GATE, GREEN

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.summary import RunReport

OTHER = replace(FAST, test="tests/test_other.py::test_other", group="")


def test_one_report_is_left_as_it_is() -> None:
    assert merge({"a": FULL}) is FULL


def test_gates_of_the_same_test_keep_their_label_and_stand_together() -> None:
    runs = {"3.11": RunReport((GATE, FAST)), "3.12": RunReport((GATE, OTHER))}
    titles = [verdict.title for verdict in merge(runs).verdicts]
    assert titles == [
        f"{GATE.test} (small, 3.11)",
        f"{GATE.test} (small, 3.12)",
        FAST.title,
        OTHER.title,
    ]


def test_a_gate_without_a_name_gets_the_label_for_one() -> None:
    merged = merge({"3.11": GREEN, "3.12": GREEN})
    assert [verdict.name for verdict in merged.verdicts] == ["3.11", "3.12"]
    assert markdown(merged).startswith("### ✅ 2 model gates passed\nMeasured on AMD EPYC, 2 cores\n")


@pytest.mark.parametrize("order", [("good", "bad"), ("bad", "good")])
def test_the_worst_decides(order: tuple[str, str]) -> None:
    runs = {"good": GREEN, "bad": RunReport((GATE,))}
    merged = merge({label: runs[label] for label in order})
    assert (merged.outcome, merged.failed) == (Outcome.FAILED, True)


@pytest.mark.parametrize(
    "worse",
    [
        replace(GREEN, fails=True),
        replace(GREEN, problems=("x.svg could not be written",)),
        replace(GREEN, lost=("gone",), losses_fail=True),
        RunReport(()),
    ],
)
def test_whatever_fails_a_run_fails_all(worse: RunReport) -> None:
    assert merge({"a": GREEN, "b": GREEN}).failed is False
    assert merge({"a": GREEN, "b": worse}).failed is True


def test_a_run_without_gates_is_named() -> None:
    assert merge({"a": GREEN, "b": RunReport(())}).problems == ("b: no model gate was judged",)


def test_what_all_say_is_said_once_and_the_rest_with_its_label() -> None:
    runs = {"a": replace(GREEN, remarks=("same", "one")), "b": replace(GREEN, remarks=("same",), loosened=("x",))}
    merged = merge(runs)
    assert merged.remarks == ("same", "a: one")
    assert merged.loosened == ("b: x",)
    other = replace(GREEN, environment={"description": "an Arm"})
    assert merge({"a": GREEN, "b": other}).measured_on == "a: AMD EPYC, 2 cores; b: an Arm"


def test_alternatives_are_compared_within_a_run_only() -> None:
    merged = merge({"a": FULL, "b": FULL})
    assert [group.name for group in merged.groups] == ["digits, a", "digits, b"]
    assert [verdict.group for verdict in merged.verdicts][:4] == ["digits, a", "digits, b"] * 2
    for label, group in zip("ab", merged.groups, strict=True):
        titles = {each.alternative.title for each in group.standings}
        assert titles == {f"{GATE.test} (small, {label})", f"{FAST.test} ({label})"}
        assert set(group.choices.values()) <= titles
        assert {title for each in group.standings for title in each.dominated_by} <= titles


def test_the_base_is_the_one_of_all() -> None:
    merged = merge({"a": FULL, "b": FULL, "c": GREEN})
    assert merged.base == replace(BASE, launches=18, seconds=63.0, canary=f"a: {BASE.canary}\nb: {BASE.canary}")


def test_reports_of_different_bases_are_refused() -> None:
    other = replace(FULL, base=replace(BASE, sha="b" * 40))
    with pytest.raises(ConfigError, match="a was compared with aaaaaaaaaaaa, and b with bbbbbbbbbbbb"):
        merge({"a": FULL, "b": other})


def test_the_past_of_a_gate_keeps_its_label() -> None:
    merged = merge({"a": FULL, "b": replace(FULL, past_ends="")})
    assert [(past.test, past.name) for past in merged.past] == [(GATE.test, "small, a"), (GATE.test, "small, b")]
    assert all(past.moments == FULL.past[0].moments for past in merged.past)
    assert merged.past_ends == f"a: {FULL.past_ends}"
