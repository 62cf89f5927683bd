"""Where a worker's memory lies: models alike on both sides, and what a call needs in a heap that stands still.

The same product takes up to a tenth longer when its matrix begins at another address modulo 64. A block on the heap
begins wherever earlier ones have ended, and that depends on the length of a path. So while a model is built, blocks of
192 KiB and more come from `mmap`, always 16 bytes behind the beginning of a page. While it is timed they come from the
heap: there a call finds its memory where the last one has left it, and need not ask the system for it.

glibc alone; elsewhere memory lies where it lies.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_BUILDING = {
    "MALLOC_MMAP_THRESHOLD_": 128 << 10,
    # A block comes from mmap only where the top of the heap has no room for it; but a heap that gives back all that it
    # can spare asks for it again at once.
    "MALLOC_TOP_PAD_": 64 << 10,
    "MALLOC_TRIM_THRESHOLD_": 192 << 10,
}
_TIMING = {
    "MALLOC_MMAP_THRESHOLD_": 1 << 30,
    "MALLOC_TOP_PAD_": 64 << 20,
    "MALLOC_TRIM_THRESHOLD_": (1 << 31) - 1,
}
_NUMBERS = {"MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_TOP_PAD_": -2, "MALLOC_TRIM_THRESHOLD_": -1}
"""What `mallopt` calls them."""

ENVIRONMENT = {name: str(value) for name, value in _BUILDING.items()}
"""Of a worker at its start: a threshold that is set no longer adapts to what is freed."""


@contextmanager
def steady() -> Iterator[None]:
    """While a model is timed: blocks of any size come from the heap, which gives nothing back."""
    _set(_TIMING)
    try:
        yield
    finally:
        _set(_BUILDING)
        library = _library()
        if library is not None:
            # Or the next model would lie in what this one has left.
            library.malloc_trim(0)


def _set(values: dict[str, int]) -> None:
    library = _library()
    if library is not None:
        for name, value in values.items():
            library.mallopt(_NUMBERS[name], value)


@cache
def _library() -> Any:
    """glibc; None where it is another one."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "mallopt") else None
