"""The hooks that a ``conftest.py`` or another plugin can implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_speedacc.adapters import Adapter
    from pytest_speedacc.axes.axis import Axis


def pytest_speedacc_axes() -> Sequence[Axis]:
    """Axes of your own: each has its limit and its tolerance, its place in baselines, live runs, trades and reports.

    ``return [pytest_speedacc.Axis("energy", "J", measure=joules)]`` makes ``max_energy`` and ``max_energy_increase``
    known. Asked once, before tests are collected; a ``conftest.py`` further down, when it is met.
    """
    return ()


def pytest_speedacc_adapters() -> Sequence[Adapter]:
    """Adapters for models of other frameworks: how they predict, are counted and are serialised.

    Each is asked before the built-in ones whether a model is of its framework.
    """
    return ()
