"""Does memory stay flat? Many gates in one process: ``python -m benchmarks.soak [GATES]`` (10,000 take 15 minutes)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GATES = 10_000
STEP = 100
SUITE = """
import gc, json, os, pathlib, sys
import numpy as np, pytest

GATES = {gates}
INPUTS = np.arange(64.0).reshape(64, 1)
TARGETS = (INPUTS[:, 0] > 10).astype(int)
MARKS = []

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

@pytest.mark.parametrize("gate", range(GATES))
@pytest.mark.speedacc(min_accuracy=0.5)
def test_gate(speedacc, gate):
    speedacc.check(lambda batch: (batch[:, 0] > 10).astype(int), INPUTS, TARGETS)
    if gate % {step} == {step} - 1:
        gc.collect()
        MARKS.append((resident(), sys.getallocatedblocks()))
    if gate == GATES - 1:
        pathlib.Path("marks.json").write_text(json.dumps(MARKS))
"""
"""Notes, every so many gates, the bytes that are resident and the objects that are alive."""


def soak(gates: int, step: int = STEP) -> list[tuple[int, int]]:
    """Bytes resident and blocks allocated, every ``step`` gates."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_gates.py").write_text(SUITE.format(gates=gates, step=step))
        options = ["-q", "-p", "no:cacheprovider", "-p", "pytest_speedacc.plugin", "--speedacc-budget=0.001"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        subprocess.run(
            [sys.executable, "-m", "pytest", *options], cwd=folder, env=environment, capture_output=True, check=True
        )
        return [(resident, blocks) for resident, blocks in json.loads(Path(folder, "marks.json").read_text())]


def main() -> None:
    """Print what each gate leaves behind."""
    gates = int(sys.argv[1]) if len(sys.argv) > 1 else GATES
    marks = soak(gates)
    # The first gates load libraries and fill caches.
    first = min(len(marks) - 1, 1000 // STEP) - 1
    (early, early_blocks), (late, late_blocks) = marks[first], marks[-1]
    between = (len(marks) - 1 - first) * STEP
    print(f"{gates} gates: {early / 2**20:.1f} MiB resident after {(first + 1) * STEP}, {late / 2**20:.1f} at the end")
    print(
        f"each leaves {(late - early) / between / 1024:.1f} KiB, {(late_blocks - early_blocks) / between:.0f} objects"
    )


if __name__ == "__main__":
    main()
