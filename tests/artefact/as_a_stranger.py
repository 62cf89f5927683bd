"""Try the wheel as a stranger would: alone in an empty environment, in a project of his own.

``python tests/artefact/as_a_stranger.py DIST`` takes the wheel in that folder. It exits with what did not go as it
should, and says else how long the first verdict took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GATES = """
import numpy as np
import pytest

INPUTS = np.arange(40.0).reshape(20, 2)
TARGETS = (INPUTS[:, 0] > 10).astype(int)


def model(batch):
    return (batch[:, 0] > 10).astype(int)


@pytest.mark.speedacc(min_accuracy=0.9, max_latency="100 ms", max_memory="64 MiB")
def test_function(speedacc):
    speedacc.check(model, INPUTS, TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_wrong(speedacc):
    speedacc.check(model, INPUTS, 1 - TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_scorer(speedacc):
    speedacc.check(model, INPUTS, TARGETS, score="roc_auc")


@pytest.mark.speedacc(max_parameters=3)
def test_parameters(speedacc):
    speedacc.check(model, INPUTS, TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_thing(speedacc):
    speedacc.check(object(), INPUTS, TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_file(speedacc):
    speedacc.check("model.onnx", INPUTS, TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_absent(speedacc):
    from sklearn.linear_model import LogisticRegression

    speedacc.check(LogisticRegression().fit(INPUTS, TARGETS), INPUTS, TARGETS)


@pytest.mark.speedacc(min_accuracy=0.9)
def test_skipped(speedacc):
    pytest.importorskip("torch")


def test_modules():
    import importlib
    import pkgutil

    import pytest_speedacc

    for module in pkgutil.walk_packages(pytest_speedacc.__path__, "pytest_speedacc."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
FRAMEWORKS = ["sklearn", "lightgbm", "xgboost", "catboost", "statsmodels", "torch", "keras", "onnx", "pandas"]


@dataclass(frozen=True)
class Attempt:
    """What a stranger types, and what he is to see."""

    words: Sequence[str]
    code: int
    says: Sequence[str]
    ci: bool = False
    """Whether he has CI type it."""


ATTEMPTS = [
    Attempt(["pytest", "--collect-only", "-q"], 0, ["test_gates.py::test_function", "9 tests collected"]),
    Attempt(["pytest", "--help"], 0, ["performance regression gates for models", "--speedacc-against=REF"]),
    Attempt(["pytest", "--markers"], 0, ["@pytest.mark.speedacc(policy=...", "min_accuracy=0.95: smallest score"]),
    Attempt(["pytest", "-k", "modules"], 0, ["1 passed"]),
    Attempt(["pytest", "-k", "function"], 0, ["1 passed", "passed"]),
    Attempt(["pytest", "-k", "wrong"], 1, ["speedacc failed: accuracy 0", "at least 0.9"]),
    Attempt(["pytest", "-k", "scorer"], 1, ["scikit-learn is not installed here", "install pytest-speedacc[sklearn]"]),
    Attempt(["pytest", "-k", "parameters"], 1, ["it belongs to no known framework", "drop the limit"]),
    Attempt(["pytest", "-k", "thing"], 1, ["object is not a model", "Pass a fitted model"]),
    Attempt(["pytest", "-k", "file"], 1, ["str is not a model", "Pass a fitted model"]),
    Attempt(["pytest", "-k", "absent"], 1, ["No module named 'sklearn'", "test_gates.py::test_absent failed"]),
    Attempt(["pytest", "-k", "skipped"], 0, ["1 gate was skipped: nothing was judged there", "1 skipped"]),
    Attempt(["pytest", "-k", "skipped"], 1, ["this run shows nothing and fails", "judge at least one"], ci=True),
    Attempt(["pytest", "-k", "function", "--speedacc-report=page.html"], 0, ["page.html", "[report]"]),
    Attempt(["pytest", "--speedacc-report=front.png"], 4, ["needs matplotlib", "install pytest-speedacc[report]"]),
    Attempt(["pytest", "--speedacc-against=HEAD~1"], 4, ["is not in a git repository", "`git init`"]),
    Attempt(["pytest", "-k", "function", "--speedacc-missing"], 0, ["wrote", "review it and commit it"]),
    Attempt(["pytest_speedacc", "--help"], 0, ["usage: python -m pytest_speedacc", "merge", "prune"]),
    Attempt(["pytest_speedacc", "show"], 0, ["test_gates.py::test_function"]),
    Attempt(["pytest_speedacc", "schema", "report-2"], 0, ['"$schema"']),
]


def problems(python: Path, folder: Path) -> list[str]:
    """What did not go as it should, a paragraph each."""
    found = []
    for attempt in ATTEMPTS:
        command = [python, "-m", *attempt.words]
        # Not as a CI that runs this: the plugin is stricter there.
        env = {**os.environ, "CI": "true" if attempt.ci else ""}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
        # A sentence goes on in the next line, by the terminal's width.
        said = " ".join((done.stdout + done.stderr).split())
        lacking = [words for words in attempt.says if words not in said]
        if done.returncode != attempt.code or lacking:
            found.append(
                f"{' '.join(attempt.words)}: exit code {done.returncode}, expected {attempt.code}; "
                f"not said: {lacking}\n{done.stdout}{done.stderr}"
            )
    return found


def main(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        venv.create(Path(scratch, "venv"), with_pip=True)
        python = Path(scratch, "venv", "Scripts" if sys.platform == "win32" else "bin", "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", wheel.resolve()], check=True)
        installed = time.monotonic() - began
        subprocess.run([*pip, "check"], check=True)
        asked = f"from importlib.util import find_spec; print([n for n in {FRAMEWORKS} if find_spec(n)])"
        brought = subprocess.check_output([python, "-c", asked], text=True).strip()
        if brought != "[]":
            sys.exit(f"{wheel.name} brings frameworks along: {brought}")
        project = Path(scratch, "project")
        project.mkdir()
        (project / "test_gates.py").write_text(GATES, "utf-8")
        (project / "pytest.ini").write_text("[pytest]\n", "ascii")
        if found := problems(python, project):
            sys.exit("\n".join(found))
    python_version = sys.version.split()[0]
    print(f"{wheel.name} on Python {python_version}: installed in {installed:.0f} s, {len(ATTEMPTS)} tries well")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
