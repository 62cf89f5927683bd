"""What a process has imported, by distribution, with the interpreter and what computes for it."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl  # noqa: F401  (found before the path of a test hides it)

from pytest_speedacc.measure import libraries
from pytest_speedacc.measure.libraries import loaded_versions


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of distributions, the only one on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def install(site: Path, folder: str, **files: str) -> None:
    (site / f"{folder}.dist-info").mkdir()
    for name, text in files.items():
        (site / f"{folder}.dist-info" / name.replace("_txt", ".txt")).write_text(text)


def test_the_versions_are_those_of_the_metadata() -> None:
    np.linalg.inv(np.eye(2))
    found = loaded_versions()
    for name in ("numpy", "msgspec", "psutil", "threadpoolctl"):
        assert found[name] == metadata.version(name)
    assert found["python"].startswith(platform.python_version())
    assert found["BLAS"]


def test_what_is_not_imported_is_not_told() -> None:
    script = "from pytest_speedacc.measure.libraries import loaded_versions as it; print('threadpoolctl' in it(), it())"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.startswith("True ")
    assert "pytest-benchmark" not in told


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("json-9.0", {}),
        ("Some.Thing-9.0", {"top_level_txt": "_private\njson\n"}),
        ("some_thing-9.0", {"RECORD": "some_thing-9.0.dist-info/METADATA,,\njson/__init__.py,sha256=0,1\n"}),
        ("some_thing-9.0", {"RECORD": "json.py,,\n"}),
    ],
)
def test_a_module_is_found_however_its_distribution_is_called(site: Path, folder: str, files: dict[str, str]) -> None:
    install(site, folder, **files)
    found = loaded_versions()
    assert found[folder.partition("-")[0].lower().replace("_", "-")] == "9.0"


def test_what_has_no_module_here_is_left_out(site: Path) -> None:
    install(site, "nowhere-1.0")
    install(site, "elsewhere-1.0", RECORD="absent/__init__.py,,\n")
    install(site, "strange", RECORD="json.py,,\n")
    assert not {"nowhere", "elsewhere", "strange"} & loaded_versions().keys()


def test_several_of_a_kind_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def pool(kind: str, version: str | None, **more: str) -> dict[str, str | None]:
        return {"user_api": kind, "internal_api": "openblas", "version": version, "prefix": "libgomp", **more}

    pools = [
        pool("blas", "0.3.30", threading_layer="pthreads"),
        pool("blas", "0.3.29", threading_layer="openmp"),
        pool("openmp", None),
    ]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: pools)
    found = loaded_versions()
    assert (found["BLAS"], found["OpenMP"]) == ("openblas 0.3.29 openmp/openblas 0.3.30", "libgomp")
    assert libraries.COMPILER in found
