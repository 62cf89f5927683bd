"""PyTorch modules on accelerators that are not here: what is waited for, named and refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.torch import TorchAdapter
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare

UNDER_WAY = "answers with torch's Tensor, which may do its work only when it is looked at"


class Elsewhere(nn.Module):
    """Moves its inputs to another device by itself, and leaves its answer there."""

    def forward(self, batch):
        return batch.to("meta")


@pytest.mark.parametrize("score", ["accuracy", None], ids=["scored", "step"])
def test_an_answer_on_a_device_that_the_module_is_not_on_is_refused(score):
    subject = prepare(
        Elsewhere(), np.ones((4, 2)), np.ones(4, int) if score else None, CallOptions(score=score, batch_size=2)
    )
    with pytest.raises(GateError, match=UNDER_WAY):
        measure_statics(subject)


def test_what_is_awaited_on_a_device_is_refused(monkeypatch):
    """A loop waits for what is awaited, and for no device, even where the module's own calls are waited for."""

    async def elsewhere(module, batch):
        return batch.to("meta")

    model = nn.Linear(2, 2)
    monkeypatch.setattr(TorchAdapter, "synchronise", lambda self, model: lambda: None)
    with pytest.raises(GateError, match=UNDER_WAY):
        measure_statics(prepare(model, np.ones((4, 2)), np.ones(4, int), CallOptions(predict=elsewhere)))


class OnDevices(nn.Module):
    def __init__(self, *names):
        super().__init__()
        self.names = names

    def named_parameters(self, *args, **options):
        return ((name, SimpleNamespace(device=torch.device(name))) for name in self.names)


def test_every_device_that_a_module_is_on_is_waited_for(monkeypatch):
    waited = []
    for kind in ("mps", "xpu"):
        library = SimpleNamespace(synchronize=lambda *device, kind=kind: waited.append((kind, *map(str, device))))
        monkeypatch.setattr(torch, kind, library)
    model = OnDevices("cpu", "xpu:1", "mps", "xpu:0", "meta")
    adapter = find_adapter(model)
    adapter.synchronise(model)()
    assert waited == [("mps",), ("xpu", "xpu:0"), ("xpu", "xpu:1")]
    assert adapter.device_name(model) == "mps, xpu"
    with pytest.raises(GateError, match="memory on mps and xpu is not measured: PyTorch keeps no peak of it there"):
        adapter.device_memory(model)


def test_a_device_that_nothing_waits_for_is_refused():
    model = OnDevices("vulkan")
    with pytest.raises(GateError, match="nothing is known that waits for PyTorch's device vulkan, so that no call"):
        find_adapter(model).synchronise(model)
