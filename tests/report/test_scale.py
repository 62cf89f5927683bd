"""What milliseconds become at scale: the published answer, and how it is rounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.report.scale import at_scale, duration, scale_lines


def verdict(seconds, former=None, change=None):
    checks = ()
    if change is not None:
        checks = (
            Check(
                "max_latency_increase",
                "latency",
                "median",
                "",
                Kind.CHANGE,
                change,
                None,
                None,
                None,
                "",
                Outcome.FAILED,
                "",
            ),
        )
    median = Observation("latency", "median", Kind.TIME, seconds, None, former, "")
    return Verdict(
        "t.py::test_it", "", checks, (median,), (), compared_with="base" if change is not None else "baseline"
    )


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (65.83, ("6.58 s", "10.97 min", "1.83 h")),
        (42.95, ("4.30 s", "7.16 min", "1.19 h")),
    ],
)
def test_the_published_answer(milliseconds, expected):
    """LeViT beside BEiT: milliseconds become hours at 100,000 requests."""
    (row,) = at_scale(verdict(milliseconds / 1000), Scale())
    assert row.times == expected


@pytest.mark.parametrize(
    ("seconds", "requests", "expected"),
    [
        (0.04295, 100, "4.30 s"),  # 4.295 in binary is a little less
        (0.04285, 100, "4.29 s"),  # and half is not rounded to the even digit
        (0.0001, 100, "10.0 ms"),
        (0.01, 100, "1.00 s"),
        (0.59999, 100, "60.00 s"),
        (0.6, 100, "1.00 min"),
        (36.0, 100, "1.00 h"),
        (3600.0, 100_000, "100,000.00 h"),
    ],
)
def test_the_unit_is_the_largest_that_fits(seconds, requests, expected):
    assert duration(seconds, requests) == expected


def test_baseline_and_candidate_stand_side_by_side_with_their_cost():
    lines = scale_lines([verdict(0.06583, 0.04295)], Scale((100_000,), 0.9))
    assert [line.split("  ")[-1].strip() for line in lines[2:]] == ["1.83 h, cost 1.65", "1.19 h, cost 1.07"]
    assert lines[3].startswith("  baseline")


def test_the_base_of_a_live_run_is_known_by_its_ratio():
    rows = at_scale(verdict(0.066, change=0.1), Scale((100,)))
    assert [(row.title, row.times) for row in rows] == [("t.py::test_it", ("6.60 s",)), ("  base", ("6.00 s",))]


def test_without_a_latency_there_is_nothing_to_translate():
    assert scale_lines([Verdict("t", "", (), (), ())], Scale()) == []


def test_what_is_wanted_is_configured():
    scale = parse_project({"requests": [5, 7], "price_per_hour": 2}, Path()).scale
    assert scale == Scale((5, 7), 2.0, True)
    assert not parse_project({}, Path()).scale.is_wanted


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"requests": []}, "requests = [] must be a list of whole numbers above zero"),
        ({"requests": [0]}, "must be a list of whole numbers"),
        ({"requests": 5}, "must be a list of whole numbers"),
        ({"requests": [True]}, "must be a list of whole numbers"),
        ({"price_per_hour": "3"}, "price_per_hour = '3' must be a number above zero"),
        ({"price_per_hour": 0}, "price_per_hour = 0 must be a number above zero"),
        ({"policies": {"a": {"requests": [5]}}}, "requests holds for the whole run"),
    ],
)
def test_what_is_no_scale_is_refused(keys, message):
    with pytest.raises(ConfigError) as refusal:
        parse_project(keys, Path())
    assert message in str(refusal.value)
