"""Accepting what a live run shows: a reviewed diff of the baseline file, for as long as it is a diff."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.adapters.callables import CallableAdapter
from pytest_speedacc.baseline import baseline_path, since_base
from pytest_speedacc.case import Case, Run
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.gate import run_gate
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.live.campaign import LiveGate
from pytest_speedacc.live.duel import LaunchResult
from pytest_speedacc.live.protocol import StaticFacts
from pytest_speedacc.measure.measurement import Unavailable
from pytest_speedacc.measure.subject import Manner, Subject, prepare
from pytest_speedacc.measure.yardstick import Ratios

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
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


def subject(parameters: int, memory: int, wrong: int, targets: np.ndarray[Any, Any]) -> Subject:
    predictions = np.where(np.arange(20) < wrong, 1 - targets, targets)

    def model(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        np.empty(memory, dtype=np.uint8)
        return predictions[(batch[:, 0] / 2).astype(int)]

    return replace(prepare(model, INPUTS, targets, Manner()), adapter=Weighted(parameters))


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
    ) -> Verdict:
        """The gate in a live run, which updates where there is a reason to."""
        model = subject(parameters, memory, wrong, targets)
        facts = StaticFacts(
            score="accuracy",
            greater_is_better=True,
            value=1.0,
            samples=20,
            fingerprint=prepare(model.model, INPUTS, TARGETS, Manner()).fingerprint,
            predictions="",
            parameters=10,
            model_size=None,
            memory=2**20,
            memory_band=0,
            batch_size=1,
        )
        results = tuple(
            LaunchResult(math.log(1 + slower) + place % 2 / 1000, 0.01, None, 0, 0.002, 0.002, 0.1)
            for place in range(8)
        )
        live = LiveComparison(
            LiveGate(results, facts, facts, TARGETS, ""), (), 0.001, BASE, since_base(self.file, self.base, TEST, "")
        )
        bounds = tuple(parse_bound(name, value, "test") for name, value in limits.items())
        run = Run(self.folder / "own", "update" if update else "", update, 1, self.folder, ref)
        case = Case(
            run=run,
            policy=Policy(bounds, "exact", 0.05),
            test=TEST,
            name="",
            subject=model,
            live=live if ref else None,
            ratios=lambda: Ratios(1.8, 0.01, 5),
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


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    monkeypatch.chdir(tmp_path)
    return Change(tmp_path)


class TestLatency:
    def test_a_slow_down_is_accepted_once_and_counts_until_it_is_merged(self, change: Change) -> None:
        failed = change.judge(TIME, slower=0.25)
        assert failed.outcome is FAILED
        assert failed.accept == (
            'python -m pytest "test_it.py::test_it" --speedacc-update --speedacc-against=main --speedacc-reason="why"'
        )

        (now,) = (update := change.judge(TIME, slower=0.25, update="twice the\nfeatures")).checks
        assert (update.outcome, update.accept) == (PASSED, "")
        assert now.reason.startswith('accepted now, against 1a2b3c4 ("twice the features"): 2.00 ms against 2.00 ms in')
        assert re.search("wrote own/test_it--test_it.json: review it and commit it", "".join(update.notes))
        (entry,) = change.stored()["accepted"]
        low, high = entry.pop("interval")
        assert 1.2 < low < 1.25 < entry.pop("ratio") < 1.251 < high < 1.3
        assert entry.pop("date") == change.stored()["updated"]["date"]
        assert entry == {
            "metric": "latency",
            "statistic": "median",
            "base": BASE,
            "reason": "twice the\nfeatures",
        }

        (check,) = change.judge(TIME, slower=0.25).checks
        assert check.outcome is PASSED
        assert check.allowed == "worse by at most 3 % on top of the accepted +25.1 %"
        assert change.judge(TIME, slower=0.35).outcome is FAILED
        change.merge()
        assert change.judge(TIME, slower=0.25).outcome is FAILED

    def test_the_baseline_of_this_revision_is_written_as_in_any_update(self, change: Change) -> None:
        change.judge(TIME, slower=0.25, parameters=15, update="why")
        stored = change.stored()
        assert (stored["updated"]["reason"], stored["parameters"]) == ("why", 15)
        (record,) = stored["environments"].values()
        assert record["yardstick"]["launches"] == 5
        assert list(change.file.parent.glob("*.npz"))

    def test_what_was_accepted_before_is_kept(self, change: Change) -> None:
        change.judge(TIME, slower=0.25, update="first")
        change.judge(TIME, slower=0.5, update="second")
        change.judge(TIME, slower=0.5, update="nothing new")
        change.judge(TIME, parameters=11, update="an ordinary update", ref="")
        assert [entry["reason"] for entry in change.stored()["accepted"]] == ["first", "second"]
        assert change.judge(TIME, slower=0.5).outcome is PASSED

    def test_what_passes_is_not_accepted(self, change: Change) -> None:
        assert change.judge(TIME, update="why").outcome is PASSED
        assert change.stored()["accepted"] == []

    @pytest.mark.parametrize("before", [None, "first"])
    def test_a_violated_limit_is_never_accepted(self, change: Change, before: str | None) -> None:
        if before:
            change.judge({}, update=before)
        content = change.file.read_bytes() if before else None
        verdict = change.judge({"max_parameters": 5, **TIME}, slower=0.25, update="why")
        assert [check.outcome for check in verdict.checks] == [FAILED, FAILED]
        assert not any("accepted" in check.reason for check in verdict.checks)
        assert "was not written, because a limit is violated" in "".join(verdict.notes)
        assert verdict.accept == ""
        assert (change.file.read_bytes() if change.file.exists() else None) == content


WORSE: dict[str, dict[str, Any]] = {
    "max_parameters_increase": {"parameters": 15},
    "max_memory_increase": {"memory": 2**21},
    "max_accuracy_drop": {"wrong": 3},
}


def only(setting: str) -> dict[str, str]:
    return {setting: EXACT[setting]}


class TestExactAxes:
    @pytest.mark.parametrize("setting", WORSE)
    def test_the_diff_of_the_baseline_file_accepts(self, change: Change, setting: str) -> None:
        limits, worse = only(setting), WORSE[setting]
        change.judge({}, update="the base's")
        change.merge()
        failed = change.judge(limits, **worse)
        assert failed.outcome is FAILED
        assert failed.accept.endswith('--speedacc-update --speedacc-against=main --speedacc-reason="why"')

        former = change.file.read_bytes()
        (updated,) = change.judge(limits, **worse, update="meant").checks
        (check,) = change.judge(limits, **worse).checks
        for each in (updated, check):
            assert each.outcome is PASSED
            assert re.match(r'accepted in the baseline file: .* \("meant"\); [+-]', each.reason)

        current = change.file.read_bytes()
        change.file.write_bytes(former)
        for predictions in change.base.parent.glob("*.npz"):
            (change.file.parent / predictions.name).write_bytes(predictions.read_bytes())
        assert change.judge(limits, **worse).outcome is FAILED

        # A file that holds the very value and is no news: somebody left it standing.
        change.base.write_bytes(current)
        change.file.write_bytes(current)
        assert change.judge(limits, **worse).outcome is FAILED

    @pytest.mark.parametrize("setting", WORSE)
    def test_an_ordinary_update_accepts_as_well(self, change: Change, setting: str) -> None:
        change.judge({}, **WORSE[setting], update="meant", ref="")
        assert change.judge(only(setting), **WORSE[setting]).outcome is PASSED

    def test_only_what_the_file_says_is_accepted(self, change: Change) -> None:
        change.judge({}, parameters=15, update="meant")
        assert change.judge(only("max_parameters_increase"), parameters=15).outcome is PASSED
        (beyond,) = change.judge(only("max_parameters_increase"), parameters=16).checks
        assert beyond.outcome is FAILED
        assert "accepted" not in beyond.reason
        assert change.judge({"max_parameters": 12}, parameters=15).outcome is FAILED

    def test_a_time_is_not_accepted_by_an_ordinary_update(self, change: Change) -> None:
        change.judge(TIME, slower=0.25, update="meant", ref="")
        assert change.judge(TIME, slower=0.25).outcome is FAILED

    def test_a_record_that_an_update_elsewhere_left_standing_accepts_nothing(self, change: Change) -> None:
        change.judge({}, memory=2**21, update="an old one, of more memory")
        change.merge()
        document = change.stored()
        document["updated"]["reason"] = "an update on another machine"
        change.file.write_text(json.dumps(document), "utf-8")
        assert change.judge(only("max_memory_increase"), memory=2**21).outcome is FAILED

    def test_a_new_evaluation_set_is_accepted_with_the_score_on_it(self, change: Change) -> None:
        limits, other = only("max_accuracy_drop"), 1 - TARGETS
        assert change.judge(limits, targets=other).outcome is NOT_COMPARED
        change.judge(limits, targets=other, update="newer data")
        (check,) = change.judge(limits, targets=other).checks
        assert check.outcome is PASSED
        assert check.reason.startswith('accepted in the baseline file: 1 ("newer data"); main was judged on another')
        # And of that set only.
        assert change.judge(limits, wrong=3).outcome is FAILED

    def test_predictions_that_are_missing_accept_nothing(self, change: Change) -> None:
        change.judge({}, wrong=3, update="meant")
        for predictions in change.file.parent.glob("*.npz"):
            predictions.unlink()
        assert change.judge(only("max_accuracy_drop"), wrong=3).outcome is FAILED

    def test_what_moves_by_itself_beyond_the_accepted_is_inconclusive(self, change: Change) -> None:
        change.judge({}, memory=2**21, update="meant")
        (check,) = change.judge({"max_memory_increase": "0 %"}, memory=2**21 + 256).checks
        assert check.outcome is INCONCLUSIVE
        assert "accepted in the baseline file: 2.00 MiB" in check.reason

    @pytest.mark.parametrize("limits", [TIME, only("max_parameters_increase")], ids=["time", "parameters"])
    def test_beside_a_damaged_file_of_the_base_nothing_is_accepted_or_written(
        self, change: Change, limits: dict[str, str]
    ) -> None:
        change.base.parent.mkdir()
        change.base.write_text("<<<<<<< ours", "utf-8")
        verdict = change.judge(limits, parameters=15, slower=0.25, update="why")
        assert verdict.outcome is FAILED
        assert "the base's own baseline file holds is not known, so nothing is accepted" in "".join(verdict.notes)
        assert verdict.accept == ""
        assert not change.file.exists()
