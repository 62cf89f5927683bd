"""Gates that were skipped and have baselines: named in one line, and failing where CI is set unless that is allowed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.session.skipped import reason_of, skipped_line

GATES = """
{0}
@pytest.mark.speedacc(min_accuracy=0.5)
def test_it(speedacc):
    {1}
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(min_accuracy=0.5)
def test_more(speedacc):
    speedacc.check(model, inputs, targets)
"""
WHERE = {
    "by-mark": ("@pytest.mark.skip(reason='no GPU')", ""),
    "by-condition": ("@pytest.mark.skipif(True, reason='no GPU')", ""),
    "while-it-runs": ("", "pytest.skip('no GPU')"),
    "not-even-run": ("@pytest.mark.xfail(run=False, reason='no GPU')", ""),
}
TOLD = "Skipped gate: test_model.py::test_it ({}no GPU) has a baseline and was not judged, {}"
FAILS, WARNS = "which fails this run", "as a warning"


@pytest.fixture
def accepted(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two gates and their baselines, in CI."""
    project.write(GATES.format("", ""))
    project.run("--speedacc-update").assert_outcomes(passed=2)
    monkeypatch.setenv("CI", "true")
    return project


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
def test_however_it_is_skipped(accepted: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("xdist")
    for id, (above, before) in WHERE.items():
        accepted.write(GATES.format(above, before))
        result = accepted.run(*options, plugins=("xdist",) if options else ())
        assert result.ret == pytest.ExitCode.TESTS_FAILED, id
        assert_says(result, TOLD.format("[NOTRUN] " if id == "not-even-run" else "", FAILS))
        assert_says(result, "1 gate was skipped: nothing was judged there.")


@pytest.mark.parametrize(
    ("options", "pyproject", "verb"),
    [
        (("--speedacc-skipped=warn",), "", WARNS),
        ((), 'skipped = "warn"', WARNS),
        (("--speedacc-skipped=fail",), 'skipped = "warn"', FAILS),
    ],
)
def test_a_matrix_allows_it_and_is_told(accepted: Project, options: tuple[str, ...], pyproject: str, verb: str) -> None:
    accepted.write(GATES.format(*WHERE["by-mark"]), pyproject)
    result = accepted.run(*options)
    assert result.ret == (pytest.ExitCode.OK if verb == WARNS else pytest.ExitCode.TESTS_FAILED)
    assert_says(result, TOLD.format("", verb))


def test_by_hand_it_is_a_warning(accepted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    accepted.write(GATES.format(*WHERE["by-mark"]))
    result = accepted.run()
    assert result.ret == pytest.ExitCode.OK
    assert_says(result, TOLD.format("", WARNS))


def test_what_the_command_line_leaves_out_is_not_skipped(accepted: Project) -> None:
    accepted.write(GATES.format(*WHERE["by-mark"]))
    for option in ("-kmore", "--deselect=test_model.py::test_it"):
        result = accepted.run(option)
        assert result.ret == pytest.ExitCode.OK
        assert "Skipped gate" not in output(result)
        assert_says(result, f"Judged 1 of 2 gates: *{option[-4:]}*")


def test_a_gate_without_a_baseline_belongs_to_no_run_by_right(accepted: Project) -> None:
    for path in (accepted.pytester.path / "speedacc-baselines").glob("*it*"):
        path.unlink()
    accepted.write(GATES.format(*WHERE["by-mark"]))
    result = accepted.run()
    assert result.ret == pytest.ExitCode.OK
    assert "Skipped gate" not in output(result)


def test_a_file_that_is_skipped_as_a_whole_has_gates_all_the_same(accepted: Project) -> None:
    accepted.pytester.makepyfile(
        test_other="""
        import pytest

        @pytest.mark.speedacc(min_accuracy=0.5)
        def test_there(speedacc):
            speedacc.check(lambda batch: [1, 1], [1, 2], [1, 1])
        """
    )
    accepted.write('pytest.skip("no GPU", allow_module_level=True)\n')
    result = accepted.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(
        result,
        "Skipped gates: test_model.py::test_it (no GPU) and test_model.py::test_more (no GPU) have baselines and were "
        f"not judged, {FAILS}*",
    )


def test_one_that_ran_again_and_was_judged_was_not_skipped(accepted: Project) -> None:
    pytest.importorskip("pytest_rerunfailures")
    accepted.write(GATES.format("tries = []", "tries.append(1)\n    assert len(tries) > 1, pytest.skip.Exception"))
    result = accepted.run("--reruns=1", plugins=("rerunfailures",))
    assert result.ret == pytest.ExitCode.OK
    assert "Skipped gate" not in output(result)


def test_of_many_the_first_are_named() -> None:
    line = skipped_line({f"test_{each}": "no GPU" for each in "abcde"} | {"test_b": ""}, fails=False)
    assert line.startswith(
        "Skipped gates: test_a (no GPU), test_b, test_c (no GPU) and 2 more have baselines and were not"
    )
    assert f"judged, {WARNS} " in line
    assert skipped_line({"a": "", "b": "", "c": ""}, fails=True).startswith("Skipped gates: a, b and c have")


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"longrepr": ("a.py", 3, "Skipped: no GPU")}, "no GPU"),
        ({"longrepr": ("a.py", 3, "Skipped: first\nsecond")}, "first"),
        ({"longrepr": "later"}, "later"),
        ({"longrepr": None, "wasxfail": "reason: known"}, "known"),
    ],
)
def test_why_is_what_the_report_says(report: dict[str, object], reason: str) -> None:
    assert reason_of(SimpleNamespace(**report)) == reason
