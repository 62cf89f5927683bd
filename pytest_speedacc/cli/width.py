"""How wide the output of a command may be."""

from __future__ import annotations

import shutil

UNBOUNDED = 10_000
"""Columns where no terminal shows it: what goes into a file or another program is neither wrapped nor shortened."""


def terminal_width() -> int:
    """Columns of the terminal, or what ``COLUMNS`` says."""
    return shutil.get_terminal_size((UNBOUNDED, 24)).columns
