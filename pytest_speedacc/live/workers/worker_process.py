"""A worker as the coordinator sees it: spoken to, and ended whatever happens."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.channel import Channel, ChannelClosed
from pytest_speedacc.live.workers.forked import Forked
from pytest_speedacc.live.workers.last_words import ask_where, last_words
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.side import Side


class WorkerLost(Exception):
    """A worker ended, hung or refused; the first line says which and where, and its last words follow."""


class WorkerProcess:
    """A running worker."""

    def __init__(self, side: Side, popen: process.Process, log: Path, timeout: float) -> None:
        self.side = side
        self.gates: tuple[str, ...] = ()
        """Node ids of all gates that it collected."""
        self.markers: Mapping[str, list[dict[str, Any]]] = {}
        """Keywords of the gates' markers, the nearest first, as the base's first worker tells them."""
        self.expected: frozenset[str] = frozenset()
        """Node ids of the gates that are marked as expected to fail, as the same tells them."""
        self.why_no_fork = ""
        """Why its gates cannot have processes of their own; empty where they can."""
        self.environment: Mapping[str, str | None] = {}
        """What its tests, being collected, changed in its environment; in the first launch."""
        self.started_with: frozenset[str] = frozenset()
        """Modules that it had imported before the user's own files; in the first launch."""
        self.asked: Mapping[str, Sequence[str]] = {}
        """Packages that the user's files ask for, by file, and by "" what all of them need."""
        self._begun = ""
        self._failures: dict[str, str] = {}
        self._popen = popen
        self._log = log
        self._timeout = timeout
        self._channel: Channel | None = None
        self._place = "while starting"

    def attach(self, channel: Channel, pid: int) -> None:
        """Take the connection that this worker, the process ``pid``, made."""
        self._channel = channel
        if isinstance(self._popen, Forked):
            self._popen.pid = pid

    @property
    def why_not_forked(self) -> str:
        """Why it could not be forked; empty where it was, or is a process of its own."""
        return self._popen.why_not if isinstance(self._popen, Forked) else ""

    def send(self, kind: str, **content: Any) -> None:
        """Tell it something. Raises WorkerLost."""
        try:
            self._connected().send(kind, **content)
        except ChannelClosed as error:
            raise self.lost(str(error)) from None

    def receive(self) -> dict[str, Any]:
        """Its next message. Raises WorkerLost when it ends or is silent for too long."""
        try:
            return self._connected().receive(self._timeout)
        except ChannelClosed as error:
            raise self.lost(str(error)) from None

    def receive_gates(self) -> None:
        """Wait until it has collected its ``gates``. Raises WorkerLost."""
        self._place = "while collecting"
        while True:
            message = self.receive()
            match message["kind"]:
                case "failed":
                    self._failures.setdefault(message["test"], message["text"])
                case "collected":
                    self.gates = tuple(message["gates"])
                    self.markers = message.get("markers", {})
                    self.expected = frozenset(message.get("expected", ()))
                    self.why_no_fork = message.get("why_no_fork", "")
                    self.environment = message.get("environment", {})
                    self.started_with = frozenset(message.get("started_with", ()))
                    self.asked = message.get("asked", {})
                    return
                case "finished":
                    raise self.lost("it collected nothing")

    def begin(self, test: str, *, forks: bool = False) -> None:
        """Have it run ``test``, in a process of its own where it ``forks``; nothing where it has none of this name.

        Tests come in the order in which it was given them. Raises WorkerLost.
        """
        if test in self.gates:
            self._begun = test
            self.send("run", forks=forks)

    def next_check(self, test: str) -> Ready | None:
        """Its next ``check`` in ``test``, which it begins where it has not; None when there is none left.

        Raises WorkerLost, also when it has imported what belongs to the other revision.
        """
        if test not in self.gates:
            return None
        self._place = f"in {test}"
        if self._begun != test:
            self.begin(test)
        while True:
            message = self.receive()
            match message["kind"]:
                case "ready":
                    return msgspec.convert(message["gate"], Ready)
                case "failed":
                    self._failures.setdefault(message["test"], message["text"])
                case "ended" if message["test"] == test:
                    return None
                case "mixed":
                    raise WorkerLost(message["text"])
                case "finished":
                    raise self.lost("it finished early")
                case _:
                    continue

    def answers_problem(self) -> str:
        """Why what it answered while it was timed is not what was scored; empty where it is. Raises WorkerLost."""
        self.send("answers")
        problem: str = self.receive()["problem"]
        return problem

    @property
    def failures(self) -> Mapping[str, str]:
        """All that it has told of so far, by node id."""
        return dict(self._failures)

    def failure(self, test: str) -> str:
        """What this test, or the file that it is in, failed or was skipped with, in a line; empty when neither was."""
        for node, text in self._failures.items():
            if test == node or test.startswith((f"{node}::", f"{node}/")):
                return text
        return ""

    def lost(self, why: str) -> WorkerLost:
        """The error that says what became of it."""
        try:
            code: int | None = self._popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            code = None
        how = f"did not answer ({why})" if code is None else f"ended with {_exit_text(code)}"
        help = "" if code is not None else " If it needs longer, raise timeout in [tool.speedacc.live]."
        if code is None:
            # One that was stopped for the other's turn would not answer.
            self.resume()
            ask_where(self._popen, self._log)
        return WorkerLost(f"the {self.side.label} worker {how} {self._place}.{help}\n{last_words(self._log)}")

    def stop(self) -> None:
        """Stop it with all its threads until ``resume``."""
        process.stop(self._popen)

    def resume(self) -> None:
        """Let it go on."""
        process.resume(self._popen)

    def finish(self) -> None:
        """Tell it that nothing more is wanted of it, and let it do what is to be done at its exit."""
        self._connected().close()
        process.finish(self._popen)

    def end(self) -> None:
        """End it with all it has started."""
        if self._channel is not None:
            self._channel.close()
        process.end(self._popen)

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._popen.poll() is None

    def _connected(self) -> Channel:
        assert self._channel is not None, "a worker is spoken to after it has connected"
        return self._channel


def _exit_text(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
