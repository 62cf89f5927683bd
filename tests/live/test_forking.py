"""Which processes of a live run are forked, and what rules it out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_speedacc.live import forking
from pytest_speedacc.live.forking import CommonStart, OwnProcesses
from pytest_speedacc.live.workers.side import Shared, Side

HERE = Path()
SIDE = Side("candidate", HERE, HERE, HERE, "python", ("somewhere",), True, HERE)
KEYS = [("test_it.py::test_it", name) for name in "abcdef"]


def after_first(seconds: float) -> OwnProcesses:
    """After a first launch in which each check had a setup of so many seconds."""
    own = OwnProcesses()
    assert not own.wanted  # the first launch shows what they share
    for key in KEYS:
        own.count(key, seconds)
    own.learn()
    return own


@pytest.mark.parametrize(
    ("usual", "own", "counted"),
    [
        (0.0, 0.1, 6),  # what a library does at its first call
        (2.0, 2.4, 6),  # a fifth of it is the noise of training
        (0.0, 2.0, 1),  # one trained model, shared by all of them
        (0.1, 0.6, 4),
    ],
)
def test_gates_have_processes_of_their_own_until_they_build_again_what_they_shared(
    usual: float, own: float, counted: int
) -> None:
    processes = after_first(usual)
    for launch in range(3):
        done = 0
        for key in KEYS:
            if not processes.wanted:
                break
            processes.count(key, own)
            done += 1
        assert done == (counted if counted == 6 or launch == 0 else 0)
        processes.learn()
    shared = f"(a setup of {own:.1f} s, {usual:.1f} s before)"
    assert processes.why_not == ("" if counted == 6 else f"each gate would build again what they share {shared}")
    assert processes.sentences == ()  # nothing to mend


def test_what_rules_processes_of_their_own_out_is_kept() -> None:
    processes = after_first(1.0)
    processes.rule_out("")
    assert processes.wanted
    processes.rule_out("2 threads")
    processes.rule_out("")
    processes.rule_out("another")
    assert not processes.wanted
    assert processes.why_not == "2 threads"
    assert processes.sentences == ("the gates of a launch shared a process, so launches may differ more: 2 threads",)


IMPORTED = (
    {"json": "/lib/json.py", "ours": "/lib/ours.py", "moved": "/lib/1.py"},
    {"json": "/lib/json.py", "moved": "/lib/2.py", "theirs": "/lib/theirs.py"},
)
KERAS = {"KERAS_BACKEND": "torch"}


def test_what_both_sides_import_from_the_same_files_is_imported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking.psutil, "LINUX", True)
    common = CommonStart.of(SIDE, replace(SIDE, label="base"))
    assert common.shared == Shared()
    common.learn(IMPORTED, (KERAS, KERAS))
    assert common.shared == Shared({"json": "/lib/json.py"}, environment={"KERAS_BACKEND": "torch"})
    assert common.shared_by(["test_it.py::test_it"]) == replace(common.shared, wanted=("json",))
    assert common.why_not == ""
    assert common.sentences == ()


MODULES = ("plugin", "plugin.part", "numpy", "torch", "torch.nn", "boosters", "pandas")


def test_what_open_gates_do_not_ask_for_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking.psutil, "LINUX", True)
    common = CommonStart.of(SIDE, SIDE)
    imported = {name: f"/lib/{name}.py" for name in MODULES}
    common.learn((imported, imported), ({}, {}), frozenset({"plugin", "plugin.part"}))

    def wanted(*tests: str) -> tuple[str, ...]:
        shared = common.shared_by(tests)
        assert shared is not None
        assert tuple(shared.modules) == MODULES  # all of which may come with another
        return shared.wanted

    common.learn_asked({"": {"numpy", "os"}, "test_a.py": {"pandas"}, "test_a.py::test[1::2]": {"torch"}})
    assert wanted("test_a.py::test[1::2]") == ("plugin", "plugin.part", "numpy", "torch", "torch.nn", "pandas")
    # Nothing is known of the second one yet.
    assert wanted("test_a.py::test[1::2]", "test_b.py::test") == MODULES
    common.learn_asked({"test_b.py": {"json"}, "test_b.py::test": set(), "test_a.py": {"boosters"}})
    assert wanted("test_b.py::test") == ("plugin", "plugin.part", "numpy")
    assert wanted("test_b.py::test", "test_a.py::test[1::2]") == MODULES


def test_what_cannot_be_forked_does_without_imports_and_then_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking.psutil, "LINUX", True)
    common = CommonStart.of(SIDE, SIDE)
    common.learn(IMPORTED, (KERAS, KERAS))
    common.give_up("importing what both sides import brings six as well")
    assert common.shared == Shared()
    common.give_up("the process ended with 1")
    assert common.shared is None
    assert common.why_not == "the process ended with 1"
    said = "both sides imported their packages apart, so launches differ more: the process ended with 1"
    assert common.sentences == (said,)
    common.learn(IMPORTED, (KERAS, KERAS))
    assert common.shared is None


def test_sides_that_differ_in_their_variables_import_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking.psutil, "LINUX", True)
    common = CommonStart.of(SIDE, SIDE)
    common.learn(IMPORTED, ({**KERAS, "OMP_WAIT_POLICY": None, "ALIKE": "1"}, {"ALIKE": "1"}))
    assert common.shared == Shared()
    assert common.why_not == (
        "their tests, being collected, leave KERAS_BACKEND, OMP_WAIT_POLICY with different values"
    )


@pytest.mark.parametrize(
    ("base", "linux", "why"),
    [
        (replace(SIDE, python="another"), True, "the base has an interpreter of its own"),
        (replace(SIDE, sys_path=()), True, "the base has an interpreter of its own"),
        (replace(SIDE, one_thread=False), True, "libraries that use several threads start them when they are imported"),
        (SIDE, False, "this system does not fork processes safely"),
    ],
)
def test_sides_without_a_common_start_have_none(
    monkeypatch: pytest.MonkeyPatch, base: Side, linux: bool, why: str
) -> None:
    monkeypatch.setattr(forking.psutil, "LINUX", linux)
    common = CommonStart.of(SIDE, base)
    assert (common.shared, common.why_not, common.sentences) == (None, why, ())
