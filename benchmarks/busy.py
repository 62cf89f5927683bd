"""What an absolute latency limit comes to beside other work, of a model that has not changed.

``python -m benchmarks.busy`` (about five minutes, on a machine that does nothing else) runs one gate again and again:
alone, beside half as many busy processes as there are cores, beside as many, and beside twice as many. One limit is 1.3
times the median that it has alone, as a team would set it, and must never fail: that would blame an innocent function.
One is a half of that median, and must never pass. One is a hundredth of it, and must fail whoever is busy. It ends with
exit code 1 where any of this was otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRONG = {1.3: ("failed",), 0.5: ("passed",), 0.01: ("passed", "inconclusive")}
"""By limit, as a multiple of the median alone, the outcomes that it must not have."""
BUDGET = "2 s"
SPIN = "while True: sum(range(1000))"
GATE = """
import numpy as np

RANDOM = np.random.default_rng(0)
INPUTS, WEIGHTS = RANDOM.normal(size=(256, 60)), RANDOM.normal(size=(60, 60))


def model(batch):
    for _ in range(4_000):
        hidden = np.tanh(batch @ WEIGHTS)
    return [sum(map(float, row)) > 0 for row in hidden]


def test_model(speedacc):
    speedacc.check(model, INPUTS, np.array(model(INPUTS)))
"""


def main() -> int:
    """Print a row for each number of neighbours, and say whether an outcome was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each limit, beside each number of neighbours")
    runs = parser.parse_args().runs
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_gate.py").write_text(GATE, encoding="utf-8")
        alone = sorted(_run(Path(folder), 10.0)[1] for _ in range(3))[1]
        print(f"{cores} cores; alone the model takes {alone * 1e3:.3g} ms")
        limits = " | ".join(f"limit of {share:g} times" for share in WRONG)
        print(f"| busy processes | medians | waited, where it mattered | {limits} |")
        print("| --- " * (3 + len(WRONG)) + "|")
        wrong = 0
        for neighbours in (0, max(1, cores // 2), cores, 2 * cores):
            with _beside(neighbours):
                found = {share: [_run(Path(folder), alone * share) for _ in range(runs)] for share in WRONG}
            medians = [median * 1e3 for each in found.values() for _, median, _ in each]
            waits = [waited for each in found.values() for _, _, waited in each if waited]
            told = []
            for share, each in found.items():
                outcomes = Counter(outcome for outcome, _, _ in each)
                wrong += sum(outcomes[outcome] for outcome in WRONG[share])
                told.append(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
            waited = f"{min(waits)} to {max(waits)} %" if waits else "-"
            print(f"| {neighbours} | {min(medians):.3g} to {max(medians):.3g} ms | {waited} | {' | '.join(told)} |")
    return 1 if wrong else 0


@contextmanager
def _beside(count: int) -> Iterator[None]:
    """So many processes that are never idle. They are not the gate's, which this process starts as well."""
    started = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


def _run(folder: Path, limit: float) -> tuple[str, float, int]:
    """The outcome of the gate with this limit in a process of its own, its median, and for how much of it it waited."""
    report = folder / "report.json"
    settings = f'[tool.speedacc]\nmax_latency = "{limit * 1e6:.0f} us"\nbudget = "{BUDGET}"\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--speedacc-report={report}"]
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    (gate,) = json.loads(report.read_text(encoding="utf-8"))["gates"]
    check: dict[str, Any] = next(each for each in gate["checks"] if each["metric"] == "latency")
    words = check["reason"].split()
    waited = int(words[words.index("waited") + 1]) if "waited" in words else 0
    return check["outcome"], float(check["observed"]), waited


if __name__ == "__main__":
    sys.exit(main())
