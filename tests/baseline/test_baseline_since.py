"""What a change says in a baseline file: entries and parts that the base's file does not have."""

from __future__ import annotations

from dataclasses import replace as replace_since
from pathlib import Path

import numpy as np
import pytest
from baseline_examples import BASELINE, SLOWER, TEST, environment, measured
from msgspec import UNSET
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, SinceBase, save_baseline, since_base
from pytest_speedacc.baseline.changes import GONE
from pytest_speedacc.baseline.schema import Metrics, StoredMetric, Updated

HERE = environment().key
NEWER = replace(SLOWER, ratio=1.2)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own.json"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base.json"


def accepting(*entries: object) -> Baseline:
    return replace(BASELINE, accepted=entries)


@pytest.mark.parametrize(
    ("now", "before", "added"),
    [
        ((SLOWER,), (), (SLOWER,)),
        ((SLOWER,), (SLOWER,), ()),
        ((SLOWER, NEWER), (SLOWER,), (NEWER,)),
        ((NEWER,), (SLOWER,), (NEWER,)),  # edited, which its diff shows
        ((SLOWER, SLOWER), (SLOWER,), ()),  # copied
        ((), (SLOWER,), ()),
    ],
)
def test_only_entries_that_the_base_does_not_have_count(
    own: Path, base: Path, now: tuple[object, ...], before: tuple[object, ...], added: tuple[object, ...]
) -> None:
    save_baseline(own, accepting(*now), None)
    save_baseline(base, accepting(*before), None)
    assert since_base(own, base, TEST, "").accepted == added


def test_a_file_that_the_base_does_not_have_is_new(own: Path, base: Path) -> None:
    save_baseline(own, accepting(SLOWER), None)
    assert since_base(own, base, TEST, "") == SinceBase((SLOWER,), None, known=True)


def test_without_a_file_nothing_is_accepted(own: Path, base: Path) -> None:
    since = since_base(own, base, TEST, "")
    assert (since.accepted, since.renewed(None, HERE)) == ((), None)


@pytest.mark.parametrize("unreadable", ["damaged", "not found"])
def test_where_the_base_s_file_is_not_known_nothing_is_accepted(own: Path, base: Path, unreadable: str) -> None:
    save_baseline(own, accepting(SLOWER), None)
    base.write_text("<<<<<<< ours")
    since = since_base(own, None if unreadable == "not found" else base, TEST, "")
    assert since == SinceBase((), None, known=False)
    assert since.renewed(BASELINE, HERE) is None


def test_a_damaged_file_accepts_nothing_until_an_update_mends_it(own: Path, base: Path) -> None:
    own.write_text("<<<<<<< ours")
    save_baseline(base, BASELINE, None)
    since = since_base(own, base, TEST, "")
    assert since == SinceBase((), BASELINE, known=True)
    mended = since.renewed(replace(BASELINE, parameters=651, updated=LATER), HERE)
    assert mended is not None
    assert mended.parameters == 651


def renewed(now: Baseline, before: Baseline | None) -> tuple[object, ...]:
    left = SinceBase((), before, known=True).renewed(now, HERE)
    assert left is not None
    return (left.accuracy, left.parameters, left.model_size, left.predictions, left.environments)


ALL = (BASELINE.accuracy, 650, 5930, None, measured())
NONE = (None, None, None, None, {})
ONCE = (*ALL[:-1], {})
EARLIER = Updated(commit="1" * 40, date="2025-02-03T04:05:06+00:00", reason="before")
LATER = Updated(commit="1" * 40, date="2026-02-03T04:05:06+00:00", reason="meant")


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (None, ALL),
        (BASELINE, NONE),
        (accepting(SLOWER), NONE),  # an entry is no news of the rest
        (replace(BASELINE, parameters=600), NONE),  # by hand
        (replace(BASELINE, parameters=600, updated=EARLIER), ONCE),
        (replace(BASELINE, updated=EARLIER), ONCE),  # an update confirmed the same values
        (replace(BASELINE, environments=measured(median=0.5)), NONE),
        (replace(BASELINE, environments=measured("Slow CPU")), NONE),
        (replace(BASELINE, environments=measured(median=0.5), updated=EARLIER), ALL),
        (replace(BASELINE, environments=measured("Slow CPU"), updated=EARLIER), ALL),
        (replace(BASELINE, parameters=600, environments=measured("Slow CPU"), updated=EARLIER), ALL),
    ],
)
def test_only_parts_that_the_base_does_not_hold_are_left(before: Baseline | None, left: tuple[object, ...]) -> None:
    assert renewed(BASELINE, before) == left


def test_a_record_that_was_changed_by_hand_beside_an_update_is_not_left_and_the_base_s_holds() -> None:
    now, since = (
        replace(BASELINE, updated=LATER, environments=measured(median=0.5)),
        SinceBase((), BASELINE, known=True),
    )
    left, before = since.renewed(now, HERE), since.unreplaced(now, HERE)
    assert left is not None
    assert before is not None
    assert (left.environments, before.environments) == ({}, measured())


DIGEST = f"sha256:{'1' * 64}"
WHOLE = replace(BASELINE, predictions=DIGEST)


COST = {"cost": StoredMetric(value=3.0)}
BOTH = {"cost": StoredMetric(value=3.0), "margin": StoredMetric(value=5.0)}


@pytest.mark.parametrize(
    ("before", "now", "updated", "left", "holds"),
    [
        (UNSET, COST, LATER, COST, UNSET),
        (COST, BOTH, LATER, BOTH, UNSET),
        (BOTH, COST, LATER, COST, {"margin": BOTH["margin"]}),
        (BOTH, UNSET, LATER, UNSET, BOTH),
        # By hand.
        (COST, BOTH, BASELINE.updated, UNSET, COST),
        (BOTH, COST, BASELINE.updated, UNSET, BOTH),
        (COST, COST, BASELINE.updated, UNSET, UNSET),
    ],
)
def test_own_axes_count_where_an_update_wrote_them_and_else_those_of_the_base(
    before: Metrics, now: Metrics, updated: Updated, left: Metrics, holds: Metrics
) -> None:
    since = SinceBase((), replace(WHOLE, metrics=before), known=True)
    changed = replace(WHOLE, metrics=now, updated=updated)
    renewed, unreplaced = since.renewed(changed, HERE), since.unreplaced(changed, HERE)
    assert renewed is not None
    assert renewed.metrics == left
    assert (unreplaced.metrics if unreplaced else UNSET) == holds


@pytest.mark.parametrize(
    ("before", "now", "made"),
    [
        (BASELINE, replace(BASELINE, updated=LATER), "now"),
        (BASELINE, replace(BASELINE, parameters=1), "before"),
        (BASELINE, None, "before"),
        (None, BASELINE, "now"),
        (None, None, "now"),
    ],
)
def test_what_the_baseline_was_made_with_is_what_an_update_wrote(
    before: Baseline | None, now: Baseline | None, made: str
) -> None:
    assert SinceBase((), before, known=True).made_with(now) is (now if made == "now" else before)


def unreplaced(now: Baseline | None, before: Baseline | None) -> tuple[object, ...] | None:
    left = SinceBase((), before, known=True).unreplaced(now, HERE)
    return left and (left.accuracy, left.parameters, left.model_size, left.predictions, left.environments)


UPDATED = replace(WHOLE, updated=LATER, parameters=700, environments=measured("Slow CPU"))
EVERYTHING = (WHOLE.accuracy, 650, 5930, DIGEST, measured())


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (WHOLE, None),
        (UPDATED, None),
        (replace(WHOLE, updated=LATER, parameters=700, environments=measured()), None),
        (replace(WHOLE, accepted=(SLOWER,)), None),
        (replace(WHOLE, environments=measured() | measured("Slow CPU")), None),
        (None, EVERYTHING),
        (replace(WHOLE, parameters=700), (*EVERYTHING[:-1], {})),
        (replace(WHOLE, accuracy=None, predictions=None), (*EVERYTHING[:-1], {})),
        (replace(WHOLE, environments={}), (*NONE[:-1], measured())),
        (replace(WHOLE, environments=measured(median=0.5)), (*NONE[:-1], measured())),
        # By an update, which never leaves these out, nor the record of a model that is the same.
        (replace(UPDATED, accuracy=None), (WHOLE.accuracy, None, None, DIGEST, {})),
        (replace(UPDATED, predictions=None), (WHOLE.accuracy, None, None, DIGEST, {})),
        (replace(WHOLE, updated=LATER, environments={}), (*NONE[:-1], measured())),
        (replace(WHOLE, updated=LATER, parameters=None, environments=measured()), (None, 650, None, None, {})),
    ],
)
def test_the_base_s_file_holds_what_no_update_replaced(now: Baseline | None, left: tuple[object, ...] | None) -> None:
    assert unreplaced(now, WHOLE) == left
    assert unreplaced(now, None) is None


STEP = replace(WHOLE, accuracy=None, parameters=None, model_size=None, environments={})


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (STEP, None),
        (replace(STEP, updated=LATER, predictions=f"sha256:{'2' * 64}"), None),
        (replace(STEP, predictions=f"sha256:{'2' * 64}"), DIGEST),  # by hand
        (replace(STEP, predictions=None), DIGEST),
        (replace(STEP, updated=LATER, predictions=None), DIGEST),
        (None, DIGEST),
    ],
)
def test_the_outputs_of_a_step_hold_until_an_update_replaces_them(now: Baseline | None, left: str | None) -> None:
    kept = SinceBase((), STEP, known=True).unreplaced(now, HERE, scored=False)
    assert (kept and kept.predictions) == left


def test_a_gate_that_became_a_step_needs_no_score() -> None:
    left = SinceBase((), WHOLE, known=True).unreplaced(replace(STEP, updated=LATER), HERE, scored=False)
    assert left is not None
    assert (left.accuracy, left.predictions, left.evaluation_set) == (None, None, STEP.evaluation_set)


def test_a_new_evaluation_set_is_no_matter_of_what_is_left_of_the_rest() -> None:
    newer = replace(BASELINE.evaluation_set, fingerprint=f"sha256:{'2' * 64}")
    since = SinceBase((), WHOLE, known=True)
    left = since.unreplaced(replace(WHOLE, updated=LATER, evaluation_set=newer, environments={}), HERE)
    assert left is not None
    assert left.evaluation_set == newer
    forged = since.unreplaced(replace(WHOLE, evaluation_set=newer), HERE)
    assert forged is not None
    assert forged.evaluation_set == WHOLE.evaluation_set


def test_predictions_of_the_base_are_read_where_they_are_needed(own: Path, base: Path) -> None:
    for name, now, needed in (
        ("gone", None, True),
        ("same", BASELINE, False),
        ("updated", replace(BASELINE, updated=LATER, parameters=651), False),
        ("by hand", replace(BASELINE, parameters=651), True),
        ("no score", replace(BASELINE, updated=LATER, accuracy=None), True),
    ):
        own.unlink(missing_ok=True)
        for path, baseline in ((base, BASELINE), (own, now)):
            if baseline is not None:
                save_baseline(path, baseline, np.array([0, 1, 2]))
        assert (since_base(own, base, TEST, "").predictions is not None) is needed, name


def test_records_of_other_environments_matter_to_nobody() -> None:
    both = replace(BASELINE, environments=measured() | measured("Slow CPU"))
    assert renewed(both, None) == ALL
    assert renewed(both, replace(BASELINE, environments=measured())) == NONE


def test_a_file_that_is_gone_is_told_beside_what_the_base_holds(own: Path, base: Path) -> None:
    save_baseline(base, accepting(SLOWER), None)
    assert since_base(own, base, TEST, "") == SinceBase((), accepting(SLOWER), known=True, changed=(GONE,))


def test_what_both_have_is_told_value_by_value_beside_what_the_base_holds(own: Path, base: Path) -> None:
    save_baseline(own, replace(accepting(SLOWER), parameters=651), None)
    save_baseline(base, BASELINE, None)
    since = since_base(own, base, TEST, "")
    assert since == SinceBase((SLOWER,), BASELINE, known=True, changed=since.changed)
    assert since.changed == ("parameters 650 -> 651 (by hand: no update wrote this)",)


def test_predictions_that_the_base_holds_are_not_left() -> None:
    stored = replace(BASELINE, predictions="sha256:" + "1" * 64)
    assert renewed(stored, stored) == NONE
    assert renewed(replace(stored, updated=LATER), BASELINE)[3] == stored.predictions
    assert renewed(stored, BASELINE)[3] is None  # by hand


def test_an_entry_against_a_commit_of_another_history_is_refused_with_what_it_is() -> None:
    elsewhere = replace(NEWER, base="2" * 40)
    since = SinceBase((SLOWER, elsewhere), BASELINE, known=True, changed=("all",))
    believed = since.believed(lambda commit: "of nobody" if commit == "2" * 40 else "")
    assert believed == replace_since(since, accepted=(SLOWER,), refused=((elsewhere, "of nobody"),))
