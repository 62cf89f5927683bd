"""The table, the JSON and the figure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_speedacc.config.live_settings import LiveSettings

from .record import Suite, read_suites
from .replay import by_itself, by_others, runs_of
from .rules import LIVE, RULES, TOLERANCE, trials
from .stopping import FINE, Stopped, narrow, stopped
from .tally import (
    SMALL_SPREAD,
    Effort,
    Mode,
    Spread,
    Tally,
    alarms,
    efforts,
    share_interval,
    smallest_measured,
    smallest_replayed,
    spreads,
    tallies,
)
from .unchanged import biases, correlation, side_to_side

DRAWN = (LIVE, "min > 5 %, same budget", "median > 5 %, same budget", "asv-like (10 % and Mann-Whitney)",
         "pyperf-like (t-test)")  # fmt: skip


def report(data: Path, out: Path) -> None:
    """Replay everything in ``data`` and write ``out``, a .md file, with a .json and an .svg beside it.

    Raises SystemExit when nothing has been measured yet.
    """
    suites = read_suites(data)
    every = list(trials(suites))
    if not every:
        raise SystemExit(f"There is no complete suite in {data}: run `python -m benchmarks.verdicts measure` first.")
    counted, effort, spread = tallies(every), efforts(every), spreads(every)
    modes = sorted(
        {tally.mode for tally in counted}, key=lambda mode: (mode.threads != "one", mode.condition != "quiet")
    )
    most = LiveSettings().launches
    smallest = {mode: (smallest_measured(counted, LIVE, mode), smallest_replayed(suites, mode, most)) for mode in modes}
    out.parent.mkdir(parents=True, exist_ok=True)
    figure = out.with_suffix(".svg")
    sections = [_heading(suites, figure)]
    for mode in modes:
        own = [tally for tally in counted if tally.mode == mode]
        sections += [
            f"## {str(mode).capitalize()}",
            _targets(mode, own, effort, spread, smallest[mode], alarms(every, mode)),
            "How often each rule calls a model slower, with the exact 95 % interval. At 0 % that is a false alarm; 2 % "
            f"is within the tolerance of {_percent(TOLERANCE.value)}; from 5 % on, the rest to 100 % was missed.",
            _rules_table(own),
            "The plugin's own verdicts, and what they took (the median of the launches, and the mean of the seconds).",
            _effort_table([tally for tally in own if tally.rule == LIVE], effort),
            "The workloads: the time of a call of the base, the launch-to-launch standard deviation of the difference "
            "between the two sides, that of an ABBA quad within a launch, and how many models 5 % slower were caught.",
            _spread_table([one for one in spread if one.mode == mode]),
        ]
    stops, fine = _replayed(suites)
    if stops:
        unstopped = _unstopped(suites)
        longest = max(len(launches) for suite in unstopped for launches in suite.launches.values())
        sections += [
            *_unchanged(unstopped),
            "## How soon a verdict comes, by the rule of today and by those before it",
            f"All rules on the same launches of unchanged models, shifted by exactly so much; at most {most} launches, "
            f"a tolerance of {_percent(TOLERANCE.value)}. Whatever is called slower at 0 % is a false alarm; 2 % is "
            "within the tolerance.",
            _stops_table(stops),
            "## A slow-down of 2 % at a tolerance of 1 %",
            f"The same with up to {longest} launches and a tolerance of {_percent(FINE)}.",
            _stops_table(fine),
        ]
    out.write_text("\n\n".join(sections) + "\n", "utf-8")
    out.with_suffix(".json").write_text(_json(suites, counted, effort, spread, smallest, stops, fine), "utf-8")
    draw(counted, modes, figure)


def _unstopped(suites: Sequence[Suite]) -> list[Suite]:
    """Suites of unchanged models, measured as a live run usually is, that no verdict stopped."""
    return [
        suite
        for suite in suites
        if (suite.cell.percent, suite.cell.threads, suite.cell.condition) == (0, "one", "quiet")
        and suite.cell.all_launches
        and not suite.lost
    ]


def _replayed(suites: Sequence[Suite]) -> tuple[list[Stopped], list[Stopped]]:
    """What the rules come to on suites that none of them stopped: at the usual tolerance, and at a fine one."""
    unstopped = _unstopped(suites)
    if not unstopped:
        return [], []
    alone, now, little = "each gate by its own launches", "now", "now, launches that spread by at most 2 %"
    fine = stopped(unstopped, FINE, {alone: by_itself, now: by_others}, (0.0, 0.02))
    if steady := narrow(unstopped):
        fine += stopped(steady, FINE, {little: by_others}, (0.0, 0.02))
    return stopped([run for suite in unstopped for run in runs_of(suite)]), fine


def _heading(suites: Sequence[Suite], figure: Path) -> str:
    def day(time: float) -> str:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")

    machines = sorted({suite.machine for suite in suites})
    revisions = sorted({suite.revision[:12] + "-dirty" * suite.revision.endswith("-dirty") for suite in suites})
    lost = sum(bool(suite.lost) for suite in suites)
    return "\n".join(
        [
            "# How often a verdict is wrong",
            "",
            f"Measured from {day(suites[0].started)} to {day(suites[-1].started)} on: {'; '.join(machines)}. "
            f"Plugin at {', '.join(revisions)}. {len(suites)} suites, of which {lost} ended early and are left out.",
            "",
            "Written by `python -m benchmarks.verdicts report`; how, and what is behind each rule, is in",
            "[benchmarks/README.md](../benchmarks/README.md).",
            "",
            f"![Share called slower, by slow-down and rule]({figure.name})",
        ]
    )


def _targets(
    mode: Mode, own: Sequence[Tally], effort: Sequence[Effort], spread: Sequence[Spread],
    smallest: tuple[int | None, float | None], of_runs: tuple[int, int],
) -> str:  # fmt: skip
    shares = {tally.percent: _share(tally.failed, tally.gates) for tally in own if tally.rule == LIVE}
    took = {one.percent: one.seconds for one in effort if one.mode == mode}
    narrow = [one.caught for one in spread if one.mode == mode and one.sd <= SMALL_SPREAD]
    wide = [one.caught for one in spread if one.mode == mode and one.sd > SMALL_SPREAD]
    measured, replayed = smallest
    rows = [
        ("runs of unchanged models in which any was called slower", "at most 1 %", _share(*of_runs)),
        ("unchanged models called slower", "", shares.get(0, "not measured")),
        ("5 % slower caught, launch spread up to 2 %", "95 %", _share(*map(sum, zip(*narrow, strict=True)))
         if narrow else "no such workload"),
        ("5 % slower caught, larger spreads", "", _share(*map(sum, zip(*wide, strict=True)))
         if wide else "no such workload"),
        ("10 % slower caught", "99 %", shares.get(10, "not measured")),
        ("seconds a gate, unchanged", "10", _number(took.get(0, math.nan))),
        ("**smallest slow-down caught in 95 % with at most 1 % false alarms**, as injected", "",
         "none so far" if measured is None else f"**{measured} %**"),
        ("the same, replayed in steps of 0.5 % from unchanged suites", "",
         "not known" if replayed is None else f"**{_percent(replayed)}**"),
    ]  # fmt: skip
    return _table(("", "target", "here"), rows)


def _rules_table(own: Sequence[Tally]) -> str:
    percents = sorted({tally.percent for tally in own})
    found = {(tally.rule, tally.percent): tally for tally in own}
    rows = []
    for rule in RULES:
        cells = [found.get((rule, percent)) for percent in percents]
        rows.append((rule, *(_share(cell.failed, cell.gates) if cell else "" for cell in cells)))
    return _table(("rule", *(f"{percent} % slower" for percent in percents)), rows)


def _effort_table(own: Sequence[Tally], effort: Sequence[Effort]) -> str:
    took = {(one.mode, one.percent): one for one in effort}
    rows = []
    for tally in sorted(own, key=lambda tally: tally.percent):
        one = took.get((tally.mode, tally.percent), Effort(tally.mode, tally.percent, math.nan, math.nan))
        verdicts = (tally.passed, tally.inconclusive, tally.failed)
        rows.append(
            (f"{tally.percent} %", *map(str, (tally.gates, *verdicts)), _number(one.launches), _number(one.seconds))
        )
    columns = ("slower by", "gates", "passed", "inconclusive", "failed", "launches", "seconds a gate")
    return _table(columns, rows)


def _unchanged(suites: Sequence[Suite]) -> list[str]:
    found, (alike, within) = biases(suites), correlation(suites)
    counts = sorted({suite.cell.all_launches or 0 for suite in suites})
    rows = [(bias.gate, _interval(bias.usual), _interval(bias.swapped)) for bias in found]
    return [
        "## Unchanged models, launch after launch",
        f"Suites of {' or '.join(map(str, counts))} launches that no verdict stopped, one thread, quiet. What the two "
        "sides differ by in truth, as the standard deviation over the gates after what chance explains is taken out: "
        f"**{_percent(side_to_side(found), 2)}**. A launch resembles the one before it by a correlation of "
        f"{alike:+.2f} ± {within:.2f} (0 where launches are independent). Below, the mean difference with its 95 % "
        "interval; swapped, the candidate lies where the base usually does, and the base under a path that is 40 "
        "characters longer.",
        _table(("workload", "usual", "swapped"), rows),
    ]


def _interval(found: tuple[float, float] | None) -> str:
    return "not measured" if found is None else f"{100 * found[0]:+.2f} ± {100 * found[1]:.2f} %"


def _stops_table(stops: Sequence[Stopped]) -> str:
    rows = [
        (f"{100 * one.slower:g} %", one.rule, str(one.gates), str(one.passed), _share(one.failed, one.gates),
         f"{one.launches:g}", _number(one.mean_launches))
        for one in stops
    ]  # fmt: skip
    columns = ("slower by", "rule", "gates", "passed", "failed", "launches (median)", "(mean)")
    return _table(columns, rows)


def _spread_table(own: Sequence[Spread]) -> str:
    rows = [
        (one.gate, f"{one.seconds * 1e3:.2f} ms", _percent(one.sd), _percent(one.within), _share(*one.caught))
        for one in own
    ]
    return _table(("workload", "call", "between launches", "within a launch", "5 % caught"), rows)


def _share(count: int, total: int) -> str:
    if not total:
        return "not measured"
    low, high = share_interval(count, total)
    return f"{count} of {total}: {_percent(count / total)} ({100 * low:.1f} to {100 * high:.1f})"


def _percent(share: float, digits: int = 1) -> str:
    return "not known" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def _number(value: float) -> str:
    return "not measured" if math.isnan(value) else f"{value:.1f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _json(
    suites: Sequence[Suite], counted: Sequence[Tally], effort: Sequence[Effort], spread: Sequence[Spread],
    smallest: dict[Mode, tuple[int | None, float | None]], stops: Sequence[Stopped], fine: Sequence[Stopped],
) -> str:  # fmt: skip
    content: dict[str, Any] = {
        "schema": 1,
        "machines": sorted({suite.machine for suite in suites}),
        "revisions": sorted({suite.revision for suite in suites}),
        "lost": [suite.lost for suite in suites if suite.lost],
        "rules": [{**asdict(tally), "interval": tally.interval} for tally in counted],
        "effort": [asdict(one) for one in effort],
        "spread": [asdict(one) for one in spread],
        "stopping": [asdict(one) for one in stops],
        "fine": [asdict(one) for one in fine],
        "smallest": [
            {"mode": asdict(mode), "measured_percent": measured, "replayed": replayed}
            for mode, (measured, replayed) in smallest.items()
        ],
    }
    return json.dumps(_without_nan(content), indent=1) + "\n"


def _without_nan(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nan(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_without_nan(entry) for entry in value]
        case float() if math.isnan(value):
            return None
    return value


def draw(counted: Sequence[Tally], modes: Sequence[Mode], path: Path) -> None:
    """The share called slower over the slow-down, one panel a mode, with exact intervals."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # The same file for the same data, so that a diff of it means something.
    with rc_context({"svg.hashsalt": "verdicts", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(1 + 5 * len(modes), 4.6), layout="constrained")
        panels = figure.subplots(1, len(modes), sharey=True, squeeze=False)
        for panel, mode in zip(panels[0], modes, strict=True):
            panel.axvspan(-1, 100 * TOLERANCE.value, color="0.93", lw=0)
            for place, rule in enumerate(DRAWN):
                own = sorted(
                    (tally for tally in counted if (tally.rule, tally.mode) == (rule, mode)), key=lambda t: t.percent
                )
                shares = [100 * tally.share for tally in own]
                errors = [[100 * abs(tally.interval[end] - tally.share) for tally in own] for end in (0, 1)]
                # Side by side, so that intervals at the same slow-down can be told apart.
                places = [tally.percent + 0.18 * (place - 2) for tally in own]
                width, order = (2.4, 9) if rule == LIVE else (1.1, 3)
                panel.errorbar(
                    places,
                    shares,
                    errors,
                    label=rule,
                    marker="o",
                    ms=4,
                    lw=width,
                    capsize=2,
                    color=f"C{place}",
                    zorder=order,
                )
            panel.set(
                title=str(mode).capitalize(), xlabel="true slow-down in %, within tolerance where grey", ylim=(-3, 103)
            )
            panel.set(xlim=(-1, 21), xticks=[0, 2, 5, 10, 20])
        panels[0][0].set_ylabel("called slower, in % of gates")
        figure.legend(
            *panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=1 + len(modes), frameon=False
        )
        figure.savefig(path, metadata={"Date": None})
