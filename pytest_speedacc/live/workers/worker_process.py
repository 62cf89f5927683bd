"""A worker as the coordinator sees it: started, spoken to, and ended whatever happens."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.channel import Channel, ChannelClosed
from pytest_speedacc.live.workers.last_words import ask_where, last_words
from pytest_speedacc.live.workers.protocol import Ready, Survey, WorkerSpec
from pytest_speedacc.measure import clocks

HELLO_TIMEOUT = 5.0
"""Seconds from a connection to its first message, which a worker sends at once."""


class WorkerLost(Exception):
    """A worker ended, hung or refused; the first line says which and where, and its last words follow."""


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
    """The import path; empty leaves the interpreter's own, after ``search``."""
    one_thread: bool
    """Whether libraries are told to use a single thread."""
    rootdir: Path
    """pytest's root directory in this tree."""
    ini_file: Path | None = None
    """pytest's configuration file in this tree; None where it has none."""
    search: tuple[str, ...] = ()
    """Folders of source that an interpreter without ``sys_path`` imports from before its own packages."""
    survey: Survey | None = None
    """How the first launch asks which gates there are; None where nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Start:
    """What all workers of a launch are started with."""

    arguments: tuple[str, ...]
    """For pytest: whatever options make sense in a worker, without test paths."""
    seed: int
    """The same on both sides, new for every launch."""
    statics: bool
    """Whether score, counts and memory are measured too; so it is in the first launch."""
    scratch: Path
    """A folder that ends with the live run."""
    timeout: float
    """Seconds that a worker may be silent."""
    compares: bool = False
    """Whether ``compare`` is what is timed; elsewhere a worker passes it by."""
    counted: tuple[str, ...] = ()
    """Node ids of the tests whose models have their bytecodes counted, with the statics."""


class WorkerProcess:
    """A running worker."""

    def __init__(self, side: Side, popen: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
        self.side = side
        self.gates: tuple[str, ...] = ()
        """Node ids of all gates that it collected."""
        self.markers: Mapping[str, list[dict[str, Any]]] = {}
        """Keywords of the gates' markers, the nearest first, as the base's first worker tells them."""
        self.expected: frozenset[str] = frozenset()
        """Node ids of the gates that are marked as expected to fail, as the same tells them."""
        self._failures: dict[str, str] = {}
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
                    return
                case "finished":
                    raise self.lost("it collected nothing")

    def next_check(self, test: str) -> Ready | None:
        """Its next ``check`` in ``test``, or None when there is none left.

        Raises WorkerLost, also when it has imported what belongs to the other revision.
        """
        if test not in self.gates:
            return None
        self._place = f"in {test}"
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
def started(wanted: Sequence[tuple[Side, Sequence[str] | None]], start: Start) -> Iterator[list[WorkerProcess]]:
    """Start a worker for each side and its tests, in this order, and end all of them on leaving, whatever happened.

    One without tests (None) is a survey, and tells which gates its side has.

    They come up side by side. Raises WorkerLost for one that does not in time.
    """
    workers: list[WorkerProcess] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        try:
            tokens = {}
            for side, tests in wanted:
                token = secrets.token_hex(16)
                tokens[token] = worker = _start(side, tests, start, server.getsockname()[1], token)
                workers.append(worker)
            _connect(server, tokens, start.timeout)
            yield workers
        finally:
            for worker in workers:
                worker.end()


def _start(side: Side, tests: Sequence[str] | None, start: Start, port: int, token: str) -> WorkerProcess:
    survey = (side.survey if tests is None else None) or Survey(start.arguments)
    spec = WorkerSpec(
        is_base=side.label == "base",
        port=port,
        token=token,
        root=str(side.root),
        other_root=str(side.other_root),
        sys_path=side.sys_path,
        rootdir=str(side.rootdir),
        ini_file=str(side.ini_file or ""),
        paths=tuple(_in_tree(path, side) for path in survey.paths),
        arguments=tuple(_in_tree(argument, side) for argument in survey.arguments),
        tests=tuple(tests or ()),
        cores=process.quiet_core() if side.one_thread else (),
        seed=start.seed,
        statics=start.statics,
        scratch=str(start.scratch),
        compares=start.compares,
        counted=start.counted,
        surveys=tests is None,
    )
    stem = f"{side.label}-{token[:8]}"
    path, log = start.scratch / f"{stem}.json", start.scratch / f"{stem}.log"
    path.write_bytes(msgspec.json.encode(spec))
    # Without -P a file in the user's folder could stand in for a module that the worker starts with.
    command = [
        side.python,
        *(["-P"] if side.sys_path or side.search else []),
        "-m",
        "pytest_speedacc.live.workers.worker_plugin",
        str(path),
    ]
    environment = process.worker_environment(side.one_thread, hash_seed=start.seed)
    search = [_in_tree(entry, side) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if not side.sys_path:
        search = [str(_plugin_folder(start.scratch)), *side.search, *search]
    if search:
        environment["PYTHONPATH"] = os.pathsep.join(search)
    return WorkerProcess(side, process.start(command, side.folder, environment, log), log, start.timeout)


def _in_tree(text: str, side: Side) -> str:
    """An argument or a path in which the other tree, where it is named, is replaced by the side's own."""
    return text.replace(str(side.other_root), str(side.root))


def _plugin_folder(scratch: Path) -> Path:
    """A folder with a copy of this plugin alone, for another interpreter: both sides must measure in the same way.

    The folder that the plugin is installed in holds the packages of this interpreter as well.
    """
    folder, package = scratch / "plugin", Path(__file__).parents[2]
    if not folder.exists():
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _connect(server: socket.socket, tokens: dict[str, WorkerProcess], timeout: float) -> None:
    server.settimeout(0.2)
    waiting = dict(tokens)
    end = clocks.seconds() + timeout
    while waiting:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            late = clocks.seconds() > end
            for worker in waiting.values():
                if late or not worker.is_running():
                    raise worker.lost(f"it did not connect within {timeout:g} s") from None
            continue
        channel = Channel(connection)
        try:
            token = channel.receive(HELLO_TIMEOUT).get("token")
        except ChannelClosed:
            # Not necessarily a worker: any process of this machine can connect, and one worker may just have died.
            token = None
        if token in waiting:
            waiting.pop(token).attach(channel)
        else:
            channel.close()


def _exit_text(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
