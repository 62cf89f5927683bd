"""Settings that do not fit a gate's score: refused before anything is measured, or before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.axis import Comparison
from pytest_speedacc.config.called import scores_named
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.judge.accuracy import unit_problem
from pytest_speedacc.measure.score import lies_within_unit
from pytest_speedacc.report.sentences import said

_NEED_A_SCORE = (Comparison.SCORE, Comparison.CONFIDENCE)


def bare_drop(policy: Policy, score: str, within_unit: bool) -> str:
    """What is wrong with a tolerance of ``policy`` for this score; empty where nothing is.

    Of 0.2 nobody knows whether it was meant as 20 pp or as 0.2 pp.
    """
    problems = (f"{bound.setting.name} = {said(unit_problem(bound, score, within_unit))}" for bound in _bare(policy))
    return next(problems, "") if within_unit else ""


def bare_drop_of(policy: Policy, test: Callable[..., Any] | None) -> str:
    """The same for the scores that a test asks for, as far as its text tells."""
    if test is None or not _bare(policy):
        return ""
    found = (bare_drop(policy, score, lies_within_unit(score)) for score in scores_named(test))
    return next(filter(None, found), "")


def _bare(policy: Policy) -> list[Bound]:
    every = (bound for bounds in (policy.bounds, *policy.slices.values()) for bound in bounds)
    return [bound for bound in every if bound.setting.name == "max_accuracy_drop" and bound.unit is Unit.PLAIN]


def needs_score(policy: Policy) -> str:
    """Why ``policy`` cannot judge a step without a score; empty where it can."""
    names = ", ".join(dict.fromkeys(_of_scores(policy)))
    if not names:
        return ""
    return (
        f"score=None has no score, and {names} is set for this gate: take it out of the marker and of [tool.speedacc] "
        "for this test, or name a score and pass targets."
    )


def _of_scores(policy: Policy) -> Iterator[str]:
    for bounds in (policy.bounds, *policy.slices.values()):
        for bound in bounds:
            if AXES[bound.setting.metric].compared in _NEED_A_SCORE:
                yield bound.setting.name
