"""A worker that a fork server has started, in the place of a process that this one has started itself."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from pytest_speedacc.live.workers.fork_server import CANNOT_FORK
from pytest_speedacc.measure import clocks

_LOOK = 0.01
"""Seconds between two looks at whether it has ended."""


class Forked:
    """It answers as ``subprocess.Popen`` does."""

    def __init__(self, server: subprocess.Popen[bytes], log: Path, ended: Path) -> None:
        self.pid = 0
        """0 until it has connected."""
        self._server = server
        self._log = log
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        # First, because the file is there before the server ends.
        server = self._server.poll()
        with contextlib.suppress(OSError):
            return int(self._ended.read_text("utf-8"))
        # It ends with its server.
        return server

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else clocks.seconds() + timeout
        while (code := self.poll()) is None:
            if end is not None and clocks.seconds() > end:
                raise subprocess.TimeoutExpired("a forked worker", timeout or 0.0)
            time.sleep(_LOOK)
        return code

    def send_signal(self, number: int) -> None:
        """As to any process. Raises ProcessLookupError where there is none."""
        if not self.pid:
            raise ProcessLookupError
        os.kill(self.pid, number)

    @property
    def why_not(self) -> str:
        """Why the server forked nothing; empty where it did, or may still."""
        code = self._server.poll()
        if code is None or self._ended.exists():
            return ""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        said = lines[-1] if lines else ""
        return said if code == CANNOT_FORK else f"the process that they are forked from ended with {code}: {said}"
