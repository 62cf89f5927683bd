"""What a process has registered to be done at its exit, where it is a fork of another.

As ``multiprocessing`` does it from Python 3.14 on: a fork leaves to the process that it comes from what that one has
registered, such as the removal of a temporary folder, and does its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from typing import Any, NoReturn


def forget() -> None:
    """Leave what is registered by now to the process that this one was forked from."""
    atexit._clear()
    finalizers: Any = weakref.finalize
    finalizers._registry.clear()
    # It is registered again with the next one.
    finalizers._registered_with_atexit = False
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Registered by its import, for the pools and folders that are made from now on.
        atexit.register(util._exit_function)


def do() -> None:
    """Do what is registered, pools being told first, as the interpreter does."""
    shutdown: Any = threading
    shutdown._shutdown()
    atexit._run_exitfuncs()


def leave(code: int) -> NoReturn:
    """End this process without taking every object apart, which takes long where libraries are large."""
    flush()
    os._exit(code)


def flush() -> None:
    """Have written what was printed: a fork would print it again, and one that leaves at once not at all."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
