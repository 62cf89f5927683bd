"""What a ``conftest.py`` or another plugin adds to a run: axes and adapters. They go with the run that brought them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from pytest_speedacc.adapters.registry import add_adapters
from pytest_speedacc.axes import AXES, add_axes, own_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.config.called import metrics_named
from pytest_speedacc.config.settings import is_slip
from pytest_speedacc.errors import ConfigError, briefly, described
from pytest_speedacc.marks import is_gate, marks_of
from pytest_speedacc.measure.raised import RAISED

_TAKEN = pytest.StashKey[set[tuple[str, str]]]()
_ADDED_BY: dict[str, Callable[[Any, str], Callable[[], None]]] = {
    "pytest_speedacc_axes": add_axes,
    "pytest_speedacc_adapters": add_adapters,
}


def extend(config: pytest.Config) -> None:
    """Ask every hook that has not been asked yet. Raises pytest.UsageError for what cannot be added."""
    taken = config.stash.setdefault(_TAKEN, set())
    for hook, add in _ADDED_BY.items():
        for implementation in getattr(config.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            if (hook, name) in taken:
                continue
            taken.add((hook, name))
            # An object that was registered without a name has a number for one.
            source = f"{hook} of {type(implementation.plugin).__qualname__ if name.isdigit() else name}"
            _add(config, add, _brought(implementation.function, source), source)


def add_called(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Add the axes that tests name in ``check(metrics={"energy": ...})`` and nobody described: less is better.

    A name that is nearly that of an axis which somebody described, and that no limit of the test takes up, is a slip:
    the check refuses it. As an axis of its own it would leave the other one to be measured, and to pass.
    """
    gates = [item for item in items if is_gate(item) and isinstance(item, pytest.Function)]
    described_axes = [axis.name for axis in own_axes()]
    names = dict.fromkeys(
        name
        for item in gates
        for name in metrics_named(item.function)
        if not is_slip(name, described_axes) or _is_limited(name, item)
    )
    try:
        called = [Axis(name) for name in names if name not in AXES]
    except ConfigError as error:
        raise pytest.UsageError(f"speedacc: check(metrics=): {error}") from None
    _add(config, add_axes, called, "check(metrics=)")


def _is_limited(name: str, item: pytest.Item) -> bool:
    settings = {f"max_{name}", f"max_{name}_increase"}
    return any(not settings.isdisjoint(mark.kwargs) for mark in marks_of(item))


def _brought(bring: Callable[[], Any], source: str) -> list[Any]:
    """What a hook returns. Raises pytest.UsageError where it raises, and for what is no list."""
    try:
        brought = bring()
        if isinstance(brought, Iterable) and not isinstance(brought, str | bytes | Mapping):
            return list(brought)
    except ConfigError as error:
        raise pytest.UsageError(f"speedacc: {source}: {error}") from None
    except (*RAISED, pytest.skip.Exception, pytest.fail.Exception) as error:
        raise pytest.UsageError(f"speedacc: {source} raised {described(error)}") from error
    raise pytest.UsageError(f"speedacc: {source} returned {briefly(brought)}: it must return a list.")


def _add(config: pytest.Config, add: Callable[[Any, str], Callable[[], None]], brought: list[Any], source: str) -> None:
    try:
        config.add_cleanup(add(brought, source))
    except ConfigError as error:
        raise pytest.UsageError(f"speedacc: {error}") from None
