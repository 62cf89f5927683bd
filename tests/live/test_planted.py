"""Planted regressions in a repository with a live base: each failure names its function in its first lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import start_project

pytestmark = pytest.mark.thorough

BASE = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

def clean_rows(frame):
    return frame["a"] * 2 + frame["b"]

def rows(frame):
    return (clean_rows(frame) > -1).astype(int)

def widen(values):
    return np.outer(values, np.ones(500))

def copies(frame):
    values = frame["a"].to_numpy()
    return (widen(values)[:, 0] > -1).astype(int)

def normalise(values):
    total = 0.0
    for value in values * 20:
        total += value * value
    return [value / (total + 1.0) ** 0.5 for value in values]

def calls(frame):
    return [int(value > -1) for value in normalise(frame["a"].tolist())]

def steps():
    return make_pipeline(StandardScaler(), LogisticRegression())

def same(frame):
    return (np.sort(frame["a"].to_numpy()) > -1).astype(int)
"""
CANDIDATE = (
    BASE.replace(
        'return frame["a"] * 2 + frame["b"]', 'return frame.apply(lambda row: row["a"] * 2 + row["b"], axis=1)'
    )
    .replace("np.outer(values, np.ones(500))", "np.outer(values, np.ones(500)).copy().repeat(4, axis=1).copy()")
    .replace("normalise(frame", "normalise(normalise(frame")
    .replace("tolist())]", "tolist()))]")
    .replace("StandardScaler(), Log", "StandardScaler(), PolynomialFeatures(2), Log")
)
GATES = """
import numpy as np
import pandas as pd
import pytest
import features

frame = pd.DataFrame({"a": np.arange(640.0), "b": 1.0})
y = np.ones(640, int)
pytestmark = pytest.mark.speedacc(max_latency_increase="12 %", max_memory_increase="5 %")

@pytest.mark.parametrize("name", ["rows", "copies", "calls", "same"])
def test_function(speedacc, name):
    speedacc.check(getattr(features, name), frame, y, batch_size=64)

def test_pipeline(speedacc):
    x = np.random.default_rng(0).normal(size=(200, 12))
    labels = (x[:, 0] > 0).astype(int)
    speedacc.check(features.steps().fit(x, labels), x, labels)
"""
NAMED = {
    "test_function[rows]": "clean_rows (features.py:",
    "test_function[copies]": "widen (features.py:",
    "test_function[calls]": "normalise (features.py:",
    "test_pipeline": "PolynomialFeatures.transform (sklearn/",
}


def test_each_failure_names_its_function_and_what_is_unchanged_names_none(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    live = start_project(tmp_path)
    live.settings("launches = 10")
    live.commit(features_py=BASE, test_it_py=GATES)
    live.write(features_py=CANDIDATE)
    run = live.run("--speedacc-profile=profiles")
    assert run.code == pytest.ExitCode.TESTS_FAILED, run.output
    explained = {test.rpartition("::")[2]: gate["explained"] for test, gate in run.gates.items()}
    for test, start in NAMED.items():
        assert run.check(f"test_it.py::{test}")["outcome"] == "failed", run.output
        assert any(line.startswith(start) for line in explained[test][:3]), (test, explained[test])
    assert explained["test_function[rows]"][-1].startswith("hint: pandas calls a Python function for each row")
    assert "called 2 times where the base called it 1" in explained["test_function[calls]"][0]
    allocated = {test.rpartition("::")[2]: gate["allocated"] for test, gate in run.gates.items()}
    assert run.check("test_it.py::test_function[copies]", "max_memory_increase")["outcome"] == "failed", run.output
    assert allocated["test_function[copies]"][0].startswith("widen (features.py:")
    assert " where the base made " in allocated["test_function[copies]"][0]
    assert (explained["test_function[same]"], allocated["test_function[same]"]) == ([], [])
    assert "What takes longer than in the base, by a profile taken afterwards:" in run.output
    assert "What holds the peak, from a pass of its own:" in run.output
    kept = [path.name for path in (live.folder / "profiles").iterdir()]
    assert len(kept) == 5 * 2 * 2  # gates, sides, kinds of file
    assert {tuple(name.split(".")[-2:]) for name in kept} == {
        (side, kind) for side in ("base", "candidate") for kind in ("pstat", "callgrind")
    }
    assert live.left_behind() == []
