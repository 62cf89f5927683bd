"""What each extra brings and weighs, as docs/support.md shows it: ``python -m benchmarks.extras WHEEL [EXTRA ...]``.

Each extra is installed into an empty environment by uv, with everything fetched anew. What the plugin itself brings
is the first row, and each of the others is what comes on top of it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
BUNDLES = ("all", "quickstart")
"""Extras that are made of others."""


@dataclass(frozen=True)
class Installed:
    """An environment, once everything is in it."""

    packages: frozenset[str]
    size: float
    """MiB on the disk, without compiled modules."""
    seconds: float


def install(what: str) -> Installed:
    """Install it into an empty environment, and look at what is there."""
    with tempfile.TemporaryDirectory() as folder:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, f"{folder}/venv"], check=True)
        python = ["--python", f"{folder}/venv"]
        began = time.monotonic()
        subprocess.run([*uv, "pip", "install", "--quiet", "--cache-dir", f"{folder}/cache", *python, what], check=True)
        seconds = time.monotonic() - began
        listed = subprocess.check_output([*uv, "pip", "list", "--format", "freeze", *python], text=True)
        # Each of them counts once, whether it was copied or linked out of the cache.
        size = sum(path.lstat().st_size for path in Path(folder, "venv").rglob("*") if path.is_file())
    return Installed(frozenset(line.split("==")[0] for line in listed.splitlines()), size / MIB, seconds)


def main(wheel: str, *extras: str) -> None:
    offered = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    print("| extra | brings | MiB | seconds |\n| --- | --- | --- | --- |")
    bare = install(wheel)
    print(f"| (none) | {len(bare.packages)} packages | {bare.size:.0f} | {bare.seconds:.0f} |")
    for extra in extras or [name for name in offered if name not in BUNDLES]:
        found = install(f"{wheel}[{extra}]")
        brings = ", ".join(sorted(found.packages - bare.packages, key=str.lower)) or "nothing more"
        size, seconds = found.size - bare.size, max(0.0, found.seconds - bare.seconds)
        print(f"| `{extra}` | {brings} | {size:.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
