"""Which adapter a model belongs to, decided by class names so that no framework is imported for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pytest_speedacc.adapters.answers import check_usable, has_raised, serialised
from pytest_speedacc.adapters.base import Adapter
from pytest_speedacc.errors import ConfigError, GateError, briefly

_adapters: list[Adapter] = []


def register(adapter: Adapter) -> None:
    """Ask this adapter before all that were registered earlier, the built-in ones included."""
    _adapters.insert(0, adapter)


def add_adapters(adapters: Iterable[Adapter], source: str) -> Callable[[], None]:
    """Register what ``source`` brings; returns what takes it back. Raises ConfigError for what is no adapter."""
    added = list(adapters)
    for adapter in added:
        if isinstance(adapter, type) and issubclass(adapter, Adapter):
            raise ConfigError(f"{source}: {adapter.__name__} is a class: bring an object of it, {adapter.__name__}().")
        if not isinstance(adapter, Adapter):
            raise ConfigError(
                f"{source}: {briefly(adapter)} is no pytest_speedacc.Adapter: derive its class from that."
            )
    for adapter in added:
        register(adapter)

    def take_back() -> None:
        for adapter in added:
            _adapters.remove(adapter)

    return take_back


def lookup_adapter(model: Any) -> Adapter | None:
    """The adapter registered last that recognises the model's class or one of its bases.

    Raises GateError where one raises.
    """
    names = frozenset(f"{base.__module__}.{base.__qualname__}" for base in type(model).__mro__)
    for adapter in _adapters:
        try:
            if adapter.recognises(names):
                return adapter
        except GateError:
            raise
        except Exception as error:
            raise has_raised(adapter, "recognises", error) from error
    return None


def own_format(obj: Any) -> Callable[[Any], bytes] | None:
    """What serialises an object in its framework's own format, or None where that would be a pickle.

    What was never fitted has no other form: a composition keeps the estimator that it was given beside those it fitted.
    """
    adapter = lookup_adapter(obj)
    if adapter is None or not adapter.own_format:
        return None
    try:
        check_usable(adapter, obj)
    except GateError:
        return None
    return partial(serialised, adapter)
