"""The settings of a live run's base, read although it may have axes that this checkout has dropped or changed.

Which axes a run has its conftests say, and those of the base speak in the base's own processes. What it bounds tells
enough to compare limits: ``max_energy = "3 J"`` is of an axis in J, of which less is better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_speedacc.axes import AXES, SETTINGS, TRADED, with_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.axes.units import NUMBER, UNITS, Kind
from pytest_speedacc.config.project import Project, load_project
from pytest_speedacc.config.pyproject import find_section
from pytest_speedacc.config.settings import parse_bound, split_setting
from pytest_speedacc.errors import ConfigError

_AMOUNT = re.compile(rf"\s*[+-]?{NUMBER}\s*(.*?)\s*")


@contextmanager
def base_project(root: Path, started: Path | None, *markers: object) -> Iterator[Project]:
    """What ``load_project`` finds in a base. Within, the axes are known that its settings and ``markers`` name.

    Raises ConfigError for what cannot be read all the same.
    """
    section = find_section(root, started or root)
    with with_axes(_former_axes([section.value if section else None, *markers]), "the base"):
        yield load_project(root, started)


def _former_axes(written: object) -> list[Axis]:
    """The axes of these settings that are not known here, or not as they are written."""
    found: dict[str, Axis] = {}
    for key, value in _entries(written):
        axis = _former_axis(key, value)
        if axis and (axis.name not in found or axis.unit):
            found[axis.name] = axis
    return list(found.values())


def _entries(written: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, however deep; what a trade names as the tolerance that it is about."""
    if isinstance(written, Mapping):
        for key, value in written.items():
            yield str(key), value
            traded = value if key in ("give", "gain") and isinstance(value, Mapping) else {}
            yield from ((f"max_{name}_increase", "1 %") for name in traded if name not in TRADED)
            yield from _entries(value)
    elif isinstance(written, Sequence) and not isinstance(written, str):
        for value in written:
            yield from _entries(value)


def _former_axis(key: str, value: object) -> Axis | None:
    """The axis of a limit or a tolerance that cannot be read with those of this run; None for all else."""
    parts = split_setting(key)
    known = SETTINGS.get(key)
    if parts is None or (known and not AXES[known.metric].is_own) or (known and _is_read(key, value)):
        return None
    best, name, change = parts
    unit = _unit_of(value)
    if change and unit != "%":
        # The axis is called so.
        name, change = name + change, ""
    if name in AXES and not AXES[name].is_own:
        return None
    try:
        return Axis(name, "" if change else unit, "higher" if best == "min" or change == "_drop" else "lower")
    except ConfigError:
        return None


def _is_read(key: str, value: object) -> bool:
    try:
        parse_bound(key, value, "")
    except ConfigError:
        return False
    return True


def _unit_of(value: object) -> str:
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    unit = match[1] if match else ""
    return next((kind for kind in (Kind.TIME, Kind.SIZE) if unit in UNITS[kind]), unit)
