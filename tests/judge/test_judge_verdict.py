"""The verdict of several checks."""

from __future__ import annotations

import pytest
from judge_examples import bound

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.verdict import Outcome, Verdict, allowed_by, check_of
from pytest_speedacc.report.sentences import said

LIMIT = bound("max_parameters", 10)


def verdict(*outcomes, name=""):
    return Verdict("test_it.py::test", name, tuple(check_of(LIMIT, 1, each, "") for each in outcomes), (), ())


def test_the_worst_check_is_the_verdict():
    in_order = [Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.NOT_COMPARED, Outcome.FAILED]
    for place, worst in enumerate(in_order):
        both = verdict(*in_order[: place + 1], worst)
        assert both.outcome is worst
        assert len(both.worst()) == 2


def test_a_verdict_without_a_check_failed():
    assert verdict().outcome is Outcome.FAILED
    assert verdict().worst() == ()


def test_words_and_titles():
    assert [outcome.word for outcome in Outcome] == ["passed", "inconclusive", "not_compared", "failed"]
    assert verdict().title == "test_it.py::test"
    assert verdict(name="night").title == "test_it.py::test (night)"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("min_accuracy", 0.95, "at least 0.95"),
        ("max_latency", "5 ms", "at most 5.00 ms"),
        ("max_parameters", 50_000, "at most 50,000"),
        ("max_memory", "64 MiB", "at most 64.0 MiB"),
        ("max_latency_increase", "3 %", "worse by at most 3 %"),
        ("max_accuracy_drop", "0.2 pp", "worse by at most 0.2 pp"),
        ("max_accuracy_drop", 0.5, "worse by at most 0.5"),
    ],
)
def test_a_bound_in_words(name, value, text):
    assert said(allowed_by(bound(name, value))) == text


def test_a_check_carries_its_bound():
    check = check_of(bound("max_latency_p95", "5 ms"), 0.004, Outcome.PASSED, "fine", interval=(0.003, 0.005))
    assert (check.setting, check.metric, check.statistic, check.kind) == (
        "max_latency_p95",
        "latency",
        "p95",
        Kind.TIME,
    )
    assert (check.observed, check.interval, check.limit, check.reference) == (0.004, (0.003, 0.005), 0.005, None)
    tolerance = check_of(bound("max_latency_increase", "3 %"), 0.1, Outcome.FAILED, "", kind=Kind.CHANGE)
    assert (tolerance.kind, tolerance.limit) == (Kind.CHANGE, None)
