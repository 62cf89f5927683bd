"""A model that forks: the child that comes back from a call goes on with the test, and must not."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_speedacc.errors import GateError

_CAME_BACK = mmap.mmap(-1, 1)
"""Shared with every child: 1 once one has come back."""


@contextmanager
def one_process() -> Iterator[None]:
    """Call the model within: one process goes in, and one must come out.

    Ends a child that comes out. Raises GateError in its parent, there or at the next call.
    """
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            _CAME_BACK[0] = 1
            os._exit(1)
    if _CAME_BACK[0]:
        _CAME_BACK[0] = 0
        raise GateError(
            "the model forks, and its child comes back from the call and would go on with the test: it was ended. "
            "Let a child end with os._exit, or use subprocess or multiprocessing."
        )
