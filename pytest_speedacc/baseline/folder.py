"""All baselines of a folder, and by what one is recognised under another name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_speedacc.baseline.files import baseline_path, read_baseline
from pytest_speedacc.baseline.schema import Baseline
from pytest_speedacc.errors import GateError

Content = tuple[str, str, float]
"""Fingerprint of the evaluation set, name and value of the score: what a gate without a baseline is known by."""


def read_folder(folder: Path) -> Iterator[tuple[Path, Baseline]]:
    """Every whole baseline under its own name."""
    for path, baseline in list_folder(folder):
        if baseline is not None and path == baseline_path(folder, baseline.test, baseline.name):
            yield path, baseline


def list_folder(folder: Path) -> Iterator[tuple[Path, Baseline | None]]:
    """Every baseline file, under whatever name and in whatever case; None is in those that cannot be read."""
    for path in sorted(folder.glob("*.[jJ][sS][oO][nN]")):
        try:
            yield path, read_baseline(path)
        except GateError:
            yield path, None


def content(baseline: Baseline) -> Content | None:
    """What its model was judged on, and with which result; None without a score."""
    if baseline.accuracy is None:
        return None
    return baseline.evaluation_set.fingerprint, baseline.accuracy.score, baseline.accuracy.value


def kept(baseline: Baseline) -> tuple[object, ...]:
    """All that is held once of a model: no two models that differ have it in common."""
    model = baseline.parameters, baseline.model_size, baseline.predictions
    return baseline.evaluation_set, baseline.accuracy, *model
