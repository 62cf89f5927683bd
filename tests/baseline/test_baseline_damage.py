"""No bytes crash the reader: every damaged file is the project's own error, in bounded memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaged_files import (
    ARCHIVE,
    SAMPLES,
    WHOLE,
    archive,
    archives,
    array_file,
    bomb,
    described,
    documents,
    lying,
    places,
    read_archive,
    read_document,
    with_field,
    without_field,
)
from hypothesis import HealthCheck, given, settings

from pytest_speedacc.baseline import archive as module
from pytest_speedacc.baseline.archive import decode_predictions
from pytest_speedacc.baseline.predictions import encode_predictions

ROOMY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
THREE = described("|u1", "(3,)", b"\0\1\2")
OBJECTS = described("|O", "(3,)", b"\x80\x04N.")


@settings(ROOMY, max_examples=300)
@given(documents)
def test_any_document_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    read_document(tmp_path, data)


@settings(ROOMY, max_examples=300)
@given(archives)
def test_any_archive_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    read_archive(tmp_path, data)


def test_every_cut_and_every_changed_byte_of_an_archive(tmp_path: Path) -> None:
    assert read_archive(tmp_path, ARCHIVE) is not None
    for place in range(len(ARCHIVE)):
        assert read_archive(tmp_path, ARCHIVE[:place]) is None
        for byte in (0, 0xFF, ARCHIVE[place] ^ 1):
            read_archive(tmp_path, ARCHIVE[:place] + bytes([byte]) + ARCHIVE[place + 1 :])


def test_every_cut_and_every_odd_value_of_a_document(tmp_path: Path) -> None:
    assert read_document(tmp_path, WHOLE) is not None
    for place in range(0, len(WHOLE.rstrip()), 7):
        assert read_document(tmp_path, WHOLE[:place]) is None
    for place in places(json.loads(WHOLE)):
        read_document(tmp_path, without_field(place))
        for value in (None, True, -1, 2**64, 1e308, float("nan"), 10**400, "", "\ud800", [], {}, [[1]], {"\ud800": 1}):
            read_document(tmp_path, with_field(place, value))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not a zip file"),
        (b"PK nonsense of some length", "it is not a zip file, or not all of one"),
        (ARCHIVE[:-30], "it is not a zip file, or not all of one"),
        (ARCHIVE + b"more", "it is not a zip file, or not all of one"),
        (b"before" + ARCHIVE, "does not hold one array named predictions.npy"),
        (archive(THREE, comment=b"PK"), "it is not a zip file, or not all of one"),
        (archive(THREE, "other.npy"), "does not hold one array named predictions.npy"),
        (archive(THREE, members=0), "does not hold one array"),
        (archive(THREE, members=2), "does not hold one array"),
        (archive(THREE, method=zipfile.ZIP_LZMA), "is packed in a way that no baseline is"),
        (archive(THREE, method=zipfile.ZIP_BZIP2), "is packed in a way that no baseline is"),
        (archive(b"\x93NUMPY nonsense"), "predictions.npy is not an array file of numpy"),
        (archive(b"\x93NUM"), "predictions.npy is shorter than its header promises"),
        (archive(array_file("{}", b"", version=b"\3\0")), "predictions.npy is not an array file of numpy"),
        (archive(array_file("{}", b"", length=60_000)), "the header of predictions.npy is 60000 bytes long"),
        (
            archive(b"\x93NUMPY\2\0" + b"\xff" * 4),
            "the header of predictions.npy is 4294967295 bytes long",
        ),
        (archive(array_file("{}", b"", length=4000)), "predictions.npy is shorter than its header promises"),
        (archive(array_file("{", b"")), "describes no array of numbers, texts or times"),
        (archive(array_file("\0(\n", b"")), "describes no array of numbers, texts or times"),
        (archive(OBJECTS), "describes no array of numbers, texts or times"),
        (archive(described("[('a', '<i8')]", "(3,)", bytes(24))), "describes no array of numbers, texts or times"),
        (archive(described("<U0", "(3,)", b"")), "describes no array of numbers, texts or times"),
        (archive(described("|u1", "()", b"\0")), "describes no array of numbers, texts or times"),
        (archive(described("<f12", "(3,)", bytes(36))), "its type is <f12, which is unknown on this machine"),
        # numpy before 2.1 takes it, and counts its bytes wrong.
        (archive(described("<U999999999", "(3,)", b"")), "<U999999999, which is unknown on this machine|promises -"),
        (archive(described("|u1", "(4,)", bytes(4))), r"its shape is \(4,\), for 3 samples"),
        (archive(described("|u1", f"({'3, ' * 32}3)", b"")), "its shape has 33 dimensions, and at most 32 are read"),
        (
            archive(described("|u1", "(3, 999999999)", b"")),
            r"\(3, 999999999\), which is more than 1024 MiB",
        ),
        (archive(described("|u1", "(3, 0, 999999999)", b"")), "which is more than 1024 MiB of predictions"),
        (archive(described("|u1", "(3,)", bytes(2))), "is 130 bytes long, and its header promises 131"),
        (archive(described("|u1", "(3,)", bytes(4))), "is 132 bytes long, and its header promises 131"),
        (archive(described("|b1", "(3,)", b"\0\1\2")), "a truth value in it is neither true nor false"),
        (archive(described("<U1", "(3,)", b"\0\xd8\0\0" * 3)), "a text in it is not Unicode"),
        (archive(described("<U1", "(3,)", b"\xff" * 12)), "a text in it is not Unicode"),
        (archive(described(">U1", "(3,)", b"\0\0\xd8\0" * 3)), "a text in it is not Unicode"),
        (lying(131, described("|u1", "(3,)", b"\0")), "shorter than its header promises|zip file of predictions"),
    ],
    # Not by the archives, in which is the time: two workers would collect different tests.
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_other_archives_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_predictions(data, SAMPLES)


def test_what_is_appended_for_archives_of_gigabytes_is_not_believed() -> None:
    end = ARCHIVE[-22:]
    locator = b"PK\6\7" + bytes(16)
    longer = int.from_bytes(end[12:16], "little") + len(locator)
    data = ARCHIVE[:-22] + locator + end[:12] + longer.to_bytes(4, "little") + end[16:]
    with pytest.raises(ValueError, match="does not hold one array"):
        decode_predictions(data, SAMPLES)


def test_a_changed_byte_of_the_data_is_seen() -> None:
    data = bytearray(archive(THREE, method=zipfile.ZIP_STORED))
    place = data.index(b"\0\1\2PK")
    data[place] = 9
    with pytest.raises(ValueError, match="Bad CRC-32"):
        decode_predictions(bytes(data), SAMPLES)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_what_is_unpacked_in_parts_is_whole(monkeypatch: pytest.MonkeyPatch, order: Any, chunk: int) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    given = np.array(np.arange(24).reshape(4, 3, 2), order=order)
    assert decode_predictions(encode_predictions(given), 4).tolist() == given.tolist()


def test_a_bomb_is_not_unpacked() -> None:
    # As few bytes as there are in half a MiB, of which each would take eight.
    data = bomb("|u1", (SAMPLES, 2**27), SAMPLES * 2**27)
    assert len(data) < 2**19
    with pytest.raises(ValueError, match="which is more than 1024 MiB of predictions"):
        decode_predictions(data, SAMPLES)


HOSTILE = """
import resource, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from damaged_files import SAMPLES, archive, bomb, described, lying, read_archive, read_document, with_field

folder = Path(sys.argv[2])
deep = b'{"schema": 1, "test": ' + b'{"' + b"k" * 10_000 + b'": '
documents = [
    b'{"schema": 1, "test": [' + part * (4 * 2**20 // len(part) - 30) + b"0]}"
    for part in (b"[],", b"{},", b'{"a":1},', b"1e5,", b'"\\\\ud800",', b"NaN,")
]
documents += [deep * 300, b"[" * 4_000_000, b'{"a":' * 800_000, b'{"schema": 1, "test": ' + b"9" * 4_000_000]
documents += [b'{"schema": 1' + b"".join(b', "%d": 1' % n for n in range(300_000)) + b', "0": 2}']
documents += [with_field(("test",), "x" * 4_000_000), b'{"' + b"x" * 4_000_000 + b'": 1, "schema": 1}']
shapes = [(SAMPLES, 2**20), (SAMPLES, 2**27), (SAMPLES, 2**40), (SAMPLES,)]
archives = [bomb(kind, shape, SAMPLES * 2**20) for kind in ("|u1", "<f8", "<U2") for shape in shapes]
archives += [lying(2**32 - 2, described("|u1", "(3, 1431655700)", bytes(1000)))]
archives += [bomb("<U9000000", (SAMPLES,), SAMPLES * 36_000_000), archive(b"", members=10_000)]
archives += [bomb("|u1", (SAMPLES, 40 * 2**20), SAMPLES * 40 * 2**20)]  # nearly the largest that is read

in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[3]) * 2**20,) * 2)
seen = [read_document(folder, data) for data in documents]
read = [data for data in archives if read_archive(folder, data) is not None]
print(len(documents) - seen.count(None), [archives.index(data) for data in read])  # what was not refused
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
def test_hostile_files_take_bounded_memory_and_time(tmp_path: Path) -> None:
    # An archive may take 1 GiB, and the memory limit leaves little more. A reader that does not end is killed.
    program = [sys.executable, "-c", HOSTILE, str(Path(__file__).parent), str(tmp_path), "1100"]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert (ran.stdout, ran.stderr) == ("0 [0, 13, 15]\n", "")
