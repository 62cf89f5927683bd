"""The table at the end of a run: what changed against the base, also where all passed, in the width of the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_examples import SLOWER

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.report.closing import summary_lines

PASSED = replace(
    SLOWER, observed=-0.019, interval=(-0.076, 0.042), sides=(0.000145, 0.000148), outcome=Outcome.PASSED, accepted=""
)
ACCEPTED = replace(
    SLOWER,
    observed=0.129,
    interval=(0.1, 0.15),
    outcome=Outcome.PASSED,
    accepted='+12.9 % against 1a2b3c4 ("deeper trees, and a reason that goes on for longer than a terminal is wide")',
)


def exact(metric: str, kind: str, observed: float, reference: float, title: str = "") -> Check:
    return Check(
        f"max_{metric}",
        metric,
        "",
        "",
        kind,
        observed,
        None,
        None,
        reference,
        "worse by at most 5 %",
        Outcome.PASSED,
        "",
        title=title,
    )


SCORE = exact("accuracy", Kind.SCORE, 0.95, 0.95)
SMALLER = exact("model_size", Kind.SIZE, 512, 1024)


def gate(*checks: Check, test: str = "test_models.py::test_digits", observations: int = 5) -> Verdict:
    """A gate whose score, times, parameters and size were measured."""
    rows = (
        Observation("accuracy", "", Kind.SCORE, 0.95, None, 0.95, "accuracy", True, "", True),
        Observation("latency", "median", Kind.TIME, 0.000145, None, None, ""),
        Observation("latency", "p95", Kind.TIME, 0.000345, None, None, ""),
        Observation("parameters", "", Kind.COUNT, 650, None, 650, ""),
        Observation("model_size", "", Kind.SIZE, 512, None, 1024, ""),
    )
    return Verdict(test, "", checks, rows[:observations], (), compared_with="base")


def lines_of(*verdicts: Verdict, width: int = 80, is_verbose: bool = False) -> list[str]:
    return summary_lines(verdicts, width=width, is_verbose=is_verbose)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_passed_gate_shows_its_changes() -> None:
    header, _, row = lines_of(gate(PASSED, SCORE), width=200)
    assert dict(zip(cells(header), cells(row), strict=True)) == {
        "gate": "test_models.py::test_digits",
        "score": "0.95, same",
        "median": "145 µs, -1.9 % (-7.6 to +4.2)",
        "p95": "345 µs",
        "parameters": "650",
        "model size": "512 B",
        "verdict": "passed",
    }


def test_a_narrow_one_shows_them_without_the_values() -> None:
    header, _, row = lines_of(gate(PASSED, SCORE))
    assert dict(zip(cells(header), cells(row), strict=True)) == {
        "gate": "test_models.py::test_digits",
        "score": "0.95",
        "median": "-1.9 % (-7.6 to +4.2)",
        "p95": "345 µs",
        "verdict": "passed",
    }


@pytest.mark.parametrize(("outcome", "shown"), [(Outcome.FAILED, "median"), (Outcome.PASSED, "parameters")])
def test_an_axis_that_did_not_pass_has_its_column_before_any_other(outcome: Outcome, shown: str) -> None:
    slow = replace(PASSED, setting="max_latency", limit=0.01, interval=None, allowed=None, outcome=outcome)
    others = [exact(name, Kind.COUNT, 600, 650) for name in ("parameters", "model_size", "memory")]
    header, *_ = lines_of(gate(slow, SCORE, *others, test="test_models.py::test_of_the_digits_of_everybody"))
    assert shown in header
    assert ("median" in header) == (shown == "median")


def test_an_axis_that_is_limited_has_its_column_before_one_that_is_not() -> None:
    limited = replace(SMALLER, setting="max_model_size", limit=1024.0, outcome=Outcome.PASSED)
    header, *_ = lines_of(gate(PASSED, SCORE, limited))
    assert "model size" in header
    assert "p95" not in header


def test_beside_changes_what_did_not_change_says_so() -> None:
    worse = replace(SCORE, observed=0.9, interval=(0.88, 0.92))
    lines = lines_of(gate(PASSED, SCORE), gate(PASSED, worse, test="test_models.py::test_tumours"))
    assert [cells(line)[1] for line in lines[2:4]] == ["same", "-5 pp"]


def test_the_columns_that_say_the_least_go_first() -> None:
    header, _, row = lines_of(gate(PASSED, SMALLER))
    # The size moved, and neither p95 nor the parameters are compared.
    assert cells(header) == ["gate", "score", "median", "model size", "verdict"]
    assert cells(row)[2:] == ["-1.9 % (-7.6 to +4.2)", "-50 %", "passed"]


def test_what_moved_and_has_no_room_is_told_below() -> None:
    tail = replace(PASSED, statistic="p95", observed=-0.2, interval=(-0.25, -0.15))
    faster = replace(PASSED, observed=-0.2, interval=(-0.25, -0.15))
    lines = lines_of(gate(faster, tail, SMALLER, exact("parameters", Kind.COUNT, 650, 650)))
    assert cells(lines[0]) == ["gate", "median", "p95", "verdict"]
    assert lines[3:] == ["", "moved: test_models.py::test_digits: model size -50 %"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_width_has_room_for_the_verdict(width: int) -> None:
    long = gate(PASSED, SCORE, SMALLER, test=f"tests/test_{'long' * 30}.py::test_digits")
    lines = summary_lines([long, gate(PASSED)], width=width, is_verbose=False)
    assert all(len(line) <= width for line in lines)
    assert lines[2].endswith(" passed")
    assert "..." in lines[2]


def test_what_was_accepted_is_said_in_its_row_and_why_below() -> None:
    lines = lines_of(gate(ACCEPTED, SCORE))
    assert "+12.9 % (+10 to +15) accepted" in lines[2]
    assert lines[2].endswith("accepted")
    assert lines[-1].startswith("accepted: test_models.py::test_digits: latency median +12.9 % against 1a2b3c4 (")
    # A failed gate is no accepted one.
    worse = replace(SMALLER, outcome=Outcome.FAILED, observed=2048)
    assert lines_of(gate(ACCEPTED, worse))[2].endswith("failed")


def test_verbosely_everything_stands_in_the_row() -> None:
    (row,) = lines_of(gate(ACCEPTED, SCORE), is_verbose=True)[2:]
    assert "145 µs, +12.9 % (+10 to +15)" in row
    assert row.endswith(f"passed; accepted: latency median {ACCEPTED.accepted}")


def test_what_nothing_measured_has_no_column() -> None:
    header, *_ = lines_of(gate(SCORE, observations=1))
    assert cells(header) == ["gate", "score", "verdict"]


def test_a_slice_is_no_column_of_the_whole_set() -> None:
    (row,) = lines_of(gate(replace(SCORE, slice="night", observed=0.5)), width=200)[2:]
    assert "0.95  " in row
    assert "-45 pp" not in row


def test_a_gate_that_could_not_be_judged_has_its_row() -> None:
    refused = Verdict("test_it.py::test", "", (), (), (), error="the model raised")
    assert cells(lines_of(refused)[2]) == ["test_it.py::test", "failed"]
    assert cells(lines_of(refused, gate(PASSED))[2])[1:3] == ["-", "-"]


def test_braces_in_what_is_told_are_text() -> None:
    noted = replace(gate(PASSED), notes=("a {note} of {0}",))
    assert lines_of(noted)[-1] == "note: test_models.py::test_digits: a {note} of {0}"


def test_gates_of_one_file_go_without_its_name_where_that_helps() -> None:
    checks = (PASSED, SMALLER, exact("parameters", Kind.COUNT, 600, 650))
    lines = lines_of(gate(*checks), gate(*checks, test="test_models.py::test_tumours"))
    assert [cells(line)[0] for line in lines[2:4]] == ["test_digits", "test_tumours"]
    lines = lines_of(gate(*checks), gate(*checks, test="test_others.py::test_digits"))
    assert [cells(line)[0][-9:] for line in lines[2:4]] == ["st_digits", "st_digits"]
    assert "..." in lines[2]


def test_an_interval_that_is_open_below_says_so() -> None:
    (row,) = lines_of(gate(replace(PASSED, interval=(-1.0, 0.042))))[2:]
    assert "-1.9 % (up to +4.2)" in row


def test_checks_of_a_gate_that_are_open_for_one_reason_are_one_sentence() -> None:
    def is_open(statistic: str, reason: str) -> Check:
        return replace(SLOWER, statistic=statistic, outcome=Outcome.NOT_COMPARED, reason=reason, accepted="")

    two = gate(is_open("median", "no base: run it"), is_open("p95", "no base: run it"))
    alone = gate(is_open("median", "another reason"), test="test_models.py::test_other")
    assert lines_of(two, alone, width=200)[-2:] == [
        "not compared: test_models.py::test_digits: latency median, latency p95: no base: run it",
        "not compared: test_models.py::test_other: latency median: another reason",
    ]


def numbered(many: int, *checks: Check) -> list[Verdict]:
    return [gate(*checks, test=f"test_models.py::test_{place}") for place in range(many)]


def test_of_many_gates_those_that_matter_have_rows_and_the_others_are_counted() -> None:
    failed, accepted = replace(SLOWER, accepted=""), gate(ACCEPTED, test="test_models.py::test_accepted")
    still = replace(PASSED, observed=0.0, interval=(-0.01, 0.01))
    many = numbered(40, replace(SCORE))
    lines = lines_of(*many, gate(failed), accepted, width=200)
    assert [cells(line)[0] for line in lines[2:4]] == ["test_models.py::test_digits", "test_models.py::test_accepted"]
    assert lines[4] == "40 other gates passed (-v shows all)."
    assert lines_of(*many, gate(still), width=200)[-1] == "35 other gates passed (-v shows all)."
    assert len([line for line in lines_of(*many, is_verbose=True, width=200) if "test_models" in line]) == 40
    worse = lines_of(*numbered(13, failed), *many, width=200)
    assert "41 other gates not shown here (-v shows all)." in worse


@pytest.mark.parametrize(
    ("quiet", "moved", "rows", "counted"),
    [
        (6, 0, 6, ""),
        (7, 0, 7, ""),
        (8, 0, 6, "2 other gates"),
        (10, 0, 6, "4 other gates"),
        (8, 2, 6, "4 other gates"),
        (9, 10, 10, "9 other gates"),
        (1, 30, 12, "19 other gates"),
    ],
)
def test_of_gates_that_passed_six_have_rows_or_all_that_moved(quiet: int, moved: int, rows: int, counted: str) -> None:
    gates = [*numbered(quiet, SCORE), *numbered(moved, SMALLER)]
    lines = lines_of(*gates, width=200)[2:]
    assert [line for line in lines if "other gates" in line] == [f"{counted} passed (-v shows all)."] * bool(counted)
    assert len([line for line in lines if line.startswith("test_models.py")]) == rows
    assert len([line for line in lines if "-50 %" in line]) == min(moved, 12)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            'no baseline yet: create it with python -m pytest "{}" --speedacc-update, and commit it',
            "no baseline yet: create it with python -m pytest --speedacc-missing, and commit it",
        ),
        (
            "the baseline does not hold it: add it with python -m pytest '{}' --speedacc-update",
            "the baseline does not hold it: add it with python -m pytest TEST --speedacc-update",
        ),
    ],
)
def test_what_many_gates_lack_is_one_line_with_one_command(reason: str, told: str) -> None:
    tests = [f"test_models.py::test_{place}" for place in range(3)]
    gates = [
        gate(replace(SCORE, outcome=Outcome.NOT_COMPARED, reason=reason.format(test)), test=test) for test in tests
    ]
    assert lines_of(*gates, width=200)[-1] == f"not compared: {tests[0]} and 2 more: accuracy: {told}"
    assert lines_of(gates[0], width=200)[-1] == f"not compared: {tests[0]}: accuracy: {reason.format(tests[0])}"


def test_what_one_gate_has_told_beside_its_failure_is_not_told_again() -> None:
    alone = gate(replace(SCORE, outcome=Outcome.NOT_COMPARED, reason="no base"))
    told = "not compared: test_models.py::test_digits: accuracy: no base"
    assert lines_of(alone, width=200)[-1] == told
    assert told not in summary_lines([alone], width=200, is_verbose=False, fails=lambda outcome: True)
