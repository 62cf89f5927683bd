"""Is the base the base? Which tree a module comes from, and what to import the base's from."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pytest_speedacc.errors import ConfigError

StrPath = str | os.PathLike[str]

# By its place, since `python -m` and multiprocessing have other names for what they run.
_PLUGIN = Path(__file__).parents[2]
_BUILDING_FINDERS = {
    "ScikitBuildRedirectingFinder": "scikit-build-core",
    "MesonpyMetaFinder": "meson-python",
    "MesonpyFinder": "meson-python",
}
# Packages of nearly every repository, which some distributions install by mistake.
_COMMON_NAMES = frozenset({"benchmarks", "doc", "docs", "examples", "scripts", "test", "tests", "tools"})


def map_path(path: StrPath, candidate_root: StrPath, base_root: StrPath) -> str:
    """``path`` in the base's tree if it lies in the candidate's, itself or by a link; otherwise ``path``."""
    relative = _below(path, candidate_root)
    return os.fspath(path) if relative is None else str(Path(base_root, relative))


def base_sys_path(sys_path: Sequence[str], candidate_root: StrPath, base_root: StrPath) -> list[str]:
    """The candidate's ``sys.path`` for the base: source folders are mapped, environments in the tree are not.

    Relative entries stay, since the base's worker runs in the base's tree. Raises ConfigError for an entry
    that only the candidate's build has.
    """
    candidate, base = Path(candidate_root), Path(base_root)
    is_package = (candidate / "__init__.py").exists()
    mapped = []
    for entry in sys_path:
        if is_package and Path(entry) == candidate.parent:
            # Tests inside a repository that is itself a package are imported from the folder above it.
            mapped.append(str(base.parent))
        elif Path(entry).is_absolute() and is_below(entry, candidate):
            if "__editable__" in entry:
                raise ConfigError(
                    f"The project is installed as a strict editable install, by links in {entry}, which the "
                    "base does not have: run `pip install -e .` without `editable_mode=strict`."
                )
            mapped.append(map_path(entry, candidate, base))
        else:
            mapped.append(entry)
    return mapped


def is_below(path: StrPath, root: StrPath) -> bool:
    """Whether ``path`` lies in ``root``, and not in an environment that is kept in there, like ``.venv``.

    A link in that environment that leads to a source is one.
    """
    # Only prefixes within the tree: an interpreter in /usr may test a repository in /usr/src.
    prefixes = [prefix for prefix in (sys.prefix, sys.base_prefix) if _below(prefix, root) not in (None, Path())]
    environments = [form for prefix in prefixes for form in _forms(prefix)]
    return any(
        inner.is_relative_to(outer)
        and not {"site-packages", "dist-packages"} & set(inner.relative_to(outer).parts)
        and not any(inner.is_relative_to(environment) for environment in environments)
        for inner, outer in zip(_forms(os.fspath(path)), _forms(os.fspath(root)), strict=True)
    )


def import_folders(sys_path: Iterable[str], finders: Iterable[object], candidate_root: StrPath) -> list[str]:
    """The folders in the candidate's tree that it imports from, by ``sys.path`` or by an editable install."""
    editable = [str(Path(target).parent) for finder in finders for target in _mapping(finder).values()]
    entries = [entry for entry in [*sys_path, *editable] if Path(entry).is_absolute()]
    return list(dict.fromkeys(entry for entry in entries if is_below(entry, candidate_root)))


def remap_editable(finders: Iterable[object], candidate_root: StrPath, base_root: StrPath) -> None:
    """Point the editable installs among ``finders`` (``sys.meta_path``) at the base's tree, in this process.

    Known are those of setuptools, a module with MAPPING and NAMESPACES, and of the ``editables`` package.
    Plain path files need nothing but ``base_sys_path``. Raises ConfigError for one that builds the candidate
    on import.
    """
    for finder in finders:
        tool = _BUILDING_FINDERS.get(_class_of(finder).__name__)
        if tool is not None and any(is_below(text, candidate_root) for text in _texts(vars(finder))):
            raise ConfigError(
                f"The project is installed in editable mode by {tool}, whose import hook always builds and "
                "loads the candidate: give the base an interpreter of its own, in which the base is "
                "installed, with --speedacc-base-python=PATH."
            )
        mapping = _mapping(finder)
        mapping.update({name: map_path(target, candidate_root, base_root) for name, target in mapping.items()})
        for targets in _namespaces(finder).values():
            targets[:] = [map_path(target, candidate_root, base_root) for target in targets]


def foreign_modules(modules: Mapping[str, ModuleType], own_root: StrPath, other_root: StrPath) -> list[tuple[str, str]]:
    """Name and file of each module imported from the other side's tree, the plugin's own excepted."""
    foreign = []
    for name, module in list(modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or _below(file, _PLUGIN) is not None:
            continue
        # The path as imported decides first: a file that is shared into the tree belongs to it.
        if _below(file, own_root) is None and is_below(file, other_root):
            foreign.append((name, file))
    return foreign


def non_editable_install(root: StrPath, path: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Name and place of each installed copy of the project in ``root``, which both sides would import.

    It counts as one if it was installed from a folder in ``root``, or has the project's name or one of its
    packages. ``path`` is searched instead of ``sys.path``.
    """
    project, packages = _project_name(Path(root)), _packages(Path(root))
    copies = []
    for distribution in metadata.distributions(path=list(sys.path if path is None else path)):
        name = distribution.metadata["Name"]
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        place = str(distribution.locate_file(""))
        # Metadata beside the sources, as `setup.py develop` leaves it, installs nothing.
        if name is None or origin.get("dir_info", {}).get("editable") or is_below(place, root):
            continue
        # What measures is the same for both sides, in its own repository too.
        if _normal(name) == "pytest-speedacc":
            continue
        if (
            ("dir_info" in origin and _is_file_url_in(origin["url"], root))
            or (project is not None and _normal(name) == _normal(project) and _holds_code(distribution))
            or any(_provides(distribution, package, root) for package in packages)
        ):
            copies.append((name, place))
    return copies


def editable_installs(root: StrPath) -> list[metadata.Distribution]:
    """What is installed here in editable mode from a folder in ``root``."""
    origins = [(each, json.loads(each.read_text("direct_url.json") or "{}")) for each in metadata.distributions()]
    return [
        each
        for each, origin in origins
        if origin.get("dir_info", {}).get("editable") and _is_file_url_in(origin["url"], root)
    ]


def refuse_non_editable_install(root: StrPath, path: Sequence[str] | None = None) -> None:
    """Raise ConfigError, naming the distribution, where ``non_editable_install`` finds one."""
    for name, place in non_editable_install(root, path):
        raise ConfigError(
            f"{name} is installed in {place} as a copy of this repository, so base and candidate would both "
            f"run that copy: run `pip install -e .` in {os.fspath(root)}."
        )


def _below(path: StrPath, root: StrPath) -> Path | None:
    """``path`` relative to ``root``, as written or with links followed; None where it lies elsewhere."""
    for inner, outer in zip(_forms(os.fspath(path)), _forms(os.fspath(root)), strict=True):
        if inner.is_relative_to(outer):
            return inner.relative_to(outer)
    return None


@cache
def _forms(path: str) -> tuple[Path, Path]:
    # Kept, because following links asks the disk, and every gate asks for the same thousands of modules.
    return Path(os.path.normpath(Path(path).absolute())), Path(path).resolve()


def _class_of(finder: object) -> type:
    return finder if isinstance(finder, type) else type(finder)


def _mapping(finder: object) -> dict[str, str]:
    """Names and paths of the packages that an editable install finds, as the finder itself holds them."""
    module = sys.modules.get(_class_of(finder).__module__)
    if module is not None and module.__name__.startswith("__editable___"):
        mapping: dict[str, str] = module.MAPPING
        return mapping
    redirections: dict[str, str] = getattr(finder, "_redirections", {})
    return redirections


def _namespaces(finder: object) -> dict[str, list[str]]:
    module = sys.modules.get(_class_of(finder).__module__)
    namespaces: dict[str, list[str]] = getattr(module, "NAMESPACES", {}) if _mapping(finder) else {}
    return namespaces


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _texts(part)


def _project_name(root: Path) -> str | None:
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    name = document.get("project", {}).get("name")
    return name if isinstance(name, str) else None


def _packages(root: Path) -> list[str]:
    folders = [init.parent for folder in (root, root / "src") for init in folder.glob("*/__init__.py")]
    return sorted({folder.name for folder in folders} - _COMMON_NAMES)


def _provides(distribution: metadata.Distribution, package: str, root: StrPath) -> bool:
    """Whether the distribution holds a copy of the package, and not a link into ``root``."""
    init = Path(str(distribution.locate_file(f"{package}/__init__.py")))
    # The cheap question first: the list of files of a large framework takes long to read.
    if not init.exists() or is_below(init.resolve(), root):
        return False
    return any(file.parts[0] == package for file in distribution.files or ())


def _holds_code(distribution: metadata.Distribution) -> bool:
    """Whether the distribution installs modules, beyond those that lead to an editable project."""
    files = distribution.files
    return files is None or any(
        file.suffix in (".py", ".pyd", ".so") and "editable" not in file.parts[0] for file in files
    )


def _is_file_url_in(url: str, root: StrPath) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "file" and is_below(url2pathname(parts.path), root)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
