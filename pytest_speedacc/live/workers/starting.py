"""The workers of a launch, started side by side and ended whatever happens."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.channel import Channel, ChannelClosed
from pytest_speedacc.live.workers.protocol import Survey, WorkerSpec
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.worker_process import WorkerProcess
from pytest_speedacc.measure import clocks

HELLO_TIMEOUT = 5.0
"""Seconds from a connection to its first message, which a worker sends at once."""


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
