"""What holds for one test, by its markers and the settings."""

from __future__ import annotations

import pytest

from pytest_speedacc.check.unfit import bare_drop_of
from pytest_speedacc.config.policy import NO_GATE_WITH_LIMITS, Policy, join, parse_marker, resolve, with_live_default
from pytest_speedacc.config.project import Project, Table
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.marks import is_gate, is_ungated, marks_of


def policy_of(item: pytest.Item, project: Project, budget: float | None, *, is_live: bool) -> Policy | None:
    """The policy of a gate; None for a test that is none. Raises ConfigError, for markers of the latter as well."""
    marker = marker_of(item)
    if not is_gate(item):
        return None
    policy = resolve(project, item.nodeid, marker, budget=budget)
    if problem := bare_drop_of(policy, getattr(item, "function", None)):
        raise ConfigError(problem)
    return with_live_default(policy) if is_live else policy


def marker_of(item: pytest.Item) -> Table:
    """The markers of module, class and test joined, the nearest winning key by key. Raises ConfigError."""
    if is_ungated(item):
        nodes = [node for node, _ in item.iter_markers_with_node("speedacc")]
        beside = [mark for node, mark in item.iter_markers_with_node("speedacc") if node is nodes[0]]
        for name in (name for mark in beside for name in mark.kwargs if name != "gate"):
            raise ConfigError(NO_GATE_WITH_LIMITS.format(name=name))
    return join(*reversed([parse_marker(mark.args, mark.kwargs) for mark in marks_of(item)]))
