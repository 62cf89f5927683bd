"""What other tools are given, by the rules by which they read it.

Bencher publishes a JSON Schema (bencher.dev/bmf.json) and the longest names that it takes. github-action-benchmark
reads its custom formats with a zod schema of its own (src/extract.ts), and refuses a file without an entry.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from report_examples import FAST, FULL, GATE, REFUSED

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.exports import FORMATS
from pytest_speedacc.report.summary import RunReport

HOSTILE = RunReport((replace(GATE, test="tests/test_it.py::test_it[\x1b[31m\udc80" + "x" * 2000 + "]"), FAST))


def exported(name: str, run: RunReport = FULL) -> Any:
    text = FORMATS[name](run)
    text.encode("utf-8")
    return json.loads(text)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@pytest.mark.parametrize("run", [FULL, HOSTILE], ids=["full", "hostile"])
def test_bencher_metric_format_is_what_its_schema_says(run: RunReport) -> None:
    document = exported("bencher", run)
    assert len(document) == 2
    for benchmark, measures in document.items():
        assert 0 < len(benchmark) <= 1024
        assert measures
        for measure, metric in measures.items():
            assert 0 < len(measure) <= 64
            assert {"value"} <= metric.keys() <= {"value", "lower_value", "upper_value"}
            assert all(map(is_number, metric.values()))


def test_bencher_is_given_nanoseconds_and_bytes() -> None:
    measures = exported("bencher")[GATE.title]
    assert measures["latency"] == pytest.approx({"value": 179_000, "lower_value": 161_100, "upper_value": 196_900})
    assert measures["model-size"] == {"value": 700}
    assert measures.keys() == {"accuracy", "accuracy-night", "latency", "model-size", "throughput", "energy"}
    assert REFUSED.title not in exported("bencher")


@pytest.mark.parametrize("name", ["customSmallerIsBetter", "customBiggerIsBetter"])
@pytest.mark.parametrize("run", [FULL, HOSTILE], ids=["full", "hostile"])
def test_the_custom_formats_are_what_the_action_reads(name: str, run: RunReport) -> None:
    entries = exported(name, run)
    assert entries
    for entry in entries:
        assert {"name", "unit", "value"} <= entry.keys() <= {"name", "unit", "value", "range", "extra"}
        assert is_number(entry.pop("value"))
        assert all(isinstance(text, str) for text in entry.values())
    # A series is found by its name.
    assert len({entry["name"] for entry in entries}) == len(entries)


def test_every_number_goes_where_its_better_direction_is_known() -> None:
    smaller, bigger = ({entry["name"] for entry in exported(f"custom{way}IsBetter")} for way in ("Smaller", "Bigger"))
    kinds = {name.removeprefix(f"{GATE.title} ") for name in bigger if name.startswith(GATE.title)}
    assert kinds == {"accuracy", "accuracy night", "throughput"}
    kinds = {name.removeprefix(f"{GATE.title} ") for name in smaller if name.startswith(GATE.title)}
    assert kinds == {"latency", "model size", "energy"}


def test_a_time_is_in_one_unit_whatever_it_is() -> None:
    entries = {entry["name"]: entry for entry in exported("customSmallerIsBetter")}
    slow, fast = entries[f"{GATE.title} latency"], entries[f"{FAST.title} latency"]
    assert (slow["unit"], slow["value"], slow["range"]) == ("ms", pytest.approx(0.179), "0.1611 to 0.1969")
    assert (fast["unit"], fast["value"]) == ("ms", pytest.approx(0.01))
    assert entries[f"{GATE.title} energy"]["unit"] == "J"


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_without_a_number_is_none(name: str) -> None:
    with pytest.raises(ConfigError, match="the report has no number of this kind"):
        FORMATS[name](RunReport((REFUSED,)))
