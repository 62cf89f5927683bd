"""An added lock wait in async code, with a live base: the failure names the function that waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_project import start_project

pytestmark = pytest.mark.thorough

BASE = """
import asyncio
import time

def spin():
    end = time.perf_counter() + 0.0015
    while time.perf_counter() < end:
        pass

class Ranker:
    def __init__(self):
        self.lock = asyncio.Lock()

    async def refresh(self):
        while True:
            async with self.lock:
                await asyncio.sleep(0.004)
            await asyncio.sleep(0)

    async def lookup(self, batch):
        await asyncio.sleep(0)
        return batch[:, 0] > 0

    async def rank(self, batch):
        spin()
        return (await self.lookup(batch)).astype(int)
"""
CANDIDATE = BASE.replace(
    "        return batch[:, 0] > 0", "        async with self.lock:\n            return batch[:, 0] > 0"
)
GATES = """
import asyncio
import numpy as np
import pytest
from features import Ranker

x = np.random.default_rng(0).normal(size=(80, 2))
y = (x[:, 0] > 0).astype(int)
pytestmark = pytest.mark.speedacc(max_latency_increase="20 %")

@pytest.mark.asyncio
async def test_locked(speedacc):
    ranker = Ranker()
    task = asyncio.create_task(ranker.refresh())
    try:
        await speedacc.acheck(ranker.rank, x, y)
    finally:
        task.cancel()

def test_same(speedacc):
    speedacc.check(Ranker().rank, x, y, concurrency=2)
"""


def test_a_lock_that_is_waited_for_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pytest_asyncio")
    live = start_project(tmp_path)
    live.settings("launches = 8")
    live.commit(features_py=BASE, test_it_py=GATES)
    live.write(features_py=CANDIDATE)
    run = live.run("--speedacc-profile=profiles", plugins=("asyncio",))
    assert run.code == pytest.ExitCode.TESTS_FAILED, run.output
    explained = {test.rpartition("::")[2]: gate["explained"] for test, gate in run.gates.items()}
    assert run.check("test_it.py::test_locked")["outcome"] == "failed", run.output
    assert any(line.startswith("Ranker.lookup (features.py:") for line in explained["test_locked"][:3]), explained
    assert run.check("test_it.py::test_same")["outcome"] != "failed", run.output
    assert explained["test_same"] == []
    assert live.left_behind() == []
