"""Models on a CUDA device that work long enough for their kernels to be told from their launches."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
WIDTH = 4096
ROWS = 2048
"""Of a batch: a layer of that width then takes half a millisecond or more, and its launch some microseconds."""


class Deep(torch.nn.Module):
    """Wide layers one after the other, on a stream of its own where it is asked to."""

    def __init__(self, layers: int = 8, width: int = WIDTH, own_stream: bool = False) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width, bias=False) for _ in range(layers))
        self.stream = torch.cuda.Stream() if own_stream else None

    def forward(self, batch: Any) -> Any:
        with torch.cuda.stream(self.stream):
            for layer in self.layers:
                batch = layer(batch)
        return batch


class InGraph(torch.nn.Module):
    """A CUDA graph for each size of batch: its answers lie in one buffer, which the next call fills."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.graphs: dict[int, tuple[Any, Any, Any]] = {}

    def forward(self, batch: Any) -> Any:
        if len(batch) not in self.graphs:
            kept = batch.clone()
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                self.model(kept)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                answer = self.model(kept)
            self.graphs[len(batch)] = graph, kept, answer
        graph, kept, answer = self.graphs[len(batch)]
        kept.copy_(batch)
        graph.replay()
        return answer


def rows(count: int = ROWS, width: int = WIDTH) -> Any:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(0))


def seconds_by_events(call: Callable[[Any], Any], batch: Any, times: int = 15) -> float:
    """The median time of a call by the device's own clock, beside which nothing else is under way."""
    found = []
    for number in range(times + 3):
        torch.cuda.synchronize()
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call(batch)
        torch.cuda.synchronize()
        end.record()
        torch.cuda.synchronize()
        if number >= 3:
            found.append(begin.elapsed_time(end) / 1000)
    return statistics.median(found)


def seconds_to_launch(call: Callable[[Any], Any], batch: Any, times: int = 15) -> float:
    """The median time until a call returns, whatever the device is still at."""
    found = []
    for _ in range(times):
        torch.cuda.synchronize()
        began = time.perf_counter()
        call(batch)
        found.append(time.perf_counter() - began)
    torch.cuda.synchronize()
    return statistics.median(found)
