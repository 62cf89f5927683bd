"""Peak memory: known allocations, the same figure whatever ran before, and what cannot be measured."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.memory import RESOLUTION, MemoryPeak, measure_memory

memray = pytest.importorskip("memray")
pytestmark = pytest.mark.memray

MIB = 1024**2


def test_a_numpy_array_of_100_mib() -> None:
    assert measure_memory(np.zeros, [100 * MIB // 8]).peak == pytest.approx(100 * MIB, rel=0.001)


def test_a_torch_tensor_of_100_mib() -> None:
    torch = pytest.importorskip("torch")
    assert measure_memory(torch.ones, [100 * MIB // 4]).peak == pytest.approx(100 * MIB, rel=0.001)


def test_each_small_object_is_counted_once() -> None:
    def floats(count: int) -> list[float]:
        return list(map(float, range(count)))

    expected = 100_000 * (sys.getsizeof(1.0) + 8)
    assert measure_memory(floats, [100_000]).peak == pytest.approx(expected, rel=0.01)


def test_a_call_that_allocates_nothing_measures_nothing() -> None:
    assert measure_memory(lambda batch: None, [1, 2, 3]).peak < RESOLUTION


SMALL_OBJECTS = """
from pytest_speedacc.measure.memory import measure_memory

def rows(count):
    return [{"key": float(i), "row": (i, str(i), [i])} for i in range(count)]

def cycles(count):
    kept = []
    for i in range(count):
        cycle = [float(i)]
        cycle.append(cycle)
        kept.append(str(i))
    return kept

figures = [measure_memory(rows, [20, 20]).peak, measure_memory(rows, [20_000]).peak,
           measure_memory(cycles, [20_000]).peak]
"""

PIPELINE = """
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from pytest_speedacc.measure.memory import measure_memory

x, y = load_digits(return_X_y=True)
model = make_pipeline(StandardScaler(), RidgeClassifier()).fit(x, y)
single = measure_memory(model.predict, [x[i : i + 1] for i in range(8)])
figures = [single.peak, measure_memory(model.predict, [x]).peak]
"""


@pytest.mark.parametrize("source", [SMALL_OBJECTS, PIPELINE], ids=["small objects", "pipeline"])
def test_the_figure_is_that_of_a_fresh_process_whatever_ran_before(source: str) -> None:
    if source == PIPELINE:
        pytest.importorskip("sklearn")
    # Half-empty arenas, full free lists, and garbage.
    left_over = [float(i) for i in range(200_000)]
    random.Random(0).shuffle(left_over)
    del left_over[::2]
    for _ in range(1000):
        garbage: list[Any] = []
        garbage.append(garbage)
    here: dict[str, Any] = {}
    exec(source, here)
    # A name or two in the type cache is all the difference there may be, and less than counts as a difference.
    assert here["figures"] == pytest.approx(_in_a_fresh_process(source), abs=RESOLUTION)


def test_nothing_is_left_to_warm_up_when_the_first_pass_is_tracked() -> None:
    pytest.importorskip("sklearn")
    first, second = _in_a_fresh_process(PIPELINE + "\nfigures = single.repeats[:2]")
    assert first == pytest.approx(second, abs=400)


def test_the_figure_does_not_depend_on_the_depth_of_the_stack() -> None:
    def deep_call(frames: int) -> list[int]:
        return deep_call(frames - 1) if frames else [0] * 10

    figures = {_at_depth(depth, lambda: measure_memory(deep_call, [30]).peak) for depth in range(0, 300, 15)}
    assert max(figures) - min(figures) < 200


def _at_depth(depth: int, measure: Callable[[], int]) -> int:
    return _at_depth(depth - 1, measure) if depth else measure()


def _in_a_fresh_process(source: str) -> list[int]:
    program = f"{source}\nprint(*figures)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    return [int(figure) for figure in ran.stdout.split()]


def test_outputs_are_counted_while_live_and_not_added_up_over_batches() -> None:
    def output(size: int) -> list[Any]:
        kept: list[Any] = [np.ones(size, dtype=np.uint8)]
        kept.append(kept)  # only a collection frees it
        return kept

    assert measure_memory(output, [4 * MIB] * 5).peak == pytest.approx(4 * MIB, rel=0.001)


def test_what_was_live_before_is_not_counted() -> None:
    weights = np.ones(8 * MIB, dtype=np.uint8)
    assert measure_memory(lambda factor: weights * factor, [2, 3]).peak == pytest.approx(8 * MIB, rel=0.001)


def test_python_threads_are_counted_together() -> None:
    with ThreadPoolExecutor(2) as pool:
        both = Barrier(2)

        def hold(size: int) -> int:
            held = np.ones(size, dtype=np.uint8)
            both.wait()
            return held.size

        peak = measure_memory(lambda size: list(pool.map(hold, [size, size])), [5 * MIB]).peak
    assert peak == pytest.approx(10 * MIB, rel=0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX threads")
def test_a_native_thread_is_counted() -> None:
    native = ctypes.CDLL(None)
    allocate = ctypes.cast(ctypes.pythonapi.PyMem_RawMalloc, ctypes.c_void_p)
    ctypes.pythonapi.PyMem_RawFree.argtypes = [ctypes.c_void_p]

    def allocate_in_a_thread_without_python(size: int) -> None:
        thread, block = ctypes.c_ulong(), ctypes.c_void_p()
        assert native.pthread_create(ctypes.byref(thread), None, allocate, ctypes.c_void_p(size)) == 0
        assert native.pthread_join(thread, ctypes.byref(block)) == 0
        ctypes.pythonapi.PyMem_RawFree(block)

    peak = measure_memory(allocate_in_a_thread_without_python, [5 * MIB]).peak
    assert peak == pytest.approx(5 * MIB, rel=0.01)


@pytest.mark.parametrize("framework", ["lightgbm", "xgboost"])
def test_boosters_on_two_threads_stay_within_their_band(framework: str) -> None:
    library = pytest.importorskip(framework)
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_iris(return_X_y=True)
    model = (library.LGBMClassifier if framework == "lightgbm" else library.XGBClassifier)(
        n_estimators=5, n_jobs=2, **({"verbose": -1} if framework == "lightgbm" else {})
    ).fit(x, y)
    first, second = measure_memory(model.predict, [x]), measure_memory(model.predict, [x])
    assert abs(first.peak - second.peak) <= first.band + second.band
    assert first.peak > RESOLUTION


@pytest.mark.parametrize(
    ("repeats", "peak", "band"),
    [
        ((300,), 300, RESOLUTION),
        ((54_948, 54_792), 54_792, RESOLUTION),
        ((54_792, 128_536, 54_948), 54_948, RESOLUTION),
        ((50 * MIB, 50 * MIB + 50_000), 50 * MIB, 52_429),
        ((900_000, 1_000_000, 1_100_000, 950_000, 1_050_000), 1_100_000, 200_000),
    ],
    ids=["too small to tell", "agree", "one table grew", "large", "threads race"],
)
def test_the_band_is_what_repeating_showed(repeats: tuple[int, ...], peak: int, band: int) -> None:
    assert MemoryPeak(peak, repeats).band == band


def test_repeating_ends_when_most_peaks_agree() -> None:
    sizes = chain([1, 1, 10, 30, 10], repeat(50))  # two warm-up passes first

    def call(batch: int) -> Any:
        return np.ones(next(sizes) * MIB, dtype=np.uint8)

    measured = measure_memory(call, [0])
    assert [round(peak / MIB) for peak in measured.repeats] == [10, 30, 10]
    assert measured.peak == pytest.approx(10 * MIB, rel=0.001)


def test_without_agreement_the_largest_peak_counts() -> None:
    sizes = iter([1, 1, 10, 30, 20])

    def call(batch: int) -> Any:
        return np.ones(next(sizes) * MIB, dtype=np.uint8)

    measured = measure_memory(call, [0], repeats=3)
    assert measured.peak == pytest.approx(30 * MIB, rel=0.001)
    assert measured.band == pytest.approx(20 * MIB, rel=0.001)


def test_nothing_is_printed_or_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    measure_memory(list, [[1]])  # what Python 3.12 froze at its start is thawed by the first one
    profiler, frozen = sys.getprofile(), gc.get_freeze_count()
    measure_memory(lambda batch: [batch] * 1000, [1])
    calls = iter([None, None])

    def fail_when_tracked(batch: int) -> None:
        next(calls)

    with pytest.raises(StopIteration):
        measure_memory(fail_when_tracked, [1])
    assert list(tmp_path.iterdir()) == []
    assert (sys.getprofile(), gc.get_freeze_count()) == (profiler, frozen)
    assert capfd.readouterr() == ("", "")


def test_what_a_fork_server_froze_is_no_freeze_of_the_users_own() -> None:
    code = (
        "import gc\nfrom pytest_speedacc.measure import memory\nmemory.freeze_for_good()\n"
        "kept = [[] for _ in range(5000)]\n"
        "frozen = gc.get_freeze_count()\n"
        "with memory._quiet_heap():\n    print(gc.get_freeze_count() > frozen + 4000)\n"
        "gc.freeze()\nwith memory._quiet_heap():\n    pass\nprint(gc.get_freeze_count() > 4000)\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "True"]


def test_a_freeze_of_the_users_own_is_left_alone() -> None:
    gc.freeze()
    try:
        measure_memory(list, [[1]])
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_another_tracker_in_the_process_is_named(tmp_path: Path) -> None:
    with (
        memray.Tracker(tmp_path / "other.bin"),
        pytest.raises(GateError, match=r"another memray tracker is running here.*without pytest --memray"),
    ):
        measure_memory(list, [[1]])


def test_where_memray_is_missing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "memray", None)
    with pytest.raises(GateError, match=r"memray does not run .*it needs Linux or macOS"):
        measure_memory(list, [[1]])


def test_a_missing_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(GateError, match=r"No such file.*gone.*point TMPDIR"):
        measure_memory(list, [[1]])


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on file sizes that memray meets as on a full disk")
def test_a_full_disk_is_an_error_and_not_a_small_figure() -> None:
    program = """
import resource
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.memory import measure_memory

resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    print(measure_memory(lambda size: [[] for _ in range(size)], [10_000]))
except GateError as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert "point TMPDIR to a folder that has some" in ran.stdout
