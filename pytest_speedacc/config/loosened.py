"""What a change allows that was not allowed before it: a reviewer should see a gate that was opened."""

from __future__ import annotations

from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Project
from pytest_speedacc.config.settings import Bound, Role, Unit
from pytest_speedacc.config.units import format_value

_STRICTNESS = {"warn": 0, "fail": 1}
_RULES = {"evidence": 0, "exact": 1, "noninferior": 2}


def loosened_project(base: Project, candidate: Project) -> list[str]:
    """Switches that became more lenient, and a folder of baselines that moved, a sentence each."""
    said = []
    for name, was, now in (
        ("inconclusive", base.inconclusive or "warn", candidate.inconclusive or "warn"),
        ("not_compared", base.not_compared or "fail", candidate.not_compared or "fail"),
        ("removed", base.live.removed, candidate.live.removed),
    ):
        if _STRICTNESS[now] < _STRICTNESS[was]:
            said.append(f"{name} was {was!r} in CI and is {now!r}")
    was_folder, now_folder = (project.baselines.relative_to(project.root) for project in (base, candidate))
    if was_folder != now_folder:
        said.append(f"the baselines moved from {was_folder.as_posix()} to {now_folder.as_posix()}")
    return said


def loosened_policy(base: Policy, candidate: Policy) -> list[str]:
    """Limits and tolerances that were removed or widened, and a rule that asks for less, a sentence each."""
    was = {bound.setting.name: bound for bound in base.bounds}
    now = {bound.setting.name: bound for bound in candidate.bounds}
    said = [f"{name} was {_shown(bound)} and is gone" for name, bound in was.items() if name not in now]
    said += [
        f"{name} was {_shown(was[name])} and is {_shown(bound)}"
        for name, bound in now.items()
        if name in was and _is_wider(was[name], bound)
    ]
    if _RULES[candidate.accuracy_rule] < _RULES[base.accuracy_rule]:
        said.append(f"accuracy_rule was {base.accuracy_rule!r} and is {candidate.accuracy_rule!r}")
    return said


def _is_wider(was: Bound, now: Bound) -> bool:
    if was.unit is not now.unit:
        # Points and per cent of a score cannot be ordered without the score: let the reviewer look.
        return True
    return now.value < was.value if was.setting.role is Role.MINIMUM else now.value > was.value


def _shown(bound: Bound) -> str:
    if bound.unit is Unit.PLAIN:
        return format_value(bound.value, bound.setting.kind)
    return f"{bound.value * 100:g} {bound.unit}"
