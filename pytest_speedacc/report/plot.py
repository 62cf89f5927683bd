"""Accuracy against latency as a picture: alternatives, their limits, and where each one came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_speedacc.config.units import format_seconds
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.printable import shown_title

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people with colour-blindness tell apart."""
LIMIT = "#b00020"
SMALLEST, LARGEST = 40.0, 900.0
"""Areas of the points with the fewest and the most parameters, in square points."""


@dataclass(frozen=True, slots=True)
class Point:
    """One gate in the plane."""

    title: str
    seconds: float
    """Median of a call."""
    score: float
    parameters: float | None
    former: tuple[float, float] | None
    """Seconds and score of the baseline or base; None where either is not known."""
    outcome: Outcome


def write_plot(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Draw every group of alternatives, or all gates where there is none, a panel each.

    Raises ConfigError without matplotlib, for a run that measured nothing to draw, and for a file that cannot be
    written.
    """
    try:
        from matplotlib import style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            f"--speedacc-report={path.name} is a plot, and matplotlib is not installed: "
            "install pytest-speedacc[report]."
        ) from error
    panels = _panels(verdicts)
    if not panels:
        raise ConfigError(f"--speedacc-report={path.name}: no gate of this run has both a score and a latency to draw.")
    # Whatever the user or the code under test made matplotlib's settings: usetex would want a LaTeX.
    with style.context("default"):
        figure = Figure(figsize=(7.2 * len(panels), 4.8), layout="constrained")
        FigureCanvasAgg(figure)
        for place, (name, members) in enumerate(panels.items(), start=1):
            _draw(figure.add_subplot(1, len(panels), place), name, members)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise ConfigError(f"--speedacc-report: {path} cannot be written: {error.strerror}.") from error


def _panels(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    drawn = [verdict for verdict in verdicts if _point(verdict) is not None]
    grouped = [verdict for verdict in drawn if verdict.group]
    panels: dict[str, list[Verdict]] = {}
    for verdict in grouped or drawn:
        panels.setdefault(verdict.group, []).append(verdict)
    return panels


def _point(verdict: Verdict) -> Point | None:
    rows = {(row.metric, row.statistic): row for row in verdict.observations if not row.slice}
    score, latency = rows.get(("accuracy", "")), rows.get(("latency", "median"))
    if score is None or latency is None or score.observed is None or latency.observed is None:
        return None
    former = None
    if score.reference is not None and latency.reference is not None:
        former = (latency.reference, score.reference)
    parameters = rows.get(("parameters", ""))
    count = parameters.observed if parameters else None
    return Point(_short(verdict), latency.observed, score.observed, count, former, verdict.outcome)


def _short(verdict: Verdict) -> str:
    """The test without its file: a point has room for a name, not for a path."""
    return verdict.name or verdict.test.rpartition("::")[2]


def _plain(text: str) -> str:
    """A name as a picture can hold it, where dollars would begin a formula and an underscore hide an entry."""
    shown = shown_title(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _draw(axes: Any, name: str, verdicts: Sequence[Verdict]) -> None:
    points = [point for verdict in verdicts if (point := _point(verdict)) is not None]
    axes.set_xscale("log")
    for number, point in enumerate(points):
        colour = COLOURS[number % len(COLOURS)]
        if point.former is not None:
            axes.plot(*point.former, marker="o", markersize=5, markerfacecolor="none", color=colour)
            axes.annotate(
                "", (point.seconds, point.score), point.former, arrowprops={"arrowstyle": "->", "color": colour}
            )
        failed = point.outcome is Outcome.FAILED
        axes.scatter(
            point.seconds,
            point.score,
            s=_area(point, points),
            color=colour,
            alpha=0.75,
            edgecolors=LIMIT if failed else "white",
            linewidths=2 if failed else 1,
            label=_plain(point.title) + (" (failed)" if failed else ""),
            zorder=3,
        )
    score = next(row for row in verdicts[0].observations if row.metric == "accuracy" and not row.slice)
    _make_room(axes, points, score.points)
    _shade_limits(axes, verdicts)
    axes.xaxis.set_major_formatter(lambda value, place: format_seconds(value))
    axes.xaxis.set_minor_formatter(lambda value, place: "")
    axes.set_xlabel("median latency of a call (log)")
    axes.set_ylabel(f"{_plain(score.note)}, {'higher' if score.higher_is_better else 'lower'} is better")
    axes.set_title(_plain(name) or "all gates")
    axes.grid(True, which="major", alpha=0.25)
    legend = axes.legend(title="area: parameters", fontsize="small", title_fontsize="small", loc="best")
    for handle in legend.legend_handles:
        handle.set_sizes([60])


def _area(point: Point, points: Sequence[Point]) -> float:
    """Proportional to the parameters, between the smallest area that is seen and the largest that leaves room."""
    most = max((each.parameters or 0.0 for each in points), default=0.0)
    return max(SMALLEST, LARGEST * point.parameters / most) if point.parameters and most else SMALLEST


def _make_room(axes: Any, points: Sequence[Point], within_unit: bool) -> None:
    """Margins in the scale of each axis, wide enough for the largest point; a score within 0 to 1 ends there."""
    seconds = [value for point in points for value in (point.seconds, *(point.former or ())[:1])]
    scores = [value for point in points for value in (point.score, *(point.former or ())[1:])]
    low, high = math.log10(min(seconds)), math.log10(max(seconds))
    margin = max(0.25, 0.2 * (high - low))
    axes.set_xlim(10 ** (low - margin), 10 ** (high + margin))
    height = max(0.15 * (max(scores) - min(scores)), 0.01 * max(abs(score) for score in scores), 1e-6)
    top = max(scores) + 1.5 * height
    axes.set_ylim(min(scores) - 1.5 * height, min(top, 1 + height / 2) if within_unit else top)


def _shade_limits(axes: Any, verdicts: Sequence[Verdict]) -> None:
    """What the strictest limits of the panel forbid, as far as it is in sight."""
    limits: dict[str, list[float]] = {}
    for verdict in verdicts:
        for check in verdict.checks:
            if check.limit is not None and not check.slice:
                limits.setdefault(check.setting, []).append(check.limit)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    style = {"color": LIMIT, "alpha": 0.08, "zorder": 0}
    slowest = min(limits.get("max_latency", []) + limits.get("max_latency_p50", []), default=math.inf)
    if slowest < right:
        axes.axvspan(max(left, slowest), right, **style)
    lowest = max(limits.get("min_accuracy", []), default=-math.inf)
    if lowest > bottom:
        axes.axhspan(bottom, min(top, lowest), **style)
    highest = min(limits.get("max_error", []), default=math.inf)
    if highest < top:
        axes.axhspan(max(bottom, highest), top, **style)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
