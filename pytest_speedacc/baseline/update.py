"""Writing a baseline: whatever ends the update, whenever, the old one is there or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.document import decode_document, encode_document
from pytest_speedacc.baseline.files import (
    LARGEST_DOCUMENT,
    NAMED_DIGITS,
    digest_of,
    former_predictions_path,
    load_predictions,
    predictions_path,
)
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.baseline.schema import Baseline
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.lock import lock_path

UNFINISHED = ".unfinished"
"""The folder in which files are written before they take their place; it is there for as long as that takes."""
UNSEEN = ".git"
"""The folder in it that holds them. Git adds nothing that lies in a folder of its own name, so that what a killed
update leaves can be committed by nobody. An ignore file would have its own first moment, in which it is empty."""
LONGEST_WAIT = 60.0
"""Seconds for another update, which takes milliseconds to write."""


def save_baseline(path: Path, baseline: Baseline, predictions: Predictions | None) -> tuple[Path, ...]:
    """Write the baseline with its predictions, and return its files; ``baseline.predictions`` is set to match.

    One step switches from the old baseline to the new: the renaming of the document, which names the file of its
    predictions by their content. Before it, both files are complete on disk, and the old ones untouched; after it,
    what the new document does not refer to is removed. Raises GateError when they cannot be written; what was there
    before is there still.
    """
    files: dict[Path, bytes] = {}
    digest = None
    if predictions is not None:
        packed = encode_predictions(predictions)
        digest = digest_of(packed)
        files[predictions_path(path, digest)] = packed
    files[path] = _readable(path, replace(baseline, predictions=digest))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(), _unfinished(path.parent) as staged:
            for target, content in files.items():
                _write(staged / target.name, content)
            for target in files:
                (staged / target.name).replace(target)
                _flush(target.parent)
            _sweep(path, digest)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error), "make room or make the folder writable") from error
    return tuple(files)


def is_held(path: Path, baseline: Baseline, predictions: Predictions) -> bool:
    """Whether the file of the predictions of ``baseline`` is there, whole, and holds exactly these."""
    try:
        former = load_predictions(path, baseline)
    except GateError:
        return False
    return former is not None and encode_predictions(former) == encode_predictions(predictions)


def settle_baseline(path: Path, digest: str | None) -> None:
    """Give the predictions of a baseline that stays the name that an update would, and remove what is left of others.

    Raises GateError as ``save_baseline`` does.
    """
    former = former_predictions_path(path)
    try:
        with _alone():
            if digest is not None and not predictions_path(path, digest).exists():
                former.replace(predictions_path(path, digest))
                _flush(path.parent)
            _sweep(path, digest)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error), "make the folder writable") from error


def _readable(path: Path, baseline: Baseline) -> bytes:
    """The text of the file. Raises GateError for what the next run could not read."""
    document = encode_document(baseline)
    try:
        decode_document(path, document)
    except GateError as error:
        raise _refusal(path, f"it could not be read again: {error}", "mend what is out of range") from error
    if len(document) > LARGEST_DOCUMENT:
        raise _refusal(path, f"it is {len(document) / 2**20:.0f} MiB long", "remove environments from it")
    return document


def _refusal(path: Path, why: str, remedy: str) -> GateError:
    return GateError(
        f"the baseline {path} cannot be written ({why}), and was left as it was: {remedy}, then run the update again."
    )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """No other update of this user on this machine writes at the same time, into whatever folder."""
    from filelock import FileLock, Timeout

    lock = FileLock(lock_path("baselines"))
    try:
        lock.acquire(timeout=LONGEST_WAIT)
    except Timeout:
        raise OSError(f"another update has held {lock_path('baselines')} for a minute") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A folder beside the files to write them in, with what an update that was killed has left there removed."""
    unfinished = folder / UNFINISHED
    _remove(unfinished)
    unfinished.mkdir()
    try:
        staged = unfinished / UNSEEN
        staged.mkdir()
        yield staged
    finally:
        _remove(unfinished)


def _remove(unfinished: Path) -> None:
    if unfinished.is_symlink() or not unfinished.is_dir():
        # Not ours, and wherever it leads, nothing is to be written there.
        unfinished.unlink(missing_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Have the system write down what was renamed, before the next step relies on it."""
    # Windows cannot open a folder, and some file systems cannot flush one: there, a power failure may cost an update.
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _sweep(path: Path, digest: str | None) -> None:
    """Remove predictions of this baseline to which it does not refer; what cannot be is left for the next update."""
    kept = predictions_path(path, digest) if digest is not None else None
    named = re.compile(rf"{re.escape(path.stem)}(\.[0-9a-f]{{{NAMED_DIGITS}}})?\.npz")
    for file in path.parent.iterdir():
        if named.fullmatch(file.name) and file != kept:
            with contextlib.suppress(OSError):
                file.unlink()
