"""Parts of a model that its author names: ``with stage("preprocess"):``, timed while a profile is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

_NOTHING = nullcontext()


@dataclass(slots=True)
class Recorder:
    """What the stages of one pass took."""

    clock: Callable[[], float]
    synchronise: Callable[[], None] | None = None
    """Waits for the accelerator, so that a stage has what it started there; None where there is none."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of every time that a stage was gone through, by its name, in the order in which they were first entered."""


_recorder: Recorder | None = None


def stage(name: str) -> AbstractContextManager[None]:
    """Name a part of a model, to be told apart in its profile: ``with stage("preprocess"):``.

    Costs next to nothing while no profile is taken. The time of a stage within a stage is in both. In async code the
    time is that of the clock on the wall, with all that is awaited.
    """
    return _NOTHING if _recorder is None else _timed(_recorder, name)


@contextmanager
def recorded(clock: Callable[[], float], synchronise: Callable[[], None] | None = None) -> Iterator[Recorder]:
    """Have all stages of this process timed by ``clock``, seconds, until the end; ``synchronise`` is called at both
    ends of each."""
    global _recorder
    _recorder = recorder = Recorder(clock, synchronise)
    try:
        yield recorder
    finally:
        _recorder = None


@contextmanager
def _timed(recorder: Recorder, name: str) -> Iterator[None]:
    times = recorder.seconds.setdefault(name, [])
    wait = recorder.synchronise or _at_once
    wait()
    began = recorder.clock()
    try:
        yield
        wait()
    finally:
        times.append(recorder.clock() - began)


def _at_once() -> None:
    pass
