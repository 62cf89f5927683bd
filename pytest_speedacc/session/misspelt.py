"""A mark that was meant to be ours and is not: nobody would read its limits, and its test would be green."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest

from pytest_speedacc.config.pyproject import OWN, is_near

_is_near = cache(is_near)


def misspelt_mark(config: pytest.Config, items: Iterable[pytest.Item]) -> str:
    """What is wrong with the first mark of these tests that is nearly ours, or that has limits; empty for none."""
    lines: list[str] = config.getini("markers")
    # As pytest reads them: "slow: takes long" or "skipif(condition): leave it out".
    registered = {line.partition(":")[0].partition("(")[0].strip() for line in lines}
    for item in items:
        for mark in item.iter_markers():
            if mark.name != OWN and (problem := _problem(mark, item.nodeid, mark.name in registered)):
                return problem
    return ""


def _problem(mark: pytest.Mark, test: str, is_registered: bool) -> str:
    is_close = _is_near(mark.name)
    if is_registered and not is_close:
        return ""  # somebody else reads it, whatever its keywords are
    where = f"@pytest.mark.{mark.name} on {test}"
    setting = _setting_of(mark, is_close)
    if is_registered:
        return f"{where} has {setting}=, which speedacc reads. Did you mean speedacc?" if setting else ""
    has = f" has {setting}=, which speedacc reads" if setting and not is_close else ""
    if not (is_close or has):
        return ""
    return f"unknown mark {where}{has}. Did you mean speedacc? If it is your own, register it (markers)."


def _setting_of(mark: pytest.Mark, is_close: bool) -> str:
    """The first of its keywords that is a setting of ours; empty for none."""
    # Of a mark with another name, budget= or group= say nothing.
    if not (is_close or any(name.startswith(("max_", "min_")) for name in mark.kwargs)):
        return ""
    # A run without such a mark imports neither.
    from pytest_speedacc.axes import SETTINGS
    from pytest_speedacc.config.project import RULES

    ours = {*SETTINGS, *RULES} if is_close else SETTINGS.keys()
    return next((name for name in mark.kwargs if name in ours), "")
