"""Whole numbers against limits and tolerances: one below, equal, one above, and the band of a memory peak."""

from __future__ import annotations

import pytest
from judge_examples import bound

from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.sentences import said

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
KIB = 1024


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [("max_parameters", 1000, 1000), ("max_model_size", "1 KiB", KIB), ("max_memory", "1 KiB", KIB)],
)
def test_a_limit_is_exact(name, value, limit):
    for observed, outcome in ((limit - 1, PASSED), (limit, PASSED), (limit + 1, FAILED)):
        check = judge_amount(bound(name, value), Amount(observed))
        assert (check.outcome, check.observed, check.limit, check.reference) == (outcome, observed, limit, None)
    assert said(judge_amount(bound(name, value), Amount(limit)).reason) == "exactly the limit"


def test_the_reason_of_a_limit_is_its_distance():
    assert said(judge_amount(bound("max_parameters", 1000), Amount(1234)).reason) == "234 over the limit"
    assert said(judge_amount(bound("max_model_size", "1 KiB"), Amount(512)).reason) == "512 B under the limit"


@pytest.mark.parametrize(
    ("name", "tolerance", "reference", "most"),
    [
        ("max_parameters_increase", "0 %", 1000, 1000),
        ("max_parameters_increase", "15 %", 100, 115),  # 100 * 1.15 is a little less than 115 in floats
        ("max_parameters_increase", "10 %", 3, 3),
        ("max_model_size_increase", "1 %", 10_000, 10_100),
        ("max_memory_increase", "5 %", 1000, 1050),
        ("max_memory_increase", "5 %", 0, 0),
    ],
)
def test_a_tolerance_is_exact(name, tolerance, reference, most):
    for observed, outcome in ((most - 1, PASSED), (most, PASSED), (most + 1, FAILED)):
        check = judge_amount(bound(name, tolerance), Amount(max(0, observed)), Amount(reference))
        assert (check.outcome, check.reference, check.limit) == (outcome, reference, None)


@pytest.mark.parametrize(
    ("observed", "outcome"),
    [(1000, PASSED), (1001, INCONCLUSIVE), (1100, INCONCLUSIVE), (1101, FAILED), (899, PASSED)],
)
@pytest.mark.parametrize(
    ("name", "value", "reference"), [("max_memory", "1 kB", None), ("max_memory_increase", "0 %", 1000)]
)
def test_within_the_band_beyond_its_bound_an_amount_is_inconclusive(name, value, reference, observed, outcome):
    check = judge_amount(bound(name, value), Amount(observed, 100), reference and Amount(reference))
    assert check.outcome is outcome
    assert ("within the 100 B that this figure moves by itself" in said(check.reason)) is (outcome is INCONCLUSIVE)
    assert check.interval == (observed - 100, observed + 100)


def test_a_change_is_told_against_the_baseline():
    check = judge_amount(bound("max_parameters_increase", "0 %"), Amount(1100), Amount(1000))
    assert said(check.reason) == "+10 % against the baseline's 1,000"
    assert said(check.allowed) == "worse by at most 0 %"
    assert (
        said(judge_amount(bound("max_memory_increase", "0 %"), Amount(512), Amount(0)).reason)
        == "+512 B against the baseline's 0 B"
    )
    live = judge_amount(bound("max_memory_increase", "0 %"), Amount(512), Amount(0), source="base")
    assert said(live.reason) == "+512 B against the base's 0 B"


def test_the_functions_that_grew_are_named_where_both_sides_tell_theirs():
    tolerance = bound("max_bytecodes_increase", "1 %")
    then = Amount(1000, parts={"clean (a.py)": 500, "fit (b.py)": 400, "same (b.py)": 9, "gone (c.py)": 100})
    now = Amount(1500, parts={"clean (a.py)": 600, "fit (b.py)": 401, "same (b.py)": 9, "new (a.py)": 500})
    text = "+50 % against the base's 1,000"
    assert said(judge_amount(tolerance, now, then, "base").reason) == (
        f"{text}: +500 in new (a.py), +100 in clean (a.py), +1 in fit (b.py)"
    )
    fewer = Amount(1500, parts={"clean (a.py)": 500})
    assert said(judge_amount(tolerance, fewer, then, "base").reason) == text
    assert said(judge_amount(tolerance, now, Amount(1000), "base").reason) == text
    assert said(judge_amount(tolerance, Amount(1500), then, "base").reason) == text
    assert said(judge_amount(bound("max_bytecodes", 1000), now).reason) == "500 over the limit"
