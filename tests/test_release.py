"""What a release is held against before it is published: one version everywhere."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
problems = runpy.run_path(str(ROOT / "tests/artefact/release.py"))["problems"]
BUILT = {"pytest_speedacc-1.2.3-py3-none-any.whl", "pytest_speedacc-1.2.3.tar.gz"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', "utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [1.2.3] - 2026-11-26\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("environment", [{}, {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}])
def test_one_version_everywhere_is_right(root: Path, environment: dict[str, str]) -> None:
    assert problems(root, BUILT, environment) == []
    assert problems(root, BUILT, {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.2.3"}) == []


def test_a_tag_of_another_version_is_named(root: Path) -> None:
    found = problems(root, BUILT, {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.2.4"})
    assert found == ["the tag is v1.2.4, and the version 1.2.3"]


def test_files_of_another_version_or_too_many_are_named(root: Path) -> None:
    (found,) = problems(root, {*BUILT, "pytest_speedacc-1.2.2.tar.gz"}, {})
    assert found.startswith("built were ['pytest_speedacc-1.2.2.tar.gz', ")


@pytest.mark.parametrize("heading", ["## [1.2.3]", "## [1.2.30] - 2026-11-26", "## [Unreleased]"])
def test_a_changelog_without_the_version_is_named(root: Path, heading: str) -> None:
    (root / "CHANGELOG.md").write_text(f"{heading}\n", "utf-8")
    assert problems(root, BUILT, {}) == ["CHANGELOG.md has no section [1.2.3] with a date"]


def test_this_version_is_in_the_citation_too() -> None:
    yaml = pytest.importorskip("yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == version
    assert f"## [{version}] - {citation['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
