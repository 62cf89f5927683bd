"""A live run of models on a CUDA device, which both sides share."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")

import torch
from live_project import Run, start_project

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
MODELS = """
import numpy as np
import torch

LAYERS, MIB = SIDE
x = np.random.default_rng(0).normal(size=(512, 2048)).astype(np.float32)

class Deep(torch.nn.Module):
    def __init__(self, layers, mib=0):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(2048, 2048, bias=False)
        self.repeated, self.mib = layers, mib

    def forward(self, batch):
        torch.empty(self.mib * 2**20, dtype=torch.uint8, device=batch.device)
        for _ in range(self.repeated):
            batch = self.inner(batch)
        return batch[:, :4]

def on_gpu(*shape):
    model = Deep(*shape).cuda()
    assert next(model.parameters()).is_cuda
    return model
"""
GATES = """
import subprocess
import sys

import pytest
from models import *

calm = pytest.mark.speedacc(max_latency_increase="60 %", max_memory_increase="5 %", max_churn="1 %")

@calm
def test_unchanged(speedacc):
    speedacc.check(on_gpu(40), x, score=None, batch_size=512)

@pytest.mark.speedacc(max_latency_increase="20 %")
def test_slower(speedacc):
    speedacc.check(on_gpu(LAYERS), x, score=None, batch_size=512)

@calm
def test_wider(speedacc):
    speedacc.check(on_gpu(40, MIB), x, score=None, batch_size=512)

@calm
def test_trained_once_a_side(speedacc):
    speedacc.check(speedacc.fit(lambda: on_gpu(40)), x, score=None, batch_size=512)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Its base has 40 layers and takes 16 MiB for a moment, the candidate 80 and 48."""
    project = start_project(tmp_path_factory.mktemp("gpu"))
    project.settings("launches = 6")
    project.commit(models_py=MODELS.replace("SIDE", "40, 16"), test_gpu_py=GATES)
    project.write(models_py=MODELS.replace("SIDE", "80, 48"))
    return project.run()


def test_what_is_unchanged_passes(run: Run) -> None:
    for gate in ("test_gpu.py::test_unchanged", "test_gpu.py::test_trained_once_a_side"):
        assert run.check(gate)["outcome"] == "passed"
        assert run.check(gate, "max_memory_increase")["outcome"] == "passed"
        assert run.check(gate, "max_churn")["outcome"] == "passed"


def test_twice_the_kernels_fail(run: Run) -> None:
    check = run.check("test_gpu.py::test_slower")
    assert check["outcome"] == "failed"
    assert check["observed"] == pytest.approx(1.0, abs=0.4)


def test_memory_on_the_device_is_compared(run: Run) -> None:
    check = run.check("test_gpu.py::test_wider", "max_memory_increase")
    assert check["outcome"] == "failed"
    assert run.check("test_gpu.py::test_wider")["outcome"] == "passed"
    assert "an accelerator's allocator keeps no record of it" in run.words


def test_both_sides_had_the_device(run: Run) -> None:
    for gate in ("test_unchanged", "test_slower", "test_wider", "test_trained_once_a_side"):
        assert torch.cuda.get_device_name(0) in run.output
        assert run.gates[f"test_gpu.py::{gate}"]["verdict"] in ("passed", "failed")


def test_gates_have_processes_of_their_own(run: Run) -> None:
    assert "shared a process" not in run.output


ASKS = """
import torch
from pytest_speedacc.live.workers.forkable import why_not_here

assert not why_not_here()
torch.cuda.is_available()
print(why_not_here())
"""


def test_a_driver_that_was_started_is_seen() -> None:
    """Asking whether there is a device is enough, which many a conftest.py does; a child could not use it."""
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("/dev/nvidia")
