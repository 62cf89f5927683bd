"""Keywords of ``check`` that are none, and where what they name is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.project import RULES, RUN_KEYS
from pytest_speedacc.config.settings import suggestion
from pytest_speedacc.errors import shown


def misplaced(call: str, unknown: Mapping[str, Any], known: Iterable[str]) -> str:
    """What is wrong with keywords that a check, whose keywords are ``known``, does not have."""
    name, value = next(iter(unknown.items()))
    if name in SETTINGS:
        return (
            f"{call} takes no limits, and {name} is one: write @pytest.mark.speedacc({name}={value!r}) above the test, "
            "or set it in [tool.speedacc]."
        )
    if name in RULES:
        return (
            f"{call} takes no {name}=, which holds for the whole test: write "
            f"@pytest.mark.speedacc({name}={shown(value)}) above it, or set it in [tool.speedacc]."
        )
    if name in RUN_KEYS:
        return f"{call} takes no {name}=, which holds for the whole run: set it in [tool.speedacc]."
    if name in (field.name for field in fields(LiveSettings)):
        return f"{call} takes no {name}=, which holds for the whole run: set it in [tool.speedacc.live]."
    return f"{call} has no keyword {name!r}. {suggestion(name, (*known, 'name'))}"
