"""What a step answers, which has no score: kept as a row of numbers a sample, whatever the step answers with.

A row begins with a digest of all that is compared exactly: texts, whole numbers, names and shapes. The sample's
floating-point numbers follow in their order, and are compared as closely as the test says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from pytest_speedacc.errors import GateError, described
from pytest_speedacc.measure.accuracy import to_numpy
from pytest_speedacc.measure.fingerprint import UnknownKindError, digest_of
from pytest_speedacc.measure.raised import RAISED
from pytest_speedacc.measure.score import Array, Mask

Samples = Sequence[Any] | Array

DIGEST = 8
"""Numbers that a digest takes, 16 bits in each: a float32 holds them exactly."""
CLOSENESS = 1e-5
"""By how much of itself a floating-point number may move and be called the same."""
OF_LARGEST = 0.1
"""Of the closeness, what the largest number in the same place adds: float32 rounds a number near zero by as much."""
FINEST = 1e-6
"""The least closeness: numbers are kept as float32, which rounds by a tenth of that."""
MOST_NUMBERS = 2**21
"""That a baseline keeps, 8 MiB: of more it keeps a digest a sample."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of one step on one set of inputs, in the place of a score."""

    predictions: Array
    """The rows, shape (samples, numbers)."""
    closeness: float
    """By how much of itself a number may move and be called the same."""


def rows_of(raw: Any, count: int) -> Array:
    """The rows of a raw answer to ``count`` samples. Raises GateError for what is not one output a sample."""
    try:
        return _rows(list(_fields(raw, count, "")), raw, count)
    except GateError:
        raise
    except UnknownKindError as error:
        raise _refusal(error) from None
    except RecursionError:
        raise GateError("the outputs of the step are nested too deeply, or contain themselves.") from None
    except RAISED as error:  # of the outputs' own conversion, whatever type they are of
        kind = f"{type(raw).__name__} ({described(error)})"
        raise GateError(f"the outputs of the step cannot be read as arrays: they are a {kind}.") from error


def _rows(fields: Sequence[tuple[str, Samples]], raw: Any, count: int) -> Array:
    if not fields:
        raise GateError(f"the step returned an empty {type(raw).__name__} for {count} samples: one each is needed.")
    header = "".join(f"{len(label)}:{label}" for label, _ in fields)
    found: list[tuple[bytes, list[Array]]] = []
    for sample in zip(*(values for _, values in fields), strict=True):
        numbers: list[Array] = []
        exact = [_without_numbers(value, numbers) for value in sample]
        found.append((digest_of((header, exact)), numbers))
    return _table(found)


def joined(parts: Sequence[Array]) -> Array:
    """The rows of several batches, in order."""
    widest = max(part.shape[1] for part in parts)
    whole = np.zeros((sum(map(len, parts)), widest), np.result_type(*parts))
    start = 0
    for part in parts:
        whole[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return whole


def compact(rows: Array) -> Array:
    """The rows as a baseline keeps them: of too many numbers the digest alone, which takes them in."""
    return _digests(rows) if rows[:, DIGEST:].size > MOST_NUMBERS else rows


def is_exact(before: Array, now: Array) -> bool:
    """Whether ``before`` keeps digests alone of what has numbers, so that the last bit of each counts."""
    return bool(before.ndim == now.ndim == 2 and DIGEST == before.shape[1] < now.shape[1])


def changed(before: Array, now: Array, closeness: float) -> Mask:
    """Which samples have another output, shape (samples,)."""
    if before.ndim != 2 or len(before) != len(now) or before.shape[1] < DIGEST or before.dtype.kind != "f":
        # No rows, which a file may hold that somebody wrote by hand.
        return np.ones(len(now), dtype=bool)
    if is_exact(before, now):
        before, now = joined([before, _digests(now)]).reshape(2, len(now), -1)
    else:
        before, now = joined([before, now]).reshape(2, len(now), -1)
    other = (before[:, :DIGEST] != now[:, :DIGEST]).any(axis=1)
    return np.asarray(other | ~_are_close(before[:, DIGEST:], now[:, DIGEST:], closeness).all(axis=1))


def _are_close(before: Array, now: Array, closeness: float) -> Mask:
    sizes = np.abs(np.where(np.isfinite(before), before, 0.0))
    # By place, since the columns of a frame have sizes of their own.
    room = closeness * (sizes + OF_LARGEST * sizes.max(axis=0, initial=0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(now - before) <= room
    return np.asarray(near | (before == now) | (np.isnan(before) & np.isnan(now)))


def _digests(rows: Array) -> Array:
    return _table([(hashlib.sha256(row.tobytes()).digest(), []) for row in np.ascontiguousarray(rows)])


def _table(found: Sequence[tuple[bytes, Sequence[Array]]]) -> Array:
    """Digests and numbers as rows, padded with zeros to the longest."""
    rows = np.zeros((len(found), DIGEST + max(sum(map(len, numbers)) for _, numbers in found)))
    for row, (digest, numbers) in zip(rows, found, strict=True):
        row[:DIGEST] = np.frombuffer(digest[: 2 * DIGEST], "<u2")
        if numbers:
            flat = np.concatenate(numbers)
            row[DIGEST : DIGEST + len(flat)] = flat
    rows += 0.0  # of the two zeros, the one without a sign
    largest = np.abs(rows, where=np.isfinite(rows), out=np.zeros_like(rows)).max()
    return rows.astype(np.float32) if largest <= np.finfo(np.float32).max else rows


def _fields(raw: Any, count: int, label: str) -> Iterator[tuple[str, Samples]]:
    """What an answer consists of, each a sequence of ``count`` samples: the entries of a mapping, a frame's columns."""
    if isinstance(raw, Mapping):
        for name in sorted(raw, key=repr):
            yield from _fields(raw[name], count, f"{label}[{name!r}]")
    elif hasattr(raw, "iloc") and hasattr(raw, "columns"):
        yield from _of_frame(raw, count, label)
    elif hasattr(raw, "get_columns"):
        for column in raw.get_columns():
            yield from _fields(column, count, f"{label}[{column.name!r}]")
    elif isinstance(raw, np.ma.MaskedArray):
        yield from _fields(raw.filled(cast(Any, np.zeros((), raw.dtype))[()]), count, label)
        yield f"{label} mask", np.ma.getmaskarray(raw)
    elif isinstance(raw, tuple) and raw and all(getattr(part, "shape", ())[:1] == (count,) for part in raw):
        for place, part in enumerate(raw):
            yield from _fields(part, count, f"{label}[{place}]")
    else:
        values = _samples(raw)
        if values is None:
            of = f" in {label}" if label else ""
            raise GateError(
                f"the step returned one {type(raw).__name__}{of} for {count} samples: one output each is needed, in an "
                "array, a list, a frame, or a mapping of these. predict= may pick them out."
            )
        if len(values) != count:
            of = f" in {label}" if label else ""
            raise GateError(f"the step returned {len(values)} outputs{of} for {count} samples: one each is needed.")
        yield label, values


def _of_frame(frame: Any, count: int, label: str) -> Iterator[tuple[str, Samples]]:
    """The columns of a pandas frame, those of floating-point numbers together: one by one takes ten times as long."""
    floats = [isinstance(dtype, np.dtype) and dtype.kind == "f" for dtype in frame.dtypes]
    names = [repr(name) for name in frame.columns]
    places = [place for place, is_float in enumerate(floats) if is_float]
    yield f"{label}[{', '.join(names)}]", frame.iloc[:, places].to_numpy()
    for place, is_float in enumerate(floats):
        if not is_float:
            yield from _fields(frame.iloc[:, place], count, f"{label}[{place}]")


def _samples(raw: Any) -> Samples | None:
    """An answer as a sequence of samples; None for what has none."""
    if isinstance(raw, list | tuple):
        return raw
    if hasattr(raw, "tocsr"):
        return _sparse_rows(raw)
    if hasattr(raw, "to_list"):  # a Series of pandas or polars
        values: list[Any] = raw.to_list()
        return values
    if hasattr(raw, "detach") or hasattr(raw, "__array__") or hasattr(raw, "__array_interface__"):
        array = to_numpy(raw)
        return array if array.ndim else None
    return None


def _sparse_rows(matrix: Any) -> list[Any]:
    """What each row stores, by its places: nothing is made dense, since a vocabulary may be large."""
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()  # sorts the places as well
    rows.eliminate_zeros()
    ends = rows.indptr.tolist()
    return [("sparse", rows.shape[1], rows.indices[begin:end], rows.data[begin:end]) for begin, end in pairwise(ends)]


def _without_numbers(value: Any, numbers: list[Array]) -> Any:
    """A sample's output with its floating-point numbers taken out, which go to ``numbers``, and marked by a shape."""
    match value:
        case np.ndarray() | np.generic():
            return _array_without(np.asarray(value), numbers)
        case None | bool() | int() | str() | bytes():
            return value
        case float() | complex():
            return _array_without(np.asarray(value), numbers)
        case Mapping():
            return [(name, _without_numbers(value[name], numbers)) for name in sorted(value, key=repr)]
        case list() | tuple():
            kinds = set(map(type, value))
            if len(kinds) == 1 and kinds <= {float, int, bool}:
                return _array_without(np.array(value), numbers)
            return [_without_numbers(each, numbers) for each in value]
        case _ if hasattr(value, "tocsr"):
            return [_without_numbers(each, numbers) for each in _sparse_rows(value)]
        case _ if hasattr(value, "detach"):
            return _array_without(to_numpy(value), numbers)
        case _:
            return value


def _array_without(array: Array, numbers: list[Array]) -> Any:
    if array.shape == (0,):
        return []  # as of an empty list, which has no type
    match array.dtype.kind:
        case "f":
            numbers.append(array.ravel())
            return ("floats", *array.shape)
        case "c":
            numbers.append(array.ravel().astype(np.complex128).view(np.float64))
            return ("complex", *array.shape)
        case "i" | "u" if array.ndim:
            # Whole numbers are the same in whatever width.
            wide = array.astype(np.int64)
            return wide if (wide == array).all() else array
        case "i" | "u" | "b" if array.ndim == 0:
            return array.item()
        case "O":
            values = array.tolist()
            return [_without_numbers(each, numbers) for each in values] if array.ndim else values
        case "U" | "S" | "T":
            # By their values: the width of a text is that of the longest one of its batch.
            return array.tolist()
        case _:
            return array


def _refusal(kind: object) -> GateError:
    return GateError(
        f"the outputs of the step hold a {kind}, of which nobody can tell whether it has changed: let the step return "
        "arrays, texts, numbers, frames, or lists and mappings of these, or pick them out with predict=."
    )
