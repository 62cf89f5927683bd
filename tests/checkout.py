"""A checkout with baseline files of its own and of its base, and its gate judged in a live run that was made up."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from values import facts

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.adapters.callables import CallableAdapter
from pytest_speedacc.baseline import baseline_path, since_base
from pytest_speedacc.check.case import Case, Run
from pytest_speedacc.check.conductor import run_gate
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.config.trades import Trade
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.yardstick import Ratios

TEST = "test_it.py::test_it"
BASE = "1a2b3c4" + "0" * 33
INPUTS = np.arange(40.0).reshape(20, 2)
TARGETS = np.arange(20) % 2
EXACT = {
    "max_parameters_increase": "5 %",
    "max_memory_increase": "5 %",
    "max_accuracy_drop": "1 pp",
}
TIME = {"max_latency_increase": "3 %"}


@dataclass(frozen=True)
class Weighted(CallableAdapter):
    """Functions that are said to have so many parameters."""

    parameters: int

    def count_parameters(self, model: Any) -> ParameterCount:
        return ParameterCount(self.parameters)


def answers(wrong: int, targets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The targets, but for so many."""
    return np.where(np.arange(20) < wrong, 1 - targets, targets)


def subject(parameters: int, memory: int, wrong: int, targets: np.ndarray[Any, Any]) -> Subject:
    predictions = answers(wrong, targets)

    def model(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        np.empty(memory, dtype=np.uint8)
        return predictions[(batch[:, 0] / 2).astype(int)]

    return replace(prepare(model, INPUTS, targets, CallOptions()), adapter=Weighted(parameters))


@dataclass(frozen=True)
class Change:
    """A checkout whose base has 10 parameters, takes 1 MiB, is always right, and has the files in ``base``."""

    folder: Path

    @property
    def file(self) -> Path:
        return baseline_path(self.folder / "own", TEST, "")

    @property
    def base(self) -> Path:
        return baseline_path(self.folder / "base", TEST, "")

    def judge(
        self,
        limits: dict[str, Any],
        *,
        slower: float = 0.0,
        parameters: int = 10,
        memory: int = 2**20,
        wrong: int = 0,
        targets: np.ndarray[Any, Any] = TARGETS,
        update: str = "",
        ref: str = "main",
        foreign: str = "",
        same: bool = False,
        shared: Mapping[str, str] | None = None,
        trades: tuple[Trade, ...] = (),
    ) -> Verdict:
        """The gate in a live run, which updates where there is a reason to.

        ``foreign`` is what git says of commits. The base is the ``same`` where it loads what it shares with this
        checkout, whose digests are ``shared``.
        """
        model = subject(parameters, memory, wrong, targets)
        known = facts(
            score="accuracy",
            greater_is_better=True,
            value=1 - wrong / 20 if same else 1.0,
            samples=20,
            fingerprint=prepare(model.model, INPUTS, targets if same else TARGETS, CallOptions()).fingerprint,
            predictions="",
            parameters=parameters if same else 10,
            memory=memory if same else 2**20,
        )
        results = tuple(
            PairTimes(math.log(1 + slower) + place % 2 / 1000, 0.01, None, 0, 0.002, 0.002, 0.1) for place in range(8)
        )
        since = since_base(self.file, self.base, TEST, "").believed(lambda sha: foreign)
        before = answers(wrong, targets) if same else TARGETS
        gate = LiveGate(results, known, known, before, "")
        live = LiveComparison(gate, (), 0.001, BASE, since, shared=shared or {})
        bounds = tuple(parse_bound(name, value, "test") for name, value in limits.items())
        writes = "update" if update else ""
        run = Run(self.folder / "own", writes, update, 1, self.folder, ref, shared=shared or {})
        case = Case(
            run=run,
            policy=Policy(bounds, "exact", 0.05, trades=trades),
            test=TEST,
            name="",
            subject=model,
            live=live if ref else None,
            ratios=lambda: Ratios(1.8, 0.01, 5, (0.1, -0.3, 0.2), 0.01),
            training=Unavailable("not trained here"),
        )
        return run_gate(case, INPUTS, lambda text: None).verdict

    def stored(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return document

    def merge(self) -> None:
        """The base becomes what this checkout is, as far as its files are concerned."""
        shutil.rmtree(self.folder / "base", ignore_errors=True)
        shutil.copytree(self.folder / "own", self.folder / "base")
