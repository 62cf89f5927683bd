"""Which modules a process has imported, and from which files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from pytest_speedacc.live.tree.identity import is_below

_STARTED_WITH = ("__main__", "__mp_main__")
"""What a process was started with, and what multiprocessing calls it as well."""


def files_of(modules: Mapping[str, ModuleType]) -> dict[str, str]:
    """The file of each that has one, by name, in the order in which they came."""
    files = {name: _own(module, "__file__") for name, module in list(modules.items())}
    return {name: file for name, file in files.items() if isinstance(file, str) and name not in _STARTED_WITH}


def outside(modules: Mapping[str, ModuleType], roots: Iterable[str]) -> dict[str, str]:
    """The files of those that lie in neither tree, nor have a part in one."""
    roots = tuple(roots)

    @cache
    def in_trees(place: str) -> bool:
        return any(is_below(place, root) for root in roots)

    found = {}
    for name, file in files_of(modules).items():
        # A folder is asked for once, for following links takes long; a file may be a link of its own.
        places = [os.path.dirname(file), *map(str, _own(modules[name], "__path__") or ())]  # noqa: PTH120
        if not any(map(in_trees, places)) and not (os.path.islink(file) and in_trees(file)):  # noqa: PTH114
            found[name] = file
    return found


def _own(module: object, name: str) -> Any:
    # Not by getattr: torch.classes makes up whatever it is asked for.
    return getattr(module, "__dict__", {}).get(name)
