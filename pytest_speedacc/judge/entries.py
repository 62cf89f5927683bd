"""Which accepted slow-downs count: what a file says was accepted must fit the gate and what this run measures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pytest_speedacc.baseline import Accepted, SinceBase
from pytest_speedacc.baseline.changes import quoted
from pytest_speedacc.config.settings import Bound
from pytest_speedacc.judge.verdict import Reason, because, moved_by
from pytest_speedacc.stats.sequence import launch_bounds


def fitting(bound: Bound, accepted: Sequence[Accepted]) -> list[Accepted]:
    """The entries for what ``bound`` bounds."""
    same = (bound.setting.metric, bound.setting.statistic)
    return [entry for entry in accepted if (entry.metric, entry.statistic) == same]


def counted(bound: Bound, accepted: Sequence[Accepted], differences: Sequence[float]) -> Accepted | None:
    """The largest slow-down that was accepted for what ``bound`` bounds, and that these launches bear out."""
    true = [entry for entry in fitting(bound, accepted) if _is_borne_out(entry, bound, differences)]
    return max(true, key=lambda entry: entry.ratio, default=None)


def refusals(since: SinceBase, bounds: Sequence[Bound], measured: Sequence[Sequence[float]]) -> Iterator[Reason]:
    """Why entries that this change added do not count; ``measured`` are the differences by bound."""
    for entry, why in since.refused:
        yield _refused(entry) + because("refused base", base=entry.base[:7], why=why)
    for entry in since.accepted:
        own = [
            (bound, found) for bound, found in zip(bounds, measured, strict=True) if entry in fitting(bound, [entry])
        ]
        if not own:
            yield _refused(entry) + because("no tolerance")
        for bound, differences in own:
            if differences and not _is_borne_out(entry, bound, differences):
                found = launch_bounds(differences, 0.05)
                mean, upper = (moved_by(math.expm1(each)) for each in (found.mean, found.upper))
                why_not = because("not borne out", mean=mean, upper=upper, tolerance=bound.value * 100)
                yield _refused(entry) + why_not


def accepted_by(entry: Accepted) -> Reason:
    """How much was accepted, against what, and why."""
    return because("accepted entry", change=moved_by(entry.ratio - 1), base=entry.base[:7], why=quoted(entry.reason))


def _refused(entry: Accepted) -> Reason:
    what = because("entry", metric=entry.metric, statistic=entry.statistic, accepted=accepted_by(entry))
    return because("does not count", what=what)


def _is_borne_out(entry: Accepted, bound: Bound, differences: Sequence[float]) -> bool:
    """Whether this run's slow-down may be as large as the accepted one, with the tolerance on top.

    By the upper bound rather than the estimate: two honest runs differ by luck, and the first may have been the larger.
    """
    return not differences or math.log(entry.ratio) <= launch_bounds(differences, 0.05).upper + math.log1p(bound.value)
