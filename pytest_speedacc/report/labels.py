"""Names at the points of a picture where there is room for them, and in a list beside it where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_LISTED = 16
"""Names beside a picture."""
MOST_TRIED = 40
"""Points that are named at all: of more, nobody could tell which name is whose."""
POINTS = 8
"""Size of the letters."""
GAP = 3
"""Between a point and its name, in points of type."""
ROUND = {"1": 0, "5": 1, "2": 2}
"""How round a number is, by its first digit."""
ROUNDS = 3
"""Each list beside the picture takes room from it."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name, and whose."""

    text: str
    x: float
    y: float
    area: float
    """Of the point, in square points of type."""
    colour: str

    @property
    def radius(self) -> float:
        """Of the point, in points of type."""
        return math.sqrt(self.area / math.pi)


def place_labels(figure: Any, pictures: Sequence[tuple[Any, Sequence[Label]]]) -> None:
    """Write the labels of each picture, its axes, none over another, over a point or over the edge."""
    listed: list[list[Label]] = [list(labels[MOST_TRIED:]) for _, labels in pictures]
    texts: list[Any] = []
    for _ in range(ROUNDS):
        for text in texts:
            text.remove()
        texts.clear()
        for (axes, _), those in zip(pictures, listed, strict=True):
            if those:
                _list(axes, those)
        figure.draw_without_rendering()
        for axes, _ in pictures:
            _thin_out_ticks(axes)
        added = False
        for (axes, labels), those in zip(pictures, listed, strict=True):
            named = [label for label in labels if label not in those]
            failed = _place(axes, named, labels, texts)
            those += failed
            added = added or bool(failed)
        if not added:
            return
    for (axes, _), those in zip(pictures, listed, strict=True):
        if those:
            _list(axes, those)


def _place(axes: Any, named: Sequence[Label], all_labels: Sequence[Label], texts: list[Any]) -> list[Label]:
    """Name the points; returns those that there is no room for."""
    from matplotlib.transforms import Bbox

    renderer, scale = axes.figure.canvas.get_renderer(), axes.figure.dpi / 72
    frame = axes.get_window_extent(renderer)

    def box(label: Label) -> Any:
        x, y = axes.transData.transform((label.x, label.y))
        size = label.radius * scale
        return Bbox.from_extents(x - size, y - size, x + size, y + size)

    taken, left = {id(label): box(label) for label in all_labels}, []
    for label in named:
        others = [each for key, each in taken.items() if key != id(label)]
        away = label.radius + GAP
        for offset, align in (
            ((away, 0), ("left", "center")),
            ((-away, 0), ("right", "center")),
            ((0, away), ("center", "bottom")),
            ((0, -away), ("center", "top")),
        ):
            text = axes.annotate(
                label.text,
                (label.x, label.y),
                offset,
                textcoords="offset points",
                ha=align[0],
                va=align[1],
                fontsize=POINTS,
                zorder=4,
            )
            text.set_in_layout(False)
            found = text.get_window_extent(renderer)
            inside = frame.x0 <= found.x0 and found.x1 <= frame.x1 and frame.y0 <= found.y0 and found.y1 <= frame.y1
            if inside and not any(found.overlaps(other) for other in others):
                # A key of its own, beside that of the point.
                taken[id(text)] = found
                texts.append(text)
                break
            text.remove()
        else:
            left.append(label)
    return left


def _list(axes: Any, labels: Sequence[Label]) -> None:
    """The names beside the picture, with the colours of their points."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="none", color=label.colour, label=label.text)
        for label in labels[:MOST_LISTED]
    ]
    if len(labels) > MOST_LISTED:
        handles.append(Line2D([], [], linestyle="none", label=f"and {len(labels) - MOST_LISTED} more"))
    axes.legend(handles=handles, fontsize=POINTS, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _thin_out_ticks(axes: Any) -> None:
    """Leave out the names of ticks across that would stand over another, the least round ones first."""
    renderer = axes.figure.canvas.get_renderer()
    low, high = axes.get_xlim()
    shown = [
        (tick, text.get_window_extent(renderer))
        for tick, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= tick <= high and text.get_text()
    ]
    kept: dict[float, Any] = {}
    for tick, found in sorted(shown, key=lambda each: ROUND.get(f"{each[0]:e}"[0], 3)):
        if all(found.x0 > other.x1 + 2 * GAP or found.x1 < other.x0 - 2 * GAP for other in kept.values()):
            kept[tick] = found
    axes.set_xticks(sorted(kept))
