"""What a run is doing, while it does it: a line that is renewed on a terminal, and now and then a line elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from pytest_speedacc.check.case import Say
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.table import wrapped

SOONEST, LATEST = 20.0, 120.0
"""Seconds from one line to the next where there is no terminal, such as in a log of CI: twice as many each time."""


def progress(config: pytest.Config, title: str) -> Say:
    """Say what a gate is doing, on a terminal only; an empty text clears it."""
    reporter = _reporter(config)
    if reporter is None or not reporter.isatty:
        return _nothing
    writer = reporter._tw

    def say(text: str) -> None:
        room = writer.fullwidth - writer.width_of_current_line - 2
        # What is going on stays in sight, however long the name of the test.
        line = f"  {shortened(printable(title), room // 2)}: {printable(text)}"[:room] if text else ""
        # The cursor is saved and restored, and the text is not counted, so that pytest goes on where it left off.
        with _uncaptured(config):
            _write_raw(writer, f"\x1b7{line}\x1b[K\x1b8")

    return say


def _write_raw(writer: Any, text: str) -> None:
    if hasattr(writer, "write_raw"):  # from pytest 9 on
        writer.write_raw(text, flush=True)
        return
    encoding = getattr(writer._file, "encoding", None) or "utf-8"
    writer._file.write(text.encode(encoding, "replace").decode(encoding))
    writer._file.flush()


def long_progress(config: pytest.Config, title: str) -> Say:
    """The same for what takes minutes: without a terminal the first text is a line, and then one ever more rarely."""
    reporter = _reporter(config)
    if reporter is None or reporter.isatty or config.get_verbosity() < 0:
        return progress(config, title)
    following, pause = 0.0, SOONEST

    def say(text: str) -> None:
        nonlocal following, pause
        now = time.monotonic()
        if text and now >= following:
            following, pause = now + pause, min(2 * pause, LATEST)
            with _uncaptured(config):
                for line in wrapped(f"speedacc, {printable(title)}: {printable(text)}", reporter._tw.fullwidth):
                    reporter.write_line(line, flush=True)

    return say


def _reporter(config: pytest.Config) -> Any:
    """pytest's own; None in a worker of xdist, where nobody would see it."""
    return None if hasattr(config, "workerinput") else config.pluginmanager.get_plugin("terminalreporter")


def _uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    capture = config.pluginmanager.get_plugin("capturemanager")
    shown: AbstractContextManager[None] = capture.global_and_fixture_disabled() if capture else nullcontext()
    return shown


def _nothing(text: str) -> None:
    pass
