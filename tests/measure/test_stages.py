"""Stages: named parts of a model, timed in its profile and nowhere else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pytest_speedacc
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.loops import OWN_LOOP
from pytest_speedacc.measure.profile import take_profile
from pytest_speedacc.measure.stages import recorded, stage

HERE = Path(__file__).parent


def model(batch):
    for _ in range(2):
        with stage("preprocess"):
            time.sleep(0.002)
    with stage("predict"), stage("inner"):
        time.sleep(0.001)


def test_a_profile_has_them_in_order():
    profile = take_profile(Workload(model, [()], 1, None), 3, HERE)
    stages = profile.stages
    assert [(each.name, each.calls) for each in stages] == [("preprocess", 2), ("predict", 1), ("inner", 1)]
    preprocess, predict, inner = (each.least for each in stages)
    # Beside the whole call of the fastest passes: how long a pause lasts is up to the machine.
    assert preprocess + predict == pytest.approx(profile.least, rel=0.2)
    assert preprocess > predict >= inner
    assert all(each.least <= each.seconds <= each.most for each in stages)


def test_waiting_is_no_part_of_them_by_the_processors_clock():
    by_wall, by_cpu = (take_profile(Workload(model, [()], 1, None), 3, HERE, clock=clock) for clock in ("wall", "cpu"))
    assert sum(each.seconds for each in by_cpu.stages) < 0.5 * sum(each.seconds for each in by_wall.stages)


async def async_model(batch):
    with stage("fetch"):
        await asyncio.sleep(0.002)


def test_of_an_async_model_they_hold_what_is_awaited():
    profile = take_profile(Workload(async_model, [()], 1, None, OWN_LOOP, 4), 8, HERE)
    (fetch,) = profile.stages
    assert (fetch.name, fetch.calls) == ("fetch", 1)
    assert fetch.seconds == pytest.approx(profile.seconds, rel=0.4)


def test_nothing_is_kept_outside_a_profile_or_after_it():
    assert stage("a") is stage("b")
    with recorded(time.perf_counter) as recorder:
        assert stage("a") is not stage("b")
        with pytest.raises(ZeroDivisionError), stage("fails"):
            raise ZeroDivisionError
    assert list(recorder.seconds) == ["fails"]
    with stage("later"):
        pass
    assert list(recorder.seconds) == ["fails"]
    assert stage("a") is stage("b")


def test_it_is_of_the_package_and_brings_nothing_else_in():
    assert pytest_speedacc.stage is stage
    assert "stage" in vars(pytest_speedacc)  # found at once by the next prediction
    program = "import sys, pytest_speedacc; pytest_speedacc.stage; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "yappi", "pytest", "msgspec"} & set(loaded)


def test_an_accelerator_is_waited_for_at_both_ends():
    """So that a stage has what it started, and nothing that was started before it."""
    under_way, found = [], []

    def starts(batch):
        under_way.append("before")
        with stage("first"):
            found.append(list(under_way))
            under_way.append("in it")
        found.append(list(under_way))

    take_profile(Workload(starts, [()], 1, under_way.clear), 1, HERE)
    assert found == [[], []] * 3
