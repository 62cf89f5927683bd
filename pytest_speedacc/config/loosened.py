"""What a change allows that was not allowed before it: a reviewer should see a gate that was opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_speedacc.axes.axis import Role
from pytest_speedacc.axes.units import format_value
from pytest_speedacc.config.former_axes import base_project
from pytest_speedacc.config.policy import Policy, join, parse_marker, resolve, with_live_default
from pytest_speedacc.config.project import Project
from pytest_speedacc.config.settings import Bound, Unit
from pytest_speedacc.config.trades import Term, Trade
from pytest_speedacc.errors import ConfigError

_STRICTNESS = {"warn": 0, "fail": 1}
_RULES = {"evidence": 0, "exact": 1, "noninferior": 2}


MOST_NAMED = 3
"""Gates in one sentence."""


@dataclass(frozen=True, slots=True)
class Loosened:
    """What was found out about a change's policy."""

    said: tuple[str, ...] = ()
    """What is allowed now and was not, a sentence for each setting that begins with its gates or pyproject.toml."""
    unread: tuple[str, ...] = ()
    """What of the base could not be read, and why."""


def find_loosened(
    base_root: Path,
    base_markers: Mapping[str, Sequence[Mapping[str, Any]]],
    candidate: Project,
    policies: Mapping[str, Policy],
    *,
    started: Path | None = None,
) -> Loosened:
    """Compare the settings of a live run's base with the candidate's.

    ``base_root`` is where the base's node ids start, and ``started`` the folder there that pytest is started in;
    ``base_markers`` are the keywords of the base's markers by node id, the nearest first; ``policies`` are the
    candidate's. A gate that one of the two lacks is not compared.
    """
    try:
        with base_project(base_root, started, *base_markers.values()) as base:
            return _compared(base, base_markers, candidate, policies)
    except ConfigError as error:
        # Its folder is gone when the sentence is read.
        why = str(error).rstrip(".")
        for folder in (base_root, *base_root.parents):
            why = why.replace(str(folder / "pyproject.toml"), "pyproject.toml")
        return Loosened(unread=(f"whether this change loosens limits is not known: in the base, {why}",))


def _compared(
    base: Project,
    base_markers: Mapping[str, Sequence[Mapping[str, Any]]],
    candidate: Project,
    policies: Mapping[str, Policy],
) -> Loosened:
    said = [f"pyproject.toml: {sentence}" for sentence in loosened_project(base, candidate)]
    unread = []
    gates: dict[str, list[str]] = {}
    for test, policy in policies.items():
        if test not in base_markers:
            continue
        try:
            marker = join(*(parse_marker((), keywords) for keywords in reversed(base_markers[test])))
            # A live run's default is not written down on either side.
            was = with_live_default(resolve(base, test, marker))
        except ConfigError as error:
            unread.append(f"whether this change loosens {test} is not known: in the base, {str(error).rstrip('.')}")
            continue
        for sentence in loosened_policy(was, policy):
            gates.setdefault(sentence, []).append(test)
    # One line of pyproject.toml may be the limit of every gate.
    said += [f"{_named(tests, of=len(policies))}: {sentence}" for sentence, tests in gates.items()]
    return Loosened(tuple(said), tuple(unread))


def _named(tests: Sequence[str], *, of: int) -> str:
    """The gates that a sentence is about."""
    if len(tests) > 1 and len(tests) == of:
        return "both gates" if of == 2 else f"all {of} gates"
    more = f" and {len(tests) - MOST_NAMED} more gates" if len(tests) > MOST_NAMED else ""
    return ", ".join(tests[:MOST_NAMED]) + more


def loosened_project(base: Project, candidate: Project) -> list[str]:
    """Switches that became more lenient, and a folder of baselines that moved, a sentence each."""
    said = []
    for name, was, now in (
        ("inconclusive", base.inconclusive or "warn", candidate.inconclusive or "warn"),
        ("not_compared", base.not_compared or "fail", candidate.not_compared or "fail"),
        ("skipped", base.skipped or "fail", candidate.skipped or "fail"),
    ):
        if _STRICTNESS[now] < _STRICTNESS[was]:
            said.append(f"{name} was {was!r} in CI and is {now!r}")
    was_folder, now_folder = _folder(base), _folder(candidate)
    if was_folder != now_folder:
        said.append(f"the baselines moved from {was_folder} to {now_folder}")
    return said


def loosened_policy(base: Policy, candidate: Policy) -> list[str]:
    """Limits and tolerances that were removed or widened, and a rule that asks for less, a sentence each."""
    said = _loosened_bounds(base.bounds, candidate.bounds)
    for name in dict.fromkeys((*base.slices, *candidate.slices)):
        of_slice = _loosened_bounds(base.bounds_of(name), candidate.bounds_of(name))
        said += [f"in the slice {name!r}, {sentence}" for sentence in of_slice]
    known = {_traded(trade) for trade in base.trades}
    said += [f"it may {trade}, and could not" for trade in candidate.trades if _traded(trade) not in known]
    if _RULES[candidate.accuracy_rule] < _RULES[base.accuracy_rule]:
        said.append(f"accuracy_rule was {base.accuracy_rule!r} and is {candidate.accuracy_rule!r}")
    if candidate.trades and candidate.exact_gains and not base.exact_gains:
        said.append("accuracy_rule = 'exact' is new, so that a trade takes a gain of score as it is measured")
    return said


def _traded(trade: Trade) -> tuple[frozenset[Term], frozenset[Term]]:
    """What a trade says, wherever it stands and in whatever order."""
    return frozenset(trade.give), frozenset(trade.gain)


def _loosened_bounds(base: Sequence[Bound], candidate: Sequence[Bound]) -> list[str]:
    was, now = ({_bounded(bound): bound for bound in bounds} for bounds in (base, candidate))
    said = [f"{bound.setting.name} was {_shown(bound)} and is gone" for key, bound in was.items() if key not in now]
    return said + [
        f"{bound.setting.name} was {_shown(was[key])} and is {_shown(bound)}"
        for key, bound in now.items()
        if key in was and _is_wider(was[key], bound)
    ]


def _folder(project: Project) -> str:
    """The folder of the baselines as pyproject names it, which need not be below its root."""
    folder, root = project.baselines, project.root
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()


def _bounded(bound: Bound) -> tuple[str, str, Role]:
    """What it bounds and how: ``max_latency`` has two names."""
    return bound.setting.metric, bound.setting.statistic, bound.setting.role


def _is_wider(was: Bound, now: Bound) -> bool:
    if was.unit is not now.unit or was.setting.kind != now.setting.kind:
        # Points and per cent of a score cannot be ordered without the score, nor J and kWh: let the reviewer look.
        return True
    return now.value < was.value if was.setting.role is Role.MINIMUM else now.value > was.value


def _shown(bound: Bound) -> str:
    if bound.unit is Unit.PLAIN:
        return format_value(bound.value, bound.setting.kind)
    return f"{bound.value * 100:g} {bound.unit}"
