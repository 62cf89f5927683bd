"""Whether a process can be forked, and what its tests have done to it while they were collected."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_ACCELERATORS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")
"""What the drivers of NVIDIA, AMD and Intel open. Asking torch whether there is a CUDA device is enough."""
_BY_LIBRARIES = frozenset({"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "TF2_BEHAVIOR"})
"""Variables that scikit-learn and TensorFlow set by themselves when they are imported."""


@dataclass(slots=True)
class DoneByTests:
    """What the user's own files, being imported, have done to a worker."""

    environment: dict[str, str | None] = field(default_factory=dict)
    """Variables that they set, or removed (None), hooks of a conftest included and those of plugins not."""
    threads: set[int] = field(default_factory=set)
    """Those that they started; those of plugins, which both sides have, not counted."""
    _found: dict[str, str] | None = None
    """The variables before the first of them."""
    _started: dict[str, str] = field(default_factory=dict)
    """The variables before the present one."""
    _left: dict[str, str] = field(default_factory=dict)
    """The variables after the last."""
    _before: set[int] = field(default_factory=set)
    """Threads before the present one."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While they are imported."""
        self.begin()
        yield
        self.end()

    def begin(self) -> None:
        """Some of their code is about to run."""
        self._started = _variables()
        self._found = self._started if self._found is None else self._found
        self._before = _threads()

    def end(self) -> None:
        """It has run."""
        self._left, found = _variables(), self._found or {}
        for name in _differing(self._started, self._left):
            self.environment[name] = self._left.get(name)
            if self._left.get(name) == found.get(name):
                del self.environment[name]
        self.threads |= _threads() - self._before

    @property
    def is_environment_kept(self) -> bool:
        """Whether what is imported now is imported as it was while the tests were collected."""
        return not _differing(self._left, _variables()) - _BY_LIBRARIES

    def why_no_fork(self) -> str:
        """Why this process cannot be forked after that; empty where it can."""
        # An idle thread of a plugin is no harm, but a pool of threads without its threads never answers.
        count = len(self.threads & _threads())
        running = f"collecting the tests starts {count} thread{'s' if count > 1 else ''}" if count else ""
        return why_not_here() or running


class AfterConftests:
    """A plugin registered before any conftest: its hooks come after theirs, and before those of other plugins.

    A plugin may set variables of its own there, such as the path of a file that this process alone writes.
    """

    def __init__(self, done: DoneByTests) -> None:
        self.done = done

    def pytest_configure(self) -> None:
        """What a conftest has begun here is done."""
        self.done.end()

    def pytest_sessionstart(self) -> None:
        """The same."""
        self.done.end()


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


def _variables() -> dict[str, str]:
    """Without those in which pytest says where it is."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    return {name for name in {*before, *now} if before.get(name) != now.get(name)}


def _threads() -> set[int]:
    return {thread.id for thread in psutil.Process().threads()}
