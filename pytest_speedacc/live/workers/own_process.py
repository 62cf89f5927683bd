"""A gate in a process of its own, forked from the worker that has collected it: no other gate has used its memory."""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

import psutil

from pytest_speedacc.live.workers.last_words import hold_back, passing_on, tell_again
from pytest_speedacc.live.workers.process import die_with_parent


def run_in_child(work: Callable[[], object]) -> None:
    """Have a forked child do the ``work``, and come back when it has.

    A child that ends in any other way takes this process with it, in the same way.
    """
    # Shared with the child: what the model calls may end it with any status.
    done = mmap.mmap(-1, 1)
    _flush()
    hold_back()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        try:
            tell_again()
            die_with_parent()
            work()
            _end_children()
            done[0] = 1
        except BaseException:
            traceback.print_exc()
        finally:
            _flush()
            os._exit(0 if done[0] else 1)
    with passing_on(child):
        _, status = os.waitpid(child, 0)
    if not done[0]:
        _end_as(os.waitstatus_to_exitcode(status))


def _end_as(code: int) -> None:
    if code < 0:
        # The child has told where it stood.
        faulthandler.disable()
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_children() -> None:
    """End what the gate has started and left: the next one is not to run beside it."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
