"""The ``speedacc`` fixture of a worker: it measures where the usual one would judge."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from pytest_speedacc.axes import amounts_of, own_axes
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Facts
from pytest_speedacc.live.tree.identity import foreign_modules
from pytest_speedacc.live.workers.allocator import steady
from pytest_speedacc.live.workers.modules import outside
from pytest_speedacc.live.workers.process import pin
from pytest_speedacc.live.workers.protocol import Ready, WorkerSpec
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.allocations import find_allocations
from pytest_speedacc.measure.answers import Answers, check_answers
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.latency import Workload, run_untimed, time_calls, warm_up
from pytest_speedacc.measure.libraries import loaded_versions
from pytest_speedacc.measure.loops import RunningLoop
from pytest_speedacc.measure.measurement import Measurement, Statics, measure_statics
from pytest_speedacc.measure.profile import attempt_profile
from pytest_speedacc.measure.stages import stage
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.this_process import allowed_cores
from pytest_speedacc.measure.two_models import call_options_of, time_in_turn
from pytest_speedacc.measure.yardstick import measure_ratio

WARM_UP_BUDGET = 0.5
"""Seconds; a tenth of it is spent on untimed calls before a worker says that it is ready."""
LEFT = "left by the live run"
"""The reason with which a worker skips the rest of a test of which nothing more is wanted."""
UNJUDGED_CALLS = 64
"""What ``measure`` times in a worker, where its numbers are for the test's own assertions only."""

if TYPE_CHECKING:
    from pytest_speedacc.live.workers.worker_plugin import WorkerPlugin


class WorkerGate:
    """Stands in for the usual fixture: measures where the usual one would judge."""

    stage = staticmethod(stage)

    def __init__(self, worker: WorkerPlugin, test: str) -> None:
        self._worker = worker
        self._test = test
        self._fits = 0

    def check(self, model: Any, inputs: Any, targets: Any = None, *, name: str = "", **options: Any) -> None:
        """Wait in this test for the other side, and time what the coordinator asks for."""
        worker = self._worker
        try:
            subject = prepare(model, inputs, targets, CallOptions(**options), whole=worker.spec.statics)
            with subject.adapter.running(model):
                setup, costliest = worker.costs.seconds, worker.costs.costliest
                with worker.setting_aside(), steady():
                    counts = self._test in worker.spec.counted
                    statics = measure_statics(subject, counts=counts) if worker.spec.statics else None
                    facts = _facts(statics, subject, worker.spec) if statics else None
                    answers = Answers()
                    work = subject.workload(answers)
                    check = partial(check_answers, subject, answers, statics)
                    warm = warm_up(work, WARM_UP_BUDGET)
                    # Not before: the other side warms up at the same time, and one core is for one.
                    pin(worker.spec.cores)
                    try:
                        new = self._check_identity()
                        # What a fixture sets for an import is not there where the modules are imported once.
                        tells = worker.spec.statics and worker.by_tests.is_environment_kept
                        ready = Ready(
                            test=self._test,
                            name=name,
                            seconds_per_call=warm.seconds_per_call,
                            batch_size=subject.batch_size,
                            setup_seconds=setup,
                            costliest=costliest,
                            facts=facts,
                            concurrency=subject.concurrency,
                            modules=outside(new, (worker.spec.root, worker.spec.other_root)) if tells else {},
                            asked=tuple(worker.asked.names[self._test]),
                        )
                        worker.channel.send("ready", gate=msgspec.to_builtins(ready))
                        with worker.asked.resting():
                            self._serve(work, subject, check)
                    finally:
                        pin(())
        except GateError as error:
            worker.channel.send("failed", test=self._test, text=str(error))
            pytest.skip(LEFT)

    async def acheck(self, model: Any, inputs: Any, targets: Any = None, *, name: str = "", **options: Any) -> None:
        """The same for an async model in the test's own loop."""
        with RunningLoop(asyncio.get_running_loop()) as loop:
            await asyncio.to_thread(self.check, model, inputs, targets, name=name, loop=loop, **options)

    def compare(
        self, model: Any, other: Any, inputs: Any, targets: Any = None, *, name: str = "", **options: Any
    ) -> None:
        """Time both models in turn where that is what this worker is for."""
        worker = self._worker
        if not worker.spec.compares:
            return
        call_options, other_options = call_options_of(options)
        try:
            subject, second = (
                prepare(model, inputs, targets, call_options),
                prepare(other, inputs, targets, other_options),
            )
            setup = worker.costs.seconds
            ready = Ready(self._test, name or "compare", 0.0, subject.batch_size, setup, None, compares=True)
            worker.channel.send("ready", gate=msgspec.to_builtins(ready))
            if worker.channel.receive()["kind"] == "compare":
                pin(worker.spec.cores)
                with steady():
                    worker.channel.send("paired", **asdict(time_in_turn(subject, second)))
                pytest.skip(LEFT)
        except GateError as error:
            worker.channel.send("failed", test=self._test, text=str(error))
            pytest.skip(LEFT)
        finally:
            pin(())

    def fit(self, train: Callable[[], Any]) -> Any:
        """Train once a side in a live run; later launches load what the first one kept."""
        spec, self._fits = self._worker.spec, self._fits + 1
        who = f"{'base' if spec.is_base else 'candidate'} {self._test} {self._fits}"
        path = Path(spec.scratch) / f"{hashlib.sha256(who.encode()).hexdigest()[:16]}.pickle"
        if path.exists():
            # Written by this run's own worker, into a folder of this run.
            return pickle.loads(path.read_bytes())
        began = time.perf_counter()
        model = train()
        try:
            kept = pickle.dumps(model)
            pickle.loads(kept)
        except Exception:
            # It is trained in every launch then, and the setup time shows that. What a model raises when it is
            # pickled or brought back is up to its framework.
            return model
        path.write_bytes(kept)
        self._worker.aside += time.perf_counter() - began
        return model

    def measure(self, model: Any, inputs: Any, targets: Any = None, **options: Any) -> Measurement:
        """Measure briefly: the numbers are for the test's own assertions."""
        subject = prepare(model, inputs, targets, CallOptions(**options))
        with subject.adapter.running(model):
            return Measurement(measure_statics(subject), time_calls(subject.workload(), 1, UNJUDGED_CALLS))

    def _serve(self, work: Workload, subject: Subject, check_answers: Callable[[], None]) -> None:
        channel = self._worker.channel
        while True:
            order = channel.receive()
            match order["kind"]:
                case "time":
                    calls, number, stretches = order["calls"], order["number"], order["stretches"]
                    if work.loop is not None:
                        # What another task holds up comes and goes, and the faster of two stretches would miss it.
                        order["untimed"] += calls * (stretches - 1)
                        stretches = 1
                    run_untimed(work, order["untimed"])
                    # Each call by itself where a tail is asked for, otherwise the faster of the round's stretches.
                    if order["single"]:
                        seconds = time_calls(work, 1, calls, start=number * calls).seconds.tolist()
                    else:
                        timed = [time_calls(work, calls, 1, start=number) for _ in range(stretches)]
                        seconds = [min(float(stretch.seconds[0]) for stretch in timed)]
                    channel.send("times", seconds=seconds)
                case "ratio":
                    ratio = measure_ratio(work, order["seconds_per_call"])
                    channel.send("ratio", log_ratio=ratio.log_ratio, seconds=ratio.seconds, parts=ratio.parts)
                case "profile":
                    channel.send("profile", **self._profile(work, order))
                case "allocations":
                    channel.send("allocations", **self._allocations(subject))
                case "answers":
                    channel.send("answers", problem=self._problem(check_answers))
                case "return":
                    return
                case _:
                    pytest.skip(LEFT)

    def _problem(self, check_answers: Callable[[], None]) -> str:
        """Why what was timed is not what it is taken for; empty where it is."""
        cores = self._worker.spec.cores
        if cores and (now := allowed_cores()) != cores:
            return (
                f"the model moved its process from core {cores[0]} to {', '.join(map(str, now))} while "
                "it was timed, and both sides must run on one core: leave os.sched_setaffinity alone"
            )
        try:
            check_answers()
        except GateError as error:
            return str(error)
        return ""

    def _profile(self, work: Workload, order: dict[str, Any]) -> dict[str, Any]:
        save = Path(order["save"]) if order["save"] else None
        root = Path(self._worker.spec.root)
        profile, problem = attempt_profile(work, order["calls"], root, clock=order["clock"], save=save)
        return {"profile": msgspec.to_builtins(profile), "problem": problem}

    def _allocations(self, subject: Subject) -> dict[str, Any]:
        try:
            allocations = find_allocations(subject, Path(self._worker.spec.root))
        except GateError as error:
            return {"allocations": None, "problem": str(error)}
        return {"allocations": msgspec.to_builtins(allocations), "problem": ""}

    def _check_identity(self) -> dict[str, ModuleType]:
        """The modules that came since the last check. Raises GateError where one is of the other revision."""
        spec, seen = self._worker.spec, self._worker.seen
        # Only what came since the last check: looking at thousands of files takes as long as timing a model.
        new = {name: module for name, module in sys.modules.items() if name not in seen}
        seen.update(new)
        foreign = foreign_modules(new, spec.root, spec.other_root)
        if foreign:
            name, file = foreign[0]
            problem = (
                f"the worker of {spec.root} imported {name} from {file}, which belongs to the other revision: "
                "the two would not be compared with each other."
            )
            # No matter of this gate alone: whatever this process runs from now on may be the other revision's.
            self._worker.channel.send("mixed", text=problem)
            raise GateError(problem)
        return new


def _facts(statics: Statics, subject: Subject, spec: WorkerSpec) -> Facts:
    path = Path(spec.scratch) / f"{os.getpid()}-{time.monotonic_ns()}.npy"
    np.save(path, statics.accuracy.predictions, allow_pickle=False)
    scored = statics.accuracy if isinstance(statics.accuracy, Accuracy) else None
    return Facts(
        score=scored.score if scored else None,
        greater_is_better=scored.greater_is_better if scored else None,
        value=scored.value if scored else None,
        samples=subject.samples,
        fingerprint=subject.fingerprint,
        predictions=str(path),
        amounts=amounts_of(statics),
        own_axes=tuple(axis.name for axis in own_axes()),
        batch_size=subject.batch_size,
        scores=scored.scores if scored else (),
        versions=library_versions(),
        libraries=loaded_versions(),
    )
