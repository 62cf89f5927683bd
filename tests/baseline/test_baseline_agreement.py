"""A score written by hand is seen: it is out of its range, or not what the predictions of the same file come to."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baseline_examples import BASELINE
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, check_agreement
from pytest_speedacc.baseline.schema import StoredAccuracy
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare

INPUTS = np.arange(10.0).reshape(-1, 1)
TARGETS = (INPUTS[:, 0] > 4).astype(int)
ONE_WRONG = np.where(np.arange(10) == 0, 1, TARGETS)


def percent(targets: np.ndarray[Any, Any], predictions: np.ndarray[Any, Any]) -> float:
    return 100 * float(np.mean(targets == predictions))


def subject(score: Any = "accuracy", better: bool | None = None, repeats: int = 1) -> Subject:
    return prepare(lambda batch: batch[:, 0], INPUTS, TARGETS, CallOptions(score, better, repeats=repeats))


def stored(value: float, score: str = "accuracy", repeats: int = 1, spread: float = 0.0) -> Baseline:
    accuracy = StoredAccuracy(score=score, value=value, greater_is_better=True, repeats=repeats, spread=spread)
    return replace(BASELINE, accuracy=accuracy, versions=library_versions())


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
        (replace(BASELINE, accuracy=None), ONE_WRONG, subject()),
        (replace(BASELINE, accuracy=None), None, subject()),
    ],
    ids=["own function", "no score", "no score or predictions"],
)
def test_what_nobody_can_recompute_is_left(baseline: Baseline, predictions: Any, under: Subject) -> None:
    check_agreement(PATH, baseline, predictions, under)


@pytest.mark.parametrize("repeats", [2, 3, 30])
@pytest.mark.parametrize("score", ["accuracy", "f1"])
def test_a_mean_over_seeds_is_one_that_its_first_evaluation_may_have(repeats: int, score: str) -> None:
    pytest.importorskip("sklearn")
    random = subject(score, repeats=30)
    first = random.score.function(TARGETS, ONE_WRONG)
    # The farthest from its mean: all others agree.
    scores = [first, *[0.1] * (repeats - 1)]
    mean, spread = statistics.fmean(scores), statistics.stdev(scores)
    check_agreement(PATH, stored(mean, score, repeats, spread), ONE_WRONG, random)
    for value in (mean - 0.01, first + (first - mean) + 0.01):
        with pytest.raises(GateError, match=r"\$\.accuracy\.(value|spread): it is"):
            check_agreement(PATH, stored(value, score, repeats, spread), ONE_WRONG, random)


@pytest.mark.parametrize(
    ("baseline", "predictions", "repeats", "said"),
    [
        (
            stored(0.1, repeats=5),
            ONE_WRONG,
            1,
            r"fit this gate at \$\.accuracy\.repeats: it is 5, and the gate evaluates once \(no repeats=\)\. Restore "
            r"it from version control, or write it anew with --speedacc-update\.$",
        ),
        (stored(0.1, repeats=2), ONE_WRONG, 1, r"fit this gate at \$\.accuracy\.repeats: it is 2"),
        (stored(0.1), ONE_WRONG, 1, r"it is 0\.1, and the predictions of the same file come to 0\.9\. Restore"),
        (
            stored(0.1, repeats=2),
            ONE_WRONG,
            30,
            r"come to 0\.9, farther from a mean of 2 than any of them can be\. Restore",
        ),
        (
            stored(0.5, repeats=2, spread=0.8),
            ONE_WRONG,
            30,
            r"\$\.accuracy\.spread: it is 0\.8, .* 0\.707 at the most\. R",
        ),
        (stored(0.1), None, 1, r"\$\.predictions: there are none, and an update writes them with the score"),
        (stored(0.1, repeats=5, spread=0.01), None, 30, r"\$\.predictions: there are none"),
        (stored(0.1, repeats=5), ONE_WRONG, 30, r"\$\.accuracy\.value: .* 0\.9, farther from a mean of 5 than any"),
        (stored(0.1, repeats=5, spread=1e9), ONE_WRONG, 30, r"\$\.accuracy\.spread: it is 1e\+09, .* 0\.335 at the m"),
    ],
    ids=[
        "repeats",
        "two",
        "value",
        "value over two",
        "spread of two",
        "no predictions",
        "no predictions over seeds",
        "value over seeds",
        "spread",
    ],
)
def test_no_field_switches_the_check_off(baseline: Baseline, predictions: Any, repeats: int, said: str) -> None:
    with pytest.raises(GateError, match=said):
        check_agreement(PATH, baseline, predictions, subject(repeats=repeats))


def test_what_an_update_writes_of_a_random_model_agrees_with_itself() -> None:
    def model(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(np.random.random(len(batch)) < 0.3, 1, TARGETS)

    random = prepare(model, INPUTS, TARGETS, CallOptions(repeats=12))
    with random.adapter.running(model):
        accuracy = measure_statics(random).accuracy
    spread = statistics.stdev(accuracy.scores)
    check_agreement(PATH, stored(accuracy.value, repeats=12, spread=spread), accuracy.predictions, random)


@pytest.mark.parametrize("version", ["0.1", None])
def test_what_another_scikit_learn_called_a_score_is_not_compared(version: str | None) -> None:
    pytest.importorskip("sklearn")
    wrong = stored(0.5, "f1")
    wrong = replace(wrong, versions={"scikit-learn": version} if version else {})
    with pytest.raises(GateError, match=rf"it is 0\.5, and the .* 0\.9\d+ by scikit-learn .*, not {version}"):
        check_agreement(PATH, wrong, ONE_WRONG, subject("f1"))
    # Most definitions never change.
    check_agreement(PATH, replace(stored(10 / 11, "f1"), versions=wrong.versions), ONE_WRONG, subject("f1"))


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


@pytest.mark.parametrize(
    ("baseline", "predictions"),
    [
        (stored(2.0), None),
        (stored(0.5), None),
        (stored(0.5), ONE_WRONG),
        (stored(0.9), np.zeros((10, 2, 2))),
        (stored(0.5, repeats=5, spread=2.0), ONE_WRONG),
    ],
)
def test_every_disagreement_names_the_file(baseline: Baseline, predictions: Any) -> None:
    with pytest.raises(GateError, match=r"^the baseline file baseline\.json is damaged at \$\.\w+"):
        check_agreement(PATH, baseline, predictions, subject(repeats=baseline.accuracy.repeats))


def test_scores_that_are_each_0_or_1_spread_as_widely_as_they_can() -> None:
    spread = statistics.stdev([1.0, 0.0])
    check_agreement(PATH, stored(0.5, repeats=2, spread=spread), TARGETS, subject(repeats=2))
