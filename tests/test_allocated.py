"""Who is named where a bound on memory fails in a live run: what grew, else what holds the peak."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.check.explanation import explain_memory
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.verdict import Outcome, check_of
from pytest_speedacc.measure.allocations import Allocations, Site
from pytest_speedacc.measure.subject import CallOptions, prepare

MIB = 2**20
BASE = Allocations(MIB, (Site("widen", "features.py", 4, MIB, 1),))
LARGER = Allocations(3 * MIB, (Site("widen", "features.py", 4, 3 * MIB, 1),))


def wide(batch: Any) -> Any:
    return np.ones(MIB // 8)[: len(batch)]


def named(allocations: Any, outcome: Outcome = Outcome.FAILED, observed: float | None = MIB) -> tuple[str, ...]:
    """For a check on memory that came to this; the two sides hold ``allocations``."""
    subject = prepare(wide, np.ones((2, 2)), np.ones(2), CallOptions())
    live, run = SimpleNamespace(allocations=allocations), SimpleNamespace(root=Path(__file__).parent)
    check = check_of(parse_bound("max_memory", "1 KiB", "test"), observed, outcome, ())
    return explain_memory(SimpleNamespace(live=live, run=run, subject=subject), (check,)).lines  # type: ignore[arg-type]


def test_what_grew_is_named() -> None:
    (line,) = named((LARGER, BASE))
    assert line == "widen (features.py:4): +2.00 MiB of 2.00 MiB more, 1 allocation in both"


@pytest.mark.memray
@pytest.mark.parametrize("allocations", [(BASE, BASE), None], ids=["as in the base", "base not looked into"])
def test_else_it_is_who_holds_the_peak(allocations: Any) -> None:
    (line,) = named(allocations)
    assert line.startswith("wide (test_allocated.py:")


@pytest.mark.parametrize(
    ("outcome", "observed"),
    [(Outcome.PASSED, MIB), (Outcome.INCONCLUSIVE, MIB), (Outcome.FAILED, None)],
    ids=["passed", "too close to call", "not measured"],
)
def test_nobody_is_named_where_no_peak_is_too_high(outcome: Outcome, observed: float | None) -> None:
    assert named((LARGER, BASE), outcome, observed) == ()
