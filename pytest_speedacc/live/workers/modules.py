"""Which modules a process has imported, and from which files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    found = {}
    for name, file in files_of(modules).items():
        parts = map(str, _own(modules[name], "__path__") or ())
        if not any(is_below(place, root) for place in (file, *parts) for root in roots):
            found[name] = file
    return found


def _own(module: object, name: str) -> Any:
    # Not by getattr: torch.classes makes up whatever it is asked for.
    return getattr(module, "__dict__", {}).get(name)
