"""The false alarms of a run are shared among its tests, and those of a test among its checks, however many follow."""

from __future__ import annotations

from typing import Any

import pytest
from scratch_project import Project

from pytest_speedacc.check import asked
from pytest_speedacc.judge.live_increase import SUITE_ALPHA


def test_each_check_has_its_share(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shares, run_gate = {}, asked.run_gate

    def recorded(case: Any, *arguments: Any) -> Any:
        shares[case.name] = case.alpha
        return run_gate(case, *arguments)

    monkeypatch.setattr(asked, "run_gate", recorded)
    project.write("""
@pytest.mark.speedacc(max_latency="1 s")
def test_loop(speedacc):
    for name in ("first", "second", "third"):
        speedacc.check(model, inputs, targets, name=name)


@pytest.mark.speedacc(max_latency="1 s")
def test_one(speedacc):
    speedacc.check(model, inputs, targets)
""")
    project.run().assert_outcomes(passed=2)
    each = SUITE_ALPHA / 2
    assert shares == pytest.approx({"first": each / 2, "second": each / 6, "third": each / 12, "": each / 2})
