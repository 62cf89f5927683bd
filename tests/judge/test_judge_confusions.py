"""What classes are taken for: the confusions that there are more of, the one that grew most first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import bound

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.accuracy import Confusion, flip_lines, slice_lines
from pytest_speedacc.judge.pairing import MOST_CLASSES, pair_all
from pytest_speedacc.judge.verdict import Observation, Outcome, check_of
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.report.sentences import all_said


def evidence(targets, before, now):
    targets, before, now = (np.asarray(each) for each in (targets, before, now))
    subject = prepare(lambda batch: now[batch[:, 0]], np.arange(len(targets))[:, None], targets, CallOptions())
    return pair_all(0.5, True, before, subject, score_predictions(subject.score, targets, now))


def confused(counts, size=200):
    """Predictions of the targets 0, 1, ..., 9, 0, ...: of each first class so many are taken for the second."""
    targets = np.arange(size) % 10
    predictions = targets.copy()
    for (target, predicted), count in counts.items():
        predictions[np.flatnonzero((targets == target) & (predictions == target))[:count]] = predicted
    return targets, predictions


def test_what_grew_most_comes_first_and_what_shrank_is_not_told():
    targets, before = confused({(3, 8): 2, (9, 4): 5, (1, 7): 3})
    _, now = confused({(3, 8): 12, (9, 4): 5, (1, 7): 1, (2, 0): 4, (2, 1): 4})
    found = evidence(targets, before, now)
    assert found.confusions == (
        Confusion("3", "8", before=2, now=12),
        Confusion("2", "0", before=0, now=4),
        Confusion("2", "1", before=0, now=4),
    )
    lines = all_said(flip_lines(found, "before"))
    assert lines[-3] == "target 3 predicted 8: 12 now, 2 before"
    assert lines.index("class 3: 18 of 20 right before, 8 now") < len(lines) - 3


def test_at_most_five_are_told():
    targets, before = confused({})
    _, now = confused({(target, 9): target + 1 for target in range(8)})
    assert [each.target for each in evidence(targets, before, now).confusions] == ["7", "6", "5", "4", "3"]


def test_a_confusion_that_swaps_samples_has_not_grown():
    targets = np.zeros(4, int)
    assert evidence(targets, [1, 0, 0, 0], [0, 1, 0, 0]).confusions == ()
    assert evidence(targets, targets, targets).confusions == ()


def test_words_are_classes():
    (found,) = evidence(["cat", "dog"], ["cat", "dog"], ["dog", "dog"]).confusions
    assert found == Confusion("cat", "dog", before=0, now=1)


@pytest.mark.parametrize(
    "targets",
    [
        np.zeros((4, 2), int),  # several labels a sample
        np.arange(MOST_CLASSES + 1),  # rather numbers than classes
    ],
)
def test_without_classes_there_are_none(targets):
    found = evidence(targets, targets, targets + 1)
    assert found.flips.lost == len(targets)
    assert (found.classes, found.confusions) == ((), ())


def test_as_many_classes_as_there_may_be():
    targets = np.arange(MOST_CLASSES)
    assert len(evidence(targets, targets, targets + 1).confusions) == 5


class TestSlices:
    @staticmethod
    def row(now, was, part="night", metric="accuracy", higher=True):
        return Observation(metric, "", Kind.SCORE, now, None, was, "", slice=part, higher_is_better=higher)

    @staticmethod
    def check(reference=None, part="night", metric="accuracy"):
        name = {"accuracy": "min_accuracy", "confidence": "min_confidence"}[metric]
        return replace(check_of(bound(name, 0.9), 0.88, Outcome.FAILED, (), reference=reference), slice=part)

    def test_a_limit_does_not_hide_what_a_slice_was(self):
        assert all_said(slice_lines([self.check()], [self.row(0.88, 0.91)])) == ("slice night: 0.91 before, 0.88 now",)
        assert all_said(slice_lines([self.check()], [self.row(3.5, 3, higher=False)])) == (
            "slice night: 3 before, 3.5 now",
        )

    @pytest.mark.parametrize(
        ("part", "now", "was", "higher"),
        [
            ("night", 0.91, 0.91, True),
            ("night", 0.92, 0.91, True),
            ("night", 2.5, 3, False),
            ("night", 0.88, None, True),
            ("day", 0.88, 0.91, True),  # without a limit: told of with all that was measured
            ("", 0.88, 0.91, True),
        ],
    )
    def test_what_is_no_loss_or_told_elsewhere_is_not_told(self, part, now, was, higher):
        checks = [self.check(), self.check(part="")]
        assert all_said(slice_lines(checks, [self.row(now, was, part, higher=higher)])) == ()

    def test_a_tolerance_shows_it_already(self):
        assert all_said(slice_lines([self.check(), self.check(reference=0.91)], [self.row(0.88, 0.91)])) == ()
        assert all_said(slice_lines([self.check(metric="confidence")], [self.row(0.88, 0.91)])) == ()
