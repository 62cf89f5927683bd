"""Parts of an evaluation set: how they are named, and what has no meaning."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.evaluation import NO_PROBABILITIES
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare

INPUTS = np.arange(10.0).reshape(10, 1)
TARGETS = (INPUTS[:, 0] > 4).astype(int)


def model(batch):
    """Wrong for the last two samples."""
    return ((batch[:, 0] > 4) & (batch[:, 0] < 8)).astype(int)


def measured(slices, **call_options):
    return measure_statics(prepare(model, INPUTS, TARGETS, CallOptions(slices=slices, **call_options)))


@pytest.mark.parametrize(
    "chosen",
    [
        INPUTS[:, 0] > 6,
        (INPUTS[:, 0] > 6).tolist(),
        [7, 8, 9],
        np.array([9, 7, 8, 8], dtype=np.uint8),
        lambda inputs, targets: inputs[:, 0] > 6,
        lambda inputs, targets: [7, 8, 9],
    ],
)
def test_a_slice_is_a_mask_or_positions_or_gives_them(chosen):
    late = measured({"late": chosen}).slices["late"]
    assert late.mask.tolist() == 7 * [False] + 3 * [True]
    assert late.accuracy.value == pytest.approx(1 / 3)
    assert late.accuracy.correct.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({"night": np.zeros(10, bool)}, "the slice 'night' is empty: none of the 10 samples is in it"),
        ({"night": []}, "the slice 'night' is empty"),
        ({"night": np.ones(9, bool)}, r"the slice 'night' is a mask of shape \(9,\), and there are 10 samples"),
        ({"night": [0, 10]}, "the slice 'night' has the positions 0 to 10 of 10"),
        ({"night": [-1]}, "the slice 'night' has the positions -1 to -1 of 10"),
        ({"night": [0.5]}, "the slice 'night' must be a mask of booleans or a list of positions"),
        ({"night": [[1]]}, "the slice 'night' must be a mask of booleans or a list of positions"),
        ({"": [1]}, 'slices= must be a mapping of names to masks, such as {"night": mask}'),
        ({1: [1]}, "slices= must be a mapping"),
        ([1], "slices= must be a mapping"),
    ],
)
def test_what_is_no_slice_is_refused(slices, message):
    with pytest.raises(GateError, match=message):
        prepare(model, INPUTS, TARGETS, CallOptions(slices=slices))


def test_a_slice_that_cannot_be_scored_has_a_reason():
    pytest.importorskip("sklearn")
    statics = measured({"low": [0, 1]}, score="roc_auc", predict=lambda model, batch: batch[:, 0])
    assert statics.accuracy.value == 1
    assert isinstance(statics.slices["low"].accuracy, Unavailable)
    assert "roc_auc" in statics.slices["low"].accuracy.reason


def test_confidence_is_the_mean_of_the_largest_probability():
    linear_model = pytest.importorskip("sklearn.linear_model")
    classifier = linear_model.LogisticRegression().fit(INPUTS, TARGETS)
    largest = classifier.predict_proba(INPUTS).max(axis=1)
    for score in ("accuracy", "neg_log_loss"):
        subject = prepare(classifier, INPUTS, TARGETS, CallOptions(score=score, slices={"high": [8, 9]}))
        statics = measure_statics(subject)
        assert statics.confidence.mean() == pytest.approx(largest.mean())
        assert statics.confidence.mean(statics.slices["high"].mask) == pytest.approx(largest[8:].mean())


@pytest.mark.parametrize(
    ("outputs", "largest"),
    [
        ([[0.9, 0.1], [0.3, 0.7]], [0.9, 0.7]),
        ([[2.0, -1.0], [0.3, 0.7]], None),  # logits
        ([[0.9, 0.05], [0.3, 0.7]], None),
    ],
)
def test_only_rows_that_add_up_to_one_are_probabilities(outputs, largest):
    subject = prepare(lambda batch: np.array(outputs)[: len(batch)], INPUTS[:2], TARGETS[:2], CallOptions())
    found = subject.evaluate().largest
    assert (None if isinstance(found, str) else found.tolist()) == largest


def test_probabilities_of_a_large_set_are_asked_for_only_where_they_are_wanted():
    dummy = pytest.importorskip("sklearn.dummy")
    inputs, targets = np.zeros((5000, 1)), np.arange(5000) % 2
    classifier = dummy.DummyClassifier(strategy="prior").fit(inputs, targets)
    assert prepare(classifier, inputs, targets, CallOptions()).evaluate().largest == NO_PROBABILITIES
    wanted = prepare(classifier, inputs, targets, CallOptions(confident=True)).evaluate().largest
    assert set(wanted.tolist()) == {0.5}
