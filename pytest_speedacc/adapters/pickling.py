"""A pickle whose length depends on the model alone, for models that have no format of their own."""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import class_name
from pytest_speedacc.adapters.registry import own_format
from pytest_speedacc.errors import GateError, said

PROTOCOL = 5

_LEFT_BY_USE = {
    "sklearn": frozenset(["_cached_dict", "_stop_words_id", "_transformers_feature_names_out"]),
    "statsmodels": frozenset(
        [
            *("_cache", "_nobs_int", "_summary_cache", "_summary_statistics_cache", "diagn"),
            *("predict_dates", "predict_end", "predict_start"),
        ]
    ),
}
"""Attributes, by package, that come with use: look-ups made once, the address of an object, statistics asked for.

Of any class, so does what `functools.cached_property` has kept."""


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
        if hasattr(type(obj), "get_tree_stats"):
            # scikit-learn's neighbour trees count their own calls, in integers whose pickles grow with use.
            build, arguments, state = obj.__reduce__()
            return build, arguments, (*state[:7], 0, 0, 0, 0, *state[11:])
        if isinstance(obj, random.Random):
            version, words, _ = obj.getstate()
            return type(obj), (), (version, (0,) * len(words), None)
        if isinstance(obj, np.random.RandomState | np.random.BitGenerator):
            reduced: Any = obj.__reduce__()
            return *reduced[:2], *map(_at_start, reduced[2:])
        left = _left_by_use(type(obj))
        if not left.isdisjoint(getattr(obj, "__dict__", ())):
            whole: Any = obj.__reduce_ex__(PROTOCOL)
            if len(whole) > 2 and isinstance(whole[2], dict):
                return *whole[:2], {name: value for name, value in whole[2].items() if name not in left}, *whole[3:]
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> _Embedded:
        return _Embedded(pid)


def canonical_pickle(model: Any, strip: Callable[[Any], None] | None = None) -> bytes:
    """Pickle protocol 5 of a model that went through pickle once before.

    A pickle writes an object met twice only once, so its length depends on which equal strings and dtypes
    happen to be one object: a model fresh from `fit` and the same one loaded from a file differ by some
    bytes. After one pass they no longer do. `strip` takes out of the copy that comes of it what is no part
    of the model. A nested model whose framework has a format of its own is written in that. Raises
    `GateError` for a model that cannot be pickled.
    """
    try:
        copy = _Unpickler(io.BytesIO(_dumps(model))).load()
        if strip is not None:
            strip(copy)
        return _dumps(copy)
    except GateError:
        raise
    except Exception as error:  # pickling runs the model's own code, which may raise anything
        raise GateError(
            f"{class_name(model)} has no size, for it cannot be pickled: {said(error)}. "
            "Define its classes and functions at the top level of a module."
        ) from error


def _left_by_use(cls: type) -> frozenset[str]:
    packages = (base.__module__.partition(".")[0] for base in cls.__mro__)
    known = next((_LEFT_BY_USE[package] for package in packages if package in _LEFT_BY_USE), frozenset())
    cached = [name for base in cls.__mro__ for name, kind in vars(base).items() if isinstance(kind, cached_property)]
    return known.union(cached)


def _at_start(state: Any) -> Any:
    """The state of a generator of random numbers with numbers of one length, which grow and shrink from draw to draw.

    One and not zero, where it is no zero already: some generators take no other.
    """
    if isinstance(state, dict):
        return {name: _at_start(value) for name, value in state.items()}
    if isinstance(state, tuple):
        return tuple(map(_at_start, state))
    return min(state, 1) if isinstance(state, int) else state


def _dumps(model: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, PROTOCOL).dump(model)
    return file.getvalue()
