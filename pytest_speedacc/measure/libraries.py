"""What a process runs with: the interpreter, the distributions that it has imported, and what they compute with."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pytest_speedacc.measure.environment import DISTRIBUTIONS

PYTHON, COMPILER = "python", "the compiler of python"
NATIVE = {"blas": "BLAS", "openmp": "OpenMP"}
"""Kinds of libraries that threadpoolctl knows, by its names."""
USUAL_LAYER = "pthreads"
"""How a BLAS starts its threads, where nothing else is said."""
_INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.dist-info")
_MODULES = {distribution.replace("-", "_"): module for module, distribution in DISTRIBUTIONS.items()}


def loaded_versions() -> dict[str, str]:
    """Versions by name; several of one, which libraries bring each for itself, with a slash between them."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    versions = {PYTHON: platform.python_version() + getattr(sys, "abiflags", ""), COMPILER: platform.python_compiler()}
    top_level = {name.partition(".")[0] for name in sys.modules}
    versions |= {
        name.replace("_", "-"): version
        for name, version, modules in _distributions(tuple(sys.path))
        if not top_level.isdisjoint(modules)
    }
    pools = [(NATIVE.get(pool["user_api"], pool["user_api"]), _told(pool)) for pool in threadpool_info()]
    return versions | {
        kind: "/".join(sorted({told for each, told in pools if each == kind})) for kind in dict.fromkeys(dict(pools))
    }


def _told(pool: dict[str, str | None]) -> str:
    version, layer = pool["version"] or pool["prefix"], pool.get("threading_layer")
    parts = (pool["internal_api"], version, layer if layer != USUAL_LAYER else "") if layer else (version,)
    return " ".join(part for part in parts if part)


@cache
def _distributions(path: tuple[str, ...]) -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Name, version and modules. By the names of their folders: metadata takes ten times as long to read."""
    return tuple(
        (match["name"].lower(), match["version"], frozenset(_modules(folder, match["name"].lower())))
        for entry in dict.fromkeys(path)
        for folder in sorted(Path(entry).glob("*.dist-info"))
        if (match := _INFO.fullmatch(folder.name))
    )


def _modules(folder: Path, name: str) -> Iterator[str]:
    """What it may be imported as. Most are called as their distribution is."""
    yield name
    if name in _MODULES:
        yield _MODULES[name]
    elif not (folder.parent / name).is_dir():
        for listed in (folder / "top_level.txt", folder / "RECORD"):
            if listed.is_file():
                lines = listed.read_text("utf-8", "replace").splitlines()
                # Of json/__init__.py, json.py and json.cpython-311-x86_64-linux-gnu.so alike.
                yield from {re.split("[/.,]", line)[0] for line in lines}
                return
