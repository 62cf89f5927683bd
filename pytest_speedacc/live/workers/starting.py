"""The workers of a launch, started side by side and ended whatever happens."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_speedacc.live.tree.identity import is_below
from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.channel import Channel, ChannelClosed
from pytest_speedacc.live.workers.forked import Forked
from pytest_speedacc.live.workers.protocol import ForkedWorker, ForkServerSpec, Survey, WorkerSpec
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.worker_process import WorkerProcess
from pytest_speedacc.measure import clocks

HELLO_TIMEOUT = 5.0
"""Seconds from a connection to its first message, which a worker sends at once."""


class CannotFork(Exception):
    """The workers of a launch cannot be forked from one process; the text says why."""


@contextmanager
def started(wanted: Sequence[tuple[Side, Sequence[str] | None]], start: Start) -> Iterator[list[WorkerProcess]]:
    """Start a worker for each side and its tests, in this order, and end all of them on leaving, whatever happened.

    One without tests (None) is a survey, and tells which gates its side has.

    They come up side by side. Raises WorkerLost for one that does not in time, and CannotFork.
    """
    workers: list[WorkerProcess] = []
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        tokens = {}
        plans = [_plan(side, tests, start, server.getsockname()[1]) for side, tests in wanted]
        for plan, popen in zip(plans, _processes(plans, start, stack), strict=True):
            tokens[plan.token] = worker = WorkerProcess(plan.side, popen, plan.log, start.timeout)
            stack.callback(worker.end)
            workers.append(worker)
        _connect(server, tokens, start.timeout)
        yield workers
        for worker in workers:
            worker.finish()


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one worker is to be started."""

    side: Side
    token: str
    spec: Path
    log: Path
    environment: Mapping[str, str]


def _processes(plans: Sequence[_Plan], start: Start, stack: ExitStack) -> Iterator[process.Process]:
    if start.shared is None:
        for plan in plans:
            side = plan.side
            # Without -P a file in the user's folder could stand in for a module that the worker starts with.
            options = ["-P"] if side.sys_path or side.search else []
            command = [side.python, *options, "-m", "pytest_speedacc.live.workers.worker_plugin", str(plan.spec)]
            yield process.start(command, side.folder, plan.environment, plan.log)
        return
    side, first = plans[0].side, plans[0]
    forked = [
        ForkedWorker(
            spec=str(plan.spec),
            log=str(plan.log),
            ended=str(plan.spec.with_suffix(".ended")),
            folder=str(plan.side.folder),
            search=plan.environment.get("PYTHONPATH", ""),
        )
        for plan in plans
    ]
    roots = (str(side.root), str(side.other_root))
    # What an interpreter imports by itself is looked at once: thousands of modules take half a second.
    suspected = roots if start.statics else ()
    elsewhere = [entry for entry in side.sys_path if not any(is_below(entry, root) for root in roots)]
    shared = start.shared
    spec = ForkServerSpec(tuple(elsewhere), suspected, dict(shared.modules), shared.wanted, tuple(forked))
    path, log = start.scratch / f"forks-{first.token[:8]}.json", start.scratch / f"forks-{first.token[:8]}.log"
    path.write_bytes(msgspec.json.encode(spec))
    changed = {**first.environment, "PYTHONPATH": os.pathsep.join(elsewhere), **start.shared.environment}
    environment = {name: value for name, value in changed.items() if value}
    command = [side.python, "-P", "-m", "pytest_speedacc.live.workers.fork_server", str(path)]
    server = process.start(command, start.scratch, environment, log)
    stack.callback(process.end, server)
    # It ends with the last of them.
    stack.callback(process.finish, server)
    yield from (Forked(server, log, Path(worker.ended)) for worker in forked)


def _plan(side: Side, tests: Sequence[str] | None, start: Start, port: int) -> _Plan:
    token = secrets.token_hex(16)
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
    path = start.scratch / f"{stem}.json"
    path.write_bytes(msgspec.json.encode(spec))
    environment = process.worker_environment(side.one_thread, hash_seed=start.seed)
    search = [_in_tree(entry, side) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if not side.sys_path:
        search = [str(_plugin_folder(start.scratch)), *side.search, *search]
    if search:
        environment["PYTHONPATH"] = os.pathsep.join(search)
    return _Plan(side, token, path, start.scratch / f"{stem}.log", environment)


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
            for worker in waiting.values():
                if why := worker.why_not_forked:
                    raise CannotFork(why) from None
            late = clocks.seconds() > end
            for worker in waiting.values():
                if late or not worker.is_running():
                    raise worker.lost(f"it did not connect within {timeout:g} s") from None
            continue
        channel = Channel(connection)
        try:
            hello = channel.receive(HELLO_TIMEOUT)
        except ChannelClosed:
            # Not necessarily a worker: any process of this machine can connect, and one worker may just have died.
            hello = {}
        if hello.get("token") in waiting:
            waiting.pop(hello["token"]).attach(channel, hello.get("pid", 0))
        else:
            channel.close()
