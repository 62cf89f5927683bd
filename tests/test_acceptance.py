"""Accepting what a live run shows: a reviewed diff of the baseline file, for as long as it is a diff."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from checkout import BASE, EXACT, TARGETS, TEST, TIME, Change

from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.closing import summary_lines
from pytest_speedacc.report.document import gate_document

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome


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
        change.judge(TIME | {"max_stored_latency_increase": "30 %"}, slower=0.25, parameters=15, update="why")
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

    @pytest.mark.parametrize(
        ("ratio", "foreign", "why"),
        [
            (1000, "", "this run measures +25.1 %, +25.5 % at the most, and the tolerance adds 3 %"),
            (1.25, "is no commit of this repository", "1a2b3c4 is no commit of this repository"),
        ],
    )
    def test_an_entry_that_is_not_true_is_refused_by_name(
        self, change: Change, ratio: float, foreign: str, why: str
    ) -> None:
        change.judge(TIME, slower=0.25, update="worth it")
        stored = change.stored()
        stored["accepted"][0]["ratio"] = ratio
        change.file.write_text(json.dumps(stored), "utf-8")
        verdict = change.judge(TIME, slower=0.25, foreign=foreign)
        assert verdict.outcome is FAILED
        (note,) = [note for note in verdict.notes if "does not count" in note]
        assert note.startswith("the accepted latency median of +")
        assert f' against 1a2b3c4 ("worth it") does not count: {why}' in note

    def test_the_gate_s_line_says_what_was_accepted_how_much_and_why(self, change: Change) -> None:
        limits = TIME | only("max_parameters_increase")
        now = change.judge(limits, slower=0.25, parameters=15, update="worth it")
        later = change.judge(limits, slower=0.25, parameters=15)
        said = 'passed; accepted: latency median +25.1 % against 1a2b3c4 ("worth it"), parameters 15 ("worth it")'
        for verdict in (now, later):
            (line,) = [line for line in summary_lines([verdict]) if line.startswith(f"{TEST}  ")]
            assert line.endswith(said)
            accepted = [check["accepted"] for check in gate_document(verdict, Scale())["checks"]]
            assert accepted == ['+25.1 % against 1a2b3c4 ("worth it")', '15 ("worth it")']
        assert not any("; accepted" in line for line in summary_lines([change.judge(TIME)]))


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
