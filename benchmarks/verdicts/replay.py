"""After how many launches a rule has decided each gate of a suite, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.judge.live_increase import SUITE_ALPHA
from pytest_speedacc.stats.sequence import LaunchVerdict, judge_launches, launch_bounds, usual_spreads

from .record import Suite

Stop = Callable[[Sequence[float], float, float, bool, float | None], LaunchVerdict]
"""Of the differences, the tolerance, the error rate, whether there is budget left, and the spread that is usual."""


@dataclass(frozen=True, slots=True)
class End:
    """What a rule came to on one gate."""

    verdict: LaunchVerdict
    launches: int
    """That it asked for."""
    usual: float | None
    """The spread between launches of the other gates then; None where too little was known of them."""


def ends(suite: Suite, stop: Stop, tolerance: float) -> Mapping[str, End]:
    """Every gate of a suite, launch after launch as a live run goes through them; ``tolerance`` is a logarithm."""
    differences = {gate: [launch.difference for launch in launches] for gate, launches in suite.launches.items()}
    alpha = SUITE_ALPHA / len(differences)
    found: dict[str, End] = {}
    seen = {gate: 0 for gate, each in differences.items() if each}
    for count in range(1, max(map(len, differences.values()), default=0) + 1):
        seen |= {gate: count for gate in seen if gate not in found and count <= len(differences[gate])}
        usual = usual_spreads({gate: differences[gate][:number] for gate, number in seen.items()})
        for gate in [gate for gate in seen if gate not in found]:
            own, left = differences[gate][: seen[gate]], seen[gate] < len(differences[gate])
            verdict = stop(own, tolerance, alpha, left, usual.get(gate))
            if verdict != "more":
                found[gate] = End(verdict, len(own), usual.get(gate))
    return found


def by_others(
    differences: Sequence[float], tolerance: float, alpha: float, budget_left: bool, usual: float | None
) -> LaunchVerdict:
    """The rule of today: the spread of the other gates' launches counts beside a gate's own."""
    return judge_launches(differences, tolerance, alpha, budget_left, usual=usual)


def by_itself(
    differences: Sequence[float], tolerance: float, alpha: float, budget_left: bool, usual: float | None
) -> LaunchVerdict:
    """The rule before: of each gate its own launches alone."""
    return judge_launches(differences, tolerance, alpha, budget_left)


def late(
    differences: Sequence[float], tolerance: float, alpha: float, budget_left: bool, usual: float | None
) -> LaunchVerdict:
    """The one before that: while there was budget left, nothing failed but what was beyond the tolerance at the error
    rate that unchanged models fail with."""
    verdict = judge_launches(differences, tolerance, alpha, budget_left)
    is_late = budget_left and verdict == "failed" and launch_bounds(differences, alpha).lower <= tolerance
    return "more" if is_late else verdict


def rule_of(suite: Suite) -> Stop:
    """The rule that a suite is to be judged by: that by which it was stopped, or today's where nothing stopped it."""
    return by_others if suite.usual or suite.cell.all_launches else by_itself


def runs_of(suite: Suite, launches: int = LiveSettings().launches) -> Iterator[Suite]:
    """The suite, cut into runs of so many launches where it has several times as many: launches are independent."""
    most = max(map(len, suite.launches.values()), default=0)
    if not suite.cell.all_launches or most < 2 * launches:
        yield suite
        return
    for start in range(0, most - launches + 1, launches):
        part = slice(start, start + launches)
        yield replace(
            suite,
            launches={gate: of_gate[part] for gate, of_gate in suite.launches.items()},
            canary=suite.canary[part],
        )


def slowed(suite: Suite, slowdown: float) -> Suite:
    """The suite as if every candidate had been slower by this fraction more, rounds left as they are."""
    shift = math.log1p(slowdown)
    launches = {
        gate: tuple(replace(launch, difference=launch.difference + shift) for launch in of_gate)
        for gate, of_gate in suite.launches.items()
    }
    return replace(suite, launches=launches)
