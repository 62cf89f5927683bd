"""A scratch project with one test file, and runs of pytest in it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

PRELUDE = """
import numpy as np
import pytest

inputs = np.random.default_rng(0).normal(size=(60, 4))
targets = (inputs[:, 0] > 0).astype(int)

def model(batch):
    return (batch[:, 0] > 0).astype(int)

def regression(strength=1.0):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength).fit(inputs, targets)
"""
"""What every test file starts with: a function that is always right, and a model of five parameters that is right
nearly always, or about half the time where its ``strength`` is 0.001."""

SIZED = """
class Sized:
    def __init__(self, weights, wrong):
        self.weights, self.wrong = np.ones(weights), wrong

    def predict(self, batch):
        labels = model(batch)
        if len(batch) == 60:
            labels[: self.wrong] = 1 - labels[: self.wrong]
        return labels
"""
"""A model of so many weights that gets so many of the samples wrong, where it is asked for all of them."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder, as ``pytester`` makes it."""

    pytester: pytest.Pytester

    def write(self, tests: str, pyproject: str = "") -> None:
        """Write ``test_model.py``, which starts with the prelude, and ``[tool.speedacc]``."""
        self.pytester.makepyfile(test_model=PRELUDE + tests)
        self.pytester.makepyprojecttoml(f"[tool.speedacc]\n{pyproject}")

    def run(self, *options: str, plugins: tuple[str, ...] = (), budget: str = "0.05") -> pytest.RunResult:
        """Run pytest in this process, with this plugin, pytest-benchmark and ``plugins`` (entry points) only."""
        return self.pytester.runpytest_inprocess(*_arguments(options, plugins, budget))

    def run_apart(self, *options: str, plugins: tuple[str, ...] = (), budget: str = "0.05") -> pytest.RunResult:
        """The same in a process of its own."""
        return self.pytester.runpytest_subprocess(*_arguments(options, plugins, budget))


def output(result: pytest.RunResult) -> str:
    """All that a run wrote."""
    return f"{result.stdout}\n{result.stderr}"


def assert_says(result: pytest.RunResult, sentence: str) -> None:
    """The run's output holds the sentence, in which ``*`` stands for anything within a line."""
    __tracebackhide__ = True
    pattern = f"*{sentence.replace('[', '[[]')}*"
    lines = output(result).splitlines()
    assert any(fnmatchcase(line, pattern) for line in lines), f"not said: {sentence}"


def _arguments(options: tuple[str, ...], plugins: tuple[str, ...], budget: str) -> list[str]:
    loaded = [f"-p{name}" for name in ("benchmark", "speedacc", *plugins)]
    return [*loaded, f"--speedacc-budget={budget}", *options]
