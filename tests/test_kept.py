"""What a run holds to its end of the gates that it has judged, and what it gives up."""

from __future__ import annotations

import gc
import json
import weakref

import msgspec
import numpy as np
import pytest
from scratch_project import Project, assert_says

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.measure import garbage
from pytest_speedacc.session.kept import Kept


def verdict(test: str, observed: float = 0.5, name: str = "", outcome: Outcome = Outcome.PASSED) -> Verdict:
    reason = f"{observed} of them, é \ud800"
    check = Check("min_accuracy", "accuracy", "", "", Kind.SCORE, observed, None, 0.1, None, "0.1", outcome, reason)
    row = Observation("accuracy", "", Kind.SCORE, observed, (0.1, 0.2), None, "accuracy", slice="night")
    return Verdict(test, name, (check,), (row,), ("a remark",))


def put(kept: Kept, *verdicts: Verdict) -> None:
    for each in verdicts:
        # As it comes on a report.
        kept.put(json.loads(json.dumps(msgspec.to_builtins(each))))


def test_verdicts_come_back_as_they_were_put() -> None:
    kept, put_in = Kept(), [verdict("a"), verdict("b", 0.25, "größer"), verdict("b", float("inf"))]
    put(kept, *put_in)
    keys = [("a", ""), ("b", "größer"), ("b", "")]
    assert list(kept.verdicts().items()) == list(zip(keys, put_in, strict=True))
    assert Kept().verdicts() == {}


def test_a_later_verdict_of_the_same_check_takes_the_place_of_the_first() -> None:
    kept = Kept()
    put(kept, verdict("a"), verdict("b"), verdict("a", 0.9, outcome=Outcome.FAILED))
    assert list(kept.verdicts().values()) == [verdict("a", 0.9, outcome=Outcome.FAILED), verdict("b")]


def test_a_thousand_verdicts_that_say_nearly_the_same_take_little_room() -> None:
    kept = Kept()
    put(kept, *(verdict(f"test_model.py::test_it[{number}]", number / 1000) for number in range(1000)))
    text = len(json.dumps(msgspec.to_builtins(verdict("test_model.py::test_it[0]"))))
    assert sum(map(len, kept._packed.values())) < 1000 * text / 5


def test_what_passed_is_given_up_with_its_test_and_what_did_not_is_told_again(project: Project) -> None:
    project.write(
        """
@pytest.mark.speedacc(min_accuracy=0.9)
@pytest.mark.parametrize("wrong", [False, True, False])
def test_it(speedacc, wrong):
    speedacc.check((lambda batch: 1 - model(batch)) if wrong else model, inputs, targets)
"""
    )
    project.pytester.makeconftest(
        """
from pytest_speedacc.marks import SESSION

def pytest_unconfigure(config):
    print("held:", *(test for test, _ in config.stash[SESSION].done))
"""
    )
    result = project.run("-s")
    result.assert_outcomes(passed=2, failed=1)
    assert_says(result, "held: test_model.py::test_it?True? test_model.py::test_it?False1?")


def test_a_check_that_passed_is_not_measured_again_where_its_test_is_rerun(project: Project) -> None:
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        """
asked = []

def counted(batch):
    asked.append(len(batch))
    return model(batch)

@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    before = len(asked)
    speedacc.check(counted, inputs, targets)
    assert before and len(asked) == before, "the first run fails, and the second measures nothing"
"""
    )
    project.run("--reruns=1", plugins=("rerunfailures",)).assert_outcomes(passed=1)


class Cycle:
    """A model that holds itself, as many do that are made of parts."""

    def __init__(self) -> None:
        self.me, self.weights = self, np.ones(2**18)


def test_a_model_in_a_cycle_is_gone_when_a_later_gate_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = weakref.ref(Cycle())
    monkeypatch.setattr(gc, "collect", collected := Collect())
    monkeypatch.setattr(garbage, "at_rest", lambda: next(resident))
    monkeypatch.setattr(garbage, "_held", 2**24)
    resident = iter([2**24 + garbage.GROWN - 1, 2**24 + garbage.GROWN, 2**24 + 1, 2**24 + garbage.GROWN])
    # Grown by less, by so much, which leaves a little, and by less than that again.
    assert garbage.settled() == 2**24 + garbage.GROWN - 1
    assert collected.times == 0
    assert garbage.settled() == 2**24 + 1
    assert (collected.times, gone()) == (1, None)
    assert garbage.settled() == 2**24 + garbage.GROWN
    assert collected.times == 1


class Collect:
    def __init__(self) -> None:
        self.times, self._collect = 0, gc.collect

    def __call__(self) -> None:
        self.times += 1
        self._collect()
