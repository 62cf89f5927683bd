"""How much sooner a verdict comes than by the rule that this one took the place of: both on the same launches."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_speedacc.judge.live_increase import SUITE_ALPHA
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES, LaunchVerdict, judge_launches, launch_bounds

from .record import Suite, launch_seconds
from .rules import TOLERANCE

Stop = Callable[[Sequence[float], float, float, bool], LaunchVerdict]
"""Of the differences, the tolerance, the error rate, and whether there is budget left."""


def judge_late(differences: Sequence[float], tolerance: float, alpha: float, budget_left: bool) -> LaunchVerdict:
    """The rule until 2026-11-26: while there was budget left, nothing failed but what was beyond the tolerance at the
    error rate that unchanged models fail with."""
    verdict = judge_launches(differences, tolerance, alpha, budget_left)
    late = budget_left and verdict == "failed" and launch_bounds(differences, alpha).lower <= tolerance
    return "more" if late else verdict


STOPS: Mapping[str, Stop] = {
    "until 2026-11-26": judge_late,
    "now": lambda differences, tolerance, alpha, left: judge_launches(differences, tolerance, alpha, left),
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """What one rule came to, on the gates of one slow-down under one condition."""

    percent: int
    condition: str
    rule: str
    gates: int
    failed: int
    launches: float
    """Median over the gates."""
    seconds: float
    """Of a gate, the mean: what its launches took, and what was between them."""


def stopped(suites: Sequence[Suite]) -> list[Stopped]:
    """Both rules on every suite that came to its end, on one thread."""
    cells: defaultdict[tuple[int, str], list[Suite]] = defaultdict(list)
    took = launch_seconds(suites)
    for suite in suites:
        if not suite.lost and suite.cell.threads == "one":
            cells[suite.cell.percent, suite.cell.condition].append(suite)
    found = []
    for (percent, condition), own in sorted(cells.items(), key=lambda cell: (cell[0][1] != "quiet", cell[0][0])):
        for name, rule in STOPS.items():
            ends = [(suite, *end) for suite in own for end in _ends(suite, rule)]
            found.append(
                Stopped(
                    percent,
                    condition,
                    name,
                    len(ends),
                    sum(verdict == "failed" for _, _, verdict, _ in ends),
                    statistics.median(count for *_, count in ends),
                    statistics.fmean(
                        sum(took[suite.started, launch.ended] for launch in suite.launches[gate][:count])
                        for suite, gate, _, count in ends
                    ),
                )
            )
    return found


def _ends(suite: Suite, rule: Stop) -> Iterator[tuple[str, LaunchVerdict, int]]:
    """Of each gate: its name, its verdict, and after how many launches."""
    tolerance, alpha = math.log1p(TOLERANCE.value), SUITE_ALPHA / len(suite.launches)
    for gate, launches in suite.launches.items():
        differences = [launch.difference for launch in launches]
        for count in range(FEWEST_LAUNCHES, len(differences) + 1):
            verdict = rule(differences[:count], tolerance, alpha, count < len(differences))
            if verdict != "more":
                yield gate, verdict, count
                break
