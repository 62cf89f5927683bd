"""What differs between two baseline files, and whether an update or somebody by hand changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from baseline_examples import BASELINE, PROFILE, SLOWER, TEST, environment, measured
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, save_baseline, since_base
from pytest_speedacc.baseline.changes import changes
from pytest_speedacc.baseline.schema import StoredAccuracy, StoredMemory, StoredRatio, Updated

KEY = environment().key
LATER = Updated(commit="1" * 40, date="2026-02-03T04:05:06+00:00", reason="twice\nthe features")
BY_HAND = " (by hand: no update wrote this)"
WHY = ' ("twice the features")'


def record(**fields: Any) -> dict[str, Any]:
    """The environment's record with these fields changed."""
    return {KEY: replace(BASELINE.environments[KEY], **fields)}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"parameters": 700}, "parameters 650 -> 700"),
        ({"parameters": None}, "parameters 650 -> none"),
        ({"parameters": 700, "model_size": 6000}, "parameters 650 -> 700, model_size 5930 -> 6000"),
        (
            {"accuracy": StoredAccuracy(score="f1", value=0.5, greater_is_better=True)},
            "accuracy.score accuracy -> f1, accuracy.value 0.9733333333333334 -> 0.5",
        ),
        ({"predictions": f"sha256:{'1' * 64}"}, f"predictions none -> {'1' * 12}"),
        (
            {"evaluation_set": replace(BASELINE.evaluation_set, fingerprint=f"sha256:{'2' * 64}")},
            f"evaluation_set.fingerprint {'0' * 12} -> {'2' * 12}",
        ),
        ({"shared": {"data": f"sha256:{'3' * 64}"}}, f"shared.data none -> {'3' * 12}"),
        ({"environments": {}}, "environment (Fast CPU) recorded -> none"),
        (
            {"environments": measured() | measured("Slow CPU")},
            "environment (Slow CPU) none -> recorded",
        ),
        # What decides nothing.
        ({"versions": {}, "profile": None, "accepted": (SLOWER,)}, ""),
        ({"environments": measured(median=0.5)}, ""),
    ],
)
def test_each_value_is_told_with_who_changed_it(fields: dict[str, Any], said: str) -> None:
    assert changes(BASELINE, replace(BASELINE, **fields)) == ((said + BY_HAND,) if said else ())
    assert changes(BASELINE, replace(BASELINE, updated=LATER, **fields)) == ((said + WHY,) if said else ())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"memory": StoredMemory(peak=8192, band=1024)}, "memory.peak (Fast CPU) 4096 -> 8192"),
        ({"memory": StoredMemory(peak=4096, band=2**40)}, f"memory.band (Fast CPU) 1024 -> {2**40}"),
        (
            {"yardstick": StoredRatio(version=1, log_ratio=1.5, spread=0.1, launches=5)},
            "yardstick.version (Fast CPU) none -> 1, ",
        ),
    ],
)
def test_a_record_is_an_update_s_where_its_date_is_new(fields: dict[str, Any], said: str) -> None:
    later = {"date": LATER.date}
    for now, why in (
        (replace(BASELINE, environments=record(**fields)), BY_HAND),
        (replace(BASELINE, environments=record(**fields), updated=LATER), BY_HAND),
        (replace(BASELINE, environments=record(**fields, **later)), BY_HAND),
        (replace(BASELINE, environments=record(**fields, **later), updated=LATER), WHY),
    ):
        (found,) = changes(BASELINE, now)
        assert found.startswith(said)
        assert found.endswith(why)


@pytest.mark.parametrize("cpu", ["Fast CPU", "Intel(R) Xeon(R) Processor"])
def test_a_time_that_an_update_measured_anew_is_one_value(cpu: str) -> None:
    was, now = (
        {
            key: replace(each, date=date, yardstick=StoredRatio(version=1, log_ratio=ratio, spread=ratio, launches=5))
            for key, each in measured(cpu).items()
        }
        for date, ratio in ((BASELINE.updated.date, 1.5), (LATER.date, 1.25))
    )
    before = replace(BASELINE, environments=was)
    updated = replace(BASELINE, environments=now, updated=LATER)
    assert changes(before, updated) == (f"time beside the yardstick ({cpu}) measured anew{WHY}",)
    # What a hand wrote is told in full.
    forged = {key: replace(each, date=BASELINE.updated.date) for key, each in now.items()}
    (said,) = changes(before, replace(BASELINE, environments=forged))
    assert said == f"yardstick.log_ratio ({cpu}) 1.5 -> 1.25, yardstick.spread ({cpu}) 1.5 -> 1.25{BY_HAND}"


def test_an_update_beside_a_hand_is_told_apart() -> None:
    forged = record(memory=StoredMemory(peak=8192, band=1024))
    now = replace(BASELINE, parameters=700, environments=forged, updated=replace(LATER, reason=""))
    assert changes(BASELINE, now) == (
        "parameters 650 -> 700 (updated without a reason)",
        "memory.peak (Fast CPU) 4096 -> 8192 (by hand: no update wrote this)",
    )


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (replace(BASELINE, parameters=700), BASELINE, ("parameters 650 -> 700 (by hand: no update wrote this)",)),
        (BASELINE, BASELINE, ()),
        (BASELINE, None, ()),
        (None, BASELINE, ("the file is gone",)),
        (None, None, ()),
    ],
)
def test_the_files_of_a_change_and_its_base_are_compared(
    tmp_path: Path, now: Baseline | None, before: Baseline | None, said: tuple[str, ...]
) -> None:
    own, base = tmp_path / "own.json", tmp_path / "base.json"
    for path, baseline in ((own, now), (base, before)):
        if baseline is not None:
            save_baseline(path, baseline, None)
    assert since_base(own, base, TEST, "").changed == said


def test_a_damaged_file_is_the_gate_s_to_name(tmp_path: Path) -> None:
    own, base = tmp_path / "own.json", tmp_path / "base.json"
    own.write_text("<<<<<<< ours")
    save_baseline(base, replace(BASELINE, profile=PROFILE), None)
    assert since_base(own, base, TEST, "").changed == ()
