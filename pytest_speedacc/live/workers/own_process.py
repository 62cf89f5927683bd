"""A gate in a process of its own, forked from the worker that has collected it: no other gate has used its memory."""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable

import psutil

from pytest_speedacc.live.workers import exits
from pytest_speedacc.live.workers.last_words import hold_back, passing_on, tell_again
from pytest_speedacc.live.workers.process import LONGEST_CLEANING, die_with_parent, kill_but_cleaners


def run_in_child(work: Callable[[], object]) -> None:
    """Have a forked child do the ``work``, and come back when it has.

    A child that ends in any other way takes this process with it, in the same way.
    """
    # Shared with the child: what the model calls may end it with any status.
    done = mmap.mmap(-1, 1)
    exits.flush()
    hold_back()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        try:
            tell_again()
            die_with_parent()
            exits.forget()
            work()
            done[0] = 1
            _leave()
        except BaseException:
            traceback.print_exc()
        finally:
            exits.leave(0 if done[0] else 1)
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


def _leave() -> None:
    """Do what the gate has registered to be done at its end, and end what it has started and left."""
    # A pool that never joins is no reason to wait.
    late = threading.Timer(LONGEST_CLEANING, _end_children)
    late.daemon = True
    late.start()
    exits.do()
    late.cancel()
    _end_children()


def _end_children() -> None:
    # The next gate is not to run beside them. What removes their shared memory does so when this process is gone too.
    kill_but_cleaners(psutil.Process().children(recursive=True))
    exits.leave(0)
