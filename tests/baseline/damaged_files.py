"""Damaged baseline files, and what must come of each: the project's own error, or predictions that can be used.

The tests draw from the strategies here, and so does the fuzzer (tests/fuzz).
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
from baseline_examples import BASELINE, SLOWER, TEST, environment
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_speedacc.baseline import Accepted, Baseline
from pytest_speedacc.baseline.archive import MEMBER
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.baseline.files import digest_of, load_baseline, load_predictions, predictions_path
from pytest_speedacc.baseline.predictions import encode_predictions
from pytest_speedacc.baseline.schema import (
    EnvironmentRecord,
    EvaluationSet,
    StoredAccuracy,
    StoredLatency,
    StoredMemory,
    Updated,
)
from pytest_speedacc.errors import GateError

SAMPLES = 3
"""As many as every document here promises, unless it is damaged in that."""

# Whole ones

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
finite = st.floats(min_value=-1e100, max_value=1e100)
seconds = st.floats(min_value=0, max_value=1e9)
counts = st.integers(min_value=1, max_value=2**63 - 1)
commits = st.from_regex(r"\A[0-9a-f]{40}(-dirty)?\Z")
dates = st.datetimes(timezones=st.just(UTC)).map(lambda it: it.isoformat(timespec="seconds"))
peaks = counts.flatmap(lambda peak: st.builds(StoredMemory, peak=st.just(peak), band=st.integers(0, peak)))
digests = st.from_regex(r"\Asha256:[0-9a-f]{64}\Z")
latencies = st.builds(
    StoredLatency,
    batch_size=counts,
    calls=counts,
    calls_per_round=counts,
    median=seconds,
    p90=st.none() | seconds,
    p95=st.none() | seconds,
    p99=st.none() | seconds,
)
records = st.builds(
    EnvironmentRecord,
    environment=st.builds(environment, cpu=texts),
    versions=st.dictionaries(texts, texts, max_size=3),
    commit=st.none() | commits,
    date=dates,
    latency=st.none() | latencies,
    memory=st.none() | peaks,
)
ratios = st.floats(min_value=1, max_value=1e9)
accepted = st.builds(
    Accepted,
    metric=st.just("latency"),
    statistic=st.sampled_from(("median", "p95")),
    ratio=ratios,
    interval=st.tuples(ratios, ratios),
    base=st.from_regex(r"\A[0-9a-f]{40}\Z"),
    reason=texts.filter(bool),
    date=dates,
)
baselines = st.builds(
    Baseline,
    schema=st.just(1),
    test=texts,
    name=texts,
    updated=st.builds(Updated, commit=st.none() | commits, date=dates, reason=texts),
    accepted=st.lists(accepted, max_size=2).map(tuple),
    evaluation_set=st.builds(EvaluationSet, samples=counts, fingerprint=digests),
    accuracy=st.none() | st.builds(StoredAccuracy, score=texts, value=finite, greater_is_better=st.booleans()),
    parameters=st.none() | counts,
    model_size=st.none() | counts,
    versions=st.dictionaries(texts, texts, max_size=3),
    predictions=st.none() | digests,
    environments=st.lists(records, max_size=3).map(lambda some: {it.environment.key: it for it in some}),
)

# Damaged documents

WHOLE = encode_document(replace(BASELINE, accepted=(SLOWER,)))
ARCHIVE = encode_predictions(np.array([0, 1, 2]))

_odd_numbers = st.sampled_from(
    [0, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, -1e308, 1e-320, 0.0, -0.0, 1.5, float("inf"), float("nan")]
)
_odd_texts = st.sampled_from(["", "\ud800", "\0", "\x1b[2J", "::error::", "sha256:" + "0" * 64 + "\n", "x" * 5000])
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | _odd_numbers | st.text(max_size=10) | _odd_texts
values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all fields and items of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in [(*above, key), *places(each, (*above, key))]]


def with_field(place: tuple[Any, ...], value: Any) -> bytes:
    """The whole document with another value in one place."""
    document = json.loads(WHOLE)
    target = document
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return json.dumps(document).encode()


def without_field(place: tuple[Any, ...]) -> bytes:
    """The whole document without what is in one place."""
    document = json.loads(WHOLE)
    target = document
    for key in place[:-1]:
        target = target[key]
    del target[place[-1]]
    return json.dumps(document).encode()


_place = st.sampled_from(places(json.loads(WHOLE)))


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes of a whole file with a few of them changed, dropped, doubled or put in between."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        data[start : start + length] = draw(st.binary(max_size=8) | st.just(bytes(data[start : start + 2 * length])))
    return bytes(data) if draw(st.booleans()) else bytes(data[: draw(st.integers(0, len(data)))])


documents = st.one_of(
    st.binary(max_size=200),
    mutated(WHOLE),
    st.builds(with_field, _place, values),
    st.builds(without_field, _place),
    values.map(lambda value: json.dumps(value).encode()),
    st.integers(900, 200_000).map(lambda depth: b'{"schema": 1, "test": ' + b"[" * depth),
)

# Damaged archives

_HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}"


def array_file(header: str | bytes, data: bytes, *, version: bytes = b"\1\0", length: int | None = None) -> bytes:
    """An array file as numpy writes it, with whatever header."""
    text = header if isinstance(header, bytes) else header.encode("latin1", "replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    size = struct.pack("<H", (len(text) if length is None else length) % 2**16)
    return b"\x93NUMPY" + version + size + text + data


def described(kind: str, shape: object, data: bytes, order: object = False) -> bytes:
    """An array file that says this of itself."""
    return array_file(_HEADER.format(kind, order, shape), data)


def archive(
    content: bytes, name: str = MEMBER, method: int = zipfile.ZIP_DEFLATED, members: int = 1, comment: bytes = b""
) -> bytes:
    """A sound archive of whatever content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as zipped:
        for place in range(members):
            zipped.writestr(f"{place or ''}{name}" or "/", content)
        zipped.comment = comment
    return file.getvalue()


def lying(size: int, kept: bytes) -> bytes:
    """An archive whose list of members says that its array has ``size`` bytes."""
    data = bytearray(archive(kept))
    place = data.rindex(b"PK\1\2")
    data[place + 24 : place + 28] = struct.pack("<L", size)
    return bytes(data)


def bomb(kind: str, shape: tuple[int, ...], size: int) -> bytes:
    """An archive of a thousandth of ``size`` bytes of zeros, made without ever having them."""
    start = described(kind, shape, b"")
    packer, crc, packed = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.crc32(start), bytearray()
    packed += packer.compress(start)
    zeros = bytes(1 << 20)
    for begin in range(0, size, len(zeros)):
        part = zeros[: size - begin]
        crc = zlib.crc32(part, crc)
        packed += packer.compress(part)
    packed += packer.flush()
    name, whole = MEMBER.encode(), len(start) + size
    common = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, crc, len(packed), whole, len(name), 0)
    local = b"PK\3\4" + common + name + packed
    entry = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<3H2L", 0, 0, 0, 0, 0) + name
    return bytes(local + entry) + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, len(entry), len(local), 0)


KINDS = [
    *("|u1", "|b1", "<i8", ">f8", "<f2", "<f16", "<c32", "|O", "<U2", "<U0", "|S3", "|V8", "<U999999999", "<M8[ns]"),
    *("<M8[0s]", "<M8[99999999999s]", "<m8[]", "<f12", "i8", "", "[('a', '<i8')]", "<i3", "|i99", "<U-1"),
]
SHAPES = [
    *("(3,)", "(3, 2)", "()", "(3,0)", "(0,)", "(3, 99999999999)", "(3, 0, 9999999999999999999)", "(-3,)", "(3", "3"),
    *("(3.0,)", "(True,)", f"({'3, ' * 40})", f"({'3, ' * 400})", "[3]", "(3,)*9", "(3L,)", "None", f"({'9' * 400},)"),
]
_headers = st.builds(
    _HEADER.format,
    st.sampled_from(KINDS) | st.text(max_size=6),
    st.sampled_from(["False", "True", "0", "None", "'"]),
    st.sampled_from(SHAPES) | st.lists(st.integers(0, 2**64), max_size=4).map(lambda some: str(tuple(some))),
)
array_files = st.one_of(
    st.binary(max_size=200),
    st.builds(
        array_file,
        _headers | st.text(max_size=60) | st.binary(max_size=60),
        st.binary(max_size=64),
        version=st.sampled_from([b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\xff\xff"]),
        length=st.none() | st.integers(0, 2**16),
    ),
    st.builds(described, st.sampled_from(KINDS), st.sampled_from(SHAPES), st.binary(max_size=64), st.booleans()),
)
methods = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
archives = st.one_of(
    st.binary(max_size=200),
    mutated(ARCHIVE),
    st.builds(archive, array_files, method=methods),
    st.builds(archive, array_files, st.sampled_from([MEMBER, "x.npy", "", "../x"]), methods, st.integers(0, 3)),
    st.builds(lying, st.integers(0, 2**32 - 1), array_files),
    array_files.flatmap(lambda content: mutated(archive(content, method=zipfile.ZIP_STORED))),
)

# What must come of them


def read_document(folder: Path, data: bytes) -> Baseline | None:
    """The baseline in a document, or None where it is refused as it should be."""
    path = folder / "baseline.json"
    path.write_bytes(data)
    try:
        return load_baseline(path, TEST, "")
    except GateError as error:
        _check_refusal(str(error), path)
        return None


def read_archive(folder: Path, data: bytes) -> np.ndarray[Any, Any] | None:
    """The predictions in an archive, or None where it is refused; its document refers to it, whatever it is."""
    path = folder / "baseline.json"
    baseline = replace(BASELINE, predictions=digest_of(data))
    arrays = predictions_path(path, digest_of(data))
    arrays.write_bytes(data)
    try:
        found = load_predictions(path, baseline)
    except GateError as error:
        _check_refusal(str(error), arrays)
        return None
    finally:
        arrays.unlink()
    assert found is not None
    assert found.shape[0] == SAMPLES
    # It can be compared, shown and kept: nothing that comes later meets a surprise.
    if found.size < 1000:
        str(found.tolist()).encode("utf-8", "strict")
        encode_predictions(found)
    return found


def _check_refusal(message: str, path: Path) -> None:
    assert f"the baseline file {path} " in message
    assert len(message) < len(str(path)) + 1000
    assert message.isprintable()
    message.encode("utf-8", "strict")
