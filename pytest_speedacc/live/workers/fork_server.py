"""One process from which all workers of a launch are forked: it has imported what both sides import from elsewhere.

Started anew for every launch, so that each has a memory layout of its own, which its two sides share. It imports
nothing of either tree. Run as ``python -m pytest_speedacc.live.workers.fork_server SPEC.json``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_speedacc.live.tree.identity import foreign_modules
from pytest_speedacc.live.workers import exits, worker_plugin
from pytest_speedacc.live.workers.forkable import why_no_fork
from pytest_speedacc.live.workers.modules import files_of
from pytest_speedacc.live.workers.process import die_with_parent
from pytest_speedacc.live.workers.protocol import ForkedWorker, ForkServerSpec
from pytest_speedacc.measure.memory import freeze_for_good

CANNOT_FORK = 97
"""The status with which it ends where it cannot, having said why in its last line."""


def main(path: str) -> int:
    """Fork the workers and wait for their ends; or be one of them."""
    spec = msgspec.json.decode(Path(path).read_bytes(), type=ForkServerSpec)
    die_with_parent()
    before = files_of(sys.modules)
    sys.path[:] = spec.sys_path
    _bring_in(spec.wanted)
    why = why_no_fork() or _in_trees(spec.roots) or _strangers(files_of(sys.modules), {**before, **spec.modules})
    if why:
        print(why)
        return CANNOT_FORK
    # No collection in a worker looks at what stands here, which would copy every page of it.
    freeze_for_good()
    waiting: dict[int, ForkedWorker] = {}
    for worker in spec.workers:
        child = _forked()
        if child == 0:
            _become(worker)
            exits.forget()
            code = worker_plugin.main(worker.spec, frozenset(sys.modules))
            exits.do()
            exits.leave(code)
        # By both, so that neither can come too late.
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        waiting[child] = worker
    while waiting:
        child, status = os.wait()
        if child in waiting:
            _note_end(Path(waiting.pop(child).ended), os.waitstatus_to_exitcode(status))
    return 0


def _bring_in(modules: Sequence[str]) -> None:
    """Import all of them, in the order in which a worker did."""
    gc.disable()
    for name in modules:
        # Some are made by others, and some come with one that follows.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.enable()


def _strangers(found: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Why what was imported is not what both sides would have imported; empty where it is."""
    for name, file in found.items():
        if known.get(name) != file:
            return f"importing what both sides import brings {name} from {file} as well, which they do not"
    return ""


def _in_trees(roots: Sequence[str]) -> str:
    """Which module of a tree was imported all the same; empty where none was."""
    for root in roots:
        for name, file in foreign_modules(sys.modules, os.devnull, root):
            return f"every process of this interpreter imports {name} from {file}"
    return ""


def _forked() -> int:
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def _become(worker: ForkedWorker) -> None:
    """What another process would be started with."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    log = os.open(worker.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(worker.folder)
    # As the user's code, and a process that it spawns, would find them.
    sys.argv[:] = [worker_plugin.__file__, worker.spec]
    sys.modules["__main__"] = worker_plugin
    os.environ.pop("PYTHONPATH", None)
    if worker.search:
        os.environ["PYTHONPATH"] = worker.search


def _note_end(path: Path, code: int) -> None:
    part = path.with_suffix(".part")
    part.write_text(str(code), "utf-8")
    part.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
