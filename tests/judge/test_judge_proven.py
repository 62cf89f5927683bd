"""A gain of score is proven by the evidence that a drop would need."""

from __future__ import annotations

import pytest
from judge_examples import accuracy, error, evidence

from pytest_speedacc.judge.accuracy import is_proven_better
from pytest_speedacc.stats.paired import Interval

UP, DOWN = accuracy(0.97, score="roc_auc"), error(1.0)


@pytest.mark.parametrize(
    ("rule", "measured", "known", "wanted", "better"),
    [
        ("exact", UP, {"unpaired": "no predictions"}, 0.01, True),
        ("evidence", UP, {"unpaired": "no predictions"}, 0.01, False),
        ("noninferior", UP, {"unpaired": "no predictions"}, 0.01, False),
        # A gain is shown by the end of the interval that is nearer to none.
        ("noninferior", UP, {"difference": Interval(0.03, 0.01, 0.05)}, 0.01, True),
        ("noninferior", UP, {"difference": Interval(0.03, 0.01, 0.05)}, 0.0101, False),
        ("noninferior", DOWN, {"difference": Interval(-0.03, -0.05, -0.01)}, 0.01, True),
        ("noninferior", DOWN, {"difference": Interval(-0.03, -0.05, -0.01)}, 0.0101, False),
        ("evidence", UP, {"difference": Interval(0.03, 0.001, 0.05)}, 0.01, True),
        ("evidence", UP, {"difference": Interval(0.03, 0.0, 0.05)}, 0.01, False),
        ("evidence", DOWN, {"difference": Interval(-0.03, -0.05, -0.001)}, 0.01, True),
        ("evidence", DOWN, {"difference": Interval(-0.03, -0.05, 0.0)}, 0.01, False),
        # Of labels the exact test decides: one in 32 by chance, and one in 16.
        ("evidence", UP, {"flips": (0, 5)}, 0.005, True),
        ("evidence", UP, {"flips": (0, 4)}, 0.004, False),
        ("evidence", UP, {"flips": (5, 0)}, 0.005, False),
    ],
)
def test_a_gain_of_score_is_proven_by_the_evidence_that_a_drop_would_need(rule, measured, known, wanted, better):
    assert is_proven_better(measured, evidence(0.94, **known), wanted, rule) is better
