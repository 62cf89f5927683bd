"""Which accepted slow-downs count: what a file says was accepted must fit the gate and what this run measures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.baseline import Accepted, SinceBase
from pytest_speedacc.baseline.changes import quoted
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.stats.sequence import launch_bounds


def fitting(bound: Bound, accepted: Sequence[Accepted]) -> list[Accepted]:
    """The entries for what ``bound`` bounds."""
    same = (bound.setting.metric, bound.setting.statistic)
    return [entry for entry in accepted if (entry.metric, entry.statistic) == same]


def counted(bound: Bound, accepted: Sequence[Accepted], differences: Sequence[float]) -> Accepted | None:
    """The largest slow-down that was accepted for what ``bound`` bounds, and that these launches bear out."""
    true = [entry for entry in fitting(bound, accepted) if _is_borne_out(entry, bound, differences)]
    return max(true, key=lambda entry: entry.ratio, default=None)


def refusals(since: SinceBase, bounds: Sequence[Bound], measured: Sequence[Sequence[float]]) -> Iterator[str]:
    """Why entries that this change added do not count, a sentence each; ``measured`` are the differences by bound."""
    for entry, why in since.refused:
        yield f"{_named(entry)} does not count: {entry.base[:7]} {why}"
    for entry in since.accepted:
        own = [
            (bound, found) for bound, found in zip(bounds, measured, strict=True) if entry in fitting(bound, [entry])
        ]
        if not own:
            yield f"{_named(entry)} does not count: this gate has no tolerance for it"
        for bound, differences in own:
            if differences and not _is_borne_out(entry, bound, differences):
                found = launch_bounds(differences, 0.05)
                mean, upper = (format_value(math.expm1(each), Kind.CHANGE) for each in (found.mean, found.upper))
                yield (
                    f"{_named(entry)} does not count: this run measures {mean}, {upper} at the most, and the "
                    f"tolerance adds {bound.value * 100:g} %. If it is meant, accept it anew"
                )


def accepted_text(entry: Accepted) -> str:
    """How much was accepted, against what, and why."""
    return f"{format_value(entry.ratio - 1, Kind.CHANGE)} against {entry.base[:7]}{quoted(entry.reason)}"


def _named(entry: Accepted) -> str:
    return f"the accepted {entry.metric} {entry.statistic} of {accepted_text(entry)}"


def _is_borne_out(entry: Accepted, bound: Bound, differences: Sequence[float]) -> bool:
    """Whether this run's slow-down may be as large as the accepted one, with the tolerance on top.

    By the upper bound rather than the estimate: two honest runs differ by luck, and the first may have been the larger.
    """
    return not differences or math.log(entry.ratio) <= launch_bounds(differences, 0.05).upper + math.log1p(bound.value)
