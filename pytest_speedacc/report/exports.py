"""What was measured, in the formats of services that draw it over time. They are given no verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Observation, Verdict
from pytest_speedacc.report.document import UNITS
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.summary import RunReport

LONGEST_BENCHMARK, LONGEST_MEASURE = 1024, 64
"""Characters of a name that Bencher takes."""
_NANOSECONDS, _MILLISECONDS = 1e9, 1e3


def bencher(run: RunReport) -> str:
    """Bencher Metric Format, for its adapter ``json``: a time is in nanoseconds, as its own measure ``latency`` is."""
    document: dict[str, dict[str, Any]] = {}
    for verdict in run.verdicts:
        measures = {}
        for row, value in _measured(verdict):
            scale = _NANOSECONDS if row.kind == Kind.TIME else 1
            metric = {"value": value * scale}
            if row.interval is not None:
                low, high = row.interval
                metric |= {"lower_value": low * scale, "upper_value": high * scale}
            measures[shortened(_measure(row), LONGEST_MEASURE)] = metric
        if measures:
            document[shortened(printable(verdict.title), LONGEST_BENCHMARK)] = measures
    return _written(document)


def github_action_benchmark(run: RunReport, *, higher_is_better: bool) -> str:
    """The custom formats of github-action-benchmark, which has one for each direction: a time is in milliseconds."""
    entries = []
    for verdict in run.verdicts:
        for row, value in _measured(verdict):
            if row.higher_is_better is not higher_is_better:
                continue
            scale, unit = (_MILLISECONDS, "ms") if row.kind == Kind.TIME else (1, UNITS.get(row.kind, row.kind))
            name = f"{printable(verdict.title)} {_measure(row).replace('-', ' ')}"
            entry = {"name": name, "unit": printable(unit), "value": value * scale}
            if row.interval is not None:
                low, high = (f"{end * scale:.6g}" for end in row.interval)
                entry["range"] = f"{low} to {high}"
            entries.append(entry)
    return _written(entries)


FORMATS: Mapping[str, Callable[[RunReport], str]] = {
    "bencher": bencher,
    "customSmallerIsBetter": partial(github_action_benchmark, higher_is_better=False),
    "customBiggerIsBetter": partial(github_action_benchmark, higher_is_better=True),
}
"""As the consumer calls them: the adapter's service, and the ``tool:`` of the action."""


def _measured(verdict: Verdict) -> Iterator[tuple[Observation, float]]:
    return ((row, row.observed) for row in verdict.observations if row.observed is not None)


def _measure(row: Observation) -> str:
    """``latency`` for its median, ``latency-p95``, ``model-size``, ``accuracy-night`` of a slice."""
    statistic = "" if row.statistic == "median" else row.statistic
    words = "-".join(filter(None, (row.metric, statistic, row.slice)))
    return printable(words).replace("_", "-").replace(" ", "-")


def _written(content: dict[str, Any] | list[dict[str, Any]]) -> str:
    if not content:
        raise ConfigError("the report has no number of this kind: nothing was measured, or all of another direction.")
    return json.dumps(content, indent=2) + "\n"
