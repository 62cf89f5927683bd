"""With which packages the base is run: this environment's, or its own where the two revisions want others."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from pytest_speedacc.live.environments.build import build_by_command, build_with_uv, complete, requirements
from pytest_speedacc.live.environments.files import PYTHON_VERSION, Revision, changed_dependency_files, deciding
from pytest_speedacc.live.environments.recipe import Recipe, project_file, recipe_of
from pytest_speedacc.live.environments.store import BuildError, interpreter, kept
from pytest_speedacc.live.tree.base import Base
from pytest_speedacc.live.tree.identity import base_sys_path, editable_installs, import_folders
from pytest_speedacc.live.tree.worktree import BaseTree

AUTO, SAME = "auto", "same"
WHERE = "[tool.speedacc.live]"


@dataclass(frozen=True, slots=True)
class BaseEnvironment:
    """What the base runs with."""

    folder: Path | None = None
    """Its own virtual environment; None for this one's packages."""
    search: tuple[str, ...] = ()
    """Folders that its interpreter imports from beside those packages."""
    notes: tuple[str, ...] = ()
    """What is to be told of it."""
    problem: str = ""
    """Why it has none, so that nothing can be compared; empty where it has."""

    @property
    def python(self) -> str:
        """Its own interpreter; empty for this one."""
        return "" if self.folder is None else str(interpreter(self.folder))


def base_environment(
    setting: str | None, in_ci: bool, root: Path, base: Base, tree: BaseTree, scratch: Path, say: Callable[[str], None]
) -> BaseEnvironment:
    """What the base of the project in ``root`` runs with, as ``setting`` says where the two want other packages.

    None leaves that to ``in_ci``: whether ``CI`` is set. ``scratch`` is a folder that ends with the run.
    """
    theirs, ours = Revision.of(tree.path, tree.top), Revision.of(root.resolve(), base.top)
    decisive = {side.name(file) for side in (theirs, ours) for file in side.built_from()}
    changed = changed_dependency_files(base.top, base.sha, decisive)
    relevant = {tree.top / name for name in changed if name in decisive}
    recipe = recipe_of(theirs, ours, relevant, _is_installed) if relevant else None
    command = setting if setting not in (AUTO, SAME, None) else None
    both = f"{', '.join(changed)} changed since the base, and both sides ran with this environment's packages"
    if not changed:
        return BaseEnvironment()
    if setting == SAME:
        return BaseEnvironment(notes=(f'{both}, as environment = "same" in {WHERE} has it',))
    if not relevant or (recipe is None and command is None):
        return BaseEnvironment(notes=(f"{both}: --speedacc-base-python=PATH runs the base with its own",))
    if setting is None and not in_ci:
        return BaseEnvironment(notes=(f"{both}: {_offered(recipe, theirs)}",))
    python = _python(theirs, ours)
    source = f"by {command!r}" if command else f"from {recipe.said(theirs)}" if recipe else ""
    source += f" for Python {python}" if python else ""
    try:
        folder = _built(command, recipe, python, theirs, tree, root, say)
    except BuildError as error:
        return BaseEnvironment(problem=f"the base's environment could not be built {source}: {error}")
    note = f"{', '.join(changed)} changed since the base, which ran with an environment of its own, built {source}"
    return BaseEnvironment(folder, _search(base, tree, scratch), (note,))


def _offered(recipe: Recipe | None, theirs: Revision) -> str:
    """What to write so that the base has an environment of its own."""
    if recipe is None or not recipe.call:
        what = f" from {recipe.said(theirs)}" if recipe else ""
        return f"environment = a command that builds one{what}, in {WHERE} of the base, runs it with its own"
    return (
        f"CI=true before the command builds the base one of its own from {recipe.said(theirs)}, and "
        f'environment = "{AUTO}" in {WHERE} of the base does so always'
    )


def _built(
    command: str | None,
    recipe: Recipe | None,
    python: str,
    theirs: Revision,
    tree: BaseTree,
    root: Path,
    say: Callable[[str], None],
) -> Path:
    """The environment, from the cache where it has been built before. Raises BuildError."""
    call: str | tuple[str, ...]
    if command is not None:
        variables = {"SPEEDACC_BASE_SHA": tree.sha, "SPEEDACC_CANDIDATE_ROOT": str(root)}
        make = partial(build_by_command, command, tree.path, variables)
        files, call = theirs.built_from(), command
    else:
        assert recipe is not None, "there is a recipe where there is no command"
        if not recipe.call:
            raise BuildError(
                f'uv does not read it: set environment in {WHERE} of the base to a command that does, or to "{SAME}"'
            )
        make = partial(build_with_uv, recipe.call, recipe.folder, python or sys.executable)
        project = project_file(theirs)
        files, call = (*recipe.files, *([project] if project else []), *theirs.found(PYTHON_VERSION)), recipe.call

    def build(target: Path) -> None:
        make(target)
        complete(target, tree.top)

    return kept(_key(call, python, {theirs.name(file): _content(file) for file in files}), build, say)


def _key(call: str | tuple[str, ...], python: str, contents: dict[str, str]) -> str:
    """Of all that an environment depends on; what is not pinned stays what it was when it was built."""
    here = [platform.python_implementation(), sys.version, str(Path(sys.executable).resolve())]
    machine = [sysconfig.get_platform(), *platform.libc_ver()]
    own = [str(requirement) for requirement in requirements()]
    text = json.dumps([call, python, here, machine, own, contents], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:20]


def _content(file: Path) -> str:
    return deciding(file.name, file.read_text("utf-8", "surrogateescape"))


def _python(theirs: Revision, ours: Revision) -> str:
    """The version that the base asks for where this checkout asks for another; empty for this interpreter."""
    asked, now = (
        "".join(file.read_text("utf-8", "replace") for file in side.found(PYTHON_VERSION)).split()
        for side in (theirs, ours)
    )
    return asked[0] if asked and asked != now else ""


def _is_installed(name: str) -> bool:
    return any(metadata.distributions(name=name))


def _search(base: Base, tree: BaseTree, scratch: Path) -> tuple[str, ...]:
    """What takes the place of an editable install: the sources of the base, and what is known of the distributions."""
    folder = scratch / "installed"
    for each in editable_installs(base.top):
        place = folder / f"{each.metadata['Name'].replace('-', '_')}-{each.version}.dist-info"
        place.mkdir(parents=True)
        for name in ("METADATA", "entry_points.txt", "top_level.txt"):
            if text := each.read_text(name):
                (place / name).write_text(text, "utf-8")
    sources = base_sys_path(import_folders(sys.path, sys.meta_path, base.top), base.top, tree.top)
    return (*sources, str(folder))
