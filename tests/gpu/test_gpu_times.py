"""What a call of a model on a CUDA device takes: the kernels, and not their launches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from gpu_models import ROWS, Deep, needs_gpu, rows, seconds_by_events, seconds_to_launch

from pytest_speedacc import stage
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.latency import time_calls, warm_up
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.profile import take_profile
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.two_models import time_in_turn

pytestmark = [pytest.mark.gpu, needs_gpu]
AS_STEP = CallOptions(score=None, batch_size=ROWS)
"""Nothing but its time is asked of it."""


def median_of(subject: Subject) -> float:
    with subject.adapter.running(subject.model):
        work = subject.workload()
        warm_up(work, 0.5)
        return time_calls(work, 1, 30).median


@pytest.mark.parametrize("own_stream", [False, True], ids=["default stream", "own stream"])
def test_a_call_lasts_until_its_kernels_have_ended(own_stream: bool) -> None:
    model = Deep(own_stream=own_stream).cuda()
    subject = prepare(model, rows(), None, AS_STEP)
    median = median_of(subject)
    with torch.inference_mode():
        computed, launched = (each(model, subject.batches[0]) for each in (seconds_by_events, seconds_to_launch))
    print(f"{median=:.6f} {computed=:.6f} {launched=:.6f}")
    assert launched < computed / 4
    assert 0.8 < median / computed < 1.25


def test_twice_the_layers_take_twice_as_long() -> None:
    one, other = (median_of(prepare(Deep(layers).cuda(), rows(), None, AS_STEP)) for layers in (8, 16))
    print(f"{one=:.6f} {other=:.6f}")
    assert 1.7 < other / one < 2.3


def test_so_do_rounds_of_calls_that_are_timed_together() -> None:
    model = Deep().cuda()
    subject = prepare(model, rows(), None, AS_STEP)
    single = median_of(subject)
    with subject.adapter.running(model):
        round_of_ten = time_calls(subject.workload(), 10, 5).median
    assert 0.7 < round_of_ten / single < 1.2


def test_two_models_in_turn_are_told_apart() -> None:
    slow, quick = (prepare(Deep(layers).cuda(), rows(), None, AS_STEP) for layers in (16, 8))
    times = time_in_turn(slow, quick)
    print(times)
    assert times.difference == pytest.approx(0.69, abs=0.2)


def test_a_stage_has_the_kernels_that_it_started(tmp_path: Path) -> None:
    model = Deep().cuda()

    def staged(model: Any, batch: Any) -> Any:
        with stage("layers"):
            found = model(batch)
        with stage("answer"):
            return found.sum(dim=1).cpu().numpy()

    subject = prepare(model, rows(), None, CallOptions(score=None, batch_size=ROWS, predict=staged))
    with subject.adapter.running(model):
        work = subject.workload()
        warm_up(work, 0.5)
        layers, answer = take_profile(work, 10, tmp_path).stages
    print(f"{layers=} {answer=}")
    assert (layers.name, answer.name) == ("layers", "answer")
    assert layers.seconds > 5 * answer.seconds


def test_an_answer_on_the_device_that_nothing_waits_for_is_refused() -> None:
    """Of a function, of a step, of a module that moves its inputs there by itself, and of a coroutine."""
    model = Deep(1).cuda()

    class Moves(torch.nn.Module):
        def forward(self, batch: Any) -> Any:
            return model(batch.cuda())[:, :1]

    async def awaited(module: Any, batch: Any) -> Any:
        return module(batch)[:, :1]

    inputs, targets = rows(8), torch.zeros(8)
    refused = (
        (lambda batch: model(batch.cuda())[:, :1], targets, CallOptions(score="mae")),
        (lambda batch: {"hidden": model(batch.cuda())}, None, CallOptions(score=None)),
        (torch.nn.Identity(), targets, CallOptions(score="mae", predict=lambda _, batch: batch.cuda()[:, :1])),
        (Moves(), targets, CallOptions(score="mae")),
        (model, targets, CallOptions(score="mae", predict=awaited)),
    )
    for called, truth, options in refused:
        with pytest.raises(GateError, match="answers with torch's Tensor, which may do its work only when"):
            measure_statics(prepare(called, inputs, truth, options))


def test_a_function_that_fetches_its_answer_is_timed_to_its_end() -> None:
    model = Deep().cuda()

    def fetched(batch: Any) -> Any:
        with torch.inference_mode():
            return model(batch.cuda())[:, 0].cpu().numpy()

    subject = prepare(fetched, rows(), None, AS_STEP)
    with torch.inference_mode():
        computed = seconds_by_events(model, rows().cuda())
    assert median_of(subject) > 0.9 * computed


def test_an_async_model_that_fetches_its_answer_is_too() -> None:
    model = Deep().cuda()

    async def fetched(module: Any, batch: Any) -> Any:
        return module(batch)[:, 0].cpu().numpy()

    subject = prepare(model, rows(), None, CallOptions(score=None, batch_size=ROWS, predict=fetched))
    with torch.inference_mode():
        computed = seconds_by_events(model, rows().cuda())
    assert median_of(subject) > 0.9 * computed
