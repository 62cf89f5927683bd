"""A digest of an evaluation set, so that a score is only ever compared with one on the same samples."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from pytest_speedacc.errors import GateError

Feed = Callable[[Any], None]
"""Takes bytes, or an array of them."""

WRITTEN_AS_TEXT = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID)
"""Scalars whose ``str`` says all there is; a ``datetime`` and a pandas ``Timestamp`` are dates as well."""


def fingerprint(inputs: Any, targets: Any) -> str:
    """``"sha256:..."`` of the values, types and shapes: the same in every process, on every machine.

    Memory layout, byte order, row labels of a DataFrame and the order of a mapping's keys do not count; a
    path counts by the bytes of its file. Takes arrays, DataFrames and Series (pandas, polars), torch tensors,
    scipy's sparse matrices, paths, numbers, strings, and lists and mappings of these. Raises GateError for
    anything else.
    """
    digest = hashlib.sha256()
    for what, data in (("inputs", inputs), ("targets", targets)):
        try:
            _add(digest.update, data)
        except UnknownKindError as error:
            raise GateError(
                f"the {what} hold a {error}, of which no fingerprint can be taken, so that a changed "
                "evaluation set would go unnoticed: pass arrays, DataFrames, tensors, or lists of these, of "
                "paths, numbers or strings."
            ) from None
        except RecursionError:
            raise GateError(f"the {what} are nested too deeply, or contain themselves.") from None
        except OSError as error:
            raise GateError(f"the {what} name a file that cannot be read: {error}.") from error
    return f"sha256:{digest.hexdigest()}"


def digest_of(value: Any) -> bytes:
    """A digest of one value of those kinds. Raises UnknownKindError for anything else."""
    digest = hashlib.sha256()
    _add(digest.update, value)
    return digest.digest()


class UnknownKindError(Exception):
    """Carries the name of the type."""


def _add(feed: Feed, value: Any) -> None:
    """Feed a tag, the sizes and the bytes of a value: nothing that follows can pass for a part of it."""
    match value:
        case None | bool() | int() | str():
            _token(feed, type(value).__name__, value)
        case float():
            _token(feed, "float", "nan" if math.isnan(value) else value.hex())
        case complex():
            _add(feed, (value.real, value.imag))
        case bytes() | bytearray():
            _token(feed, "bytes")
            _raw(feed, value)
        case list() | tuple():
            _add_all(feed, "sequence", len(value), value)
        case Mapping():
            _add_mapping(feed, value)
        case np.ndarray() | np.generic():
            _add_array(feed, np.asanyarray(value))
        case Path():
            with value.open("rb") as file:
                _token(feed, "file", hashlib.file_digest(file, "sha256").hexdigest())
        case _ if isinstance(value, WRITTEN_AS_TEXT):
            _token(feed, type(value).__name__, value)
        case _:
            _add_foreign(feed, value)


def _add_foreign(feed: Feed, value: Any) -> None:
    """A type of another library, recognised by its name so that nothing is imported for it."""
    kinds = {(base.__module__.partition(".")[0], base.__name__) for base in type(value).__mro__}
    if ("torch", "Tensor") in kinds:
        _add_tensor(feed, value)
    elif ("pandas", "DataFrame") in kinds:
        _token(feed, "frame", *value.shape)
        for position, name in enumerate(value.columns):
            _add(feed, name)
            _add_column(feed, value.iloc[:, position])
    elif ("polars", "DataFrame") in kinds:
        _token(feed, "polars", *value.shape)
        for column in value.get_columns():
            _token(feed, column.name)
            _add_polars(feed, column)
    elif ("polars", "Series") in kinds:
        _add_polars(feed, value)
    elif kinds & {("pandas", "Series"), ("pandas", "Index")}:
        _add_column(feed, value)
    elif ("pandas", "NAType") in kinds:
        _token(feed, "NA")
    elif hasattr(value, "tocsr"):
        _add_sparse(feed, value)
    elif hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        _add_array(feed, np.asarray(value))
    else:
        raise UnknownKindError(f"{type(value).__module__}.{type(value).__qualname__}")


def _token(feed: Feed, *parts: object) -> None:
    for part in parts:
        _raw(feed, str(part).encode("utf-8", "surrogatepass"))


def _raw(feed: Feed, data: bytes | bytearray) -> None:
    feed(len(data).to_bytes(8, "little"))
    feed(data)


def _add_all(feed: Feed, tag: str, count: int, values: Iterable[Any]) -> None:
    _token(feed, tag, count)
    for value in values:
        _add(feed, value)


def _add_mapping(feed: Feed, mapping: Mapping[Any, Any]) -> None:
    entries = []
    for key, value in mapping.items():
        digest = hashlib.sha256()
        _add(digest.update, key)
        of_key = digest.digest()
        _add(digest.update, value)
        entries.append(of_key + digest.digest())
    _add_all(feed, "mapping", len(entries), sorted(entries))


def _add_array(feed: Feed, array: np.ndarray[Any, Any]) -> None:
    if isinstance(array, np.ma.MaskedArray):
        _token(feed, "masked")
        _add_array(feed, np.ma.getmaskarray(array))
        array = array.filled(cast(Any, np.zeros((), array.dtype))[()])
    if array.dtype.names is not None:
        _token(feed, "fields", *array.shape)  # one by one, since the bytes between them mean nothing
        for name in array.dtype.names:
            _token(feed, name)
            _add_array(feed, array[name])
    elif array.dtype.kind in "OT":
        _token(feed, "objects", *array.shape)
        _add_all(feed, "sequence", array.size, array.ravel().tolist())
    elif array.dtype.kind in "fc" and array.dtype.itemsize > (8 if array.dtype.kind == "f" else 16):
        raise UnknownKindError(f"numpy array of {array.dtype}, which differs from machine to machine")
    else:
        portable = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        _token(feed, "array", portable.dtype.str, *array.shape)
        feed(portable.reshape(-1).view(np.uint8) if portable.size else b"")


def _add_tensor(feed: Feed, tensor: Any) -> None:
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise UnknownKindError(f"sparse or quantised tensor of {tensor.dtype}")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    _token(feed, "tensor", tensor.dtype, *tensor.shape)
    # As bytes, since numpy does not know every type of torch's.
    feed(plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else b"")


def _add_column(feed: Feed, column: Any) -> None:
    """A Series or an Index, without its name and labels."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        _add_array(feed, column.to_numpy())
    elif hasattr(dtype, "categories"):
        _token(feed, "category", dtype.ordered)
        _add_column(feed, dtype.categories)
        _add_array(feed, column.array.codes.astype(np.int64))
    else:
        # Strings have a type of their own since pandas 3: their values say it all.
        _token(feed, "extension", "" if dtype.type is str else dtype)
        _add_array(feed, column.to_numpy(dtype=object))


def _add_polars(feed: Feed, column: Any) -> None:
    """A Series without its name; categories are the texts that they stand for."""
    _token(feed, column.dtype.base_type())
    _add_array(feed, column.to_numpy())


def _add_sparse(feed: Feed, matrix: Any) -> None:
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()  # sorts the indices as well
    _token(feed, "sparse", *rows.shape)
    _add_array(feed, rows.indptr.astype(np.int64))
    _add_array(feed, rows.indices.astype(np.int64))
    _add_array(feed, rows.data)
