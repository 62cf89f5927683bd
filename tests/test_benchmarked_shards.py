"""The table of what suites cost, by numbers that are known, and by a run of a suite of two."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import shards

LAST = "0.5 ms against 0.5 ms in the last of {} launches; faster than the base"


def gate(reason: str, *, is_timed: bool = True) -> dict[str, Any]:
    limit = {"reason": "+70 pp from the limit", "sides": None}
    return {"checks": [limit, {"reason": reason, "sides": [5e-4, 5e-4] if is_timed else None}]}


def report(*gates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"gates": gates, "live": {"launches": 9}, "shard": None, "problems": [], **fields}


def test_a_row_counts_what_was_timed() -> None:
    gates = [gate(LAST.format(count)) for count in (4, 9, 5)]
    found = report(*gates, gate("new gate", is_timed=False), shard={"part": 1, "parts": 8})
    assert shards.row_of(found, 50, 30.4, 512 * 2**20) == ["50", "1/8", "3", "9", "5", "30", "10.1", "512"]
    assert shards.row_of(report(gate("1 ms against 1 ms in one launch")), 1, 2.0, 0)[1:5] == ["all", "1", "9", "1"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (report(gate("the base's own gate fails", is_timed=False)), "shows nothing: .*; the base's own gate fails"),
        (report(gate(LAST.format(4)), problems=["there is no base"]), "The run shows nothing: there is no base"),
        (report(gate("soon")), "A check that was timed does not say how often: soon"),
    ],
)
def test_a_run_that_shows_nothing_makes_no_row(found: dict[str, Any], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        shards.row_of(found, 10, 1.0, 0)


@pytest.mark.thorough
def test_a_suite_of_two_is_timed_whole_and_in_shards() -> None:
    pytest.importorskip("sklearn")
    command = [sys.executable, "-m", "benchmarks.shards", "--gates", "2", "--shards", "1", "2", "--launches", "4"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == shards.line(shards.COLUMNS)
    whole, first = said[2:]
    assert re.fullmatch(r"\| 2 \| all \| 2 \| 4 \| 4\S* \| \d+ \| \S+ \| \d{2,} \|", whole)
    assert first.startswith("| 2 | 1/2 | 1 | 4 |")
