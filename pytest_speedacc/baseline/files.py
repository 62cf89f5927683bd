"""The files of a baseline: how they are named, found and written."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pytest_speedacc.baseline.document import damaged, decode_document, encode_document
from pytest_speedacc.baseline.predictions import Predictions, decode_predictions, encode_predictions
from pytest_speedacc.baseline.schema import Baseline
from pytest_speedacc.errors import GateError

LARGEST_DOCUMENT = 16 * 2**20
"""Bytes; a baseline has a few thousand."""
LARGEST_ARRAYS = 2**28
"""Bytes of the compressed predictions."""
LONGEST_NAME = 200
"""Bytes of a file name: most file systems take 255, and a temporary file's is longer."""

_PLAIN = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.py(::[a-z_][a-z0-9_]*)+(\[[a-z0-9_.-]+\])?")
_PLAIN_NAME = re.compile(r"[a-z0-9_]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.@\[\]-]+")


def baseline_path(folder: Path, test: str, name: str) -> Path:
    """The file of one check: ``tests-test_digits--test_svm.json`` for ``tests/test_digits.py::test_svm``.

    No two checks share a name, not on a file system that ignores case either: what cannot be written plainly,
    capitals included, gets a digest. Names are ASCII, at most LONGEST_NAME bytes, and valid on Windows.
    """
    stem = (f"{test}@{name}" if name else test).replace(".py::", "--").replace("::", "--").replace("/", "-")
    plain = _PLAIN.fullmatch(test) and _PLAIN_NAME.fullmatch(name)
    if not plain or len(f"{stem}.json") > LONGEST_NAME:
        digest = hashlib.sha256(f"{test}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        stem = f"{_UNSAFE.sub('_', stem)[: LONGEST_NAME - len(f'-{digest}.json')]}-{digest}"
    return folder / f"{stem}.json"


def load_baseline(path: Path, test: str, name: str) -> Baseline | None:
    """The baseline of the check ``name`` of ``test``, or None when there is no file.

    Raises GateError, naming the file, the field and what to do, when it is anything but a whole baseline of
    this check in a schema that is known here.
    """
    baseline = read_baseline(path)
    if baseline is None:
        return None
    for field, found, expected in (("test", baseline.test, test), ("name", baseline.name, name)):
        if found != expected:
            raise GateError(
                f"the baseline file {path} is another check's: $.{field} is {found!r}, not {expected!r}. "
                "Restore it from version control, or write it anew with --speedacc-update."
            )
    return baseline


def read_baseline(path: Path) -> Baseline | None:
    """The baseline in a file, whoever's it is, or None when there is no file. Raises GateError as ``load_baseline``."""
    data = _read(path, LARGEST_DOCUMENT)
    return None if data is None else decode_document(path, data)


def load_predictions(path: Path, baseline: Baseline) -> Predictions | None:
    """The predictions beside the baseline file ``path``, shape (samples, ...); None when it has none.

    Raises GateError when they are missing, damaged, or of another update than the baseline.
    """
    if baseline.predictions is None:
        return None
    arrays = path.with_suffix(".npz")
    data = _read(arrays, LARGEST_ARRAYS)
    if data is None:
        raise damaged(arrays, "", f"it is missing, and {path.name} refers to it ($.predictions)")
    if _digest(data) != baseline.predictions:
        raise damaged(arrays, "", f"it is not the one that {path.name} was written with ($.predictions)")
    try:
        predictions = decode_predictions(data)
    except ValueError as error:
        raise damaged(arrays, "", str(error)) from error
    samples = baseline.evaluation_set.samples
    if predictions.shape[:1] != (samples,):
        raise damaged(arrays, "", f"its shape is {predictions.shape}, for {samples} samples")
    return predictions


def save_baseline(path: Path, baseline: Baseline, predictions: Predictions | None) -> None:
    """Write the baseline, and its predictions beside it; ``baseline.predictions`` is set to match.

    Both files are complete on disk before either takes its place. Raises GateError when they cannot be
    written; what was there before is there still.
    """
    arrays = path.with_suffix(".npz")
    packed = None if predictions is None else encode_predictions(predictions)
    files = {} if packed is None else {arrays: packed}
    files[path] = encode_document(replace(baseline, predictions=None if packed is None else _digest(packed)))
    try:
        _write(files)
        if packed is None:
            arrays.unlink(missing_ok=True)
    except OSError as error:
        raise GateError(
            f"the baseline {path} cannot be written ({error.strerror or error}), and was left as it was: "
            "make room or make the folder writable, then run the update again."
        ) from error


def _read(path: Path, largest: int) -> bytes | None:
    try:
        # Before it is opened: a pipe or a device might never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise damaged(path, "", "it is not an ordinary file")
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise damaged(path, "", "it is a link to nothing") from error
        return None
    except OSError as error:
        raise damaged(path, "", f"it cannot be read ({error.strerror or error})") from error
    if len(data) > largest:
        raise damaged(path, "", f"it is larger than {largest // 2**20} MiB, which no baseline is")
    return data


def _write(files: Mapping[Path, bytes]) -> None:
    """Put every file in its place, or none: all are flushed to disk before the first is moved."""
    staged = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in files}
    try:
        for path, temporary in staged.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(files[path])
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in staged.items():
            temporary.replace(path)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
