"""Each example is a project of its own, which passes as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "async_service": ("fastapi", "httpx", "sklearn"),
    "boosting": ("lightgbm", "pandas", "sklearn", "xgboost"),
    "feature_selection": ("lightgbm", "sklearn"),
    "milliseconds_at_scale": ("sklearn", "torch", "transformers"),
    "mnist_zoo": ("keras", "sklearn", "torch"),
    "pandas_pipeline": ("pandas", "sklearn"),
    "preprocessing": ("pandas", "sklearn"),
    "quickstart": ("sklearn",),
    "torch_digits": ("torch", "sklearn"),
}
"""What an example imports, by its folder."""
LONG = ("async_service", "boosting", "feature_selection", "milliseconds_at_scale", "mnist_zoo", "preprocessing")
"""Those that take more than twenty seconds: ``tox -e examples`` runs them, with a line in docs/testing.md."""

pytestmark = pytest.mark.slow


def test_every_example_is_run() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/pyproject.toml")} == NEEDS.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] if name in LONG else []) for name in NEEDS]
)
def test_an_example_passes(name: str, tmp_path: Path) -> None:
    for module in NEEDS[name]:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", EXAMPLES / name, "-p", "no:cacheprovider"],
        # A timing lock of its own: it waits for no other example.
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)  # -rP shows it
    assert done.returncode == 0, done.stdout + done.stderr
