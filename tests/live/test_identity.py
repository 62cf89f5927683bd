"""The base's code is the base's: import paths, editable installs, copies, and what says what is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree import identity
from pytest_speedacc.live.tree.identity import (
    base_sys_path,
    foreign_modules,
    import_folders,
    map_path,
    non_editable_install,
    refuse_non_editable_install,
    remap_editable,
)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Candidate and base, each a src-layout project, and a link to the candidate beside them."""
    for name in ("candidate ä", "base"):
        package = tmp_path / name / "src/pkg"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"SIDE = {name!r}\n", "utf-8")
        (tmp_path / name / "pyproject.toml").write_text('[project]\nname = "My.Project"\n')
    (tmp_path / "link").symlink_to(tmp_path / "candidate ä")
    return tmp_path / "candidate ä", tmp_path / "base"


class TestPaths:
    def test_only_what_lies_in_the_candidate_is_mapped(self, trees: tuple[Path, Path]) -> None:
        candidate, base = trees
        assert map_path(candidate / "src/pkg", *trees) == str(base / "src/pkg")
        assert map_path(candidate, *trees) == str(base)
        assert map_path(f"{candidate}er/src", *trees) == f"{candidate}er/src"
        assert map_path(candidate.parent, *trees) == str(candidate.parent)

    def test_links_are_followed_on_both_sides(self, trees: tuple[Path, Path]) -> None:
        candidate, base = trees
        link = candidate.parent / "link"
        assert map_path(link / "src", candidate, base) == str(base / "src")
        assert map_path(candidate / "src", link, base) == str(base / "src")

    def test_sys_path(self, trees: tuple[Path, Path]) -> None:
        candidate, base = trees
        outside = str(candidate.parent / "elsewhere")
        entries = [
            "",
            "tools",
            str(candidate),
            f"{candidate}/src",
            outside,
            "__editable__.x.finder.__path_hook__",
        ]
        assert base_sys_path(entries, *trees) == [
            *("", "tools", str(base), f"{base}/src"),
            *(outside, "__editable__.x.finder.__path_hook__"),
        ]

    def test_an_environment_in_the_repository_stays(
        self, trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        candidate, base = trees
        monkeypatch.setattr(sys, "prefix", str(candidate / "env"))
        entries = [f"{candidate}/env/lib/python3", f"{candidate}/.other/lib/python3/site-packages"]
        assert base_sys_path([*entries, f"{candidate}/src"], *trees) == [*entries, f"{base}/src"]

    def test_a_repository_within_the_interpreters_prefix_is_mapped(
        self, trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        candidate, base = trees
        monkeypatch.setattr(sys, "prefix", str(candidate.parent))
        assert base_sys_path([f"{candidate}/src"], *trees) == [f"{base}/src"]

    def test_the_folder_above_a_repository_that_is_a_package(self, trees: tuple[Path, Path]) -> None:
        candidate, _ = trees
        above = str(candidate.parent)
        assert base_sys_path([above], candidate, "/scratch/candidate ä") == [above]
        (candidate / "__init__.py").touch()
        assert base_sys_path([above], candidate, "/scratch/candidate ä") == ["/scratch"]

    def test_a_strict_editable_install(self, trees: tuple[Path, Path]) -> None:
        entry = str(trees[0] / "build/__editable__.pkg-1-py3-none-any")
        with pytest.raises(ConfigError) as error:
            base_sys_path([entry], *trees)
        assert str(error.value) == (
            f"The project is installed as a strict editable install, by links in {entry}, which the base "
            "does not have: run `pip install -e .` without `editable_mode=strict`."
        )


FINDER = """
MAPPING = {mapping!r}
NAMESPACES = {namespaces!r}

class _EditableFinder:
    pass
"""


@pytest.fixture
def finder(trees: tuple[Path, Path], tmp_path: Path) -> Iterator[ModuleType]:
    """The module that setuptools writes, as far as it matters here."""
    candidate, _ = trees
    mapping = {"pkg": f"{candidate}/src/pkg", "other": "/elsewhere/other"}
    path = tmp_path / "finder.py"
    path.write_text(FINDER.format(mapping=mapping, namespaces={"space": [f"{candidate}/space", "/far"]}), "utf-8")
    spec = importlib.util.spec_from_file_location("__editable___My_Project_1_finder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class TestEditable:
    def test_setuptools(self, trees: tuple[Path, Path], finder: Any) -> None:
        remap_editable([finder._EditableFinder, *sys.meta_path], *trees)
        mapping, namespaces = finder.MAPPING, finder.NAMESPACES
        assert mapping == {"pkg": f"{trees[1]}/src/pkg", "other": "/elsewhere/other"}
        assert namespaces == {"space": [f"{trees[1]}/space", "/far"]}

    def test_editables(self, trees: tuple[Path, Path]) -> None:
        class RedirectingFinder:
            _redirections = {"pkg": f"{trees[0]}/src/pkg/__init__.py"}  # noqa: RUF012

        remap_editable([RedirectingFinder], *trees)
        assert RedirectingFinder._redirections == {"pkg": f"{trees[1]}/src/pkg/__init__.py"}

    @pytest.mark.parametrize(
        ("name", "tool"),
        [("ScikitBuildRedirectingFinder", "scikit-build-core"), ("MesonpyMetaFinder", "meson-python")],
    )
    def test_one_that_builds_is_refused(self, trees: tuple[Path, Path], name: str, tool: str) -> None:
        building = type(name, (), {})()
        building.known_source_files = {"pkg": f"{trees[0]}/src/pkg/__init__.py"}
        with pytest.raises(ConfigError) as error:
            remap_editable([building], *trees)
        assert str(error.value) == (
            f"The project is installed in editable mode by {tool}, whose import hook always builds and loads "
            "the candidate: give the base an interpreter of its own, in which the base is installed, with "
            "--speedacc-base-python=PATH."
        )
        building.known_source_files = {"numpy": "/elsewhere/numpy/__init__.py"}
        remap_editable([building], *trees)

    def test_import_folders(self, trees: tuple[Path, Path], finder: Any) -> None:
        entries = ["", "/elsewhere", f"{trees[0]}/tools"]
        folders = import_folders(entries, [finder._EditableFinder], trees[0])
        assert folders == [f"{trees[0]}/tools", f"{trees[0]}/src"]


def module_of(file: Path | None) -> ModuleType:
    module = ModuleType("module")
    module.__file__ = None if file is None else str(file)
    return module


class TestForeignModules:
    def test_only_modules_of_the_other_tree(self, trees: tuple[Path, Path]) -> None:
        candidate, base = trees
        modules = {
            "pkg": module_of(candidate / "src/pkg/__init__.py"),
            "linked": module_of(candidate.parent / "link/src/linked.py"),
            "own": module_of(base / "src/own.py"),
            "far": module_of(Path("/elsewhere/far.py")),
            "installed": module_of(candidate / ".venv/lib/python3/site-packages/installed.py"),
            "namespace": module_of(None),
        }
        assert foreign_modules(modules, base, candidate) == [
            ("pkg", str(candidate / "src/pkg/__init__.py")),
            ("linked", str(candidate.parent / "link/src/linked.py")),
        ]
        assert [name for name, _ in foreign_modules(modules, candidate, base)] == ["own"]

    def test_the_plugin_is_of_neither_tree_whatever_its_modules_are_called(self, tmp_path: Path) -> None:
        candidate = Path(identity.__file__).parents[3]
        modules = {
            name: module_of(Path(identity.__file__)) for name in ("pytest_speedacc.x", "__main__", "__mp_main__")
        }
        assert foreign_modules(modules, tmp_path, candidate) == []

    def test_a_shared_file_is_not_foreign(self, trees: tuple[Path, Path]) -> None:
        candidate, base = trees
        (base / "src/generated.py").symlink_to(candidate / "src/generated.py")
        modules = {"generated": module_of(base / "src/generated.py")}
        assert foreign_modules(modules, base, candidate) == []


def install(site: Path, name: str, *files: str, origin: dict[str, Any] | None = None) -> None:
    """A distribution as an installer leaves it."""
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in (*files, f"{info.name}/METADATA")))
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


class TestNonEditableInstall:
    @pytest.mark.parametrize("place", ["site-packages", "candidate ä/.venv/lib/site-packages"])
    @pytest.mark.parametrize("origin", ["from the folder", "by name", "by package", "from a wheel"])
    def test_a_copy_is_named(self, trees: tuple[Path, Path], place: str, origin: str) -> None:
        candidate, _ = trees
        site = candidate.parent / place
        match origin:
            case "from the folder":
                install(site, "renamed", origin={"url": candidate.as_uri(), "dir_info": {}})
            case "by name":
                install(site, "my_project", "module.py")
            case "by package":
                install(site, "vendored", "pkg/__init__.py")
            case _:
                wheel = (candidate / "dist/my_project.whl").as_uri()
                install(site, "my-project", "pkg/__init__.py", origin={"url": wheel, "archive_info": {}})
        (copy,) = non_editable_install(candidate, [str(site)])
        assert copy[1] == str(site)
        with pytest.raises(ConfigError) as error:
            refuse_non_editable_install(candidate, [str(site)])
        assert str(error.value) == (
            f"{copy[0]} is installed in {site} as a copy of this repository, so base and candidate would "
            f"both run that copy: run `pip install -e .` in {candidate}."
        )

    def test_what_is_no_copy(self, trees: tuple[Path, Path]) -> None:
        candidate, _ = trees
        (candidate / "tests").mkdir()
        (candidate / "tests/__init__.py").touch()
        site = candidate.parent / "site-packages"
        editable = {"url": candidate.as_uri(), "dir_info": {"editable": True}}
        install(site, "My.Project", "__editable__.my_project.pth", "__editable___f.py", origin=editable)
        install(site / "by hand", "my-project", "my_project.pth", "__editable___f.py")
        install(site, "careless", "tests/__init__.py")
        install(site, "tool", origin={"url": "file:///elsewhere/tool", "dir_info": {}})
        wheel = (candidate / "wheels/third_party.whl").as_uri()
        install(site, "third_party", "third/__init__.py", origin={"url": wheel, "archive_info": {}})
        # As `setup.py develop` leaves it: metadata beside the sources.
        install(candidate / "src", "My-Project", "pkg/__init__.py")
        places = [str(site), str(site / "by hand"), str(candidate / "src")]
        assert non_editable_install(candidate, places) == []

    def test_the_plugin_in_its_own_repository_is_no_copy(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text('[project]\nname = "pytest-speedacc"\n', "utf-8")
        (tmp_path / "pytest_speedacc").mkdir()
        (tmp_path / "pytest_speedacc/__init__.py").touch()
        site = tmp_path / "venv/site-packages"
        install(site, "pytest_speedacc", "pytest_speedacc/__init__.py")
        assert non_editable_install(tmp_path, [str(site)]) == []

    def test_a_linked_package_is_no_copy(self, trees: tuple[Path, Path]) -> None:
        candidate, _ = trees
        site = candidate.parent / "site-packages"
        install(site, "flit-s")
        (site / "pkg").symlink_to(candidate / "src/pkg")
        (site / "flit-s-1.dist-info/RECORD").write_text("pkg/__init__.py,,\n")
        assert non_editable_install(candidate, [str(site)]) == []


WORKER = """
import sys
from pytest_speedacc.live.tree.identity import base_sys_path, foreign_modules, remap_editable

candidate, base = sys.argv[1:]
sys.path[:] = base_sys_path(sys.path, candidate, base)
remap_editable(sys.meta_path, candidate, base)
import pkg
print(pkg.SIDE, foreign_modules(sys.modules, base, candidate), foreign_modules(sys.modules, candidate, base))
"""


def test_an_installed_src_layout_package(trees: tuple[Path, Path], tmp_path: Path) -> None:
    candidate, base = trees
    venv = candidate / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = next(venv.rglob("site-packages"))
    # The plugin comes from here; -S would do away with the path files that are to be tested.
    plugin = str(Path(identity.__file__).parents[3])
    command = [str(python), "-c", WORKER, str(candidate), str(base)]

    def run() -> str:
        environment = {**os.environ, "PYTHONPATH": plugin, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    own = f"base [] [('pkg', {str(base / 'src/pkg/__init__.py')!r})]"

    path_file = site / "my_project.pth"
    path_file.write_text(f"{candidate}/src\n", "utf-8")
    assert run() == own

    editable_wheel = pytest.importorskip("setuptools.command.editable_wheel")
    name = "__editable___My_Project_1_finder"
    mapping = {"pkg": str(candidate / "src/pkg")}
    (site / f"{name}.py").write_text(editable_wheel._finder_template(name, mapping, {}), "utf-8")
    path_file.write_text(f"import {name}; {name}.install()\n")
    assert run() == own

    path_file.write_text("")
    (site / "pkg").symlink_to(candidate / "src/pkg")
    assert run() == f"candidate ä [('pkg', {str(site / 'pkg/__init__.py')!r})] []"
