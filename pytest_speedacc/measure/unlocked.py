"""A Python that runs without its global lock, for which nothing here was made."""

from __future__ import annotations

import sys

from pytest_speedacc.errors import GateError


def refuse_without_lock() -> None:
    """Raise GateError where Python runs without the lock, as a free-threaded build does unless told otherwise."""
    has_lock = getattr(sys, "_is_gil_enabled", None)  # from Python 3.13 on
    if has_lock is not None and not has_lock():
        raise GateError(
            "this Python runs without the global interpreter lock, where what times, profiles and tracks memory was "
            "never tried, and one library may switch the lock on in the middle. Run with PYTHON_GIL=1, or with a build "
            "that has the lock."
        )
