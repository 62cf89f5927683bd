"""A check that is called where its test cannot be told of it fails whatever test runs then, or the run."""

from __future__ import annotations

import os

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.check.strays import ROOM, Stray, Strays

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be forked here")
KEPT = """
import contextlib
import os
import threading

def bad(batch):
    return 1 - model(batch)

kept = []

@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    kept.append(speedacc)
    speedacc.check(model, inputs, targets)
"""
ENDED = "check(name='late') was called after its test test_model.py::test_it had ended."


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
@pytest.mark.parametrize("marker", ["", "@pytest.mark.speedacc(gate=False)", "@pytest.mark.speedacc(min_accuracy=0.9)"])
def test_a_gate_that_was_kept_fails_the_test_that_calls_it(
    project: Project, marker: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip("xdist")
    is_gate = "min_accuracy" in marker
    own = "    speedacc.check(model, inputs, targets)\n" if is_gate else ""
    project.write(
        f"""{KEPT}
{marker}
def test_next({"speedacc" if is_gate else ""}):
{own}    with contextlib.suppress(Exception):
        kept[0].check(bad, inputs, targets, name="late")

def test_last():
    pass
"""
    )
    result = project.run(*options, plugins=("xdist",) if options else ())
    result.assert_outcomes(passed=2, failed=1)
    assert_says(result, f"{ENDED}*")
    assert_says(result, "FAILED test_model.py::test_next*")


def test_where_it_shows_itself_it_is_told_once(project: Project) -> None:
    project.write(
        f"""{KEPT}
def test_next():
    kept[0].check(bad, inputs, targets, name="late")
"""
    )
    result = project.run("--tb=short")
    result.assert_outcomes(passed=1, failed=1)
    # In the failure, and in pytest's short summary.
    assert output(result).count(f"GateError: {ENDED}") == 2


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
def test_one_after_the_last_test_fails_the_run(project: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("xdist")
    project.pytester.makeconftest(
        """
        import contextlib
        import sys

        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtestloop(session):
            result = yield
            # The controller of a parallel run has collected nothing.
            if tests := sys.modules.get("test_model"):
                with contextlib.suppress(Exception):
                    tests.kept[0].check(tests.bad, tests.inputs, tests.targets, name="late")
            return result
        """
    )
    project.write(KEPT)
    result = project.run(*options, plugins=("xdist",) if options else ())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, ENDED)


@FORKS
def test_a_process_that_checks_when_its_test_is_over_fails_the_next(project: Project) -> None:
    project.write(
        f"""{KEPT}
def test_forks():
    global child
    going_on, kept[1:] = os.pipe(), ()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.read(going_on[0], 1)
            kept[0].check(bad, inputs, targets, name="late")
        os._exit(0)
    kept.append(going_on[1])

def test_waits():
    os.write(kept[1], b".")
    os.waitpid(child, 0)
"""
    )
    result = project.run()
    result.assert_outcomes(passed=2, failed=1)
    assert_says(result, "check(name='late') was called in a process that its test test_model.py::test_it had forked, *")
    assert_says(result, "FAILED test_model.py::test_waits*")


class TestStrays:
    def test_each_is_given_once(self) -> None:
        strays, error = Strays(), ValueError()
        strays.note("a", error)
        assert strays.take() == [Stray("a", error)]
        assert strays.take() == []

    @FORKS
    def test_another_process_tells_this_one_once_and_takes_nothing(self) -> None:
        strays = Strays()
        strays.note("mine", error := ValueError())
        for text in ("first \ud800" + "x" * ROOM, "second"):
            child = os.fork()
            if not child:
                strays.note(text, ValueError())
                os._exit(len(strays.take()))
            assert os.waitpid(child, 0)[1] == 0
        mine, other = strays.take()
        assert mine == Stray("mine", error)
        assert other.text.startswith(r"first \ud800xxx")
        assert len(other.text) == ROOM - 1
        assert strays.take() == []
