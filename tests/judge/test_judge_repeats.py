"""The sequential rule for random models keeps its promise: simulated error rates against the nominal ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judge_examples import accuracy, bound

from pytest_speedacc.judge.repeats import FAIL_LEVEL, PASS_LEVEL, Former, is_decided, judge_repeated
from pytest_speedacc.judge.verdict import Outcome

RUNS = 2000


def outcome(limit, generator, mean, sd, repeats=20, former=None):
    """One gate: evaluations are added until the rule stops or they are used up."""
    scores: list[float] = []
    while len(scores) < repeats and not (len(scores) > 1 and is_decided([limit], scores, True, former)):
        scores.append(float(generator.normal(mean, sd)))
    found = accuracy(float(np.mean(scores)))
    return judge_repeated(limit, replace(found, scores=tuple(scores)), former, "baseline").outcome


def share(wanted, *arguments, **options):
    generator = np.random.default_rng(0)
    return np.mean([outcome(arguments[0], generator, *arguments[1:], **options) is wanted for _ in range(RUNS)])


@pytest.mark.parametrize("sd", [0.002, 0.02])
def test_a_score_at_its_limit_fails_or_passes_no_more_often_than_promised(sd):
    limit = bound("min_accuracy", 0.9)
    assert share(Outcome.FAILED, limit, 0.9, sd) <= FAIL_LEVEL
    assert share(Outcome.PASSED, limit, 0.9 - 1e-9, sd) <= PASS_LEVEL


def test_clear_cases_are_decided():
    limit = bound("min_accuracy", 0.9)
    assert share(Outcome.PASSED, limit, 0.93, 0.01) > 0.99
    assert share(Outcome.FAILED, limit, 0.87, 0.01) > 0.99


def test_the_former_scores_own_error_counts():
    """Its evaluations are drawn anew for every run, from a model exactly as much better as is allowed."""
    tolerance, generator = bound("max_accuracy_drop", "1 pp"), np.random.default_rng(1)
    found = []
    for _ in range(RUNS):
        former = generator.normal(0.91, 0.01, 10)
        known = Former(float(former.mean()), float(former.std(ddof=1)), 10)
        found.append(outcome(tolerance, generator, 0.9, 0.01, former=known))
    assert np.mean([each is Outcome.FAILED for each in found]) <= FAIL_LEVEL
    assert np.mean([each is Outcome.PASSED for each in found]) <= PASS_LEVEL


def test_nothing_is_decided_by_fewer_than_four():
    limit = bound("min_accuracy", 0.1)
    assert not is_decided([limit], [0.9, 0.9, 0.9], True, None)
    assert is_decided([limit], [0.9, 0.9, 0.9, 0.9], True, None)


def test_an_error_is_judged_the_other_way_round():
    limit = bound("max_error", 2.0)
    assert is_decided([limit], [1.0, 1.1, 0.9, 1.0], False, None)
    assert not is_decided([limit], [1.9, 2.1, 2.0, 2.0], False, None)
