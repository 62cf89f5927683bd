"""The rules that are compared, replayed on raw data: this plugin's, and those of others on stored times."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pytest_speedacc.config.policy import LIVE_TOLERANCE
from pytest_speedacc.config.settings import Bound, parse_bound
from pytest_speedacc.judge.live_increase import SUITE_ALPHA, judge_live_increase
from pytest_speedacc.judge.stored import judge_stored_increase
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import LiveGate, PairTimes
from pytest_speedacc.measure.yardstick import PARTS, Ratio, Ratios, ratios_of

from .gates import repeats
from .record import Cell, Launch, Suite, launch_seconds
from .replay import by_others, ends, rule_of, runs_of

Verdict = Literal["passed", "inconclusive", "failed"]
Rounds = Sequence[float]

TOLERANCE = parse_bound("max_latency_increase", LIVE_TOLERANCE, "the default of a live run")
WIDE = parse_bound("max_stored_latency_increase", "15 %", "what a stored base can resolve")
LIVE = "this plugin, live"
BEFORE = "this plugin, live, before the usual spread counted"
BENCHMARK_THRESHOLD = 1.05
"""A usual ``--benchmark-compare-fail=median:5%``."""
ASV_FACTOR, ASV_LEVEL = 1.1, 0.002
"""What ``asv continuous`` and ``asv compare`` use unless told otherwise."""
PYPERF_LEVEL = 0.05
"""What ``pyperf compare_to`` calls significant, in either direction."""
ANOTHER_DAY = 12 * 3600
"""Seconds from which a stored base is of another day: a cloud machine has other neighbours then, or is another one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One gate of one suite, with what a rule may look at."""

    cell: Cell
    gate: str
    launches: tuple[Launch, ...]
    """As many as the plugin's own rule asked for, which is the budget of every other rule."""
    stored: tuple[Launch, ...]
    """The same gate in the suite before, of which the base is the stored run; empty for the first suite."""
    accepted: tuple[Launch, ...]
    """The same gate in the last suite in which nothing had changed, of which the candidate is the stored base; empty
    where that was another day."""
    day_before: tuple[Launch, ...]
    """The same in the last such suite of another day; empty where there was none."""
    canary: tuple[Launch, ...]
    alpha: float
    """The false alarm rate of one gate."""
    seconds: float
    """Wall time of its launches, and of what was between them."""
    run: int
    """The suite: its place among all of them."""
    is_today: bool
    """Whether it is judged by the rule of today, in which the spread of the other gates' launches counts."""
    usual: float | None
    """That spread; None where too little was known of it, and by the rule before."""


Rule = Callable[[Trial], Verdict | None]


def trials(suites: Sequence[Suite]) -> Iterator[Trial]:
    """Every gate of every suite that came to its end, the oldest suite first."""
    latest: dict[tuple[str, str, str, str, int], tuple[Launch, ...]] = {}
    unchanged: defaultdict[tuple[str, str, str, str, int], list[tuple[float, tuple[Launch, ...]]]] = defaultdict(list)
    took = launch_seconds(suites)
    whole = [part for suite in suites if not suite.lost for part in runs_of(suite)]
    for run, suite in enumerate(whole):
        cell, alpha, rule = suite.cell, SUITE_ALPHA / len(suite.launches), rule_of(suite)
        decided = ends(suite, rule, math.log1p(TOLERANCE.value))
        for gate, launches in suite.launches.items():
            if not launches:
                continue
            end = decided[gate]
            spent, usual = launches[: end.launches], end.usual if rule is by_others else None
            # The stored run must be of the same program and machine, under the same conditions, at another time.
            same = (suite.machine, gate, cell.condition, cell.threads, repeats(gate, cell.percent)[0])
            stored = latest.get(same, ())[: len(spent)]
            ages = [(suite.started - started >= ANOTHER_DAY, of_gate) for started, of_gate in unchanged[same]]
            accepted, day_before = (
                next((of_gate for old, of_gate in reversed(ages) if old is wanted), ()) for wanted in (False, True)
            )
            latest[same] = launches
            if cell.percent == 0:
                unchanged[same].append((suite.started, launches))
            seconds = sum(took[suite.started, launch.ended] for launch in spent)
            past = (stored, accepted, day_before)
            yield Trial(cell, gate, spent, *past, suite.canary, alpha, seconds, run, rule is by_others, usual)


def live(trial: Trial) -> Verdict:
    """This plugin's verdict, canary included."""
    gate = LiveGate(tuple(map(_result, trial.launches)), None, None, None, "", usual=trial.usual)
    return _word(judge_live_increase(TOLERANCE, gate, tuple(map(_result, trial.canary)), trial.alpha).outcome)


def stored(trial: Trial, *, tolerance: Bound, day_before: bool = False) -> Verdict | None:
    """This plugin's verdict on ratios to the yardstick; None where too few launches have one."""
    now, then = _ratios(trial.launches), _ratios(trial.day_before if day_before else trial.accepted)
    if now is None or then is None:
        return None
    return _word(judge_stored_increase(tolerance, now, then, trial.alpha).outcome)


def _ratios(launches: Sequence[Launch]) -> Ratios | None:
    known = [
        Ratio(launch.ratio, math.nan, launch.parts or (0.0,) * len(PARTS))
        for launch in launches
        if launch.ratio is not None
    ]
    return ratios_of(known) if len(known) > 1 else None


def threshold(trial: Trial, *, statistic: Callable[[Rounds], float], processes: int | None) -> Verdict:
    """pytest-benchmark's: a statistic of the rounds is more than 5 % over that of the stored run."""
    ours, theirs = pooled_candidate(trial.launches[:processes]), pooled_base(trial.stored[:processes])
    return _called(statistic(ours) > BENCHMARK_THRESHOLD * statistic(theirs))


def asv_like(trial: Trial) -> Verdict:
    """asv's: the median of all rounds is over 1.1 times the stored one, and a Mann-Whitney test agrees."""
    from scipy.stats import mannwhitneyu

    ours, theirs = pooled_candidate(trial.launches), pooled_base(trial.stored)
    is_larger = statistics.median(ours) > ASV_FACTOR * statistics.median(theirs)
    return _called(is_larger and mannwhitneyu(ours, theirs, method="asymptotic").pvalue < ASV_LEVEL)


def pyperf_like(trial: Trial) -> Verdict:
    """pyperf's: Welch's t-test of the processes' means finds the candidate slower."""
    from scipy.stats import ttest_ind

    ours = [statistics.fmean(launch.candidate) for launch in trial.launches]
    theirs = [statistics.fmean(launch.base) for launch in trial.stored]
    test = ttest_ind(ours, theirs, equal_var=False)
    return _called(test.statistic > 0 and test.pvalue < PYPERF_LEVEL)


RULES: dict[str, Rule] = {
    LIVE: lambda trial: live(trial) if trial.is_today else None,
    BEFORE: lambda trial: None if trial.is_today else live(trial),
    "this plugin, stored the same day": partial(stored, tolerance=TOLERANCE),
    "this plugin, stored the same day, tolerance 15 %": partial(stored, tolerance=WIDE),
    "this plugin, stored the day before": partial(stored, tolerance=TOLERANCE, day_before=True),
    "this plugin, stored the day before, tolerance 15 %": partial(stored, tolerance=WIDE, day_before=True),
    "min > 5 %, one process": partial(threshold, statistic=min, processes=1),
    "median > 5 %, one process": partial(threshold, statistic=statistics.median, processes=1),
    "mean > 5 %, one process": partial(threshold, statistic=statistics.fmean, processes=1),
    "min > 5 %, same budget": partial(threshold, statistic=min, processes=None),
    "median > 5 %, same budget": partial(threshold, statistic=statistics.median, processes=None),
    "mean > 5 %, same budget": partial(threshold, statistic=statistics.fmean, processes=None),
    "asv-like (10 % and Mann-Whitney)": asv_like,
    "pyperf-like (t-test)": pyperf_like,
}
"""By the name in the report. The first two need no stored run; the others are asked where there is one."""


def judge(name: str, trial: Trial) -> Verdict | None:
    """The verdict of one rule; None where it has nothing to compare with."""
    return RULES[name](trial) if trial.stored or name in (LIVE, BEFORE) else None


def pooled_candidate(launches: Sequence[Launch]) -> list[float]:
    """Every round of the candidate, in seconds a call."""
    return [seconds for launch in launches for seconds in launch.candidate]


def pooled_base(launches: Sequence[Launch]) -> list[float]:
    """Every round of the base, in seconds a call."""
    return [seconds for launch in launches for seconds in launch.base]


def _word(outcome: Outcome) -> Verdict:
    verdicts: dict[Outcome, Verdict] = {Outcome.PASSED: "passed", Outcome.FAILED: "failed"}
    return verdicts.get(outcome, "inconclusive")


def _called(is_slower: bool) -> Verdict:
    return "failed" if is_slower else "passed"


def _result(launch: Launch) -> PairTimes:
    return PairTimes(
        difference=launch.difference,
        within=launch.within,
        tail_difference=None,
        tail_calls=0,
        candidate_seconds=statistics.median(launch.candidate),
        base_seconds=statistics.median(launch.base),
        setup_seconds=launch.setup_seconds,
    )
