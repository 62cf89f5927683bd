"""What profiling costs a run that does not ask for it, beside one without any of its code, and beside one that does."""

from __future__ import annotations

import statistics
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from pytest_speedacc.measure.stages import stage

GATES = 20
OPTIONS = ("-p", "pytest_speedacc.plugin", "--speedacc-budget=0.01")

SUITE = f"""
import numpy as np, pytest

INPUTS = np.arange(64.0).reshape(64, 1)
TARGETS = (INPUTS[:, 0] > 10).astype(int)

@pytest.mark.parametrize("gate", range({GATES}))
@pytest.mark.speedacc(min_accuracy=0.5, max_latency="1 s")
def test_gate(speedacc, gate):
    speedacc.check(lambda batch: (batch[:, 0] > 10).astype(int), INPUTS, TARGETS)
"""
REPORTING = """
import sys

def pytest_unconfigure():
    print("yappi was imported" if "yappi" in sys.modules else "yappi was not imported")
"""
WITHOUT = """
from pytest_speedacc.check import conductor as gate
from pytest_speedacc.check.explanation import Explanation

# Both must be there, or nothing would be taken out.
assert gate.explain and gate.explain_memory
gate.explain = gate.explain_memory = lambda *arguments: Explanation()
"""
"""Takes the place where profiles are taken out of the plugin."""

Run = Callable[[str, tuple[str, ...]], tuple[float, str]]
"""Runs pytest in a folder with options; gives seconds of processor time, and the output."""


def profiling(run: Run, repeats: int = 9) -> None:
    """Print the cost of the same gates with profiling taken out, not asked for, and asked for, run in turn."""
    variants = {"taken out": (WITHOUT, ()), "not asked for": ("", ()), "asked for": ("", ("--speedacc-profile=kept",))}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as top:
        for name, (code, _) in variants.items():
            folder = Path(top, name)
            folder.mkdir()
            (folder / "conftest.py").write_text(REPORTING + code)
            (folder / "test_gates.py").write_text(SUITE)
        for _ in range(repeats + 1):
            for name, (_, options) in variants.items():
                took, output = run(str(Path(top, name)), (*OPTIONS, *options))
                seconds[name].append(took / GATES)
                said[name] = output.splitlines()[-1]
    without, *others = (values[1:] for values in seconds.values())  # the first of each warms the disk
    print(f"profiling, a gate of {GATES}, median of {repeats} alternated runs, processor time")
    print(f"  its code taken out          {statistics.median(without) * 1e3:8.2f} ms; {said['taken out']}")
    for name, values in zip(("not asked for", "asked for"), others, strict=True):
        added = [(more - less) * 1e3 for more, less in zip(values, without, strict=True)]
        low, middle, high = statistics.quantiles(added, n=4)
        print(f"  {name:<28}{middle:+8.2f} ms, middle half {low:+.2f} to {high:+.2f}; {said[name]}")
    print(f"  a stage, no profile taken   {_stage_seconds() * 1e9:8.0f} ns")


def _stage_seconds(calls: int = 100_000) -> float:
    def staged() -> None:
        with stage("preprocess"):
            pass

    def bare() -> None:
        pass

    differences = [timeit.timeit(staged, number=calls) - timeit.timeit(bare, number=calls) for _ in range(11)]
    return statistics.median(differences) / calls
