"""The profile that a baseline carries: call counts that hold on any hardware, laid beside those of a later run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yappi
from scratch_project import Project, assert_says, output

from pytest_speedacc.check import explanation

pytestmark = pytest.mark.usefixtures("project")

ROWS = """
def clean(rows):
    return rows[:, 0] > 0

def work(batch):
    return clean(batch).astype(int)
"""
ONE_BY_ONE = ROWS.replace("clean(batch).astype(int)", "np.array([clean(row[None])[0] for row in batch]).astype(int)")
LINE = "clean (test_model.py:15): called 30 times where the baseline called it 1; "
ELSEWHERE = "stored times cannot tell"


def gate(limits: str) -> str:
    return f"""
@pytest.mark.speedacc({limits})
def test_it(speedacc):
    speedacc.check(work, inputs, targets, batch_size=30)
"""


FAST, SLOW = gate('max_latency="5 s"'), gate('max_latency="1 ns"')
COMPARED = gate('max_latency_increase="100 %"')


def path() -> Path:
    (found,) = Path("speedacc-baselines").glob("*.json")
    return found


def edit(**fields: Any) -> None:
    document = json.loads(path().read_text())
    path().write_text(json.dumps(document | fields))


def gate_of(project: Project, *options: str) -> dict[str, Any]:
    """The gate in the report of a run."""
    project.run("--speedacc-report=out.json", *options)
    (found,) = json.loads(Path("out.json").read_text())["gates"]
    return found


@pytest.fixture
def elsewhere(project: Project) -> Project:
    """A baseline of another machine."""
    project.write(ROWS + FAST)
    assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
    edit(environments={})
    return project


def test_an_update_keeps_what_is_called_and_how_often(project: Project) -> None:
    project.write(ROWS + FAST)
    project.run("--speedacc-missing")
    profile = json.loads(path().read_text())["profile"]
    shares = {each["name"]: each.pop("share") for each in profile["functions"]}
    profile["functions"].sort(key=lambda each: each["name"])
    assert profile == {
        "batch_size": 30,
        "calls": 200,
        "clock": "wall",
        "functions": [{"name": name, "file": "test_model.py", "calls": 1.0} for name in ("clean", "work")],
    }
    assert 0.5 < sum(shares.values()) <= 1.02  # the loop around a call this short takes the rest
    assert all(share == round(share, 2) for share in shares.values())


def test_a_function_newly_called_for_each_row_is_named_on_any_machine(elsewhere: Project) -> None:
    elsewhere.write(ONE_BY_ONE + COMPARED)
    failed = elsewhere.run("--speedacc-not-compared=fail")
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(failed, ELSEWHERE)
    assert_says(failed, "What differs from the baseline's profile, by a profile taken afterwards:")
    assert_says(failed, f"  {LINE}* % of the time where it was * %")
    passed = elsewhere.run()
    assert passed.ret == pytest.ExitCode.OK
    assert_says(passed, f"differs from the baseline's profile: test_model.py::test_it: {LINE}")


def test_without_a_change_nothing_is_named(elsewhere: Project) -> None:
    elsewhere.write(ROWS + COMPARED)
    assert gate_of(elsewhere)["explained"] == []
    elsewhere.write(ROWS + SLOW)
    failed = elsewhere.run()
    assert_says(failed, "Where the time goes, by a profile taken afterwards:")


def test_a_failed_limit_names_what_differs(elsewhere: Project) -> None:
    elsewhere.write(ONE_BY_ONE + SLOW)
    assert gate_of(elsewhere)["explained"][0].startswith(LINE)


def test_a_gate_that_is_fast_enough_is_explained_where_somebody_asks(elsewhere: Project) -> None:
    elsewhere.write(ONE_BY_ONE + FAST)
    assert gate_of(elsewhere)["explained"] == []
    assert gate_of(elsewhere, "--speedacc-profile=kept")["explained"][0].startswith(LINE)


def test_counts_of_other_libraries_are_not_compared_and_a_note_says_so(elsewhere: Project) -> None:
    versions = json.loads(path().read_text())["versions"]
    elsewhere.write(ONE_BY_ONE + SLOW)
    edit(versions=versions | {"numpy": "1.0"})
    found = gate_of(elsewhere)
    assert not any("the baseline called it" in line for line in found["explained"])
    (note,) = [note for note in found["notes"] if note.startswith("call counts are not compared")]
    assert "numpy 1.0 -> " in note
    edit(versions=versions | {"python": ".".join(versions["python"].split(".")[:2]) + ".99"})
    assert gate_of(elsewhere)["explained"][0].startswith(LINE)


def test_a_profile_of_other_batches_is_not_compared(elsewhere: Project) -> None:
    elsewhere.write(ONE_BY_ONE + COMPARED.replace("=30", "=20"))
    assert gate_of(elsewhere)["explained"] == []


def test_only_a_gate_of_latency_keeps_one(project: Project) -> None:
    project.write(ROWS + gate("min_accuracy=1"))
    project.run("--speedacc-update", "--speedacc-profile=kept")
    assert json.loads(path().read_text())["profile"] is None


def test_where_no_profile_can_be_taken_the_baseline_is_written_without(elsewhere: Project) -> None:
    yappi.start()
    try:
        updated = elsewhere.run("--speedacc-update")
        assert updated.ret == pytest.ExitCode.OK
        assert_says(updated, "note: test_model.py::test_it: yappi is in use in this process")
        assert json.loads(path().read_text())["profile"] is None
    finally:
        yappi.stop()
        yappi.clear_stats()


def test_nothing_is_loaded_for_a_profile_that_nobody_asks_for(elsewhere: Project) -> None:
    check = "\ndef test_then():\n    import sys\n    assert 'yappi' not in sys.modules\n"
    elsewhere.write(ROWS + FAST + check)
    result = elsewhere.run_apart()
    result.assert_outcomes(passed=2)
    assert "yappi" not in output(result)


def test_as_many_calls_are_profiled_as_the_baseline_has(project: Project) -> None:
    # Of the two batches the first alone is cleaned row by row: two calls, or ten, would show half as many for each.
    uneven = "    for row in batch if np.array_equal(batch, inputs[:30]) else ():\n        clean(row[None])\n"
    project.write(ROWS.replace("    return clean(batch)", f"{uneven}    return model(batch)") + FAST)
    project.run("--speedacc-update")
    profile = json.loads(path().read_text())["profile"]
    counts = {each["name"]: each["calls"] for each in profile["functions"]}
    assert counts["clean"] == pytest.approx(15, rel=0.1)  # the number of calls may be odd
    for each in profile["functions"]:
        each["calls"] = 30.0 if each["name"] == "clean" else each["calls"]
    edit(profile=profile | {"calls": 1})
    explained = gate_of(project, "--speedacc-profile=kept")["explained"]
    assert explained
    # Of a single call the shares move by themselves; the counts do not.
    assert not any("where the baseline called it" in line for line in explained)


def test_a_model_that_is_many_times_slower_is_not_called_as_often(
    elsewhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    take = explanation.attempt_profile

    def counting(work: Any, calls: int, *arguments: Any, **options: Any) -> Any:
        called.append(calls)
        return take(work, calls, *arguments, **options)

    monkeypatch.setattr(explanation, "attempt_profile", counting)
    profile = json.loads(path().read_text())["profile"]
    edit(profile=profile | {"calls": 10**9})
    elsewhere.write(ROWS + SLOW)
    elsewhere.run()
    assert called == [10 * 200]


def test_a_model_that_fails_under_the_profiler_only_is_judged_all_the_same(project: Project) -> None:
    project.write(
        """
import yappi

def shy(batch):
    if yappi.is_running():
        raise OSError("watched")
    return model(batch)

@pytest.mark.speedacc(max_latency="1 ns")
def test_it(speedacc):
    speedacc.check(shy, inputs, targets)
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, "speedacc failed: latency median *")
    assert_says(result, "*Note: no profile was taken: the model raised OSError under the profiler (watched)*")
