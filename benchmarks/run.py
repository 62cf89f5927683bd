"""What the plugin itself costs, and how exact its memory figure is: five figures, each measured side by side.

Run by hand on a quiet machine: ``python -m benchmarks.run`` (about five minutes), or ``tox -e benchmarks``.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice, pairwise
from pathlib import Path

import numpy as np

from benchmarks.profiling import profiling
from pytest_speedacc.measure.latency import Workload, time_calls
from pytest_speedacc.measure.memory import measure_memory
from pytest_speedacc.measure.quiet import quietly

MIB = 2**20
GATES = 1000
BUDGET = 0.01

GATE_SUITE = f"""
import os, json, pathlib, resource, time
import numpy as np, pytest

INPUTS = np.arange(64.0).reshape(64, 1)
TARGETS = (INPUTS[:, 0] > 10).astype(int)
MARKS = []

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

@pytest.mark.parametrize("gate", range({GATES}))
@pytest.mark.speedacc(min_accuracy=0.5)
def test_gate(speedacc, gate):
    MARKS.append((time.perf_counter(), resident()))
    speedacc.check(lambda batch: (batch[:, 0] > 10).astype(int), INPUTS, TARGETS)

def test_report():
    MARKS.append((time.perf_counter(), resident()))
    pathlib.Path("marks.json").write_text(json.dumps(MARKS))
"""


def main() -> None:
    """Print the five figures."""
    start_up()
    timed_call()
    gates()
    memory()
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    profiling(lambda folder, options: _run_pytest(folder, environment, *options))


def start_up(repeats: int = 20) -> None:
    """A run without gates: without any plugin, with pytest-benchmark, and with this plugin too, in turn."""
    variants = {
        "pytest alone": (),
        "with pytest-benchmark": ("-p", "pytest_benchmark.plugin"),
        "with pytest-speedacc too": ("-p", "pytest_benchmark.plugin", "-p", "pytest_speedacc.plugin"),
    }
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        for _ in range(repeats + 1):
            for name, options in variants.items():
                seconds[name].append(_run_pytest(folder, environment, *options)[0])
    alone, theirs, ours = (values[1:] for values in seconds.values())  # the first of each warms the disk
    print(f"start-up with no gates, median of {repeats} alternated runs, processor time (target: ours at most 5 ms)")
    print(f"  pytest alone                {statistics.median(alone) * 1e3:8.1f} ms")
    print(f"  added by pytest-benchmark   {_paired(theirs, alone)}")
    print(f"  added by pytest-speedacc    {_paired(ours, theirs)}")


def timed_call(repeats: int = 21, calls: int = 50_000) -> None:
    """One timed call of a function that does nothing, over the same call between two bare clock reads."""
    batches = [0] * 16
    work = Workload(_nothing, batches, 1, None)
    bare, ours = [], []
    for _ in range(repeats):
        bare.append(quietly(_bare, batches, calls))
        begin = time.perf_counter()
        time_calls(work, 1, calls)
        ours.append((time.perf_counter() - begin) / calls)
    print("time added to one timed call over two bare clock reads (target: at most 100 ns)")
    print(f"  two reads and the call      {statistics.median(bare) * 1e9:8.0f} ns")
    added = [(our - two) * 1e9 for our, two in zip(ours, bare, strict=True)]
    print(f"  added                       {statistics.median(added):8.0f} ns, middle half {_middle(added, '.0f')}")


def gates() -> None:
    """Many gates of a trivial callable with a small budget: their cost, and whether memory grows."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_gates.py").write_text(GATE_SUITE)
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        options = ("-p", "pytest_speedacc.plugin", f"--speedacc-budget={BUDGET}")
        _, output = _run_pytest(folder, environment, *options)
        marks = json.loads(Path(folder, "marks.json").read_text())
    times, resident = zip(*marks, strict=True)
    each = [(after - before - BUDGET) * 1e3 for before, after in pairwise(times)]
    print(f"{GATES} gates of a trivial callable, budget {BUDGET:g} s (target: at most 25 ms beyond it, memory flat)")
    print(f"  mean beyond the budget      {statistics.mean(each):8.1f} ms, middle half {_middle(each, '.1f')}")
    print(f"  resident after 100 gates    {resident[100] / MIB:8.1f} MiB, after {GATES}: {resident[-1] / MIB:.1f} MiB")
    print(f"  pytest said                 {output.splitlines()[-1]}")


def memory() -> None:
    """Known allocations, and whether the figure depends on what ran before it."""
    print("peak memory of known allocations (target: within 0.1 %)")
    _show_peak("numpy, 100 MiB", _allocate_array)
    try:
        import torch
    except ImportError:
        print("  torch is not installed")
    else:
        _show_peak("torch, 100 MiB", lambda batch: torch.zeros(100 * MIB, dtype=torch.uint8)[0])
    before = measure_memory(_many_objects, [0]).peak
    churn = [[object() for _ in range(200_000)] for _ in range(5)]
    del churn[::2]
    after = measure_memory(_many_objects, [0]).peak
    print(f"  many small objects          {before:,} B first, {after:,} B after a million objects came and half went")


def _show_peak(name: str, call: Callable[[object], object]) -> None:
    peak = measure_memory(call, [0]).peak
    print(f"  {name:<28}{peak / MIB:8.3f} MiB, {peak / (100 * MIB) - 1:+.4%}")


def _allocate_array(batch: object) -> object:
    return np.ones(100 * MIB, dtype=np.uint8)[0]


def _many_objects(batch: object) -> object:
    return len([(index, str(index)) for index in range(20_000)])


def _nothing(batch: object) -> None:
    return None


def _bare(batches: list[int], calls: int) -> float:
    clock, call = time.perf_counter_ns, _nothing
    begin = time.perf_counter()
    for batch in _stream(batches, calls):
        clock()
        call(batch)
        clock()
    return (time.perf_counter() - begin) / calls


def _stream(batches: list[int], calls: int) -> Iterator[int]:
    return islice(cycle(batches), calls)


def _run_pytest(folder: str, environment: Mapping[str, str], *options: str) -> tuple[float, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    begin = _children_seconds()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return _children_seconds() - begin, done.stdout


def _children_seconds() -> float:
    """Processor time: of a start-up it is nearly all there is, and other programs do not lengthen it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _paired(with_it: list[float], without: list[float]) -> str:
    differences = [(more - less) * 1e3 for more, less in zip(with_it, without, strict=True)]
    share = statistics.median(with_it) / statistics.median(without) - 1
    return f"{statistics.median(differences):8.1f} ms ({share:+.1%}), middle half {_middle(differences, '.1f')}"


def _middle(values: list[float], form: str) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:{form}} to {high:{form}}"


if __name__ == "__main__":
    main()
