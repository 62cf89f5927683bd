"""A worker as the coordinator sees it: started, spoken to, and ended whatever happens."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_speedacc.live import process
from pytest_speedacc.live.channel import Channel, ChannelClosed
from pytest_speedacc.live.protocol import Ready, WorkerSpec

LAST_WORDS = 15
"""Lines of a lost worker's output that are shown."""


class WorkerLost(Exception):
    """A worker ended, hung or refused; the message says which, where, and shows its last words."""


@dataclass(frozen=True, slots=True)
class Side:
    """How the workers of one revision are started."""

    label: str
    """``candidate`` or ``base``."""
    root: Path
    """The tree whose tests they run."""
    other_root: Path
    """The tree from which they must import nothing."""
    folder: Path
    """Where pytest is started: the coordinator's own folder, mapped into ``root``."""
    python: str
    """The interpreter."""
    sys_path: tuple[str, ...]
    """The import path; empty leaves the interpreter's own."""
    one_thread: bool
    """Whether libraries are told to use a single thread."""
    rootdir: Path
    """pytest's root directory in this tree."""
    paths: tuple[str, ...]
    """Further paths to collect and run nothing of, only to know which gates there are."""


class Worker:
    """A running worker."""

    def __init__(self, side: Side, popen: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
        self.side = side
        self.failures: dict[str, str] = {}
        """What its tests failed with, by node id."""
        self._popen = popen
        self._log = log
        self._timeout = timeout
        self._channel: Channel | None = None
        self._place = "while starting"

    def attach(self, channel: Channel) -> None:
        """Take the connection that this worker made."""
        self._channel = channel

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

    def receive_gates(self) -> tuple[str, ...]:
        """The node ids of all gates that it collected. Raises WorkerLost."""
        self._place = "while collecting"
        while True:
            message = self.receive()
            if message["kind"] == "collected":
                return tuple(message["gates"])
            if message["kind"] == "finished":
                raise self.lost("it collected nothing")

    def next_check(self, test: str) -> Ready | None:
        """Its next ``check`` in ``test``, or None when the test has ended. Raises WorkerLost."""
        self._place = f"in {test}"
        while True:
            message = self.receive()
            match message["kind"]:
                case "ready":
                    return msgspec.convert(message["gate"], Ready)
                case "failed":
                    self.failures.setdefault(message["test"], message["text"])
                case "ended" if message["test"] == test:
                    return None
                case "finished":
                    raise self.lost("it finished early")
                case _:
                    continue

    def lost(self, why: str) -> WorkerLost:
        """The error that says what became of it."""
        try:
            code: int | None = self._popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            code = None
        how = f"did not answer ({why})" if code is None else f"ended with {_exit_text(code)}"
        words = self._log.read_text("utf-8", "replace").splitlines()[-LAST_WORDS:]
        return WorkerLost(
            f"the {self.side.label} worker {how} {self._place}. "
            + ("Its last words:\n" + "\n".join(words) if words else "It said nothing.")
        )

    def stop(self) -> None:
        """Stop it with all its threads until ``resume``."""
        process.stop(self._popen)

    def resume(self) -> None:
        """Let it go on."""
        process.resume(self._popen)

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


@contextmanager
def started(
    sides: Sequence[Side], arguments: Sequence[str], tests: Sequence[str], *, seed: int, statics: bool, scratch: Path,
    timeout: float,
) -> Iterator[list[Worker]]:  # fmt: skip
    """Start a worker for each side, in this order, and end all of them on leaving, whatever happened.

    Raises WorkerLost for one that does not come up within ``timeout`` seconds.
    """
    workers: list[Worker] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        try:
            tokens = {}
            for side in sides:
                token = secrets.token_hex(16)
                tokens[token] = worker = _start(side, arguments, tests, seed, statics, scratch, timeout, server, token)
                workers.append(worker)
            _connect(server, tokens, timeout)
            yield workers
        finally:
            for worker in workers:
                worker.end()


def _start(
    side: Side, arguments: Sequence[str], tests: Sequence[str], seed: int, statics: bool, scratch: Path,
    timeout: float, server: socket.socket, token: str,
) -> Worker:  # fmt: skip
    spec = WorkerSpec(
        is_base=side.label == "base",
        port=server.getsockname()[1],
        token=token,
        root=str(side.root),
        other_root=str(side.other_root),
        sys_path=side.sys_path,
        rootdir=str(side.rootdir),
        paths=side.paths,
        arguments=tuple(arguments),
        tests=tuple(tests),
        cores=process.quiet_core() if side.one_thread else (),
        seed=seed,
        statics=statics,
        scratch=str(scratch),
    )
    stem = f"{side.label}-{token[:8]}"
    path, log = scratch / f"{stem}.json", scratch / f"{stem}.log"
    path.write_bytes(msgspec.json.encode(spec))
    command = [side.python, "-m", "pytest_speedacc.live.worker", str(path)]
    environment = process.worker_environment(side.one_thread, hash_seed=seed)
    if not side.sys_path:
        # Another interpreter runs this plugin too: both sides must measure in the same way.
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    return Worker(side, process.start(command, side.folder, environment, log), log, timeout)


def _connect(server: socket.socket, tokens: dict[str, Worker], timeout: float) -> None:
    server.settimeout(0.2)
    waiting = dict(tokens)
    end = time.monotonic() + timeout
    while waiting:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            late = time.monotonic() > end
            for worker in waiting.values():
                if late or not worker.is_running():
                    raise worker.lost(f"it did not connect within {timeout:g} s") from None
            continue
        channel = Channel(connection)
        token = channel.receive(timeout).get("token")
        if token in waiting:
            waiting.pop(token).attach(channel)
        else:
            channel.close()


def _exit_text(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
