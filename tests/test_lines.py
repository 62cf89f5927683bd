"""How long a log is: a failing gate, and ten that pass, where CI is set and in a terminal of 80 columns."""

from __future__ import annotations

import pytest
from scratch_project import Project

MOST_OF_A_FAILURE, MOST_OF_TEN = 40, 25
TOLERANCES = 'max_latency="1 s", max_accuracy_drop="0.5 pp", max_model_size_increase="5 %", max_memory_increase="5 %"'


@pytest.fixture(autouse=True)
def in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("COLUMNS", "80")


def wide(lines: list[str]) -> list[str]:
    """What does not fit, less what pytest and its plugins say before the first test."""
    start = next(place for place, line in enumerate(lines) if line.startswith("collected "))
    return [line for line in lines[start:] if len(line) > 80]


def test_a_failing_gate_takes_at_most_forty_lines(project: Project) -> None:
    pytest.importorskip("sklearn")
    gate = f"""
@pytest.mark.speedacc(min_accuracy=0.9, {TOLERANCES})
def test_digits(speedacc):
    speedacc.check(regression(STRENGTH), inputs, targets)
"""
    project.write(f"STRENGTH = 1.0\n{gate}")
    project.run("--speedacc-update").assert_outcomes(passed=1)
    project.write(f"STRENGTH = 0.001\n{gate}")
    result = project.run()
    result.assert_outcomes(failed=1)
    lines = result.outlines
    assert len(lines) <= MOST_OF_A_FAILURE, "\n".join(lines)
    # All but the news, and pytest's own line of it.
    assert [line for line in wide(lines) if not line.startswith(("speedacc failed: ", "FAILED "))] == []
    assert sum(line.startswith("FAILED ") for line in lines) == 1


def test_ten_gates_that_pass_take_a_screen_and_less(project: Project) -> None:
    project.write(f"""
@pytest.mark.parametrize("number", range(10))
@pytest.mark.speedacc({TOLERANCES.replace('max_model_size_increase="5 %", ', "")})
def test_digits(speedacc, number):
    speedacc.check(model, inputs, targets)
""")
    project.run("--speedacc-update").assert_outcomes(passed=10)
    result = project.run()
    result.assert_outcomes(passed=10)
    lines = result.outlines
    assert len(lines) <= MOST_OF_TEN, "\n".join(lines)
    assert wide(lines) == []
    assert sum(line.endswith("  passed") and "same" in line for line in lines) == 6
