"""Tolerances of a score that lack their unit: refused before anything is measured, or before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_speedacc.config.called import scores_named
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.judge.accuracy import unit_problem
from pytest_speedacc.measure.score import lies_within_unit


def bare_drop(policy: Policy, score: str, within_unit: bool) -> str:
    """What is wrong with a tolerance of ``policy`` for this score; empty where nothing is.

    Of 0.2 nobody knows whether it was meant as 20 pp or as 0.2 pp.
    """
    problems = (f"{bound.setting.name} = {unit_problem(bound, score, within_unit)}" for bound in _bare(policy))
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
