"""Whether a process can be forked, and what its tests have done to it while they were collected."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_ACCELERATORS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")
"""What the drivers of NVIDIA, AMD and Intel open. Asking torch whether there is a CUDA device is enough."""


@dataclass(slots=True)
class DoneByTests:
    """What the user's own files, being imported, have done to a worker; plugins, which both sides have, not counted."""

    environment: dict[str, str | None] = field(default_factory=dict)
    """Variables that they set, or removed (None)."""
    threads: set[int] = field(default_factory=set)
    """Those that they started."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While they are imported."""
        before, threads = dict(os.environ), _threads()
        yield
        for name in {*before, *os.environ}:
            value = os.environ.get(name)
            if value != before.get(name) and not name.startswith("PYTEST_"):
                self.environment[name] = value
        self.threads |= _threads() - threads

    def why_no_fork(self) -> str:
        """Why this process cannot be forked after that; empty where it can."""
        # An idle thread of a plugin is no harm, but a pool of threads without its threads never answers.
        count = len(self.threads & _threads())
        running = f"collecting the tests starts {count} thread{'s' if count > 1 else ''}" if count else ""
        return why_not_here() or running


def why_no_fork() -> str:
    """Why this process, which runs no code of the user's, cannot be forked; empty where it can."""
    count = len(_threads()) - 1
    started = f"what both sides import starts {count} thread{'s' if count > 1 else ''}" if count else ""
    return why_not_here() or started


def why_not_here() -> str:
    """Why no process can be forked here, whatever it runs; empty where it can."""
    if not psutil.LINUX:
        # A fork without an exec is not safe with the frameworks of macOS.
        return "this system does not fork processes safely"
    if device := _open_accelerator():
        return f"{device} is in use when the tests are imported, and a driver does not survive a fork"
    return ""


def _open_accelerator() -> str:
    """The device file of an accelerator whose driver this process has started; empty for none."""
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if (target := str(link.readlink())).startswith(_ACCELERATORS):
                return target
    return ""


def _threads() -> set[int]:
    return {thread.id for thread in psutil.Process().threads()}
