"""Plain-text tables that survive every log viewer, and fit the terminal that shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pytest_speedacc.report.printable import printable, shown_title


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces apart; columns that are empty throughout are left out.

    What a row is about stands in its first cell, and is shortened in its middle where it would drive the others out of
    sight.
    """
    shown = [(shown_title(first), *map(printable, others)) for first, *others in rows]
    columns = [column for column in zip(header, *shown, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return [*lines[:1], "  ".join("-" * width for width in widths), *lines[1:]]


def fits(lines: Sequence[str], width: int) -> bool:
    """Whether a terminal of ``width`` columns shows every line whole."""
    return max(map(len, lines), default=0) <= width


def wrapped(line: str, width: int, indent: int = 2) -> list[str]:
    """A line in as many as it takes, the further ones indented; words that are longer stay whole."""
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [line]
