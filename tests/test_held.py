"""A live run whose base loads what this checkout shares with it: the baseline file knows what that was."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkout import EXACT, TARGETS, TIME, Change

from pytest_speedacc.baseline.schema import StoredAccuracy
from pytest_speedacc.check.former import decides_enough
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.config.trades import parse_trades
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.live.tree.worktree import Shared, digests, shared_digests
from pytest_speedacc.report.sentences import SENTENCES

BY_HAND = SENTENCES["by hand"]
UNREPLACED = SENTENCES["unreplaced"]

PASSED, INCONCLUSIVE, NOT_COMPARED, FAILED = Outcome
CHURN = {"max_churn": "1 %"}
WORSE: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "parameters": ({"max_parameters_increase": "5 %"}, {"parameters": 15}),
    "memory": ({"max_memory_increase": "5 %"}, {"memory": 2**21}),
    "score": ({"max_accuracy_drop": "1 pp"}, {"wrong": 3}),
    "churn": (CHURN, {"wrong": 3}),
}
SAID = "held against the baseline file as well: "


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    monkeypatch.chdir(tmp_path)
    return Change(tmp_path)


@pytest.fixture
def merged(change: Change) -> Change:
    """A checkout whose baseline file is the base's: of the model as it was."""
    change.judge({}, update="the former model")
    change.merge()
    return change


@pytest.mark.parametrize("axis", WORSE)
def test_what_shared_files_hide_from_the_base_is_seen_by_the_baseline_file(merged: Change, axis: str) -> None:
    limits, worse = WORSE[axis]
    (check,) = merged.judge(limits, **worse, same=True).checks
    assert check.outcome is FAILED
    assert check.reason.startswith(SAID)
    assert "baseline" in check.reason.removeprefix(SAID)
    assert merged.judge(limits, same=True).outcome is PASSED


@pytest.mark.parametrize("axis", WORSE)
def test_without_a_file_and_after_an_update_the_base_decides(change: Change, axis: str) -> None:
    limits, worse = WORSE[axis]
    assert change.judge(limits, **worse, same=True).outcome is PASSED
    (updated,) = change.judge(limits, **worse, same=True, update="meant").checks
    (later,) = change.judge(limits, **worse, same=True).checks
    for check in (updated, later):
        assert check.outcome is PASSED
        assert SAID not in check.reason


def test_the_base_s_answer_stands_where_it_is_the_stricter(merged: Change) -> None:
    merged.file.write_text(json.dumps({**merged.stored(), "parameters": 15}), "utf-8")
    merged.merge()
    (check,) = merged.judge({"max_parameters_increase": "5 %"}, parameters=15).checks
    assert (check.outcome, check.reference) == (FAILED, 10)
    assert SAID not in check.reason


def test_what_the_file_does_not_know_says_nothing(merged: Change) -> None:
    merged.file.write_text(json.dumps({**merged.stored(), "environments": {}, "parameters": None}), "utf-8")
    merged.merge()
    memory_and_parameters = {name: EXACT[name] for name in ("max_memory_increase", "max_parameters_increase")}
    verdict = merged.judge(memory_and_parameters, memory=2**21, parameters=15, same=True)
    assert [check.outcome for check in verdict.checks] == [PASSED, PASSED]


NULLS = {"accuracy": None, "predictions": None, "parameters": None, "model_size": None, "environments": {}}


@pytest.mark.parametrize("axis", WORSE)
@pytest.mark.parametrize("hidden", ["gone", "nulls", "nulls with a new date"])
def test_a_file_that_says_nothing_leaves_the_base_s_own_to_hold(merged: Change, axis: str, hidden: str) -> None:
    limits, worse = WORSE[axis]
    if hidden == "gone":
        for path in merged.file.parent.iterdir():
            path.unlink()
    else:
        document = {**merged.stored(), **NULLS}
        if "date" in hidden:
            # A forged stamp that removes the record of a model that it says is the same.
            document["updated"]["date"] = "2030-01-02T03:04:05+00:00"
            document["parameters"] = None if axis == "parameters" else 10
        merged.file.write_text(json.dumps(document), "utf-8")
    (check,) = merged.judge(limits, **worse, same=True).checks
    assert check.outcome is FAILED
    assert check.reason.startswith(UNREPLACED)
    assert merged.judge(limits, same=True).outcome is PASSED
    # What an update says instead of it is for its reviewer.
    merged.judge(limits, **worse, same=True, update="meant")
    assert merged.judge(limits, **worse, same=True).outcome is PASSED


def test_of_a_file_that_is_gone_the_base_s_says_what_was_shared(change: Change) -> None:
    change.judge({}, update="with these", shared={"data": OLD})
    change.merge()
    change.file.unlink()
    (note,) = change.judge(TIME, shared={"data": NEW}).notes
    assert note.startswith(
        f"data is not what the baseline was made with (sha256 {'1' * 12} then, sha256 {'2' * 12} now)"
    )


FORGED: dict[str, dict[str, Any]] = {
    "parameters": {"parameters": 15},
    "score": {"accuracy": {"value": 0.1}},
    "score, of several seeds": {"accuracy": {"value": 0.1, "repeats": 5}},
    "score, without predictions": {"accuracy": {"value": 0.1}, "predictions": None},
    "memory": {"memory": {"peak": 2**21, "band": 1024}},
    "memory, its band": {"memory": {"peak": 2**20, "band": 2**20}},
}


@pytest.mark.parametrize("same", [False, True], ids=["base as it was", "base with shared files"])
@pytest.mark.parametrize("forged", FORGED)
def test_a_value_that_was_changed_by_hand_excuses_nothing(merged: Change, forged: str, same: bool) -> None:
    limits, worse = WORSE[forged.partition(",")[0]]
    document = merged.stored()
    (record,) = document["environments"].values()
    for name, value in FORGED[forged].items():
        if name == "accuracy":
            document[name].update(value)
        else:
            (record if name == "memory" else document)[name] = value
    merged.file.write_text(json.dumps(document), "utf-8")
    verdict = merged.judge(limits, **worse, same=same)
    (check,) = verdict.checks
    assert check.outcome is FAILED
    assert check.accepted == ""
    assert "accepted" not in check.reason
    assert (BY_HAND in verdict.notes) is ("memory" not in forged)
    # Nor does it trouble a model that is what it was, unless the file contradicts itself.
    assert (merged.judge(limits, same=same).outcome is PASSED) is ("score" not in forged)


def test_a_time_is_not_held_against_the_file(merged: Change) -> None:
    (check,) = merged.judge(TIME, same=True).checks
    assert (check.outcome, SAID in check.reason) == (PASSED, False)
    assert merged.judge({"max_parameters": 20, **TIME}, parameters=15, same=True).outcome is PASSED


def test_a_shared_evaluation_set_that_changed_fails_what_is_held_and_names_the_command(merged: Change) -> None:
    limits = EXACT | TIME
    assert merged.judge({"max_parameters": 20}, targets=1 - TARGETS, same=True).outcome is PASSED
    verdict = merged.judge(limits, targets=1 - TARGETS, same=True)
    outcomes = {check.setting: check.outcome for check in verdict.checks}
    assert outcomes == {**dict.fromkeys(EXACT, FAILED), "max_latency_increase": PASSED}
    reasons = [check.reason for check in verdict.checks if check.outcome is FAILED]
    assert all(reason.startswith(f"{SAID}the evaluation set is not the one of the baseline") for reason in reasons)
    assert verdict.accept.endswith('--speedacc-update --speedacc-against=main --speedacc-reason="why"')
    merged.judge(limits, targets=1 - TARGETS, same=True, update="newer data")
    assert merged.judge(limits, targets=1 - TARGETS, same=True).outcome is PASSED


def test_predictions_that_are_missing_fail_what_is_held(merged: Change) -> None:
    (predictions,) = merged.file.parent.glob("*.npz")
    predictions.unlink()
    (check,) = merged.judge(CHURN, same=True).checks
    assert check.outcome is FAILED
    assert "is missing, and test_it--test_it.json refers to it ($.predictions). Was it committed?" in check.reason


@pytest.mark.parametrize(("faster", "outcome"), [(-0.5, PASSED), (0.0, FAILED)])
def test_a_trade_is_counted_from_the_file_too(merged: Change, faster: float, outcome: Outcome) -> None:
    trades = parse_trades([{"give": {"parameters": "60 %"}, "gain": {"latency": "30 %"}}], "test")
    limits = {"max_parameters_increase": "5 %"}
    (check,) = merged.judge(limits, parameters=15, same=True, slower=faster, trades=trades).checks
    assert check.outcome is outcome
    # More than the trade gives, though against the base nothing is given at all.
    assert merged.judge(limits, parameters=17, same=True, slower=faster, trades=trades).outcome is FAILED


def test_an_answer_of_the_file_comes_with_the_libraries_that_may_explain_it(merged: Change) -> None:
    document = merged.stored()
    document["versions"]["numpy"] = "0.9"
    merged.file.write_text(json.dumps(document), "utf-8")
    limits = {"max_parameters_increase": "5 %"}
    failed, passed = (merged.judge(limits, parameters=count, same=True) for count in (15, 10))
    assert any(note.startswith("libraries differ from the baseline's: numpy 0.9 -> ") for note in failed.notes)
    assert not any("libraries" in note for note in passed.notes)


OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"data": OLD}, {"data": OLD}, ()),
        (
            {"data": OLD},
            {"data": NEW},
            (
                f"data is not what the baseline was made with (sha256 {'1' * 12} then, sha256 {'2' * 12} now), and the "
                "base runs with it as it is now: a time that it changes is the same on both sides",
            ),
        ),
        (
            {"data": OLD},
            {},
            (f"data (sha256 {'1' * 12}), which the baseline was made with, is not shared with the base in this run",),
        ),
        (
            {"data": OLD},
            {"data": OLD, "weights": NEW},
            (f"weights (sha256 {'2' * 12}) is shared with the base, and was not when the baseline was made",),
        ),
        # Nothing is known of a file from before digests were recorded.
        ({}, {"data": NEW}, ()),
    ],
)
def test_a_shared_file_that_changed_is_said_at_the_gate(
    change: Change, then: dict[str, str], now: dict[str, str], said: tuple[str, ...]
) -> None:
    change.judge({}, update="with these", shared=then)
    assert change.stored().get("shared", {}) == then
    notes = change.judge(TIME, shared=now).notes
    assert tuple(note for note in notes if "sha256" in note) == said


def test_the_file_of_a_gate_that_shares_nothing_has_no_new_field(change: Change) -> None:
    change.judge({}, update="shares nothing")
    assert "shared" not in change.stored()


def test_what_is_recorded_is_read_from_the_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    weights = tmp_path / "data/weights.bin"
    weights.write_bytes(b"first")
    first = shared_digests(tmp_path, ["data/", "data/weights.bin", "missing"])
    assert set(first) == {"data", "data/weights.bin"}
    assert all(digest.startswith("sha256:") and len(digest) == 71 for digest in first.values())
    # What was too large to read is known by its times, which differ with every checkout.
    assert digests([Shared("data", "1" * 64, by_content=False)]) == {}
    weights.write_bytes(b"other")
    assert all(shared_digests(tmp_path, [path])[path] != digest for path, digest in first.items())


@pytest.mark.parametrize(
    ("base", "file", "decided"),
    [
        ((0.9, 0.001), (0.9, 0.001), True),
        ((0.9, 0.001), (0.9149, 0.02), False),
        ((0.9149, 0.02), (0.9, 0.001), False),
        (None, (0.9149, 0.02), False),
        (None, None, True),
    ],
)
def test_a_random_model_is_evaluated_until_it_is_decided_beside_both(
    base: tuple[float, float] | None, file: tuple[float, float] | None, decided: bool
) -> None:
    def around(mean: float, spread: float) -> tuple[float, ...]:
        return (mean - spread, mean + spread) * 5

    facts = SimpleNamespace(scores=around(*base), value=base[0]) if base else None
    stored = (
        StoredAccuracy(score="f1", value=file[0], greater_is_better=True, repeats=10, spread=file[1]) if file else None
    )
    case: Any = SimpleNamespace(
        run=SimpleNamespace(writes=""),
        live=SimpleNamespace(gate=SimpleNamespace(base=facts)),
        policy=Policy((parse_bound("max_accuracy_drop", 0.01, "test"),), "exact", 1.0),
        subject=SimpleNamespace(score=SimpleNamespace(greater_is_better=True, within_unit=True)),
    )
    old: Any = SimpleNamespace(accuracy=stored)
    assert decides_enough(case, old)(around(0.9, 0.001) * 3) is decided
