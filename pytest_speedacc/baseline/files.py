"""The files of a baseline: how they are named, found and read."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

from pytest_speedacc.baseline.archive import LARGEST_FILE, Predictions, decode_predictions
from pytest_speedacc.baseline.document import damaged, decode_document, plain
from pytest_speedacc.baseline.schema import Baseline
from pytest_speedacc.errors import GateError

LARGEST_DOCUMENT = 4 * 2**20
"""Bytes; a baseline has a few thousand."""
LONGEST_NAME = 200
"""Bytes of the name of a baseline file: most file systems take 255, and that of its predictions is longer."""
NAMED_DIGITS = 16
"""Of the digest of predictions, in the name of their file."""

_PLAIN = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.py(::[a-z_][a-z0-9_]*)+(\[[a-z0-9_.-]+\])?")
_PLAIN_NAME = re.compile(r"[a-z0-9_]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.@\[\]-]+")


class MissingFile(GateError):
    """The file of the predictions of a baseline is not there."""

    def __init__(self, path: Path, document: Path, why: str = "Was it committed?") -> None:
        super().__init__(
            f"the baseline file {path} is missing, and {document.name} refers to it ($.predictions). {why} Restore it "
            "from version control, or write it anew with --speedacc-update."
        )
        self.path, self.document = path, document


def baseline_path(folder: Path, test: str, name: str) -> Path:
    """The file of one check: ``tests-test_digits--test_svm.json`` for ``tests/test_digits.py::test_svm``.

    No two checks share a name, not on a file system that ignores case either: what cannot be written plainly,
    capitals included, gets a digest. Names are ASCII, at most LONGEST_NAME bytes, and valid on Windows.
    """
    stem = _stem(f"{test}@{name}" if name else test)
    plainly = _PLAIN.fullmatch(test) and _PLAIN_NAME.fullmatch(name)
    if not plainly or len(f"{stem}.json") > LONGEST_NAME:
        digest = hashlib.sha256(f"{test}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        stem = f"{_UNSAFE.sub('_', stem)[: LONGEST_NAME - len(f'-{digest}.json')]}-{digest}"
    return folder / f"{stem}.json"


def is_named_after(path: Path, place: str) -> bool:
    """Whether, by its name, the baseline file ``path`` may be of a test in ``place``: a folder, a file or a test."""
    if place in ("", "."):
        return True
    if "::" not in place:
        place += "::" if place.endswith(".py") else "/"
    start = _UNSAFE.sub("_", _stem(place))[: LONGEST_NAME - len("-123456789012.json")]
    rest = path.stem[len(start) :]
    return path.stem.startswith(start) and (start.endswith("-") or rest[:1] in ("", "@", "[", "-"))


def guessed_test(path: Path) -> str:
    """The test that the baseline file ``path`` is likely to be of, by its name; empty where that does not tell."""
    file, separator, name = path.stem.partition("--")
    return f"{file.replace('-', '/')}.py::{name.replace('--', '::')}" if separator else ""


def predictions_path(path: Path, digest: str) -> Path:
    """The file of the predictions with this digest, for the baseline file ``path``.

    Named by what it holds, so that it never changes: a baseline refers to another one from one moment to the next.
    """
    return path.with_name(f"{path.stem}.{digest.removeprefix('sha256:')[:NAMED_DIGITS]}.npz")


def former_predictions_path(path: Path) -> Path:
    """Where the predictions were kept before their file was named by its content; it is read until the next update."""
    return path.with_suffix(".npz")


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
                f"the baseline file {path} is another check's: $.{field} is {plain(repr(found))}, not {expected!r}. "
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
    arrays = predictions_path(path, baseline.predictions)
    data = _read(arrays, LARGEST_FILE)
    if data is None and (former := _read(former_predictions_path(path), LARGEST_FILE)) is not None:
        arrays, data = former_predictions_path(path), former
    if data is None:
        raise MissingFile(arrays, path)
    if digest_of(data) != baseline.predictions:
        raise damaged(arrays, "", f"it is not the one that {path.name} was written with ($.predictions)")
    try:
        return decode_predictions(data, baseline.evaluation_set.samples)
    except ValueError as error:
        raise damaged(arrays, "", str(error)) from error


def _stem(text: str) -> str:
    return text.replace(".py::", "--").replace("::", "--").replace("/", "-")


def digest_of(data: bytes) -> str:
    """As a baseline names the content of its predictions' file."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


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
