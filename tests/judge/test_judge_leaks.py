"""A table of inputs that holds the targets is remarked on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_speedacc.judge.leaks import FIRST, leaked
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.report.sentences import all_said

SAMPLES = 3 * FIRST
TARGETS = np.arange(SAMPLES) % 3
LATE = np.where(np.arange(SAMPLES) < 2 * FIRST, TARGETS, 0)
"""Differs below what is looked at first."""


def remarks(inputs: Any, targets: Any = TARGETS) -> tuple[str, ...]:
    return all_said(leaked(prepare(lambda batch: np.zeros(len(batch)), inputs, targets, CallOptions())))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_column_that_is_the_target_is_named(library: str) -> None:
    frame = pytest.importorskip(library).DataFrame
    (said,) = remarks(frame({"age": np.arange(SAMPLES), "label": TARGETS, "late": LATE}))
    assert said.startswith("the column 'label' of the inputs is equal to the targets: ")


@pytest.mark.parametrize(
    "targets", [[str(label) for label in TARGETS], TARGETS.astype(float)], ids=["texts", "floating"]
)
def test_targets_of_any_kind_are_found(targets: Any) -> None:
    frame = pytest.importorskip("pandas").DataFrame
    assert len(remarks(frame({"label": targets}), targets)) == 1
    assert len(remarks(frame({"label": targets}).astype("category"), targets)) == 1


def test_nothing_is_said_of_what_may_be_alike_by_chance() -> None:
    frame = pytest.importorskip("pandas").DataFrame
    assert remarks(frame({"age": LATE, "twice": 2 * TARGETS})) == ()
    assert remarks(frame({"constant": np.zeros(SAMPLES)}), np.zeros(SAMPLES)) == ()
    assert remarks(np.stack([TARGETS, TARGETS], axis=1)) == ()
    assert remarks([str(label) for label in TARGETS]) == ()
