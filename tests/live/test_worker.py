"""A worker's side of a gate, with a coordinator that is played and a clock that is set."""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import importlib.metadata
import os
import sys
import types
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yappi

from pytest_speedacc.live.workers import process, worker_fixture
from pytest_speedacc.live.workers import worker_plugin as worker
from pytest_speedacc.live.workers.protocol import WorkerSpec
from pytest_speedacc.live.workers.worker_fixture import WorkerGate
from pytest_speedacc.live.workers.worker_plugin import WorkerPlugin
from pytest_speedacc.measure import memory

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6)


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Coordinator:
    """The other end of the channel: it takes its time, and then has nothing timed."""

    clock: Clock
    answer: str = "return"
    orders: list[dict[str, Any]] = field(default_factory=list)
    """Given before the answer."""
    said: list[dict[str, Any]] = field(default_factory=list)

    def send(self, kind: str, **content: Any) -> None:
        self.said.append({"kind": kind, **content})

    def receive(self) -> dict[str, Any]:
        self.clock.pass_by(50)
        return self.orders.pop(0) if self.orders else {"kind": self.answer}

    def setups(self) -> list[float]:
        """What every check reported as its setup, in seconds."""
        return [said["gate"]["setup_seconds"] for said in self.said if said["kind"] == "ready"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The worker's clock; what times the model has the real one."""
    clock = Clock()
    time = types.SimpleNamespace(perf_counter=clock.perf_counter, monotonic_ns=lambda: 1)
    for module in (worker, worker_fixture):
        monkeypatch.setattr(module, "time", time)
    return clock


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    """Of the candidate's first launch."""
    return WorkerSpec(
        is_base=False,
        port=0,
        token="",
        root=str(tmp_path),
        other_root=str(tmp_path / "other"),
        sys_path=(),
        rootdir=str(tmp_path),
        ini_file="",
        arguments=("-q",),
        tests=("t",),
        paths=(),
        cores=(),
        seed=1,
        statics=True,
        scratch=str(tmp_path),
    )


def gate_of(spec: WorkerSpec, coordinator: Coordinator) -> WorkerGate:
    """The fixture of a test that has just begun."""
    plugin = WorkerPlugin(spec, coordinator)  # type: ignore[arg-type]
    return WorkerGate(plugin, "t")


def first(batch: Any) -> Any:
    """A model that is always right."""
    return batch[:, 0] / 2


MARKED = """
import pytest

pytestmark = pytest.mark.speedacc(min_accuracy=0.9, trades=[{"give": {}}], policy=object())

@pytest.mark.speedacc(max_latency="5 ms", min_accuracy=0.95)
def test_it(speedacc):
    pass

def test_other(speedacc):
    pass
"""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")
@pytest.mark.parametrize(("is_base", "statics"), [(True, True), (True, False), (False, True)])
def test_the_base_tells_its_markers_once_the_nearest_first(
    spec: WorkerSpec,
    clock: Clock,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    is_base: bool,
    statics: bool,
) -> None:
    # So nothing refuses the marker here that the worker has to leave out.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    items = pytester.getitems(MARKED)
    wanted = items[0].nodeid
    coordinator = Coordinator(clock)
    plugin = WorkerPlugin(replace(spec, is_base=is_base, statics=statics, tests=(wanted,)), coordinator)  # type: ignore[arg-type]
    hook = plugin.pytest_collection_modifyitems(items)
    next(hook)
    # As the last hook of a conftest would.
    items[0].add_marker(pytest.mark.speedacc(max_parameters=5))
    with pytest.raises(StopIteration):
        next(hook)
    collection = plugin.pytest_collection()
    next(collection)
    with pytest.raises(StopIteration):
        next(collection)
    (said,) = coordinator.said
    own = [{"max_latency": "5 ms", "min_accuracy": 0.95}, {"max_parameters": 5}]
    told = {wanted: [*own, {"min_accuracy": 0.9, "trades": [{"give": {}}]}]}
    assert said["markers"] == (told if is_base and statics else {})
    assert len(said["gates"]) == 2
    assert [item.nodeid for item in items] == [wanted]


def test_a_module_of_the_other_revision_is_no_matter_of_one_gate(
    spec: WorkerSpec, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    stranger = types.ModuleType("stranger")
    stranger.__file__ = str(other / "stranger.py")
    (other / "stranger.py").touch()
    monkeypatch.setitem(sys.modules, "stranger", stranger)
    coordinator = Coordinator(clock)
    with pytest.raises(pytest.skip.Exception, match=worker_fixture.LEFT):
        gate_of(replace(spec, other_root=str(other), statics=False), coordinator).check(first, X, Y)
    said = coordinator.said[0]
    assert said["kind"] == "mixed"
    assert f"imported stranger from {stranger.__file__}, which belongs to the other revision" in said["text"]


def test_the_setup_is_what_every_launch_pays(spec: WorkerSpec, clock: Clock) -> None:
    coordinator = Coordinator(clock)
    gate = gate_of(spec, coordinator)
    clock.pass_by(3)
    gate.fit(lambda: clock.pass_by(1000))
    gate.check(first, X, Y, name="a")
    clock.pass_by(2)
    # Neither the training, which the next launch does not repeat, nor the wait while the other side is timed.
    gate.check(first, X, Y, name="b")
    assert coordinator.setups() == [3, 5]


def test_training_is_paid_once_and_its_result_comes_back(spec: WorkerSpec, clock: Clock) -> None:
    trained = []

    def train() -> dict[str, int]:
        trained.append(len(trained))
        return {"run": len(trained)}

    first_launch, second_launch = (gate_of(spec, Coordinator(clock)) for _ in range(2))
    assert [first_launch.fit(train), first_launch.fit(train)] == [{"run": 1}, {"run": 2}]
    assert [second_launch.fit(train), second_launch.fit(train)] == [{"run": 1}, {"run": 2}]
    assert gate_of(replace(spec, is_base=True), Coordinator(clock)).fit(train) == {"run": 3}


class Stubborn:
    """A model that can be pickled and never brought back."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@pytest.mark.parametrize("model", [lambda batch: batch, Stubborn()], ids=["not pickled", "not brought back"])
def test_a_model_that_cannot_be_kept_is_trained_in_every_launch(spec: WorkerSpec, clock: Clock, model: object) -> None:
    for _ in range(2):
        coordinator = Coordinator(clock)
        gate = gate_of(spec, coordinator)

        def train() -> object:
            clock.pass_by(20)
            return model

        assert gate.fit(train) is model
        gate.check(first, X, Y)
        assert coordinator.setups() == [20]


def test_a_test_is_left_once_nothing_more_is_wanted(spec: WorkerSpec, clock: Clock) -> None:
    with pytest.raises(pytest.skip.Exception, match=worker_fixture.LEFT):
        gate_of(spec, Coordinator(clock, answer="leave")).check(first, X, Y)


def test_what_cannot_be_measured_is_told_and_the_test_left(spec: WorkerSpec, clock: Clock) -> None:
    coordinator = Coordinator(clock)
    with pytest.raises(pytest.skip.Exception, match=worker_fixture.LEFT):
        gate_of(spec, coordinator).check(first, X, Y[:-1])
    (said,) = coordinator.said
    assert (said["kind"], said["test"]) == ("failed", "t")
    assert said["text"].startswith("there are 6 inputs and 5 targets")


def test_score_and_counts_are_measured_in_the_first_launch_only(spec: WorkerSpec, clock: Clock) -> None:
    for statics in (True, False):
        coordinator = Coordinator(clock)
        gate_of(replace(spec, statics=statics), coordinator).check(first, X, Y, score="accuracy", batch_size=2)
        facts = coordinator.said[0]["gate"]["facts"]
        assert (facts is not None) == statics
        assert not statics or facts["batch_size"] == 2


def test_an_interpreter_without_this_plugin_is_given_it(spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **selection: ())
    assert worker._arguments(spec)[-2:] == ["-p", "pytest_speedacc.plugin"]


def test_pytest_is_told_where_its_root_and_its_settings_are(spec: WorkerSpec, tmp_path: Path) -> None:
    arguments = worker._arguments(replace(spec, ini_file="here/tox.ini"))
    assert arguments[:2] == ["-q", f"--rootdir={tmp_path}"]
    assert arguments[3:5] == ["-c", "here/tox.ini"]


def seen_by_model(spec: WorkerSpec, clock: Clock, **order: Any) -> tuple[list[float], list[dict[str, Any]]]:
    """The inputs that the model was called with while it served one order, and what the worker answered."""
    coordinator = Coordinator(clock, orders=[order])
    seen: list[float] = []

    def model(batch: Any) -> Any:
        seen.append(float(batch[0, 0]))
        return batch[:, 0] / 2

    receive = coordinator.receive

    def forgetting() -> dict[str, Any]:
        message = receive()
        if message["kind"] == order["kind"]:
            seen.clear()
        return message

    coordinator.receive = forgetting  # type: ignore[method-assign]
    gate_of(replace(spec, statics=False), coordinator).check(model, X, Y)
    return seen, [said for said in coordinator.said if said["kind"] != "ready"]


def test_a_round_of_single_calls_is_timed_on_its_own_inputs(spec: WorkerSpec, clock: Clock) -> None:
    order = {"calls": 2, "untimed": 1, "number": 2, "single": True, "stretches": 1}
    seen, (answer,) = seen_by_model(spec, clock, kind="time", **order)
    # One untimed call from the first input on; then the third pair of the six.
    assert seen == [0, 8, 10]
    assert len(answer["seconds"]) == 2


@pytest.mark.parametrize("stretches", [1, 2])
def test_each_stretch_of_a_round_is_timed_on_its_inputs(spec: WorkerSpec, clock: Clock, stretches: int) -> None:
    order = {"calls": 2, "untimed": 1, "number": 2, "single": False, "stretches": stretches}
    seen, (answer,) = seen_by_model(spec, clock, kind="time", **order)
    # From whichever of the two.
    assert [seen[0], *map(sorted, (seen[1:3], seen[3:]))] == [0, [8, 10], [8, 10] if stretches == 2 else []]
    assert len(answer["seconds"]) == 1


def test_the_faster_stretch_counts(spec: WorkerSpec, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stretches = [types.SimpleNamespace(seconds=np.array([seconds])) for seconds in (3e-3, 1e-3, 2e-3)]
    monkeypatch.setattr(worker_fixture, "time_calls", lambda *given, **options: stretches.pop(0))
    order = {"calls": 1, "untimed": 0, "number": 0, "single": False, "stretches": 3}
    _, (answer,) = seen_by_model(spec, clock, kind="time", **order)
    assert answer["seconds"] == [1e-3]


def test_what_is_timed_is_not_watched_for_what_it_imports(spec: WorkerSpec, clock: Clock) -> None:
    order = {"kind": "time", "calls": 2, "untimed": 0, "number": 0, "single": True, "stretches": 1}
    plugin, usual = WorkerPlugin(spec, Coordinator(clock, orders=[order])), builtins.__import__  # type: ignore[arg-type]
    used: list[bool] = []

    def model(batch: Any) -> Any:
        used.append(builtins.__import__ is usual)
        return first(batch)

    with plugin.asked.watching("t"):
        WorkerGate(plugin, "t").check(model, X, Y)
    assert used[-2:] == [True, True]
    assert not any(used[:-2])


def test_answers_of_timed_calls_are_held_against_those_outside_of_them(spec: WorkerSpec, clock: Clock) -> None:
    order = {"kind": "time", "calls": 4, "untimed": 1, "number": 1, "single": True, "stretches": 1}
    said = []
    for model in (first, lambda batch: first(batch) if gc.isenabled() else None):
        coordinator = Coordinator(clock, orders=[order, {"kind": "answers"}])
        gate_of(replace(spec, statics=False), coordinator).check(model, X, Y)
        said.append(coordinator.said[-1])
    assert said[0] == {"kind": "answers", "problem": ""}
    assert said[1]["problem"].startswith(
        "the timed calls answered something else than the scored ones: None for sample"
    )


@pytest.mark.skipif(not process.CAN_PIN, reason="this system cannot pin a process")
def test_a_model_that_leaves_its_core_is_not_compared(spec: WorkerSpec, clock: Clock) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) == 1:
        pytest.skip("there is one core")

    def wanders(batch: Any) -> Any:
        os.sched_setaffinity(0, allowed)
        return first(batch)

    core = max(allowed)
    order = {"kind": "time", "calls": 2, "untimed": 1, "number": 1, "single": False, "stretches": 1}
    coordinator = Coordinator(clock, orders=[order, {"kind": "answers"}])
    gate_of(replace(spec, cores=(core,), statics=False), coordinator).check(wanders, X, Y)
    problem = coordinator.said[-1]["problem"]
    assert problem.startswith(f"the model moved its process from core {core} to {min(allowed)}, ")


def test_a_ratio_is_that_to_the_yardstick(spec: WorkerSpec, clock: Clock) -> None:
    _, (answer,) = seen_by_model(spec, clock, kind="ratio", seconds_per_call=1e-4)
    assert answer["kind"] == "ratio"
    # A model that indexes an array takes less than a yardstick does.
    assert answer["log_ratio"] < 0 < answer["seconds"]


@pytest.mark.memray
def test_what_holds_the_peak_is_told_or_why_it_is_not_known(
    spec: WorkerSpec, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (answer,) = seen_by_model(spec, clock, kind="allocations")
    assert "model" in [site["name"] for site in answer["allocations"]["sites"]]
    monkeypatch.setitem(sys.modules, "memray", None)
    with contextlib.suppress(pytest.skip.Exception):  # a worker that leaves the test would have this one skipped
        _, (answer,) = seen_by_model(spec, clock, kind="allocations")
    assert answer["allocations"] is None
    assert "memray does not run" in answer["problem"]


def test_a_model_that_raises_under_the_profiler_only_ends_no_worker(spec: WorkerSpec, clock: Clock) -> None:
    def shy(batch: Any) -> Any:
        if yappi.is_running():
            raise OSError("watched")
        return first(batch)

    order = {"kind": "profile", "calls": 2, "clock": "wall", "save": ""}
    coordinator = Coordinator(clock, orders=[order])
    gate_of(spec, coordinator).check(shy, X, Y)
    _, answer = coordinator.said
    assert answer["profile"] is None
    assert answer["problem"] == "no profile was taken: the model raised OSError under the profiler (watched)"


@pytest.mark.skipif(not process.CAN_PIN, reason="this system cannot pin a process")
def test_a_worker_is_on_its_core_only_while_it_is_timed(spec: WorkerSpec, clock: Clock) -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    where = []

    class Asking(Coordinator):
        def receive(self) -> dict[str, Any]:
            where.append(os.sched_getaffinity(0))
            return super().receive()

    gate_of(replace(spec, cores=(core,), statics=False), Asking(clock)).check(first, X, Y)
    assert where == [{core}]
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("sets", ["", "HF_HUB_OFFLINE"])
def test_what_a_fixture_sets_a_variable_for_is_imported_by_each_side(
    spec: WorkerSpec, clock: Clock, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, sets: str
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    site = tmp_path_factory.mktemp("site")
    (site / "imported_late.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(site)
    coordinator = Coordinator(clock)
    gate = gate_of(spec, coordinator)
    with gate._worker.by_tests.watching():
        pass
    if sets:
        monkeypatch.setenv(sets, "1")
    importlib.import_module("imported_late")
    try:
        gate.check(first, X, Y)
    finally:
        del sys.modules["imported_late"]
    (ready,) = [said["gate"] for said in coordinator.said if said["kind"] == "ready"]
    assert ("imported_late" in ready["modules"]) == (not sets)


def test_what_is_written_while_memory_is_measured_lies_where_the_run_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("memray")
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(memory, "_place", None)
    memory.write_below(str(place))
    found: list[Path] = []
    memory.track_once(lambda: found.extend(place.iterdir()))
    assert [path.name.partition("-")[0] for path in found] == ["speedacc"]
    assert list(place.iterdir()) == []
