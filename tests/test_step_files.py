"""The outputs of a step in a live run, beside the baseline files of this checkout and of the base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checkout import BASE, TEST
from values import facts

from pytest_speedacc.baseline import baseline_path, since_base
from pytest_speedacc.check.case import Case, Run
from pytest_speedacc.check.conductor import run_gate
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Check, Outcome
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.measure.outputs import rows_of
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.sentences import SENTENCES

SAID = SENTENCES["held"]
UNREPLACED = SENTENCES["unreplaced"]

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
INPUTS = [f"text number {place}" for place in range(20)]


def split(*different: int) -> Callable[[list[str]], list[list[str]]]:
    """A step that puts something more behind these samples."""
    return lambda batch: [text.split() + ["!"] * (int(text.split()[-1]) in different) for text in batch]


@dataclass(frozen=True)
class Change:
    """A checkout whose base splits texts, and has the files in ``base``."""

    folder: Path

    @property
    def file(self) -> Path:
        return baseline_path(self.folder / "own", TEST, "")

    def judge(self, *different: int, same: bool = False, update: str = "") -> Check:
        """A step that answers otherwise at these samples; so does the base where it loads the ``same`` files."""
        subject = prepare(split(*different), INPUTS, None, CallOptions(score=None))
        known = facts(samples=20, fingerprint=subject.fingerprint, score=None, greater_is_better=None, value=None)
        before = rows_of(split(*different if same else ())(INPUTS), 20)
        base = baseline_path(self.folder / "base", TEST, "")
        since = since_base(self.file, base, TEST, "").believed(lambda sha: "")
        live = LiveComparison(LiveGate((), known, known, before, ""), (), 0.001, BASE, since)
        run = Run(self.folder / "own", "update" if update else "", update, 1, self.folder, "main")
        policy = Policy((parse_bound("max_churn", "1 %", "test"),), "exact", 0.05)
        ratios = Ratios(1.8, 0.01, 5, (0.1, -0.3, 0.2), 0.01)
        case = Case(run, policy, TEST, "", subject, live, lambda: ratios, Unavailable("not trained here"))
        (check,) = run_gate(case, INPUTS, lambda text: None).verdict.checks
        return check

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


@pytest.fixture
def merged(change: Change) -> Change:
    """With a baseline of the base's outputs on both sides."""
    assert change.judge(update="first").outcome is PASSED
    change.merge()
    return change


@pytest.mark.slow
def test_an_update_accepts_outputs_until_it_is_merged(merged: Change) -> None:
    assert merged.judge(3).outcome is FAILED
    updated = merged.judge(3, update="a comma")
    assert (updated.outcome, updated.accepted) == (PASSED, 'these predictions ("a comma")')
    later = merged.judge(3)
    assert (later.outcome, later.accepted) == (PASSED, 'these predictions ("a comma")')
    assert merged.judge(4).outcome is FAILED
    assert merged.judge(3, same=True).outcome is PASSED


def test_what_both_sides_load_is_held_against_the_file(merged: Change) -> None:
    check = merged.judge(3, same=True)
    assert check.outcome is FAILED
    assert check.reason.startswith(f"{SAID}1 of 20 outputs are not those of the baseline")


@pytest.mark.parametrize("hidden", ["gone", "null", "by hand"])
def test_a_file_that_no_update_wrote_excuses_nothing(merged: Change, hidden: str) -> None:
    if hidden == "by hand":
        other = Change(merged.folder / "other")
        other.folder.mkdir()
        other.judge(3, update="elsewhere")
        for path in other.file.parent.glob("*.npz"):
            shutil.copy(path, merged.file.parent)
        document = {**merged.stored(), "predictions": other.stored()["predictions"]}
        merged.file.write_text(json.dumps(document), "utf-8")
    elif hidden == "null":
        merged.file.write_text(json.dumps({**merged.stored(), "predictions": None}), "utf-8")
    else:
        merged.file.unlink()
    for same in (False, True):
        check = merged.judge(3, same=same)
        assert check.outcome is FAILED
    assert check.reason.startswith(f"{UNREPLACED}1 of 20 outputs are not those of the baseline")
