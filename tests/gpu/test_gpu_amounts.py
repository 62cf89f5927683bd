"""Scores, counts, sizes and memory of models on a CUDA device: those of the same model on the processor."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from gpu_models import InGraph, needs_gpu
from torch import nn

from pytest_speedacc.adapters import count_parameters, model_size
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.measurement import Statics, measure_statics
from pytest_speedacc.measure.randomness import seeded
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.surroundings import moved, surroundings

pytestmark = [pytest.mark.gpu, needs_gpu]
MIB = 2**20
SAMPLES = np.random.default_rng(0).normal(size=(600, 16))
LABELS = (SAMPLES[:, 0] + SAMPLES[:, 1] ** 2 > 0.8).astype(int) + (SAMPLES[:, 2] > 0)


@pytest.fixture(scope="module")
def trained() -> Any:
    """A classifier on the processor that is right most of the time."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 3))
    inputs, labels = torch.from_numpy(SAMPLES).float(), torch.from_numpy(LABELS)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimiser.step()
    return model


def statics_of(model: Any, inputs: Any = SAMPLES, targets: Any = LABELS, **options: Any) -> Statics:
    subject = prepare(model, inputs, targets, CallOptions(**options))
    with subject.adapter.running(subject.model):
        return measure_statics(subject)


def test_they_are_those_of_the_model_on_the_processor(trained: Any) -> None:
    there = copy.deepcopy(trained).cuda()
    here, found = statics_of(trained), statics_of(there)
    assert (found.accuracy.value, found.parameters, found.model_size, found.weights) == (
        here.accuracy.value,
        here.parameters,
        here.model_size,
        here.weights,
    )
    assert here.accuracy.value > 0.8
    assert (found.unstable, found.notes) == (0, here.notes)
    assert (count_parameters(there), model_size(there)) == (count_parameters(trained), model_size(trained))
    assert there.training


@pytest.mark.parametrize(
    "given", [lambda values: values, torch.from_numpy, lambda values: torch.from_numpy(values).cuda()]
)
def test_inputs_may_be_anywhere(trained: Any, given: Callable[[Any], Any]) -> None:
    there = copy.deepcopy(trained).cuda()
    found = statics_of(there, given(SAMPLES.astype(np.float32)), given(LABELS))
    assert found.accuracy.value == statics_of(trained).accuracy.value


def test_a_stream_is_moved_batch_by_batch(trained: Any) -> None:
    data = torch.utils.data.TensorDataset(torch.from_numpy(SAMPLES).float(), torch.from_numpy(LABELS))
    loader = torch.utils.data.DataLoader(data, batch_size=100, pin_memory=True)
    assert statics_of(copy.deepcopy(trained).cuda(), loader, None).accuracy.value == statics_of(trained).accuracy.value


class Autocast(nn.Module):
    def __init__(self, model: Any, dtype: Any) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, batch: Any) -> Any:
        with torch.autocast("cuda", self.dtype):
            return self.model(batch)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("how", ["weights", "autocast"])
def test_half_precision_is_scored_like_any_other(trained: Any, dtype: Any, how: str) -> None:
    whole = statics_of(trained)
    there = copy.deepcopy(trained).cuda()
    half = there.to(dtype) if how == "weights" else Autocast(there, dtype)
    found = statics_of(half)
    assert abs(found.accuracy.value - whole.accuracy.value) < 0.03
    assert found.parameters.total == whole.parameters.total
    if how == "weights":
        assert found.weights < 0.51 * whole.weights
        assert found.model_size < whole.model_size


class Widens(nn.Module):
    """Holds so many MiB for a moment, beside its input and its answer."""

    def __init__(self, mib: int) -> None:
        super().__init__()
        self.mib, self.head = mib, nn.Linear(16, 3)

    def forward(self, batch: Any) -> Any:
        torch.empty(self.mib * MIB, dtype=torch.uint8, device=batch.device)
        return self.head(batch)


@pytest.mark.parametrize("mib", [1, 32, 300])
def test_memory_is_the_peak_of_the_devices_allocator(mib: int) -> None:
    memory = statics_of(Widens(mib).cuda()).memory
    print(memory)
    assert mib * MIB <= memory.peak < mib * MIB + 64 * 1024
    assert len(set(memory.repeats)) == 1
    assert memory.of == "8 batches spread over the set"


def test_what_was_live_before_and_what_libraries_keep_is_no_part_of_it() -> None:
    held = torch.empty(200 * MIB, dtype=torch.uint8, device="cuda")
    model = nn.Sequential(nn.Linear(16, 2048), nn.Linear(2048, 3)).cuda()
    memory = statics_of(model, batch_size=512).memory
    print(memory)
    # The hidden layer's answer, and the last one's beside it.
    assert memory.peak == pytest.approx(512 * 2048 * 4, abs=32 * 1024)
    assert len(set(memory.repeats)) == 1
    assert held.numel() == 200 * MIB


def test_a_device_that_is_full_is_the_models_failure(trained: Any) -> None:
    with pytest.raises(GateError, match="the model raised OutOfMemoryError while predicting samples 0 to 599"):
        statics_of(Widens(2**20).cuda())
    assert statics_of(copy.deepcopy(trained).cuda()).accuracy.value > 0.8


def test_plain_tensors_on_the_device_are_looked_at() -> None:
    model = nn.Linear(16, 3).cuda()
    model.mask = torch.ones(16, 16, device="cuda").tril()
    assert count_parameters(model) == 51
    model.mask = torch.randn(16, 16, device="cuda")
    with pytest.raises(GateError, match=r"Linear.mask is a plain tensor of 256 numbers that may be learned"):
        count_parameters(model)


def test_generators_of_the_device_are_left_as_they_were(trained: Any) -> None:
    torch.cuda.manual_seed(7)
    torch.rand(3, device="cuda")
    before = torch.cuda.get_rng_state()
    with seeded(1):
        one = torch.rand(3, device="cuda")
    with seeded(1):
        assert torch.equal(one, torch.rand(3, device="cuda"))
    assert torch.equal(before, torch.cuda.get_rng_state())
    looked = surroundings()
    assert moved(looked) == ()
    torch.rand(3, device="cuda")
    assert "torch's random state on CUDA" in moved(looked)[0]


def test_a_graph_that_answers_in_one_buffer_is_scored_sample_by_sample(trained: Any) -> None:
    many, labels = np.tile(SAMPLES, (5, 1)), np.tile(LABELS, 5)
    found = statics_of(InGraph(copy.deepcopy(trained).cuda().eval()), many, labels)
    assert found.accuracy.value == statics_of(trained).accuracy.value
