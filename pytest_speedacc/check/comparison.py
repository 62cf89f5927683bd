"""One model against another in one test: a quantised, pruned or distilled one against its original."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.check.case import Judged, Run, Say
from pytest_speedacc.check.explanation import explain_beside_other, explain_memory_beside_other, explain_score
from pytest_speedacc.check.measuring import measure
from pytest_speedacc.check.unfit import bare_drop, needs_score
from pytest_speedacc.config.policy import DEFAULT_BUDGET, Policy
from pytest_speedacc.config.settings import parse_bound, suggestion
from pytest_speedacc.config.trades import Term, check_applies, parse_gain, parse_trades
from pytest_speedacc.errors import ConfigError, GateError, shown
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.gate import judge
from pytest_speedacc.judge.reference import from_other
from pytest_speedacc.judge.speedup import judge_speedup
from pytest_speedacc.judge.trades import allowed_by_trade, excused
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.two_models import time_in_turn
from pytest_speedacc.report.observations import observe
from pytest_speedacc.report.sentences import said, told, told_trade
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES

ALPHA = 0.01
"""How often a comparison may fail a model that is as good as is asked for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one model may lose beside the other, and must gain."""

    policy: Policy
    speedup: Term | None
    """``min_speedup``; None without one."""
    launches: int
    """Fresh processes behind the times; 0 for this process alone."""


def parse_terms(
    tolerances: Mapping[str, Any], min_speedup: object, trades: object, launches: object, budget: float | None
) -> Terms:
    """Read the keywords of ``compare``. Raises ConfigError."""
    where = "compare()"
    known = [name for name, setting in SETTINGS.items() if setting.is_tolerance]
    for name in tolerances:
        if name in SETTINGS and name not in known:
            raise ConfigError(f"{where}: {name} is a limit, and compare holds one model against another: use check().")
        if name == "metrics":
            raise ConfigError(
                f"{where} has no metrics=: an axis of yours is measured of both models there, by the measure of its "
                "Axis(..., measure=...), which pytest_speedacc_axes returns."
            )
        if name not in known:
            raise ConfigError(f"{where}: unknown keyword {name!r}. {suggestion(name, [*known, 'min_speedup'])}")
    bounds = tuple(parse_bound(name, value, where) for name, value in tolerances.items())
    allowed = parse_trades(trades, f"{where}: trades") if trades is not None else ()
    check_applies(allowed, bounds)
    if launches is None:
        count = 0
    elif isinstance(launches, bool) or not isinstance(launches, int) or launches < FEWEST_LAUNCHES:
        raise ConfigError(f"{where}: launches={shown(launches)} must be a whole number from {FEWEST_LAUNCHES}.")
    else:
        count = launches
    timed = [bound.setting.name for bound in bounds if bound.setting.is_noisy]
    if timed and not count:
        raise ConfigError(
            f"{where}: {timed[0]} needs launches=8, say: one process cannot tell a few per cent from its own luck."
        )
    if any(SETTINGS[name].quantile not in (None, 0.5) for name in tolerances):
        raise ConfigError(f"{where} compares medians: {timed[-1]} is for --speedacc-against.")
    speedup = None if min_speedup is None else parse_gain("latency", min_speedup, f"{where}: min_speedup")
    if not bounds and speedup is None:
        raise ConfigError(f"{where} has nothing to judge: add min_speedup=, max_accuracy_drop= or another tolerance.")
    return Terms(Policy(bounds, "exact", budget or DEFAULT_BUDGET, trades=allowed), speedup, count)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models that are about to be compared."""

    run: Run
    test: str
    """The node id."""
    name: str
    """``compare(name=...)``; empty for the only one."""
    terms: Terms
    subject: Subject
    other: Subject
    launched: Callable[[int], tuple[PairTimes, ...]]
    """Times both in so many fresh processes; raises GateError where that cannot be done."""


def run_comparison(comparison: Comparison, inputs: Any, say: Say) -> Judged:
    """Measure both, time them in turn, and judge. Raises GateError for what cannot be measured."""
    terms, score = comparison.terms, comparison.subject.score
    if problem := bare_drop(terms.policy, score.name, score.within_unit) if score else needs_score(terms.policy):
        raise GateError(f"compare(): {problem}")
    if comparison.subject.fingerprint != comparison.other.fingerprint:
        raise GateError("the two models were given different samples.")

    def numbers(subject: Subject) -> Measurement:
        untrained = Unavailable("compare() trains nothing")
        # No limit is set, so only what describes the times is taken.
        bounded = terms.speedup is not None or terms.policy.bounds_calls
        found = measure(subject, inputs, terms.policy, ALPHA, say, untrained, lambda scores: False, is_bounded=bounded)
        return found.measurement

    other, ours = numbers(comparison.other), numbers(comparison.subject)
    with timing_lock(say):
        say("both in turn")
        here = time_in_turn(comparison.subject, comparison.other)
    launches = comparison.launched(terms.launches) if terms.launches else ()
    reference = from_other(other, ours.statics.accuracy, comparison.subject, launches, ALPHA)
    checks = judge(ours, terms.policy, reference, (), ALPHA)
    checks, sums = excused(checks, ours, terms.policy, reference, ALPHA)
    if terms.speedup is not None:
        checks = (*checks, judge_speedup(terms.speedup, here.difference, launches))
    environment = Environment.current(comparison.subject.adapter.device_name(comparison.subject.model))
    observations = observe(ours, reference)
    run, pair = comparison.run, (comparison.subject, comparison.other)
    stem = baseline_path(run.baselines, run.named(comparison.test), comparison.name).stem
    slower = max(ours.latency.median, other.latency.median)
    explained = explain_beside_other(run, stem, checks, *pair, slower)
    allocated = explain_memory_beside_other(run, checks, *pair)
    bought = [said(allowed_by_trade(found)) for found in sums if found.applies]
    evidence = _evidence(here.difference, launches)
    notes = (*ours.statics.notes, *ours.notes, *bought, evidence, *explained.notes, *allocated.notes)
    verdict = Verdict(
        test=comparison.test,
        name=comparison.name,
        checks=tuple(map(told, checks)),
        observations=observations,
        notes=notes,
        trades=tuple(map(told_trade, sums)),
        explained=explained.lines,
        explained_beside=explained.beside,
        allocated=allocated.lines,
        flipped=explain_score(checks, observations, reference),
        compared_with="other",
    )
    return Judged(verdict, ours.latency, environment)


def _evidence(here: float, launches: Sequence[PairTimes]) -> str:
    ratio = math.exp(-here)
    pace = f"{ratio:.3g} times as fast as" if ratio >= 1 else f"{1 / ratio:.3g} times as slow as"
    if launches:
        return f"in this process it is {pace} the other; the verdict is that of {len(launches)} fresh processes"
    return (
        f"in this process it is {pace} the other. Another process may show a quarter more or less: launches=8 measures "
        "in fresh ones"
    )
