"""The count of a call's bytecodes: exact, the same everywhere, and said where it is not."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure import bytecodes
from pytest_speedacc.measure.bytecodes import MOST_CALLS, Bytecodes, count_bytecodes
from pytest_speedacc.measure.measurement import UNASKED, measure_statics
from pytest_speedacc.measure.places import OWN
from pytest_speedacc.measure.quiet import MONITORING_TOOLS
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare

INPUTS = np.random.default_rng(0).normal(size=(40, 3))
TARGETS = (INPUTS[:, 0] > 0).astype(int)
ROOT = Path(__file__).parents[2]
MONITORED = sys.version_info >= (3, 12)
monitored = pytest.mark.skipif(not MONITORED, reason="sys.monitoring is new in Python 3.12")


def answer(batch):
    return (batch[:, 0] > 0).astype(int)


def subject_of(model, **call_options) -> Subject:
    return prepare(model, INPUTS, TARGETS, CallOptions(**call_options))


def counted(model, **call_options) -> Bytecodes:
    found = count_bytecodes(subject_of(model, **call_options))
    assert isinstance(found, Bytecodes), found.reason
    return found


def refusal(model, **call_options) -> str:
    found = count_bytecodes(subject_of(model, **call_options))
    assert isinstance(found, Unavailable)
    return found.reason


def looped(turns):
    def model(batch):
        for _ in range(turns):
            pass
        return answer(batch)

    return model


def test_a_turn_more_of_a_loop_is_as_many_bytecodes_more():
    counts = [counted(looped(turns)).value for turns in (10, 11, 12, 1000)]
    each = counts[1] - counts[0]
    assert each == 3
    assert counts == [counts[0], counts[0] + each, counts[0] + 2 * each, counts[0] + 990 * each]


def test_frames_c_calls_and_functions_stand_beside_it():
    def helper(value):
        return abs(value)

    def model(batch):
        for value in (1, 2, 3):
            helper(value)
        return answer(batch)

    found = counted(model)
    here = {name.rpartition(".")[2]: count for (name, file), count in found.functions.items() if file == __file__}
    assert here.keys() == {"model", "helper", "answer"}
    assert sum(found.functions.values()) == found.value
    assert found.frames == 5
    assert found.c_calls == 4 if not MONITORED else 5  # monitoring sees int, a type, called as well
    assert (found.own, found.band, found.is_settled) == (found.value, 0, True)
    assert found.note == f"{found.value:,} in your code and 0 in libraries, 5 frames, {found.c_calls} C calls"


def test_libraries_are_told_apart_and_this_package_is_none_of_the_model():
    def model(batch):
        json.dumps({"a": [1, 2]}, indent=1)  # with an indent it is written in Python
        return answer(batch)

    found = counted(model)
    assert 0 < found.own < found.value
    assert any(Path(file).parent.name == "json" for _, file in found.functions)
    assert not [file for _, file in found.functions if file.startswith(OWN + os.sep)]
    assert not [file for _, file in found.functions if Path(file).name in ("contextlib.py", "threading.py")]


def test_what_c_does_is_not_seen():
    arrays = [np.zeros(size) for size in (1, 1_000_000)]

    def sorting(array):
        def model(batch):
            np.sort(array)
            return answer(batch)

        return model

    assert counted(sorting(arrays[0])).value == counted(sorting(arrays[1])).value


def test_caches_are_full_when_it_counts():
    def slow(value):
        return sum(number for number in range(value))

    class Cached:
        """Fills one entry of its cache a call, for the first five calls."""

        def __init__(self):
            self.calls = 0
            self.kept = lru_cache(slow)

        def __call__(self, batch):
            self.calls += 1
            self.kept(min(self.calls, 5))
            return answer(batch)

    found = counted(Cached())
    assert found.is_settled
    assert found.value == found.counts[-1] == min(found.counts)
    assert len(set(found.counts)) > 1


def test_calls_that_do_not_settle_are_a_range():
    class Growing:
        calls = 0

        def __call__(self, batch):
            self.calls += 1
            for _ in range(self.calls):
                pass
            return answer(batch)

    found = counted(Growing())
    assert (len(found.counts), found.is_settled) == (MOST_CALLS, False)
    assert (found.value, found.band) == (max(found.counts), 3 * (MOST_CALLS - 1))
    assert found.note.startswith(f"not exact: {MOST_CALLS} calls had {min(found.counts)} to {max(found.counts)}; the ")


def test_a_random_model_is_counted_under_one_seed():
    def model(batch):
        while random.random() + np.random.random() < 1.5:
            pass
        return answer(batch)

    state = random.getstate()
    assert counted(model).counts == counted(model).counts
    assert counted(model).is_settled
    assert random.getstate() == state


def test_a_tracer_and_a_profiler_are_paused_and_put_back():
    plain = counted(looped(50))
    seen = []

    def tool(frame, event, argument):
        seen.append(frame.f_code.co_name)
        return tool

    before = sys.gettrace(), sys.getprofile()
    sys.setprofile(tool)
    sys.settrace(tool)
    try:
        under = counted(looped(50))
        after = sys.gettrace(), sys.getprofile()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    assert (under, after) == (plain, (tool, tool))
    assert "looped" in seen
    assert "answer" not in seen
    assert threading.gettrace() is None


@monitored
def test_tools_that_monitor_are_paused_and_put_back():
    monitoring, seen = sys.monitoring, []
    tool = next(tool for tool in range(MONITORING_TOOLS) if monitoring.get_tool(tool) is None)
    plain = counted(looped(50))
    monitoring.use_tool_id(tool, "a debugger")
    try:
        monitoring.register_callback(tool, monitoring.events.PY_START, lambda code, offset: seen.append(code.co_name))
        monitoring.set_events(tool, monitoring.events.PY_START)
        under = counted(looped(50))
        events = monitoring.get_events(tool)
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    assert (under, events) == (plain, monitoring.events.PY_START)
    assert "answer" not in seen


@monitored
def test_where_there_is_no_room_for_one_more_tool_it_says_so():
    monitoring = sys.monitoring
    free = [tool for tool in range(MONITORING_TOOLS) if monitoring.get_tool(tool) is None]
    for tool in free:
        monitoring.use_tool_id(tool, "another")
    try:
        assert refusal(looped(1)).startswith("6 tools use sys.monitoring, which has room for no more")
    finally:
        for tool in free:
            monitoring.free_tool_id(tool)
    counted(looped(1))
    assert [tool for tool in range(MONITORING_TOOLS) if monitoring.get_tool(tool) is None] == free


def test_filters_of_warnings_and_where_output_goes_do_not_count(capsys):
    def model(batch):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="none of this")
            print("called")
        return answer(batch)

    plain = counted(model)
    with warnings.catch_warnings():
        for number in range(20):
            warnings.filterwarnings("ignore", message=f"warning {number}")
        filters = list(warnings.filters)
        assert counted(model).value == plain.value
        assert warnings.filters == filters
    assert capsys.readouterr().out == ""


def test_threads_of_the_call_are_refused():
    def model(batch):
        thread = threading.Thread(target=answer, args=(batch,))
        thread.start()
        thread.join()
        return answer(batch)

    assert refusal(model).startswith("the model runs Python in threads that its call starts")


def test_a_call_that_takes_too_long_to_count_goes_on_uncounted(monkeypatch):
    ends = []

    def model(batch):
        looped(100_000)(batch)
        ends.append(True)
        return answer(batch)

    monkeypatch.setattr(bytecodes, "MOST", 1000)
    assert refusal(model) == (
        "a call executes more than 1,000 bytecodes, which take too long to count: pass a smaller batch_size"
    )
    assert len(ends) == bytecodes.WARM_UP + 1
    assert sys.gettrace() is None


def test_an_async_model_is_refused():
    async def model(batch):
        return answer(batch)

    assert refusal(model).startswith("the event loop of an async model executes bytecodes of its own")


def test_what_the_model_raises_is_said():
    def model(batch):
        raise ValueError("no")

    subject = subject_of(model)
    with pytest.raises(GateError, match="the model raised ValueError while its bytecodes were counted: no"):
        count_bytecodes(subject)
    assert sys.gettrace() is None


def test_nobody_pays_who_has_not_asked():
    calls = []

    def model(batch):
        calls.append(sys.gettrace())
        return answer(batch)

    assert measure_statics(subject_of(model)).bytecodes == UNASKED
    unasked = len(calls)
    assert isinstance(measure_statics(subject_of(model), counts=True).bytecodes, Bytecodes)
    assert len(calls) - unasked == unasked + bytecodes.WARM_UP + 2


class TestModels:
    """The six of the benchmark."""

    @pytest.mark.parametrize("name", ["rules", "words", "frame", "pipeline", "forest", "vectorizer"])
    def test_one_two_and_five_per_cent_are_caught_and_nothing_is_where_nothing_changed(self, name):
        pytest.importorskip("pandas")
        benchmark = pytest.importorskip("benchmarks.bytecodes")
        make = getattr(benchmark, name)
        before = benchmark.counted(make)
        for per_cent in benchmark.PLANTED:
            outcome, grown = benchmark.planted(make, before, per_cent)
            assert outcome is Outcome.FAILED
            assert grown == pytest.approx(per_cent / 100, abs=0.004)
        assert benchmark.planted(make, before, 0) == (Outcome.PASSED, 0.0)

    @pytest.mark.slow
    def test_they_are_the_same_in_other_processes(self):
        pytest.importorskip("pandas")
        benchmark = pytest.importorskip("benchmarks.bytecodes")
        # Not those of this process: scikit-learn takes other ways once other libraries were imported.
        first, second = (benchmark.apart(number) for number in (0, 7))
        assert first == second
        assert first.keys() == {make.__name__ for make in benchmark.MODELS}


SCRIPT = """
import numpy as np
from pytest_speedacc.measure.bytecodes import count_bytecodes
from pytest_speedacc.measure.subject import CallOptions, prepare

inputs = np.arange(12.0).reshape(4, 3)

def model(batch):
    for word in {"a", "b", "c", "ulm"} & set("abcdef"):
        word.upper()
    return np.zeros(len(batch), int)

print(count_bytecodes(prepare(model, inputs, [0, 1, 0, 1], CallOptions())).value)
"""


def test_it_is_the_same_under_another_hash_seed_thread_count_and_folder(tmp_path):
    counts = set()
    for number in (1, 2):
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "OMP_NUM_THREADS": str(number)}
        folder = tmp_path / str(number)
        folder.mkdir()
        counts.add(
            subprocess.run(
                [sys.executable, "-c", SCRIPT],
                cwd=folder,
                env=environment | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
    assert len(counts) == 1
