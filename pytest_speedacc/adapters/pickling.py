"""A pickle whose length depends on the model alone, for models that have no format of their own."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

from pytest_speedacc.adapters.base import class_name
from pytest_speedacc.adapters.registry import own_format
from pytest_speedacc.errors import GateError

PROTOCOL = 5


@dataclass(frozen=True, slots=True)
class _Embedded:
    """A nested model of another framework, already in that framework's serialisation."""

    serialised: bytes


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> bytes | None:
        if type(obj).__module__ == "builtins":
            return None
        if isinstance(obj, _Embedded):
            return obj.serialised
        serialise = own_format(obj)
        return None if serialise is None else serialise(obj)

    def reducer_override(self, obj: Any) -> Any:
        if not hasattr(type(obj), "get_tree_stats"):
            return NotImplemented
        # scikit-learn's neighbour trees count their own calls, in integers whose pickles grow with use.
        build, arguments, state = obj.__reduce__()
        return build, arguments, (*state[:7], 0, 0, 0, 0, *state[11:])


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> _Embedded:
        return _Embedded(pid)


def canonical_pickle(model: Any) -> bytes:
    """Pickle protocol 5 of a model that went through pickle once before.

    A pickle writes an object met twice only once, so its length depends on which equal strings and dtypes
    happen to be one object: a model fresh from `fit` and the same one loaded from a file differ by some
    bytes. After one pass they no longer do. A nested model whose framework has a format of
    its own is written in that. Raises `GateError` for a model that cannot be pickled.
    """
    try:
        once = _dumps(model)
        return _dumps(_Unpickler(io.BytesIO(once)).load())
    except GateError:
        raise
    except Exception as error:  # pickling runs the model's own code, which may raise anything
        raise GateError(
            f"{class_name(model)} has no size, for it cannot be pickled: {error}. "
            "Define its classes and functions at the top level of a module."
        ) from error


def _dumps(model: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, PROTOCOL).dump(model)
    return file.getvalue()
