"""The predictions' file, read with suspicion: what it says of itself is checked before room is made for it."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from typing import IO, Any

import numpy as np

Predictions = np.ndarray[Any, Any]

LARGEST = 1 << 30
"""Bytes of predictions in memory, integers at full width: more is hostile, or not fit for a repository."""
LARGEST_FILE = 1 << 28
"""Bytes of the file."""
MEMBER = "predictions.npy"
"""The one array of the archive."""

_CHUNK = 1 << 20
"""Bytes that are unpacked at a time."""
_LARGEST_DIRECTORY = 1 << 12
"""Bytes of the archive's list of members, which has a hundred: zipfile reads all that it finds there."""
_LONGEST_HEADER = 1 << 12
"""Bytes of the array's description, which has a hundred."""
_MOST_DIMENSIONS = 32
"""As many as every numpy can have."""
_END = struct.Struct("<4s4HLLH")
"""The end of an archive: signature, two disks, members on this one, members, bytes and place of their list, comment."""
_HEADER = re.compile(
    rb"\{'descr': '(?P<type>"
    rb"\|b1|\|[iu]1|[<>][iu][248]|[<>]f(?:2|4|8|12|16)|[<>]c(?:8|16|24|32)|[<>]U[1-9][0-9]{0,8}|\|S[1-9][0-9]{0,8}"
    rb"|[<>][Mm]8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
    rb")', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>[0-9]{1,19},|[0-9]{1,19}(?:, [0-9]{1,19})+)\), \} *\n"
)
"""Every description that numpy has ever written for an array of numbers, texts or times."""


def decode_predictions(data: bytes, samples: int) -> Predictions:
    """The array of such a file, integers at full width, its first dimension ``samples`` long.

    Raises ValueError, with the reason, for anything else. Takes at most LARGEST bytes beside ``data``.
    """
    _check_end(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if [info.filename for info in members] != [MEMBER]:
                raise ValueError(f"it does not hold one array named {MEMBER}")
            (info,) = members
            if info.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) or info.flag_bits & 1:
                raise ValueError(f"{MEMBER} is packed in a way that no baseline is")
            with archive.open(info) as stream:
                return _array(stream, info.file_size, samples)
    except ValueError:
        raise
    except Exception as error:
        # Whatever zipfile makes of hostile bytes (a dozen kinds of error), they are no archive.
        raise ValueError(f"it is not a zip file of predictions ({error or type(error).__name__})") from error


def _check_end(data: bytes) -> None:
    """Hold an archive of one member, nothing appended, before zipfile believes what it says of its size."""
    if len(data) < _END.size:
        raise ValueError("it is not a zip file")
    signature, *counts, directory, place, comment = _END.unpack(data[-_END.size :])
    if signature != b"PK\5\6":
        raise ValueError("it is not a zip file, or not all of one")
    whole = place + directory + _END.size == len(data)
    # Before the end might stand another one, for archives of gigabytes, which would be believed instead.
    another = data[-_END.size - 20 :].startswith(b"PK\6\7")
    if counts != [0, 0, 1, 1] or comment or directory > _LARGEST_DIRECTORY or not whole or another:
        raise ValueError(f"it does not hold one array named {MEMBER}")


def _array(stream: IO[bytes], size: int, samples: int) -> Predictions:
    kind, shape, fortran, begin = _described(stream)
    if shape[0] != samples:
        raise ValueError(f"its shape is {shape}, for {samples} samples")
    # A score may subtract them, and small integers wrap around.
    wide = np.dtype(np.int64) if kind.kind in "iu" and kind.itemsize < 8 else kind
    # A dimension of no length takes no room, and those beside it still have to be counted.
    if math.prod(max(1, length) for length in shape) * wide.itemsize > LARGEST:
        raise ValueError(f"its shape is {shape}, which is more than {LARGEST // 2**20} MiB of predictions")
    count = math.prod(shape)
    if begin + count * kind.itemsize != size:
        raise ValueError(f"{MEMBER} is {size} bytes long, and its header promises {begin + count * kind.itemsize}")
    flat = np.empty(count, wide)
    step = max(1, _CHUNK // kind.itemsize)
    for start in range(0, count, step):
        wanted = min(step, count - start) * kind.itemsize
        flat[start : start + step] = _checked(_exactly(stream, wanted), kind)
    if stream.read(1):
        raise ValueError(f"{MEMBER} is longer than its header promises")
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _described(stream: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Type, shape and order by the array's header, and where its data begin."""
    start = _exactly(stream, 8)
    if start not in (b"\x93NUMPY\1\0", b"\x93NUMPY\2\0"):
        raise ValueError(f"{MEMBER} is not an array file of numpy")
    width = "<H" if start[6] == 1 else "<I"
    (length,) = struct.unpack(width, _exactly(stream, struct.calcsize(width)))
    if length > _LONGEST_HEADER:
        raise ValueError(f"the header of {MEMBER} is {length} bytes long, which that of no predictions is")
    found = _HEADER.fullmatch(_exactly(stream, length))
    if found is None:
        raise ValueError(f"the header of {MEMBER} describes no array of numbers, texts or times")
    shape = tuple(int(each) for each in found["shape"].decode().split(",") if each.strip())
    name = found["type"].decode()
    if len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"its shape has {len(shape)} dimensions, and at most {_MOST_DIMENSIONS} are read")
    try:
        kind = np.dtype(name)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"its type is {name}, which is unknown on this machine") from error
    return kind, shape, found["fortran"] == b"True", 8 + struct.calcsize(width) + length


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) != length:
        raise ValueError(f"{MEMBER} is shorter than its header promises")
    return found


def _checked(data: bytes, kind: np.dtype[Any]) -> Predictions:
    """The items in ``data``, of which each is one that numpy itself would make."""
    items: Predictions = np.frombuffer(data, kind)
    if kind.kind == "b" and bool((items.view(np.uint8) > 1).any()):
        raise ValueError("a truth value in it is neither true nor false")
    if kind.kind == "U" and not is_text(items):
        raise ValueError("a text in it is not Unicode")
    return items


def is_text(items: Predictions) -> bool:
    """Whether all is Unicode: what is not can be neither shown nor written. ``items`` are of numpy's type for texts."""
    points = np.ascontiguousarray(items).reshape(-1).view(np.dtype(np.uint32).newbyteorder(items.dtype.byteorder))
    return not bool(((points > 0x10FFFF) | ((points >= 0xD800) & (points <= 0xDFFF))).any())
