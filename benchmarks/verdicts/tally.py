"""What the replayed rules came to: counts with exact intervals, spreads, and the one number for a machine."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from .record import Suite
from .replay import slowed
from .rules import RULES, Trial, judge, live, trials

CAUGHT, FALSE_ALARMS = 0.95, 0.01
"""What the one number for a machine promises."""
STEPS = [step / 200 for step in range(1, 61)]
"""Slow-downs tried in a replay: 0.5 % to 30 %."""
SMALL_SPREAD = 0.02
"""The launch spread up to which 5 % should be caught in 95 %."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What may not be mixed in one count."""

    threads: str
    condition: str

    def __str__(self) -> str:
        return f"{self.condition}, {'one thread' if self.threads == 'one' else 'all threads'}"


@dataclass(frozen=True, slots=True)
class Tally:
    """The verdicts of one rule on one slow-down in one mode."""

    rule: str
    mode: Mode
    percent: int
    passed: int
    inconclusive: int
    failed: int

    @property
    def gates(self) -> int:
        """How many were judged."""
        return self.passed + self.inconclusive + self.failed

    @property
    def share(self) -> float:
        """The fraction called slower."""
        return self.failed / self.gates

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of that fraction."""
        return share_interval(self.failed, self.gates)


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson)."""
    found = binomtest(count, total).proportion_ci()
    return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the plugin's verdicts on one slow-down in one mode took."""

    mode: Mode
    percent: int
    launches: float
    """Median over the gates."""
    seconds: float
    """Wall time of a gate's launches, the mean: so many times the gates is the time of a suite."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How one workload behaves in one mode."""

    mode: Mode
    gate: str
    seconds: float
    """Median time of a call."""
    sd: float
    """Launch-to-launch standard deviation of the difference: the root of the mean variance within a suite."""
    within: float
    """Standard deviation of an ABBA quad within a launch: the median."""
    caught: tuple[int, int]
    """Verdicts "slower" and gates, at 5 % slower."""


def mode_of(trial: Trial) -> Mode:
    """The mode that a trial was measured in."""
    return Mode(trial.cell.threads, trial.cell.condition)


def tallies(every: Sequence[Trial]) -> list[Tally]:
    """Every rule's verdicts, counted."""
    counts: Counter[tuple[str, Mode, int, str]] = Counter()
    for trial in every:
        for rule in RULES:
            if verdict := judge(rule, trial):
                counts[rule, mode_of(trial), trial.cell.percent, verdict] += 1
    cells = dict.fromkeys(key[:3] for key in counts)
    return [
        Tally(*cell, *(counts[*cell, verdict] for verdict in ("passed", "inconclusive", "failed"))) for cell in cells
    ]


def alarms(every: Sequence[Trial], mode: Mode) -> tuple[int, int]:
    """The runs of unchanged models in which the plugin called any of them slower, and all such runs."""
    called: dict[int, bool] = {}
    for trial in every:
        if trial.is_today and mode_of(trial) == mode and trial.cell.percent == 0:
            called[trial.run] = called.get(trial.run, False) or live(trial) == "failed"
    return sum(called.values()), len(called)


def efforts(every: Sequence[Trial]) -> list[Effort]:
    """What the plugin's verdicts took, where the verdicts ended the run."""
    found = []
    measured = [trial for trial in every if trial.is_today and not trial.cell.all_launches]
    for mode, percent in sorted({(mode_of(trial), trial.cell.percent) for trial in measured}, key=str):
        own = [trial for trial in measured if (mode_of(trial), trial.cell.percent) == (mode, percent)]
        launches = statistics.median(len(trial.launches) for trial in own)
        found.append(Effort(mode, percent, launches, statistics.fmean(trial.seconds for trial in own)))
    return found


def spreads(every: Sequence[Trial]) -> list[Spread]:
    """How each workload behaves."""
    found = []
    for mode, gate in dict.fromkeys((mode_of(trial), trial.gate) for trial in every):
        own = [trial for trial in every if (mode_of(trial), trial.gate) == (mode, gate)]
        variances = [statistics.variance(_differences(trial)) for trial in own if len(trial.launches) > 1]
        slower = [live(trial) for trial in own if trial.cell.percent == 5 and trial.is_today]
        launches = [launch for trial in own for launch in trial.launches]
        found.append(
            Spread(
                mode,
                gate,
                seconds=statistics.median(second for launch in launches for second in launch.base),
                sd=statistics.fmean(variances) ** 0.5 if variances else float("nan"),
                within=statistics.median(launch.within for launch in launches),
                caught=(slower.count("failed"), len(slower)),
            )
        )
    return found


def smallest_measured(counted: Iterable[Tally], rule: str, mode: Mode) -> int | None:
    """The smallest slow-down injected, in per cent, that a rule caught in 95 % with at most 1 % false alarms."""
    own = {tally.percent: tally.share for tally in counted if (tally.rule, tally.mode) == (rule, mode)}
    if own.get(0, 1.0) > FALSE_ALARMS:
        return None
    return min((percent for percent, share in own.items() if percent and share >= CAUGHT), default=None)


def smallest_replayed(suites: Sequence[Suite], mode: Mode, launches: int) -> float | None:
    """The same for the plugin in finer steps, from unchanged suites of at least so many launches.

    Their differences are shifted, which is what an exact slow-down does to them. Of the newest revision alone: what the
    plugin itself did wrong before is not the machine's doing. None without such suites, or where no step up to 30 % is
    caught.
    """
    whole = [
        suite
        for suite in suites
        if (suite.cell.percent, suite.cell.threads, suite.cell.condition) == (0, mode.threads, mode.condition)
        and not suite.lost
        and (suite.cell.all_launches or 0) >= launches
    ]
    newest = max(whole, key=lambda suite: suite.started).revision if whole else ""
    whole = [suite for suite in whole if suite.revision == newest]
    if not whole or _share_failed(whole) > FALSE_ALARMS:
        return None
    return next((step for step in STEPS if _share_failed([slowed(suite, step) for suite in whole]) >= CAUGHT), None)


def _share_failed(suites: Sequence[Suite]) -> float:
    verdicts = [live(trial) for trial in trials(suites)]
    return verdicts.count("failed") / len(verdicts)


def _differences(trial: Trial) -> list[float]:
    return [launch.difference for launch in trial.launches]
