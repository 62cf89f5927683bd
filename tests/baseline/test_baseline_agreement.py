"""A score written by hand is seen: it is out of its range, or not what the predictions of the same file come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baseline_examples import BASELINE
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, StoredAccuracy, check_agreement
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.subject import Manner, Subject, prepare

INPUTS = np.arange(10.0).reshape(-1, 1)
TARGETS = (INPUTS[:, 0] > 4).astype(int)
ONE_WRONG = np.where(np.arange(10) == 0, 1, TARGETS)


def percent(targets: np.ndarray[Any, Any], predictions: np.ndarray[Any, Any]) -> float:
    return 100 * float(np.mean(targets == predictions))


def subject(score: Any = "accuracy", better: bool | None = None) -> Subject:
    return prepare(lambda batch: batch[:, 0], INPUTS, TARGETS, Manner(score, better))


def stored(value: float, score: str = "accuracy", repeats: int = 1, **versions: str) -> Baseline:
    accuracy = StoredAccuracy(score=score, value=value, greater_is_better=True, repeats=repeats)
    return replace(BASELINE, accuracy=accuracy, versions={**library_versions(), **versions})


PATH = Path("baseline.json")


@pytest.mark.parametrize(
    ("score", "value"), [("accuracy", 0.9), ("f1", 10 / 11), ("neg_mean_squared_error", -0.1), ("r2", 0.6)]
)
def test_the_score_is_what_the_predictions_come_to(score: str, value: float) -> None:
    pytest.importorskip("sklearn")
    check_agreement(PATH, stored(value, score), ONE_WRONG, subject(score))
    with pytest.raises(GateError, match=rf"is damaged at \$\.accuracy\.value: it is {value + 0.01!r}, and"):
        check_agreement(PATH, stored(value + 0.01, score), ONE_WRONG, subject(score))


@pytest.mark.parametrize("value", [2.0, -0.01])
@pytest.mark.parametrize("predictions", [None, ONE_WRONG])
def test_a_score_out_of_its_range_is_named(value: float, predictions: Any) -> None:
    with pytest.raises(GateError, match=rf"\$\.accuracy\.value: it is {value:g}, and accuracy lies within 0 to 1"):
        check_agreement(PATH, stored(value), predictions, subject())


def test_predictions_that_cannot_be_scored_are_named() -> None:
    with pytest.raises(GateError, match=r"\$\.predictions: they cannot be scored \(predictions have the shape"):
        check_agreement(PATH, stored(0.9), np.zeros((10, 2, 2)), subject())


@pytest.mark.parametrize(
    ("baseline", "predictions", "under"),
    [
        (stored(95.0, "percent"), ONE_WRONG, subject(percent, True)),
        (stored(0.5), None, subject()),
        (stored(0.5, repeats=30), ONE_WRONG, subject()),
        (replace(BASELINE, accuracy=None), ONE_WRONG, subject()),
    ],
    ids=["own function", "no predictions", "mean over seeds", "no score"],
)
def test_what_nobody_can_recompute_is_left(baseline: Baseline, predictions: Any, under: Subject) -> None:
    check_agreement(PATH, baseline, predictions, under)


def test_another_scikit_learn_may_define_a_score_otherwise() -> None:
    pytest.importorskip("sklearn")
    check_agreement(PATH, stored(0.5, "f1", **{"scikit-learn": "0.1"}), ONE_WRONG, subject("f1"))
    with pytest.raises(GateError, match=r"it is 0\.5, and the predictions of the same file come to 0\.9"):
        check_agreement(PATH, stored(0.5, **{"scikit-learn": "0.1"}), ONE_WRONG, subject())


@pytest.mark.parametrize(
    ("score", "predictions", "value"),
    [("accuracy", 1 - TARGETS, 0.0), ("accuracy", TARGETS, 1.0), ("neg_mean_squared_error", TARGETS, 0.0)],
)
def test_the_ends_of_a_range_are_scores(score: str, predictions: Any, value: float) -> None:
    pytest.importorskip("sklearn")
    check_agreement(PATH, stored(value, score), predictions, subject(score))


@pytest.mark.parametrize(
    ("predictions", "value", "agrees"),
    [
        (ONE_WRONG, 0.9 * (1 + 9e-7), True),  # another processor rounds
        (ONE_WRONG, 0.9 * (1 + 2e-6), False),
        (TARGETS, -9e-10, True),  # of a score that is 0
        (TARGETS, -2e-9, False),
    ],
)
def test_the_last_digits_may_differ(predictions: Any, value: float, agrees: bool) -> None:
    pytest.importorskip("sklearn")
    score = "accuracy" if value > 0 else "neg_mean_squared_error"
    if agrees:
        check_agreement(PATH, stored(value, score), predictions, subject(score))
    else:
        with pytest.raises(GateError, match="the predictions of the same file come to"):
            check_agreement(PATH, stored(value, score), predictions, subject(score))


@pytest.mark.parametrize(("value", "predictions"), [(2.0, None), (0.5, ONE_WRONG), (0.9, np.zeros((10, 2, 2)))])
def test_every_disagreement_names_the_file(value: float, predictions: Any) -> None:
    with pytest.raises(GateError, match=r"^the baseline file baseline\.json is damaged at \$\.\w+"):
        check_agreement(PATH, stored(value), predictions, subject())
