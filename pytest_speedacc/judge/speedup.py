"""``compare(min_speedup=...)``: by launches where there are some, else by what one process can show."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.trades import Term
from pytest_speedacc.judge.latency import LAUNCH_SPREAD
from pytest_speedacc.judge.verdict import Check, Finding, Outcome, because
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.stats.sequence import launch_gain

PASS_LEVEL, FAIL_LEVEL = 0.05, 0.01
"""How often a model that is not fast enough may pass, and one that is may fail."""


def judge_speedup(wanted: Term, here: float, launches: Sequence[PairTimes]) -> Finding:
    """Hold the speed-up against ``here``, log(model/other) in this process, or against the launches."""
    wanted_log = math.log1p(-wanted.value)
    interval = None
    if launches:
        differences = [launch.difference for launch in launches]
        gain = launch_gain(differences, wanted_log, PASS_LEVEL, FAIL_LEVEL, once=True)
        change, passed, failed = gain.change, gain.is_shown, not gain.is_shown and not gain.is_open
        if math.isfinite(gain.at_most):
            interval = (math.expm1(2 * change - gain.at_most), math.expm1(gain.at_most))
        evidence, more = because("processes", count=len(launches)), "raise launches"
    else:
        room = math.log1p(LAUNCH_SPREAD)
        change, passed, failed = here, here + room <= wanted_log, here - room > wanted_log
        evidence, more = because("one process"), "pass launches"
    outcome = Outcome.PASSED if passed else Outcome.FAILED if failed else Outcome.INCONCLUSIVE
    reason = because("speed", times=math.exp(-change)) + evidence
    if outcome is Outcome.INCONCLUSIVE:
        reason += because(more)
    return Check(
        setting="min_speedup",
        metric="latency",
        statistic="median",
        slice="",
        kind=Kind.CHANGE,
        observed=math.expm1(change),
        interval=interval,
        limit=None,
        reference=None,
        allowed=because("faster by", wanted=wanted.written),
        outcome=outcome,
        reason=reason,
    )
