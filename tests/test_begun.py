"""A begun check without a verdict fails its test, and so does a verdict that the test kept to itself."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from scratch_project import Project, assert_says

from pytest_speedacc.check.begun import Begun, Record, begins, chain
from pytest_speedacc.errors import GateError

PRELUDE = """
import asyncio
import contextlib
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

pytestmark = pytest.mark.speedacc(min_accuracy=0.9)

def bad(batch):
    return 1 - model(batch)

async def soon_bad(batch):
    return bad(batch)

def raising(error):
    def predict(batch):
        raise error
    return predict
"""
FAILED = "speedacc failed: accuracy 0, allowed at least 0.9"
NEVER_ENDED = "began and had not ended when the test did: wait for it in the test"


def lost(how: str, call: str = "check()") -> str:
    return f"{call} came to no verdict: it ended with {how}"


HIDDEN = {
    "base_exception": ("try:\n    CHECK\nexcept BaseException:\n    pass", FAILED),
    "suppress": ("with contextlib.suppress(BaseException):\n    CHECK", FAILED),
    "raises": ("with pytest.raises(pytest.fail.Exception):\n    CHECK", FAILED),
    "return_in_finally": ("try:\n    CHECK\nfinally:\n    return", FAILED),
    "skip_in_except": ("try:\n    CHECK\nexcept BaseException:\n    pytest.skip('not today')", FAILED),
    "unittest_skip_in_except": ("try:\n    CHECK\nexcept BaseException:\n    raise unittest.SkipTest('no')", FAILED),
    "exit_in_except": ("try:\n    CHECK\nexcept BaseException:\n    pytest.exit('done', returncode=0)", FAILED),
    "thread": (
        "def work():\n    with contextlib.suppress(BaseException):\n        CHECK\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()",
        FAILED,
    ),
    "pool": ("with ThreadPoolExecutor() as pool:\n    pool.submit(speedacc.check, bad, inputs, targets)", FAILED),
    "compare": (
        "speedacc.check(model, inputs, targets)\nwith contextlib.suppress(BaseException):\n"
        "    speedacc.compare(bad, model, inputs, targets, max_accuracy_drop='0 pp')",
        "speedacc failed: accuracy 0 (0 to ",
    ),
    "gather": (
        "async def main():\n    await asyncio.gather(ACHECK, return_exceptions=True)\nasyncio.run(main())",
        FAILED,
    ),
    "daemon": (
        "going_on = threading.Event()\n"
        "def waits(batch):\n    going_on.wait()\n    return model(batch)\n"
        "threading.Thread(target=speedacc.check, args=(waits, inputs, targets), daemon=True).start()",
        f"check() {NEVER_ENDED}",
    ),
    "task_never_awaited": (
        "async def main():\n    task = asyncio.create_task(ACHECK)\nasyncio.run(main())",
        lost("CancelledError", "acheck()"),
    ),
    "never_awaited": ("async def main():\n    ACHECK\nasyncio.run(main())", f"acheck() {NEVER_ENDED}"),
    "move_on_after": (
        "anyio = pytest.importorskip('anyio')\n"
        "async def forever(batch):\n    await anyio.sleep_forever()\n"
        "async def main():\n    with anyio.move_on_after(0.01):\n"
        "        await speedacc.acheck(forever, inputs, targets)\nasyncio.run(main())",
        lost("CancelledError", "acheck()"),
    ),
    "wrong_arguments": (
        "with contextlib.suppress(TypeError):\n    speedacc.check(model)\n"
        "speedacc.check(model, inputs, targets, name='other')",
        lost("TypeError: Speedacc.check() missing 1 required positional argument: 'inputs'"),
    ),
    "unknown_keyword": (
        "with contextlib.suppress(TypeError):\n    speedacc.check(model, inputs, targets, nmae='a', name='b')",
        "check() has no keyword 'nmae'. Did you mean 'name'?",
    ),
    "model_that_skips": ("speedacc.check(raising(pytest.skip.Exception('no')), inputs, targets)", lost("Skipped: no")),
    "model_that_xfails": (
        "speedacc.check(raising(pytest.xfail.Exception('no')), inputs, targets)",
        lost("XFailed: no"),
    ),
    "model_that_exits_pytest": (
        "speedacc.check(raising(pytest.exit.Exception('no', 0)), inputs, targets)",
        "the model raised Exit while predicting samples 0 to 59: no",
    ),
    "model_that_exits": (
        "with contextlib.suppress(SystemExit):\n    speedacc.check(raising(SystemExit(0)), inputs, targets)",
        "the model raised SystemExit while predicting samples 0 to 59: 0",
    ),
    "model_that_interrupts": (
        "with contextlib.suppress(KeyboardInterrupt):\n"
        "    speedacc.check(raising(KeyboardInterrupt()), inputs, targets)",
        lost("KeyboardInterrupt"),
    ),
}
"""What a test does with a check, and what is said of it all the same."""


def body(text: str) -> str:
    filled = text.replace("ACHECK", "speedacc.acheck(soon_bad, inputs, targets)")
    return filled.replace("CHECK", "speedacc.check(bad, inputs, targets)").replace("\n", "\n    ")


def source(cases: dict[str, tuple[str, str]]) -> str:
    return PRELUDE + "".join(f"\ndef test_{name}(speedacc):\n    {body(text)}\n" for name, (text, _) in cases.items())


def gates(project: Project) -> dict[str, list[tuple[str, str]]]:
    """Verdict and error of each check in the report, by its test."""
    found: dict[str, list[tuple[str, str]]] = {}
    for gate in json.loads((project.pytester.path / "out.json").read_text())["gates"]:
        found.setdefault(gate["test"].rpartition("::")[2], []).append((gate["verdict"], gate["error"]))
    return found


def failures(result: pytest.RunResult) -> dict[str, str]:
    """What is told of each failed test below its heading, without the headings."""
    text = str(result.stdout).partition(" FAILURES ")[2].partition("\n=====")[0]
    parts = re.split(r"\n_+ (\S+) _+\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
def test_whatever_a_test_does_with_the_exception(project: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("xdist")
    project.write(source(HIDDEN))
    result = project.run(
        "--speedacc-report=out.json", "-pno:threadexception", *options, plugins=("xdist",) if options else ()
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=len(HIDDEN))
    told, judged = failures(result), gates(project)
    for name, (_, sentence) in HIDDEN.items():
        assert told[f"test_{name}"].count(sentence) == 1, name
        assert "failed" in [verdict for verdict, _ in judged[f"test_{name}"]], name
        if sentence.startswith("speedacc failed"):
            continue
        [error] = [error for _, error in judged[f"test_{name}"] if error]
        assert error.startswith(sentence), name


TOLD_BY_PYTEST = {
    "plain": ("CHECK", FAILED),
    "chained": ("try:\n    CHECK\nexcept BaseException:\n    assert model is None", FAILED),
    "group": (
        "async def main():\n    async with asyncio.TaskGroup() as group:\n        group.create_task(ACHECK)\n"
        "asyncio.run(main())",
        FAILED,
    ),
    "wrong_arguments": ("speedacc.check(model)", "TypeError: Speedacc.check() missing 1"),
    "model_that_exits": (
        "speedacc.check(raising(SystemExit(0)), inputs, targets)",
        "the model raised SystemExit while predicting",
    ),
    "own_failure": (
        "with contextlib.suppress(BaseException):\n    CHECK\nassert model is None",
        "Captured speedacc call",
    ),
    "first_of_two": (
        "with contextlib.suppress(BaseException):\n"
        "    speedacc.check(bad, inputs, targets, name='a')\nspeedacc.check(model, inputs)",
        "Captured speedacc call",
    ),
}
"""Tests that fail already: what fails them is told as ever, and a verdict that this does not show stands beside it."""


def test_a_test_that_fails_already_fails_as_ever_and_the_verdict_is_told_once(project: Project) -> None:
    project.write(source(TOLD_BY_PYTEST))
    result = project.run("--speedacc-report=out.json")
    result.assert_outcomes(failed=len(TOLD_BY_PYTEST))
    told, judged = failures(result), gates(project)
    for name, (_, sentence) in TOLD_BY_PYTEST.items():
        assert told[f"test_{name}"].count(sentence) == 1, name
        assert told[f"test_{name}"].count(FAILED) <= 1, name
        assert {verdict for verdict, _ in judged[f"test_{name}"]} == {"failed"}, name
    assert FAILED in told["test_own_failure"]
    assert FAILED in told["test_first_of_two"]


def test_an_expected_failure_stays_one(project: Project) -> None:
    project.write(
        source({"called": ("try:\n    CHECK\nexcept BaseException:\n    pytest.xfail('known')", "")})
        + """
@pytest.mark.xfail(strict=True)
def test_marked(speedacc):
    with contextlib.suppress(BaseException):
        speedacc.check(bad, inputs, targets)
"""
    )
    result = project.run("--speedacc-report=out.json")
    result.assert_outcomes(xfailed=2)
    assert gates(project) == {"test_called": [("failed", "")], "test_marked": [("failed", "")]}


def test_a_rerun_gets_the_same_answer_again(project: Project) -> None:
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        f"""{PRELUDE}
tries = []

def test_hidden(speedacc):
    tries.append(1)
    with contextlib.suppress(BaseException):
        speedacc.check(bad if len(tries) == 1 else model, inputs, targets)

def test_without_a_verdict(speedacc):
    tries.append(2)
    predict = raising(KeyboardInterrupt()) if tries.count(2) == 1 else model
    with contextlib.suppress(KeyboardInterrupt):
        speedacc.check(predict, inputs, targets)
"""
    )
    result = project.run("--reruns=1", "--speedacc-report=out.json", plugins=("rerunfailures",))
    assert result.parseoutcomes() == {"failed": 2, "rerun": 2}
    assert gates(project) == {
        "test_hidden": [("failed", "")],
        "test_without_a_verdict": [("failed", lost("KeyboardInterrupt"))],
    }


def test_what_a_fit_refused_fails_the_test_as_well(project: Project) -> None:
    project.write(
        """
import contextlib

class Growing:
    def __init__(self):
        self.seen = 0

    def predict(self, batch):
        return model(batch)

growing = Growing()

def train():
    growing.seen += 1
    return growing

@pytest.mark.speedacc(min_accuracy=0.9, max_training_memory="1 GiB")
def test_it(speedacc):
    with contextlib.suppress(BaseException):
        speedacc.fit(train)
    with contextlib.suppress(BaseException):
        speedacc.check(growing, inputs, targets, name="after")
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    told = failures(result)["test_it"]
    assert told.count("train() goes on training a model that it has trained before") == 1
    assert told.count("speedacc failed: training memory not measured") == 1


def test_a_measurement_that_failed_is_none(project: Project) -> None:
    project.write(
        """
import contextlib

def test_it(speedacc):
    with contextlib.suppress(Exception):
        speedacc.measure(model, inputs, targets[1:])
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, "speedacc: the test uses the speedacc fixture and measured nothing.")


def test_a_check_after_its_test_is_refused_and_never_lost(project: Project) -> None:
    project.write(
        f"""{PRELUDE}
@pytest.fixture
def late(speedacc):
    yield
    with contextlib.suppress(BaseException):
        speedacc.check(bad, inputs, targets, name="late")

def test_it(speedacc, late):
    speedacc.check(model, inputs, targets)
"""
    )
    result = project.run("--speedacc-report=out.json")
    result.assert_outcomes(passed=1, errors=1)
    assert_says(result, "check(name='late') was called after its test test_model.py::test_it had ended.")
    assert [verdict for verdict, _ in gates(project)["test_it"]] == ["passed", "failed"]


def test_a_check_that_ends_after_its_test_changes_nothing(project: Project) -> None:
    project.write(
        f"""{PRELUDE}
began, going_on, threads = threading.Event(), threading.Event(), []

def waits(batch):
    began.set()
    going_on.wait()
    return bad(batch)

def test_it(speedacc):
    threads.append(threading.Thread(target=speedacc.check, args=(waits, inputs, targets)))
    threads[0].start()
    began.wait()

@pytest.mark.speedacc(gate=False)
def test_next():
    going_on.set()
    threads[0].join()
"""
    )
    result = project.run("--speedacc-report=out.json", "-Werror::pytest.PytestUnhandledThreadExceptionWarning")
    result.assert_outcomes(failed=1, passed=1)
    [(verdict, error)] = gates(project)["test_it"]
    assert (verdict, error[: len(NEVER_ENDED) + 8]) == ("failed", f"check() {NEVER_ENDED}")


def test_a_check_of_a_fixture_counts(project: Project) -> None:
    project.write(
        f"""{PRELUDE}
@pytest.fixture
def early(speedacc):
    with contextlib.suppress(BaseException):
        speedacc.check(bad, inputs, targets)

def test_it(early):
    pass
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, FAILED)


FIXTURES = {
    "fails": ("CHECK", FAILED),
    "hides_and_fails": ("with contextlib.suppress(BaseException):\n    CHECK\nassert model is None", FAILED),
    "hides_and_skips": ("with contextlib.suppress(BaseException):\n    CHECK\npytest.skip('not today')", FAILED),
    "model_skips": ("speedacc.check(raising(pytest.skip.Exception('no')), inputs, targets)", lost("Skipped: no")),
}


def test_a_fixture_that_keeps_its_test_from_running_hides_nothing(project: Project) -> None:
    project.write(
        PRELUDE
        + "".join(
            f"\n@pytest.fixture\ndef {name}(speedacc):\n    {body(text)}\n\ndef test_{name}({name}):\n    pass\n"
            for name, (text, _) in FIXTURES.items()
        )
    )
    result = project.run("--speedacc-report=out.json")
    result.assert_outcomes(errors=len(FIXTURES))
    # Once for each, with nothing said again at teardown.
    for sentence in (FAILED, lost("Skipped: no")):
        expected = sum(each == sentence for _, each in FIXTURES.values())
        told = str(result.stdout).partition(" ERRORS ")[2].partition("= speedacc =")[0]
        assert told.count(sentence) == expected
    assert {name: [verdict for verdict, _ in found] for name, found in gates(project).items()} == {
        f"test_{name}": ["failed"] for name in FIXTURES
    }


def test_a_subtest_that_fails_fails_its_test_and_its_numbers_are_kept(project: Project) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.skip("this pytest has no subtests")
    project.write(
        f"""{PRELUDE}
def test_it(speedacc, subtests):
    with subtests.test("first"):
        speedacc.check(bad, inputs, targets, name="first")
    with subtests.test("second"):
        speedacc.check(model, inputs, targets, name="second")
"""
    )
    project.run("--speedacc-report=out.json")
    report = json.loads((project.pytester.path / "out.json").read_text())["gates"]
    assert [(gate["name"], gate["verdict"]) for gate in report] == [("first", "failed"), ("second", "passed")]
    assert all(gate["measured"] for gate in report)


class Caller:
    """What has a record and is called for checks."""

    def __init__(self) -> None:
        self.record = Record("test_it.py::test")

    @begins
    def check(self, model: int, *, name: str = "") -> int:
        return 1 // model

    @begins
    async def acheck(self, model: int, *, name: str = "") -> int:
        await asyncio.sleep(0)
        return 1 // model


class TestRecord:
    def test_what_returned_is_not_missing(self) -> None:
        caller = Caller()
        assert caller.check(1) == 1
        assert asyncio.run(caller.acheck(1)) == 1
        assert caller.record.close() == ([], [])

    def test_what_raised_is_missing_unless_it_raised_a_verdict(self) -> None:
        caller = Caller()
        for name in ("one", "other"):
            with pytest.raises(ZeroDivisionError):
                caller.check(0, name=name)
        failure = caller.record.begun[0].raised
        assert failure is not None
        caller.record.failures.append(failure)
        missing, failures = caller.record.close()
        assert [begun.problem for begun in missing] == [
            "check(name='other') came to no verdict: it ended with "
            "ZeroDivisionError: integer division or modulo by zero"
        ]
        assert failures == [failure]
        assert caller.record.close() == ([], [])

    def test_a_coroutine_begins_before_it_is_awaited_under_its_own_name(self) -> None:
        caller = Caller()
        coroutine = caller.acheck(1)
        assert [begun.returned for begun in caller.record.begun] == [False]
        assert coroutine.__qualname__ == "Caller.acheck"
        coroutine.close()
        [begun], _ = caller.record.close()
        assert begun.problem.startswith("acheck() began and had not ended")

    def test_a_name_that_is_none_does_not_matter(self) -> None:
        with pytest.raises(ZeroDivisionError):
            (caller := Caller()).check(0, name=7)
        assert [(begun.call, begun.name) for begun in caller.record.begun] == [("check()", "")]

    def test_closed_it_refuses_and_notes_that(self) -> None:
        record = Record("test_it.py::test")
        record.close()
        with pytest.raises(GateError, match=r"check\(\) was called after its test test_it\.py::test had ended\."):
            record.begin("check", "")
        assert [type(begun.raised) for begun in record.close()[0]] == [GateError]

    def test_an_error_that_says_nothing_is_told_by_its_name(self) -> None:
        assert Begun("check()", "", raised=KeyboardInterrupt()).problem.endswith("ended with KeyboardInterrupt")


def test_a_chain_has_what_a_traceback_shows() -> None:
    inner, cause, hidden = ValueError(), KeyError(), TypeError()
    group = ExceptionGroup("several", [inner])
    group.__cause__ = cause
    cause.__context__, cause.__suppress_context__ = hidden, True
    inner.__context__ = group
    assert set(chain(group)) == {group, inner, cause}
    assert list(chain(None)) == []
