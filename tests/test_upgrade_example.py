"""The example of an upgrade, whose two releases of scikit-learn are fetched from the package index."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/upgrade"


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="it is a script for a POSIX shell")
def test_the_slow_release_is_found_by_a_change_of_a_file_of_requirements(tmp_path: Path) -> None:
    """``CI=true pytest --speedacc-against=HEAD~1`` names the versions, and the functions of the library."""
    uv = pytest.importorskip("uv").find_uv_bin()
    variables = {
        "PATH": os.pathsep.join([str(Path(uv).parent), os.environ["PATH"]]),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        # Where uv keeps what it has fetched before is no matter of this test.
        "UV_CACHE_DIR": subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip(),
        "PYTHON": sys.executable,
        "COLUMNS": "300",
    }
    done = subprocess.run(
        ["sh", EXAMPLE / "show.sh", tmp_path / "repository"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "speedacc failed: latency median +" in done.stdout
    assert "  scikit-learn 1.5.2 -> 1.9.1, numpy 2.2.6 -> 2.4.6" in done.stdout
    assert "LogisticRegression.predict (sklearn/linear_model/_base.py:" in done.stdout
    assert "requirements.txt changed since the base, which ran with an environment of its own" in done.stdout
