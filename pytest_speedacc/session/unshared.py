"""What a base cannot find because only this checkout has it: a file that is not in git, which ``share`` would lend."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.git import run_git
from pytest_speedacc.live.tree.identity import map_path
from pytest_speedacc.measure.launches import LiveRun

QUOTED = re.compile(r"(?<!\w)'([^']+)'|\"([^\"]+)\"")
"""How an error of Python names a file."""


def with_share(run: LiveRun, root: Path, own: Path, other: Path, folder: Path) -> LiveRun:
    """The run, with what to share in each problem that names a file which is in ``own`` alone and not in git.

    ``root`` is where shared paths start, ``own`` and ``other`` are the trees of the candidate and the base, and tests
    start in ``folder``.
    """
    gates = {}
    for key, gate in run.gates.items():
        entry = next(_unshared(gate.problem, root, own, other, folder), "") if gate.problem else ""
        said = f'{gate.problem}. Git does not have it: share = ["{entry}"] in [tool.speedacc.live] lends it to the base'
        gates[key] = replace(gate, problem=said) if entry else gate
    return replace(run, gates=gates)


def _unshared(problem: str, root: Path, own: Path, other: Path, folder: Path) -> Iterator[str]:
    for found in QUOTED.finditer(problem):
        # One of the base's is in its tree, and one without a folder where the tests start.
        here = Path(map_path(os.path.normpath(folder / (found[1] or found[2])), other, own))
        if not here.is_relative_to(own) or not here.exists() or Path(map_path(here, own, other)).exists():
            continue
        for place in (*reversed(here.relative_to(own).parents), here.relative_to(own)):
            if place.parts and not _is_tracked(own, place) and (own / place).is_relative_to(root):
                yield (own / place).relative_to(root).as_posix()
                return


def _is_tracked(own: Path, place: Path) -> bool:
    try:
        return bool(run_git(own, "ls-files", "--", str(place)).output.strip())
    except ConfigError:
        return True
