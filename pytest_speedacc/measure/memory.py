"""Peak memory of inference, by an allocator-level tracker that sees native code as well as Python objects."""

from __future__ import annotations

import gc
import pickle
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_speedacc.axes.units import format_bytes
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.quiet import pause_profiler
from pytest_speedacc.measure.resident import growth, growth_note
from pytest_speedacc.measure.stack import with_room

_place: str | None = None
"""Where files are written; None for the folder of temporary ones."""
RESOLUTION = 1024
"""Bytes within which two peaks are the same: the interpreter's own tables grow by a little now and then."""
RELATIVE_RESOLUTION = 0.001
"""The same for a large peak, as a fraction of it."""
WARM_UP = 2
"""Passes before the first tracked one: a compiler that profiles the first call rewrites the second."""
FROZEN_AT_START = 1000
"""More objects than Python itself freezes at its start (3.12 does with 375), fewer than any ``gc.freeze``."""
_FROZEN = [FROZEN_AT_START]
"""What is frozen at most without the user's doing."""


@dataclass(frozen=True, slots=True)
class MemoryPeak:
    """The most that inference had allocated at any moment, above what was live before it."""

    peak: int
    """Bytes."""
    repeats: tuple[int, ...]
    """Bytes, the peak of each repeated measurement."""
    retained: int = 0
    """Bytes that each call leaves behind for good, beyond what earlier ones left; no part of the next call's peak."""
    of: str = ""
    """Which batches it was measured on."""

    @property
    def band(self) -> int:
        """Bytes by which two measurements of this model may differ with nothing changed.

        The resolution where most repeats agree: one that does not has met a table of the interpreter that
        grew. Where they do not agree, all of their range: threads race.
        """
        return resolution(self.peak) if _settled(self.repeats) else max(self.repeats) - min(self.repeats)


def measure_memory(call: Callable[[Any], Any], batches: Sequence[Any], *, repeats: int = 5) -> MemoryPeak:
    """Call the model on every batch under memray, up to ``repeats`` times, until most of the peaks agree.

    The median is the peak then, else the largest. A batch's output is dropped before the next batch, and
    garbage is collected between them. Memory that was live before is neither counted nor, when freed,
    subtracted; what stays of one call is told apart from the peak of the next. Other threads that allocate
    meanwhile are counted. A library with an allocator of its own is seen where it asks the system for memory.

    Raises GateError where memray cannot run, with a coarser figure, and passes on whatever the model raises.
    """
    memray = _import_memray(lambda: growth_note(growth(call, batches)) + " ")
    peaks: list[int] = []
    left: list[int] = []
    with _scratch_folder() as folder:
        # Made before the warm-up: the first tracker of a process imports modules, which empties the caches of
        # ``isinstance`` that the warm-up fills.
        tracker, file = _new_tracker(memray, folder)
        _warm_up(call, batches)
        with _quiet_heap():
            while True:
                _track(tracker, call, batches)
                peaks.append(_read_peak(memray, file))
                left.append(_read_left(memray, file))
                if _settled(peaks) or len(peaks) >= repeats:
                    break
                tracker, file = _new_tracker(memray, folder)

            def stays(call: Callable[[Any], Any], passes: int) -> int:
                tracker, file = _new_tracker(memray, folder)
                _track(tracker, call, [*batches] * passes)
                return _read_left(memray, file)

            kept = retained = 0
            # A table of the interpreter's grows in one pass, and what a model keeps does in every one.
            if min(left) > RESOLUTION:
                # The last answer, kept until the next one comes, is there once; a leak is twice as large.
                kept = max(0, stays(call, 2) - min(left)) // len(batches)
            if kept > RESOLUTION:
                # A table of pandas notes who looks at it. Only what stays of inputs that are new each time is a leak.
                on_copies = _on_copies(call)
                on_copies(batches[0])  # what copying itself keeps is kept once
                once = stays(on_copies, 1)
                retained = max(0, stays(on_copies, 2) - once) // len(batches)
    peak = statistics.median_low(peaks) if _settled(peaks) else max(peaks)
    if kept <= RESOLUTION:
        return MemoryPeak(peak, tuple(peaks))
    return MemoryPeak(max(0, peak - kept * (len(batches) - 1)), tuple(peaks), retained if retained > RESOLUTION else 0)


def _on_copies(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The model with a copy of each input, as a service gets a new one with each request."""

    def copied(batch: Any) -> Any:
        with suppress(Exception):  # of an input's own, which stays the one that it is
            # Not by deepcopy: two tables share their index then, which notes its readers as well.
            batch = pickle.loads(pickle.dumps(batch))
        return call(batch)

    return copied


def leak_note(retained: int) -> str:
    """The remark on a model of which each call leaves so many bytes."""
    return (
        f"each call of the model leaves {format_bytes(retained)} behind that stay, which the peak of a call does not "
        "hold: a process that goes on calling it runs out of memory. Look for a list or a cache without a bound"
    )


def track_once(function: Callable[[], Any]) -> int:
    """The peak of one call of ``function``, bytes, counted as ``measure_memory`` counts. Raises as that does."""
    memray = _import_memray()
    with _scratch_folder() as folder, _quiet_heap():
        tracker, file = _new_tracker(memray, folder)
        _track(tracker, lambda batch: function(), (None,))
        return _read_peak(memray, file)


@contextmanager
def recorded(call: Callable[[Any], Any], batches: Sequence[Any]) -> Iterator[Any]:
    """memray's reader of one pass over the batches, tracked as ``measure_memory`` tracks. Raises as that does."""
    memray = _import_memray()
    with _scratch_folder() as folder:
        tracker, file = _new_tracker(memray, folder)
        _warm_up(call, batches)
        with _quiet_heap():
            _track(tracker, call, batches)
        with _opened(memray, file) as reader:
            yield reader


def _settled(peaks: Sequence[int]) -> bool:
    if max(peaks) <= RESOLUTION:  # cannot be told from nothing, however often it is repeated
        return True
    middle = statistics.median_low(peaks)
    agreeing = sum(abs(peak - middle) <= resolution(middle) for peak in peaks)
    return agreeing > max(1, len(peaks) / 2)


def resolution(peak: int) -> int:
    """Bytes within which two peaks of about this height are the same."""
    return max(RESOLUTION, round(peak * RELATIVE_RESOLUTION))


def widest_band(peak: int) -> int:
    """Bytes that the ``band`` of no ``MemoryPeak`` of this height exceeds: the largest of repeats is the peak, and
    the smallest is not below zero."""
    return max(RESOLUTION, peak)


def _import_memray(instead: Callable[[], str] = str) -> Any:
    """memray, or GateError that says ``instead`` what can be told without it."""
    try:
        import memray
    except ImportError as error:
        raise GateError(
            f"memory cannot be measured here, since memray does not run ({error}): it needs Linux or macOS. "
            f"{instead()}Drop the memory limits on this machine."
        ) from error
    return memray


def write_below(folder: str) -> None:
    """Have what is written while memory is measured lie there: a process that is killed cannot remove it."""
    global _place
    _place = folder


def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="speedacc-", dir=_place)
    except OSError as error:
        raise _no_room(error) from error


def _new_tracker(memray: Any, folder: str) -> tuple[Any, Path]:
    file = Path(folder, f"{len(list(Path(folder).iterdir()))}.bin")
    try:
        tracker = memray.Tracker(
            file,
            trace_python_allocators=True,  # every object by itself, whichever arena it falls into
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        )
    except OSError as error:
        raise _no_room(error) from error
    return tracker, file


@contextmanager
def _opened(memray: Any, file: Path) -> Iterator[Any]:
    try:
        with memray.FileReader(file) as reader:
            yield reader
    except OSError as error:
        raise _no_room(error) from error


def _read_peak(memray: Any, file: Path) -> int:
    with _opened(memray, file) as reader:
        return int(reader.metadata.peak_memory)


def _read_left(memray: Any, file: Path) -> int:
    """Bytes that were allocated in a pass and are still there at its end."""
    with _opened(memray, file) as reader:
        return sum(int(record.size) for record in reader.get_leaked_allocation_records(merge_threads=True))


def _no_room(error: OSError) -> GateError:
    return GateError(
        f"memory cannot be measured, since memray's file in the temporary folder cannot be used ({error}). "
        "Free some space there, or point TMPDIR to a folder that has some."
    )


def _warm_up(call: Callable[[Any], Any], batches: Sequence[Any]) -> None:
    # memray listens to function calls, for which the interpreter builds a table per function and keeps it.
    # The idle profile function has them built now, or they would count as the model's: 40 KiB for a pipeline.
    with ExitStack() as stack:
        pause_profiler(stack)
        stack.callback(threading.setprofile, threading.getprofile())
        sys.setprofile(_ignore_event)
        threading.setprofile(_ignore_event)
        for _ in range(WARM_UP):
            for batch in batches:
                call(batch)


def _ignore_event(frame: object, event: str, argument: object) -> None:
    pass


@contextmanager
def _quiet_heap() -> Iterator[None]:
    """Set aside all objects there are, so that collections are quick and come at the same moments whatever is
    alive. A freeze of the user's own is left alone, since it could not be put back."""
    if gc.get_freeze_count() > _FROZEN[0]:
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        _FROZEN[0] = FROZEN_AT_START


def freeze_for_good() -> None:
    """Set aside all objects there are, as Python does at its start; it is no freeze of the user's own."""
    gc.freeze()
    _FROZEN[0] = FROZEN_AT_START + gc.get_freeze_count()


def _track(tracker: Any, call: Callable[[Any], Any], batches: Sequence[Any]) -> None:
    def run() -> None:
        try:
            tracker.__enter__()
        except RuntimeError as error:
            raise GateError(
                "memory cannot be measured, since another memray tracker is running here, and a process has "
                "room for one: run the gates without pytest --memray and outside memray run."
            ) from error
        try:
            for batch in batches:
                call(batch)
                _forget()
        finally:
            tracker.__exit__(None, None, None)

    _forget()
    with ExitStack() as stack:
        # memray puts back what it found by sys.setprofile as well.
        pause_profiler(stack)
        with_room(run)


def _forget() -> None:
    """Drop cyclic garbage, the free lists, and the type cache, which keeps names alive beyond their use."""
    gc.collect()
    if sys.version_info >= (3, 13):
        sys._clear_internal_caches()
    else:
        sys._clear_type_cache()
