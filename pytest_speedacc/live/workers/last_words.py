"""What a lost worker has left in its log: its last lines, and where it stood when it crashed or no longer answered."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pytest_speedacc.live.workers.process import Process
from pytest_speedacc.measure import clocks

LAST_LINES = 15
"""Of its output."""
FRAMES = 10
"""Of its stack, from the innermost on: the model's own come first."""
ASKED = getattr(signal, "SIGUSR1", None)
"""What asks a worker where it stands; None where there are no signals."""
LONGEST_WAIT = 2.0
"""Seconds for the answer, which the interpreter writes without running any code of the worker's."""

_LOG: list[TextIO] = []
"""What ``tell_where`` writes to, the last one."""
_STACK = re.compile(r"^(?:Current thread|Thread) 0x.* \(most recent call first\):\n((?:  .*\n?)*)", re.MULTILINE)
_FATAL = re.compile(r"^(?:Fatal Python error|Windows fatal exception): .*$", re.MULTILINE)


def tell_where() -> None:
    """Have this process write to its log where it stands, when it crashes and when it is asked."""
    # A file of its own: pytest puts another one in the place of stderr while a test runs.
    _LOG.append(os.fdopen(os.dup(2), "w"))
    faulthandler.enable(_LOG[-1])
    _tell_when_asked()


def hold_back() -> None:
    """Be asked later: what asks this process meanwhile waits for ``passing_on``, or for ``tell_again`` in a child."""
    if ASKED is not None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [ASKED])


def tell_again() -> None:
    """Be asked again, after ``hold_back``."""
    if ASKED is not None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [ASKED])


@contextmanager
def passing_on(child: int) -> Iterator[None]:
    """While ``child`` does this process's work, have it asked instead."""
    if ASKED is None:
        yield
        return

    def ask(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, ASKED)

    faulthandler.unregister(ASKED)
    signal.signal(ASKED, ask)
    tell_again()
    try:
        yield
    finally:
        _tell_when_asked()


def ask_where(process: Process, log: Path) -> None:
    """Have a worker that is running write where it stands, and wait for that for a moment."""
    if ASKED is None:
        return
    text, before = "", len(_STACK.findall(_read(log)))
    # It may have ended just now; one that has not come as far as ``tell_where`` is ended by this.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.send_signal(ASKED)
    end = clocks.seconds() + LONGEST_WAIT
    while clocks.seconds() < end and process.poll() is None:
        last, text = text, _read(log)
        # Until it has come, and is no longer growing.
        if text == last and len(_STACK.findall(text)) > before:
            break
        time.sleep(0.01)


def last_words(log: Path) -> str:
    """Where it stood, and its last lines, each with a heading on a line of its own."""
    text = _read(log)
    fatal, stacks = _FATAL.search(text), list(_STACK.finditer(text))
    current = [stack for stack in stacks if stack[0].startswith("Current")] or stacks
    # Below a stack stand the names of every module that holds native code, and nothing that was said.
    said = text[: min(found.start() for found in (fatal, *stacks) if found)] if stacks else text
    lines = said.splitlines()[-LAST_LINES:]
    parts = ["Its last words:", *lines] if lines else ["It said nothing."]
    if current:
        parts += [fatal[0]] if fatal else []
        parts += ["Where it stood, the innermost call first:", *current[-1][1].splitlines()[:FRAMES]]
    return "\n".join(parts)


def _tell_when_asked() -> None:
    if ASKED is not None:
        faulthandler.register(ASKED, _LOG[-1])


def _read(log: Path) -> str:
    return log.read_text("utf-8", "replace")
