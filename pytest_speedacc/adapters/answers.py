"""What an adapter answers about a model, held to what it may be: a third party's may be wrong, and is then named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name
from pytest_speedacc.errors import GateError, briefly, described


def check_usable(adapter: Adapter, model: Any) -> None:
    """Raises GateError for a model that cannot predict as it is, and where the adapter cannot say."""
    try:
        adapter.check_usable(model)
    except GateError:
        raise
    except Exception as error:
        raise has_raised(adapter, "check_usable", error) from error


def counted(adapter: Adapter, model: Any) -> ParameterCount:
    """The learned scalars of a usable model. Raises GateError for a model, or an answer, without such a count."""
    count = adapter.count_parameters(model)
    if not isinstance(count, ParameterCount):
        raise _wrong(adapter, f"count_parameters returned {briefly(count)}", "a ParameterCount")
    if not _is_count(count.total):
        raise _wrong(adapter, f"count_parameters returned a total of {briefly(count.total)}", "a whole number from 0")
    if not isinstance(count.details, Mapping) or not all(isinstance(each, Real) for each in count.details.values()):
        raise _wrong(adapter, f"count_parameters returned details of {briefly(count.details)}", "numbers by name")
    return replace(count, total=int(count.total))


def serialised(adapter: Adapter, model: Any) -> bytes:
    """The canonical serialisation of a usable model. Raises GateError for a model, or an answer, without one."""
    data = adapter.serialise(model)
    if not isinstance(data, bytes | bytearray):
        raise _wrong(adapter, f"serialise returned {briefly(data)}", "bytes")
    return data


def weighed(adapter: Adapter, model: Any) -> int | None:
    """Bytes of the weights in memory, or None. Raises GateError for a model, or an answer, without such a number."""
    weights = adapter.weights_bytes(model)
    if weights is not None and not _is_count(weights):
        raise _wrong(adapter, f"weights_bytes returned {briefly(weights)}", "a whole number from 0, or None")
    return weights


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def has_raised(adapter: Adapter, method: str, error: Exception) -> GateError:
    """The refusal of a model whose adapter raised. To be raised ``from`` the error itself."""
    return GateError(f"{method} of the adapter {class_name(adapter)} raised {described(error)}")


def _wrong(adapter: Adapter, what: str, instead: str) -> GateError:
    return GateError(f"{what}, and must return {instead}: mend the adapter {class_name(adapter)}.")
