"""What a command line takes of the tests that were collected, asked of pytest's own hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Selection:
    """What selects tests, in the words of the command line alone."""

    keyword: str = ""
    """Of ``-k``."""
    markexpr: str = ""
    """Of ``-m``."""
    deselect: tuple[str, ...] = ()
    """How the node ids begin that it leaves out."""
    is_beyond: bool = False
    """Whether it selects by what is not known here: the last run, or a plugin's choice."""

    @property
    def is_partial(self) -> bool:
        """Whether it cannot be told of a test that was not collected whether it would have been selected."""
        return bool(self.keyword or self.markexpr or self.is_beyond)

    def taken(self, collected: Sequence[pytest.Item], left: Sequence[pytest.Item]) -> list[pytest.Item]:
        """What it selects of the tests ``collected``, and what something else took out of those that are ``left``."""
        gone = set(collected) - set(left)
        selected = [item for item in collected if item in gone]
        if self.is_beyond or not selected:
            return []
        given = _Given(SimpleNamespace(keyword=self.keyword, markexpr=self.markexpr), self.deselect)
        for name in ("main", "mark"):
            plugin = selected[0].config.pluginmanager.get_plugin(name) if selected else None
            if plugin is not None:
                plugin.pytest_collection_modifyitems(selected, given)
        return selected


class _Given:
    """As much of pytest's configuration as its own hooks read, with the options of the command line alone."""

    def __init__(self, option: SimpleNamespace, deselect: Sequence[str]) -> None:
        self.option = option
        self.deselect = deselect
        self.hook = SimpleNamespace(pytest_deselected=lambda items: None)

    def getoption(self, name: str) -> Any:
        """Of ``--deselect``, the only one that is asked for by name."""
        return getattr(self, name)

    def getini(self, name: str) -> None:
        """What is strict was checked in the run itself."""
