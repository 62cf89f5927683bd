"""Looks for bytes that crash the reader of baselines, guided by what they reach in it: ``tox -e fuzz``, by hand.

The first byte of an input chooses how the others are used: as a document, as an array in a sound archive, as an
archive, or as the choices of a strategy that the tests draw from, too. A finding is an error other than the project's
own, an input that takes 10 seconds, or one that takes 2 GiB.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "baseline"))
with atheris.instrument_imports(include=["pytest_speedacc.baseline", "zipfile", "json"]):
    import damaged_files
    from damaged_files import ARCHIVE, WHOLE, archive, described, read_archive, read_document

from hypothesis import HealthCheck, given, settings

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
anyhow = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@anyhow
@given(damaged_files.documents)
def drawn_document(data: bytes) -> None:
    read_document(FOLDER, data)


@anyhow
@given(damaged_files.archives)
def drawn_archive(data: bytes) -> None:
    read_archive(FOLDER, data)


WAYS: tuple[Callable[[bytes], object], ...] = (
    lambda data: read_document(FOLDER, data),
    lambda data: read_archive(FOLDER, archive(data, method=zipfile.ZIP_STORED)),
    lambda data: read_archive(FOLDER, data),
    drawn_document.hypothesis.fuzz_one_input,
    drawn_archive.hypothesis.fuzz_one_input,
)
SEEDS = (
    (0, WHOLE),
    (1, described("|u1", "(3,)", b"\0\1\2")),
    (1, described("<U2", "(3, 2)", bytes(48))),
    (1, described("<M8[25us]", "(3, 1)", bytes(24), True)),
    (2, ARCHIVE),
    (2, archive(described("<f8", "(3,)", bytes(24)), method=zipfile.ZIP_STORED)),
    (3, bytes(64)),
    (4, bytes(64)),
)


def one_input(data: bytes) -> None:
    if data:
        WAYS[data[0] % len(WAYS)](data[1:])


if __name__ == "__main__":
    corpus = Path(tempfile.mkdtemp(prefix="corpus-"))
    for place, (way, seed) in enumerate(SEEDS):
        (corpus / str(place)).write_bytes(bytes([way]) + seed)
    options = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=8192", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[1:], str(corpus)], one_input)
    atheris.Fuzz()
