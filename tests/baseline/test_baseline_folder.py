"""All baselines of a folder: whole ones under their own names, and what one is known by under another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from baseline_examples import BASELINE, TEST, measured
from msgspec.structs import replace

from pytest_speedacc.baseline import baseline_path, content, kept, load_baseline, read_folder, save_baseline
from pytest_speedacc.baseline.folder import list_folder


def test_whole_baselines_under_their_own_names_are_read_in_order(tmp_path: Path) -> None:
    named = replace(BASELINE, name="small")
    for baseline in (named, BASELINE):
        save_baseline(baseline_path(tmp_path, TEST, baseline.name), baseline, np.arange(3))
    whole = {
        path: load_baseline(path, TEST, baseline.name)
        for path, baseline in (
            (baseline_path(tmp_path, TEST, ""), BASELINE),
            (baseline_path(tmp_path, TEST, "small"), named),
        )
    }
    (tmp_path / "another.json").write_bytes(baseline_path(tmp_path, TEST, "").read_bytes())
    (tmp_path / "damaged.json").write_text("<<<<<<< ours")
    (tmp_path / "aaa.json").write_text("{}")
    (tmp_path / "gone.json").symlink_to("nowhere")
    (tmp_path / "note.txt").touch()
    assert list(read_folder(tmp_path)) == sorted(whole.items())
    assert list(read_folder(tmp_path / "none")) == []


def test_files_in_capitals_are_listed_too(tmp_path: Path) -> None:
    (tmp_path / "A.JSON").write_text("{}")
    assert list(list_folder(tmp_path)) == [(tmp_path / "A.JSON", None)]


def test_a_model_without_a_baseline_is_known_by_its_samples_and_its_score() -> None:
    assert content(BASELINE) == (BASELINE.evaluation_set.fingerprint, "accuracy", BASELINE.accuracy.value)
    assert content(replace(BASELINE, accuracy=None)) is None


OTHERS = {
    "parameters": 651,
    "model_size": 1,
    "predictions": "sha256:" + "1" * 64,
    "accuracy": replace(BASELINE.accuracy, value=0.5),
    "evaluation_set": replace(BASELINE.evaluation_set, samples=4),
}


@pytest.mark.parametrize("field", OTHERS)
def test_no_two_models_that_differ_are_taken_for_one(field: str) -> None:
    assert kept(replace(BASELINE, **{field: OTHERS[field]})) != kept(BASELINE)


def test_a_model_is_known_again_by_what_is_held_once() -> None:
    moved = replace(
        BASELINE, test="t.py::other", name="x", environments=measured("Slow CPU"), profile=None, versions={}
    )
    assert kept(moved) == kept(BASELINE)
