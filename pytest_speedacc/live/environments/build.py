"""Building an environment: by uv or by the project's own command, and with what the plugin itself needs added."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_speedacc.live.environments.recipe import OWN_NAME
from pytest_speedacc.live.environments.store import LONGEST_BUILD, BuildError, interpreter
from pytest_speedacc.live.tree.git import environment, run_command

NO_UV = (
    'uv, which builds environments, is not installed here: `pip install "pytest-speedacc[live]"` brings it, or set '
    "environment to a command in [tool.speedacc.live]"
)
LAST_LINES = 12
"""How much of what a failed build says is worth reading."""
_FRAME = " \t│├╰─▶\N{MULTIPLICATION SIGN}"
"""What uv draws around its sentences."""
_LIST = """
import json
from importlib import metadata

rows = [(each.name, each.version, each.read_text("direct_url.json") or "") for each in metadata.distributions()]
print(json.dumps([row for row in rows if row[0]]))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """What an environment has, as its own interpreter sees it."""

    versions: Mapping[str, str]
    """By the usual form of the distribution's name."""
    folders: Mapping[str, Path]
    """Those that were installed from a folder, and it."""


def find_uv() -> str | None:
    """The uv of this environment, or the one on the path."""
    try:
        from uv import find_uv_bin

        found: str = find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
    return found


def build_with_uv(call: Sequence[str], folder: Path, python: str, target: Path) -> None:
    """An environment for ``python``, its path or version, which uv fills by ``call``. Raises BuildError."""
    _uv(["venv", "--no-project", "--python", python, str(target)], folder)
    _uv(call, folder, target)


def build_by_command(command: str, folder: Path, variables: Mapping[str, str], target: Path) -> None:
    """What the project's own command makes in ``folder``, and leaves in ``target``. Raises BuildError."""
    _run(command, folder, {**variables, "SPEEDACC_ENVIRONMENT": str(target)})
    if not interpreter(target).exists():
        raise BuildError(
            f"{command!r} left no {interpreter(target)}: it makes a virtual environment in SPEEDACC_ENVIRONMENT"
        )


def complete(target: Path, worktree: Path) -> None:
    """Take out what was installed from the worktree, which ends with the run, and add what this plugin needs.

    What the project asks for keeps its versions. Raises BuildError.
    """
    has = _installed(target)
    if own := [name for name, folder in has.folders.items() if folder.is_relative_to(worktree)]:
        _uv(["pip", "uninstall", *own], target, target)
    lacking = [str(each) for each in requirements() if not _is_met(each, has.versions)]
    if not lacking:
        return
    if find_uv() is None:
        raise BuildError(f"it lacks {', '.join(lacking)}, which {OWN_NAME} needs: install {OWN_NAME} in it as well")
    pinned = [f"{name}=={version}" for name, version in has.versions.items() if name not in has.folders]
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("\n".join(pinned), "utf-8")
        _uv(["pip", "install", *lacking, "-c", str(constraints)], target, target)


def requirements() -> list[Requirement]:
    """What this plugin needs on this system; nothing where it is not installed, but only on the path."""
    try:
        needed = map(Requirement, metadata.requires(OWN_NAME) or ())
    except metadata.PackageNotFoundError:
        return []
    return [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]


def _installed(target: Path) -> Installed:
    rows = json.loads(_run([str(interpreter(target)), "-I", "-c", _LIST], target, {}))
    origins = {canonicalize_name(name): json.loads(origin) for name, _, origin in rows if origin}
    return Installed(
        {canonicalize_name(name): version for name, version, _ in rows},
        {
            name: Path(url2pathname(urlsplit(origin["url"]).path))
            for name, origin in origins.items()
            if "dir_info" in origin
        },
    )


def _is_met(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _uv(call: Sequence[str], folder: Path, target: Path | None = None) -> None:
    uv = find_uv()
    if uv is None:
        raise BuildError(NO_UV)
    # Read once by many processes, of which the first would pay for all.
    variables = {"UV_COMPILE_BYTECODE": os.environ.get("UV_COMPILE_BYTECODE", "1")}
    if target is not None:
        python = str(interpreter(target))
        variables |= {"UV_PROJECT_ENVIRONMENT": str(target), "VIRTUAL_ENV": str(target), "UV_PYTHON": python}
    _run([uv, *call], folder, variables)


def _run(command: Sequence[str] | str, folder: Path, variables: Mapping[str, str]) -> str:
    """What it prints. Raises BuildError with its last lines."""
    shown = command if isinstance(command, str) else " ".join([Path(command[0]).stem, *command[1:]])
    try:
        done = run_command(command, folder=folder, env=environment(variables), timeout=LONGEST_BUILD)
    except subprocess.TimeoutExpired:
        raise BuildError(f"`{shown}` did not end within {LONGEST_BUILD:g} s") from None
    except OSError as error:
        raise BuildError(f"`{shown}` cannot be run: {error}") from None
    if done.code:
        lines = [line.strip(_FRAME) for line in (done.output + done.errors).splitlines()]
        told = " ".join([line for line in lines if line][-LAST_LINES:])
        raise BuildError(f"`{shown}` ended with exit code {done.code}: {told.rstrip('.')}")
    return done.output
