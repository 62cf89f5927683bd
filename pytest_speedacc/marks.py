"""Which tests are gates, and where the state of a run is kept: known to the plugin, the session and the workers."""

from __future__ import annotations

from typing import Any

import pytest

SESSION = pytest.StashKey[Any]()
"""The state of this run: a ``Session``, which judges, or a ``WorkerPlugin`` of a live run."""


def marker_keywords(item: pytest.Item) -> list[dict[str, Any]]:
    """The keywords of a gate's markers, the nearest first, as far as a message can hold them.

    What is neither a text nor a number, nor made of these, would be refused as a limit.
    """
    return [{name: value for name, value in mark.kwargs.items() if _is_plain(value)} for mark in marks_of(item)]


def _is_plain(value: object) -> bool:
    match value:
        case dict():
            return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
        case list() | tuple():
            return all(map(_is_plain, value))
        case _:
            return isinstance(value, str | int | float)


def marks_of(item: pytest.Item) -> tuple[pytest.Mark, ...]:
    """The speedacc markers of a test, the nearest first."""
    return tuple(item.iter_markers("speedacc"))


def uses_fixture(item: pytest.Item) -> bool:
    """Whether a test asks for the fixture, itself or by another."""
    return "speedacc" in getattr(item, "fixturenames", ())


def is_gate(item: pytest.Item) -> bool:
    """Whether a test uses the fixture or carries the marker, and is not said to be none."""
    concerned = uses_fixture(item) or item.get_closest_marker("speedacc") is not None
    return concerned and not is_ungated(item)


def expects_failure(item: pytest.Item) -> bool:
    """Whether a mark says that the test is expected to fail, as pytest's own plugin evaluates it."""
    plugin = item.config.pluginmanager.get_plugin("skipping")
    try:
        return plugin is not None and plugin.evaluate_xfail_marks(item) is not None
    except pytest.fail.Exception:
        # Of a condition that cannot be evaluated; the test ends with that.
        return False


def is_ungated(item: pytest.Item) -> bool:
    """Whether the nearest marker is ``speedacc(gate=False)``: a plain test below a marked module or class."""
    nearest = item.get_closest_marker("speedacc")
    return nearest is not None and nearest.kwargs.get("gate") is False
