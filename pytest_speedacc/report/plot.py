"""Accuracy against latency, and against each axis of the user's own, as a picture: alternatives, their limits, and
where each one came from."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pytest_speedacc.axes import own_axes
from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.axis import Axis, Role
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.units import format_value
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Outcome, Verdict
from pytest_speedacc.report.labels import Label, place_labels
from pytest_speedacc.report.printable import shortened, shown_title
from pytest_speedacc.report.summary import RunReport, without_file

NO_PICTURE = (
    "The picture of score against latency needs matplotlib, which is not installed: install pytest-speedacc[report]."
)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people with colour-blindness tell apart."""
LIMIT = "#b00020"
LONGEST_NAME = 32
"""Characters of a name at its point."""
SMALLEST, LARGEST = 40.0, 900.0
"""Areas of the points with the fewest and the most parameters, in square points."""
PANELS_ACROSS = 3
"""In a row; further panels begin another, so that a page or a screen shows them all."""
FEW = 8
"""Points that may be as large: more have to share the room."""


@dataclass(frozen=True, slots=True)
class Point:
    """One gate in the plane."""

    title: str
    amount: float
    """On the axis across: the median of a call, or an amount of the user's own axis."""
    score: float
    parameters: float | None
    former: tuple[float, float] | None
    """Amount and score of the baseline or base, where one of them is compared and another; None elsewhere."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of several gates."""

    group: str
    """The job that they are alternatives for; empty for all gates."""
    axis: Axis
    """The axis across."""
    verdicts: Sequence[Verdict]


def write_plot(path: Path, run: RunReport) -> None:
    """Draw every group of alternatives, or all gates where there is none, a panel each.

    Raises ConfigError without matplotlib, for a run that measured nothing to draw, and for a file that cannot be
    written.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"--speedacc-report={path.name} is a plot, and matplotlib is not installed: "
            "install pytest-speedacc[report]."
        ) from error
    if not _panels(run.verdicts):
        raise ConfigError(f"--speedacc-report={path.name}: no gate of this run has both a score and a latency to draw.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_plot(path, run)
    except OSError as error:
        raise ConfigError(f"--speedacc-report: {path} cannot be written: {error.strerror}.") from error


def has_plot(run: RunReport) -> bool:
    """Whether there is matplotlib, and something to draw."""
    return _has_matplotlib() and bool(_panels(run.verdicts))


def misses_plot(run: RunReport) -> bool:
    """Whether there is something to draw, and no matplotlib."""
    return not _has_matplotlib() and bool(_panels(run.verdicts))


def _has_matplotlib() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def draw_plot(file: Path | TextIO, run: RunReport) -> None:
    """Draw into a file of the suffix's kind, or as SVG into an open one. Raises OSError."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(run.verdicts)
    is_svg = not isinstance(file, Path) or file.suffix == ".svg"
    # Whatever the user or the code under test made matplotlib's settings: usetex would want a LaTeX.
    with style.context("default"):
        across = min(len(panels), PANELS_ACROSS)
        down = math.ceil(len(panels) / across)
        figure = Figure(figsize=(7.2 * across, 4.8 * down), layout="constrained")
        FigureCanvasAgg(figure)
        pictures = []
        for place, panel in enumerate(panels, start=1):
            axes = figure.add_subplot(down, across, place)
            _draw(axes, panel)
            pictures.append((axes, list(_labels(panel))))
        place_labels(figure, pictures)
        kind = "svg" if is_svg else None
        figure.savefig(file, dpi=150, metadata={"Date": None} if is_svg else None, format=kind)


def _panels(verdicts: Sequence[Verdict]) -> list[Panel]:
    panels = []
    for axis in (LATENCY, *own_axes()):
        drawn = [verdict for verdict in verdicts if _point(verdict, axis) is not None]
        grouped = [verdict for verdict in drawn if verdict.group]
        members: dict[str, list[Verdict]] = {}
        for verdict in grouped or drawn:
            members.setdefault(verdict.group, []).append(verdict)
        panels += [Panel(group, axis, found) for group, found in members.items()]
    return panels


def _point(verdict: Verdict, axis: Axis) -> Point | None:
    rows = {(row.metric, row.statistic): row for row in verdict.observations if not row.slice}
    score, across = rows.get((ACCURACY.name, "")), rows.get((axis.name, "median" if axis is LATENCY else ""))
    if score is None or across is None or score.observed is None or across.observed is None:
        return None
    amount, before = across.observed, across.reference
    if axis is LATENCY:
        # Times are compared in turn or not at all: what a baseline knows of another day is no place to come from.
        sides = next((it.sides for it in verdict.checks if _is_median(it) and it.sides), None)
        amount, before = sides or (amount, None)
    # An axis that is not compared has not moved.
    former = (amount if before is None else before, score.observed if score.reference is None else score.reference)
    parameters = rows.get(("parameters", ""))
    count = parameters.observed if parameters else None
    moved = former if former != (amount, score.observed) else None
    return Point(_short(verdict), amount, score.observed, count, moved, verdict.outcome)


def _is_median(check: Check[str]) -> bool:
    return (check.metric, check.statistic, check.slice) == (LATENCY.name, "median", "")


def _short(verdict: Verdict) -> str:
    """The test without its file: a point has room for a name, not for a path."""
    return verdict.name or without_file(verdict.test)


def _plain(text: str) -> str:
    """A name as a picture can hold it, where dollars would begin a formula."""
    return shown_title(text).replace("$", r"\$")


def _labels(panel: Panel) -> Iterator[Label]:
    """The names of the points, those that failed first: they have the first choice of room."""
    points = _points(panel)
    for number, point in sorted(enumerate(points), key=lambda each: each[1].outcome is not Outcome.FAILED):
        text = shortened(_plain(point.title).strip(), LONGEST_NAME)
        text += " (failed)" if point.outcome is Outcome.FAILED else ""
        yield Label(text, point.amount, point.score, _area(point, points), COLOURS[number % len(COLOURS)])


def _points(panel: Panel) -> list[Point]:
    return [point for verdict in panel.verdicts if (point := _point(verdict, panel.axis)) is not None]


def _draw(axes: Any, panel: Panel) -> None:
    axis, verdicts = panel.axis, panel.verdicts
    points = _points(panel)
    is_log = all(amount > 0 for point in points for amount in (point.amount, *(point.former or ())[:1]))
    axes.set_xscale("log" if is_log else "linear")
    for number, point in enumerate(points):
        colour = COLOURS[number % len(COLOURS)]
        if point.former is not None:
            axes.plot(*point.former, marker="o", markersize=5, markerfacecolor="none", color=colour)
            axes.annotate(
                "", (point.amount, point.score), point.former, arrowprops={"arrowstyle": "->", "color": colour}
            )
        failed = point.outcome is Outcome.FAILED
        axes.scatter(
            point.amount,
            point.score,
            s=_area(point, points),
            color=colour,
            alpha=0.75,
            edgecolors=LIMIT if failed else "white",
            linewidths=2 if failed else 1,
            zorder=3,
        )
    score = next(row for row in verdicts[0].observations if row.metric == "accuracy" and not row.slice)
    _make_room(axes, points, score.points, is_log)
    _shade_limits(axes, panel)
    axes.xaxis.set_major_formatter(lambda value, place: format_value(value, axis.unit))
    axes.xaxis.set_minor_formatter(lambda value, place: "")
    what = "median latency of a call" if axis is LATENCY else _plain(axis.title)
    axes.set_xlabel(f"{what} (log)" if is_log else what)
    axes.set_ylabel(f"{_plain(score.note)}, {'higher' if score.higher_is_better else 'lower'} is better")
    axes.set_title(f"{_plain(panel.group) or 'all gates'}, larger with more parameters", fontsize="medium")
    axes.grid(True, which="major", alpha=0.25)


def _area(point: Point, points: Sequence[Point]) -> float:
    """Proportional to the parameters, between the smallest area that is seen and the largest that leaves room."""
    most = max((each.parameters or 0.0 for each in points), default=0.0)
    largest = LARGEST * min(1.0, FEW / len(points))
    return max(SMALLEST, largest * point.parameters / most) if point.parameters and most else SMALLEST


def _make_room(axes: Any, points: Sequence[Point], within_unit: bool, is_log: bool) -> None:
    """Margins in the scale of each axis, wide enough for the largest point; a score within 0 to 1 ends there."""
    amounts = [value for point in points for value in (point.amount, *(point.former or ())[:1])]
    scores = [value for point in points for value in (point.score, *(point.former or ())[1:])]
    if is_log:
        from matplotlib.ticker import LogLocator

        low, high = math.log10(min(amounts)), math.log10(max(amounts))
        margin = max(0.25, 0.2 * (high - low))
        axes.set_xlim(10 ** (low - margin), 10 ** (high + margin))
        # Powers of ten alone would leave a narrow axis with one name or none.
        wide = high - low + 2 * margin
        axes.xaxis.set_major_locator(LogLocator(subs=range(1, 10) if wide < 0.7 else (1, 2, 5) if wide < 2.5 else (1,)))
    else:
        low, high = min(amounts), max(amounts)
        margin = max(0.2 * (high - low), 0.01 * max(abs(low), abs(high)), 1e-6)
        axes.set_xlim(low - margin, high + margin)
    height = max(0.15 * (max(scores) - min(scores)), 0.01 * max(abs(score) for score in scores), 1e-6)
    top = max(scores) + 1.5 * height
    axes.set_ylim(min(scores) - 1.5 * height, min(top, 1 + height / 2) if within_unit else top)


def _shade_limits(axes: Any, panel: Panel) -> None:
    """What the strictest limits of the panel forbid, as far as it is in sight."""
    limits: dict[str, list[float]] = {}
    for verdict in panel.verdicts:
        for check in verdict.checks:
            if check.limit is not None and not check.slice:
                limits.setdefault(check.setting, []).append(check.limit)

    def limits_of(role: Role) -> list[float]:
        """Of the axis across, for all samples and, of a latency, its median."""
        settings = (it for it in panel.axis.settings if it.role is role and it.quantile in (None, 0.5))
        return [limit for setting in settings for limit in limits.get(setting.name, [])]

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    style = {"color": LIMIT, "alpha": 0.08, "zorder": 0}
    most, least = min(limits_of(Role.MAXIMUM), default=math.inf), max(limits_of(Role.MINIMUM), default=-math.inf)
    if most < right:
        axes.axvspan(max(left, most), right, **style)
    if least > left:
        axes.axvspan(left, min(right, least), **style)
    lowest = max(limits.get("min_accuracy", []), default=-math.inf)
    if lowest > bottom:
        axes.axhspan(bottom, min(top, lowest), **style)
    highest = min(limits.get("max_error", []), default=math.inf)
    if highest < top:
        axes.axhspan(max(bottom, highest), top, **style)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
