"""A tracker with memray's interface that sees what Python and numpy allocate, for tests that are not about memory.

memray patches every library that the process has loaded, twice a pass: 20 to 50 ms with those that the tests load,
which was a third of the time of a run inside a test. Python's own tracker starts in microseconds.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


class Tracker:
    """Notes the peak of what is allocated while it is entered, in ``file``."""

    def __init__(self, file: Path, **how: Any) -> None:
        self.file = file

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *error: object) -> None:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.file.write_text(str(peak), "ascii")


class FileReader:
    """Tells the peak that a tracker noted."""

    def __init__(self, file: Path) -> None:
        self.metadata = SimpleNamespace(peak_memory=int(file.read_text("ascii")))

    def __enter__(self) -> FileReader:
        return self

    def __exit__(self, *error: object) -> None:
        pass


quick_memray = ModuleType("memray")
vars(quick_memray).update(
    Tracker=Tracker, FileReader=FileReader, FileFormat=SimpleNamespace(AGGREGATED_ALLOCATIONS=None)
)
