"""Whose a file is, and how it is shown."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import numpy as np
import pytest

import pytest_speedacc
from pytest_speedacc.measure.places import is_library, shown

ROOT = Path("/projects/ranker")


@pytest.mark.parametrize(
    ("file", "library"),
    [
        (__file__, False),
        (str(ROOT / "src/ranker/features.py"), False),
        (np.__file__, True),
        (f"{sysconfig.get_path('stdlib')}/threading.py", True),
        (pytest_speedacc.__file__, True),
        (str(ROOT / ".venv/lib/python3.11/site-packages/sklearn/pipeline.py"), True),
        ("<frozen importlib._bootstrap>", True),
        (str(ROOT / "fast.pyx"), True),
    ],
)
def test_libraries_are_not_the_users(file: str, library: bool) -> None:
    assert is_library(file) is library


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (ROOT / "src/features.py", "src/features.py"),
        ("/elsewhere/features.py", "features.py"),
        ("/usr/lib/python3.11/site-packages/sklearn/pipeline.py", "sklearn/pipeline.py"),
        ("/usr/lib/python3/dist-packages/numpy/core.py", "numpy/core.py"),
        (ROOT / ".venv/lib/python3.11/site-packages/sklearn/pipeline.py", "sklearn/pipeline.py"),
    ],
)
def test_a_file_is_shown_from_the_project_or_its_package_on(file: Path | str, text: str) -> None:
    assert shown(str(file), ROOT) == text
