"""The axes: one file for all that is known of each. Settings, trades, baselines, tables and reports come from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_speedacc.axes.accuracy import ACCURACY
from pytest_speedacc.axes.axis import Axis, Comparison, Setting
from pytest_speedacc.axes.bytecodes import BYTECODES
from pytest_speedacc.axes.churn import CHURN
from pytest_speedacc.axes.confidence import CONFIDENCE
from pytest_speedacc.axes.latency import LATENCY
from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.axes.model_size import MODEL_SIZE
from pytest_speedacc.axes.parameters import PARAMETERS
from pytest_speedacc.axes.training import TRAINING_MEMORY, TRAINING_TIME
from pytest_speedacc.errors import ConfigError, briefly
from pytest_speedacc.facts import Amount

if TYPE_CHECKING:
    from pytest_speedacc.measure.measurement import Statics

BUILT_IN = (
    ACCURACY,
    CONFIDENCE,
    CHURN,
    LATENCY,
    PARAMETERS,
    MODEL_SIZE,
    MEMORY,
    BYTECODES,
    TRAINING_TIME,
    TRAINING_MEMORY,
)

AXES: dict[str, Axis] = {}
"""By name, in the order in which they are judged and shown; with those that a run has added."""
SETTINGS: dict[str, Setting] = {}
"""By name, of all axes: what a marker or a table can say."""
_SOURCES: dict[str, str] = {}
"""By axis, who brought it."""
TRADED: dict[str, Setting] = {}
"""What can be traded, and the tolerance that it is excused from, or would have been worse by."""


def add_axes(axes: Iterable[Axis], source: str) -> Callable[[], None]:
    """Make axes known to settings, trades, baselines and reports; returns what takes them back.

    ``source`` says who brings them. Raises ConfigError for what is no axis, and for a name that is taken.
    """
    added: list[Axis] = []

    def take_back() -> None:
        for axis in added:
            _remove(axis)

    try:
        for axis in axes:
            _add(axis, source)
            added.append(axis)
    except ConfigError:
        take_back()
        raise
    return take_back


@contextmanager
def with_axes(axes: Iterable[Axis], source: str) -> Iterator[None]:
    """Within, these axes are known, in place of those of a user's that have their names. Raises ConfigError."""
    tables: tuple[dict[str, Any], ...] = (AXES, SETTINGS, TRADED, _SOURCES)
    before = [dict(table) for table in tables]
    try:
        for axis in axes:
            if axis.name in AXES and AXES[axis.name].is_own:
                _remove(AXES[axis.name])
            _add(axis, source)
        yield
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)


def _remove(axis: Axis) -> None:
    del AXES[axis.name], _SOURCES[axis.name]
    for setting in axis.settings:
        del SETTINGS[setting.name]
    for name in axis.traded:
        del TRADED[name]


def _add(axis: Axis, source: str) -> None:
    if not isinstance(axis, Axis):
        raise ConfigError(f"{source}: {briefly(axis)} is not an Axis.")
    taken = [name for name in (axis.name, *axis.traded) if name in AXES or name in TRADED]
    taken += [setting.name for setting in axis.settings if setting.name in SETTINGS]
    if taken:
        setting = SETTINGS.get(taken[0]) or TRADED.get(taken[0])
        holder = _SOURCES[setting.metric if setting else taken[0]]
        raise ConfigError(f"{source}: the name {taken[0]!r} is taken by {holder}: give the axis another one.")
    AXES[axis.name], _SOURCES[axis.name] = axis, source
    SETTINGS.update({setting.name: setting for setting in axis.settings})
    TRADED.update({name: SETTINGS[setting] for name, setting in axis.traded.items()})


add_axes(BUILT_IN, "pytest-speedacc")


def own_axes() -> tuple[Axis, ...]:
    """Those that this run has added."""
    return tuple(axis for axis in AXES.values() if axis.is_own)


def amounts_of(statics: Statics) -> dict[str, Amount]:
    """By axis, the plain quantities that were measured."""
    plain = (axis for axis in AXES.values() if axis.compared in (Comparison.AMOUNT, Comparison.ONE_TIMING))
    found = {axis.name: axis.found_in(statics) for axis in plain}
    return {name: amount for name, amount in found.items() if isinstance(amount, Amount)}
