"""Profiles: call counts are exact, libraries are folded into their callers, and nobody's own session is disturbed."""

from __future__ import annotations

import pstats
import threading
from pathlib import Path

import numpy as np
import pytest
import yappi

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.profile import profiled_calls, take_profile

HERE = Path(__file__).parent


def spin(times):
    total = 0
    for number in range(times):
        total += number
    return total


def helper(batch):
    return spin(len(batch) * 20)


def model(batch):
    for _ in range(3):
        helper(batch)
    return batch


def profiled(call, batch=range(50), calls=5, **options):
    return take_profile(Workload(call, (batch,), 1, None), calls, HERE, **options)


def by_name(profile):
    return {function.name: function for function in profile.functions}


def test_call_counts_are_exact_and_places_are_the_users():
    functions = by_name(profiled(model))
    assert {name: function.calls for name, function in functions.items()} == {"model": 1, "helper": 3, "spin": 3}
    assert functions["helper"].file == "test_profile.py"
    assert functions["helper"].line == helper.__code__.co_firstlineno


def adds_up(profile, rel):
    """Whether the functions account for the call. By the fastest passes: what interrupts one is no function's own."""
    return sum(function.least for function in profile.functions) == pytest.approx(profile.least, rel=rel)


def test_the_function_that_takes_the_time_comes_first():
    profile = profiled(model)
    assert profile.functions[0].name == "spin"
    assert profile.functions[0].least > 0.5 * profile.least
    # On a busy machine the fastest passes of two functions are rarely those of the same call.
    assert any(adds_up(each, rel=0.1) for each in (profile, *(profiled(model) for _ in range(9))))
    assert by_name(profile)["model"].total == pytest.approx(profile.seconds, rel=0.1)


def row_value(row):
    return row["a"] * 2 + row["b"]


def by_rows(frame):
    return frame.apply(row_value, axis=1)


def by_columns(frame):
    return frame["a"] * 2 + frame["b"]


def test_a_library_counts_for_the_function_that_called_it():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(64.0), "b": 1.0})
    rows, columns = (profiled(each, frame) for each in (by_rows, by_columns))
    assert {name: function.calls for name, function in by_name(rows).items()} == {"by_rows": 1, "row_value": 64}
    assert any(adds_up(each, rel=0.2) for each in (rows, *(profiled(by_rows, frame) for _ in range(9))))
    assert by_name(columns)["by_columns"].least == pytest.approx(columns.least, rel=0.1)
    assert 0.5 * rows.seconds < rows.known["rows of pandas"] < rows.seconds
    assert "rows of pandas" not in columns.known


def test_the_steps_of_a_pipeline_are_told_apart():
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    inputs, targets = np.random.default_rng(0).normal(size=(60, 6)), np.arange(60) % 2
    pipeline = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression()).fit(inputs, targets)
    functions = by_name(profiled(pipeline.predict, inputs[:1]))
    assert {"StandardScaler.transform", "PolynomialFeatures.transform"} <= set(functions)
    assert functions["PolynomialFeatures.transform"].file.startswith("sklearn/preprocessing/")
    assert functions["PolynomialFeatures.transform"].own > 0


def countdown(number):
    return number if number <= 0 else countdown(number - 1)


def squares(count):
    for number in range(count):
        yield number**2


def in_threads(batch):
    threads = [threading.Thread(target=spin, args=(2000,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda batch: countdown(30), "countdown"),
        (lambda batch: sum(squares(200)), "squares"),
        (in_threads, "spin"),
        (lambda batch: np.linalg.svd(np.ones((40, 40))), None),
    ],
    ids=["recursion", "generator", "threads", "extension"],
)
def test_models_of_every_make_can_be_profiled(call, name):
    profile = profiled(call)
    assert profile.seconds > 0
    assert all(function.own >= 0 for function in profile.functions)
    assert name is None or name in by_name(profile)


def test_a_comprehension_is_a_part_of_its_function():
    def doubled(batch):
        return [2 * number for number in range(2000)], {number % 7 for number in range(20)}

    (found,) = profiled(doubled).functions
    assert found.name.endswith("doubled")
    assert found.own > 0.5 * profiled(doubled).seconds


def test_lambdas_of_one_file_are_taken_together():
    def both(batch):
        return (lambda: spin(10))(), (lambda: spin(10))()

    (found,) = [function for function in profiled(both).functions if function.name.endswith("<lambda>")]
    assert found.calls == 2


def test_files_are_those_that_other_tools_open(tmp_path):
    profiled(model, save=tmp_path / "new" / "gate")
    stats = pstats.Stats(str(tmp_path / "new" / "gate.pstat"))
    assert any(name == "helper" for _, _, name in stats.stats)
    assert "fn=(" in (tmp_path / "new" / "gate.callgrind").read_text()


def test_a_session_of_the_users_own_is_left_alone():
    yappi.set_clock_type("cpu")
    yappi.start()
    try:
        with pytest.raises(GateError, match="yappi is in use in this process"):
            profiled(model)
        assert yappi.is_running()
    finally:
        yappi.stop()
    with pytest.raises(GateError, match="yappi is in use"):
        profiled(model)
    assert not yappi.get_func_stats().empty()
    yappi.clear_stats()
    profiled(model)
    assert yappi.get_clock_type() == "cpu"
    assert yappi.get_func_stats().empty()


def test_what_the_model_raises_ends_the_profile_and_not_the_next_one():
    with pytest.raises(ZeroDivisionError):
        profiled(lambda batch: 1 / 0)
    assert not yappi.is_running()
    assert profiled(model).functions


def test_waiting_is_on_the_wall_clock_only():
    waiting = threading.Event()

    def wait(batch):
        waiting.wait(0.005)

    wall, cpu = (profiled(wait, calls=3, clock=clock) for clock in ("wall", "cpu"))
    assert wall.seconds > 0.004
    assert cpu.seconds < 0.5 * wall.seconds


@pytest.mark.parametrize(("seconds", "calls"), [(1e-6, 200), (0.01, 15), (1.0, 1)])
def test_a_pass_is_short(seconds, calls):
    assert profiled_calls(seconds) == calls
