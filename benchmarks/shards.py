"""What a suite costs as it grows, whole and in shards: ``python -m benchmarks.shards --gates 10 50 200 --shards 1 8``.

Each row is a live run of a project whose two commits differ in a comment. Of several shards the first is run, which has
no fewer gates than any other.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

IN_A_FILE = 10
"""Gates."""
LOOK = 0.5
"""Seconds between two looks at the memory: each stops the processes that it looks at for a moment."""
SETTINGS = """
[tool.speedacc]
max_latency_increase = "3 %"
[tool.speedacc.live]
budget = "10 h"
launches = {launches}
"""
GATES = """
import pytest
from shards_models import gate

@pytest.mark.speedacc(min_accuracy=0.01)
@pytest.mark.parametrize("number", range({first}, {end}))
def test_model(speedacc, number):
    model, samples, size = gate(number)
    speedacc.check(model, *samples, batch_size=size)
"""
COLUMNS = (
    *("gates in the suite", "shard", "gates timed", "launches", "median launches a gate", "seconds"),
    *("seconds a gate", "peak MiB"),
)


def row_of(report: Mapping[str, Any], gates: int, seconds: float, peak: int) -> list[str]:
    """What a run of a suite came to, by its JSON report, its time, and its peak of memory in bytes.

    Raises SystemExit for one that shows nothing.
    """
    timed = [check["reason"] for gate in report["gates"] for check in gate["checks"] if check["sides"]]
    if report["problems"] or not timed:
        told = report["problems"] or [check["reason"] for gate in report["gates"] for check in gate["checks"]]
        raise SystemExit(f"The run shows nothing: {'; '.join(told[:3])}")
    shard = f"{report['shard']['part']}/{report['shard']['parts']}" if report["shard"] else "all"
    counts = [launches_in(reason) for reason in timed]
    figures = (report["live"]["launches"], statistics.median(counts), round(seconds), round(seconds / len(timed), 1))
    return [*map(str, (gates, shard, len(timed), *figures, round(peak / 2**20)))]


def launches_in(reason: str) -> int:
    """How many launches a check says that it took. Raises SystemExit where it does not."""
    found = re.search(r"in (?:the last of (\d+) launches|one launch)", reason)
    if not found:
        raise SystemExit(f"A check that was timed does not say how often: {reason}")
    return int(found[1] or 1)


def build(folder: Path, gates: int, launches: int) -> None:
    """Write a project of as many gates, in two commits that differ in nothing that runs."""
    (folder / "pyproject.toml").write_text(SETTINGS.format(launches=launches))
    (folder / ".gitignore").write_text("__pycache__/\nreport.json\n")
    for first in range(0, gates, IN_A_FILE):
        text = GATES.format(first=first, end=min(first + IN_A_FILE, gates))
        (folder / f"test_{first:03}.py").write_text(text)
    models = Path(__file__).with_name("shards_models.py").read_text("utf-8")
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=no"]
    subprocess.run([*git, "init", "-q"], check=True)
    for comment in ("", "# A comment.\n"):
        (folder / "shards_models.py").write_text(models + comment, "utf-8")
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "the models"], check=True)


def memory_of(process: psutil.Process) -> int:
    """Bytes of a process and all that it has started; where the system tells, what they share counts once."""
    try:
        return sum(map(_bytes, [process, *process.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0


def _bytes(process: psutil.Process) -> int:
    try:
        found = process.memory_full_info()
    except psutil.Error:
        return 0  # it has ended since
    return int(getattr(found, "pss", found.rss))


def run(folder: Path, gates: int, shards: int) -> list[str]:
    """The row of one live run, of all gates or of the first of several shards. Raises SystemExit for none."""
    report, peak = folder / "report.json", 0
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_speedacc.plugin", "-p", "no:cacheprovider"]
    command += [
        "--speedacc-against=HEAD~1",
        f"--speedacc-report={report}",
        *[f"--speedacc-shard=1/{shards}"] * (shards > 1),
    ]
    environment = {**os.environ, "CI": "true", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        popen = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        with popen:
            while popen.poll() is None:
                peak = max(peak, memory_of(psutil.Process(popen.pid)))
                time.sleep(LOOK)
        seconds = time.monotonic() - began
        if not report.exists():
            log.seek(0)
            raise SystemExit(f"The run ended with {popen.returncode}:\n{log.read().decode('utf-8', 'replace')}")
    return row_of(json.loads(report.read_text("utf-8")), gates, seconds, peak)


def line(cells: list[str] | tuple[str, ...]) -> str:
    """A row of the table."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print each row as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards")
    parser.add_argument("--gates", nargs="+", type=int, default=[10, 50, 200], help="in the suite")
    parser.add_argument("--shards", nargs="+", type=int, default=[1, 8], help="parts; 1 for a run of all")
    parser.add_argument("--launches", type=int, default=24, help="at most, for a gate")
    given = parser.parse_args()
    print(line(COLUMNS), line(["---:"] * len(COLUMNS)), sep="\n", flush=True)
    for gates in given.gates:
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), gates, given.launches)
            for shards in given.shards:
                print(line(run(Path(folder), gates, shards)), flush=True)


if __name__ == "__main__":
    main()
