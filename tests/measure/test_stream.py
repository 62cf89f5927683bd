"""Evaluation sets that are read once, a batch at a time, here or on the processes of an executor."""

from __future__ import annotations

import os
import tracemalloc
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from unittest import mock

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.evaluation import CHUNK, IN_FLIGHT
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.stream import BATCH
from pytest_speedacc.measure.subject import KEPT_BATCHES, CallOptions, check_unchanged, prepare

FEATURES = 64


def positive(batch):
    return (batch[:, 0] > 0).astype(int)


def samples(number, count=500):
    """Batch ``number`` of an endless set on which ``positive`` is right but for every tenth sample."""
    inputs = np.random.default_rng(number).standard_normal((count, FEATURES), dtype=np.float32)
    targets = positive(inputs)
    targets[::10] = 1 - targets[::10]
    return inputs, targets


def whole(batches, count=500):
    inputs, targets = zip(*(samples(number, count) for number in range(batches)), strict=True)
    return np.concatenate(inputs), np.concatenate(targets)


def scored(inputs, targets=None, model=positive, **call_options):
    return measure_statics(prepare(model, inputs, targets, CallOptions(**call_options))).accuracy


def test_a_stream_scores_as_the_same_samples_held_whole():
    streamed = scored(samples(number) for number in range(5))
    held = scored(*whole(5))
    assert streamed.value == held.value == 0.9
    assert streamed.predictions.tolist() == held.predictions.tolist()
    assert streamed.correct.tolist() == held.correct.tolist()


def test_calls_are_timed_on_single_samples_of_its_first_batches():
    subject = prepare(positive, (samples(number, 100) for number in range(4)), None, CallOptions(batch_size=3))
    assert subject.samples == 400
    assert [len(batch) for batch in subject.batches] == 4 * 33 * [3]
    assert subject.batches[33].tolist() == samples(1)[0][:3].tolist()


def test_a_million_samples_at_flat_memory():
    """As one array they would take 256 MB; a prediction and a target of each, joined from their batches, take 32."""
    batches, count = 250, 4000
    tracemalloc.start()
    try:
        accuracy = scored(samples(number, count) for number in range(batches))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert accuracy.predictions.shape == (1_000_000,)
    assert accuracy.value == 0.9
    assert peak < 64e6


@pytest.mark.parametrize("executor", [None, "threads"])
def test_few_batches_are_alive_at_a_time(executor):
    alive = weakref.WeakSet()
    most = 0

    class Batch(np.ndarray):
        """An array that can be counted."""

        __hash__ = object.__hash__

    def stream():
        nonlocal most
        for number in range(100):
            inputs, targets = samples(number, 20)
            inputs = inputs.view(Batch)
            alive.add(inputs)
            yield inputs, targets
            most = max(most, len(alive))

    with ThreadPoolExecutor(2) as pool:
        assert scored(stream(), executor=pool if executor else None).value == 0.9
    assert most <= KEPT_BATCHES + (IN_FLIGHT if executor else 1) + 2


def test_the_fingerprint_is_of_every_batch():
    def of(*numbers):
        return prepare(positive, [samples(number) for number in numbers], None, CallOptions()).fingerprint

    assert of(0, 1, 2) == of(0, 1, 2)
    assert len({of(0, 1, 2), of(0, 1, 3), of(0, 2, 1), of(0, 1)}) == 4


def test_only_the_beginning_is_read_where_nothing_is_scored():
    taken = []

    def stream():
        for number in range(100):
            taken.append(number)
            yield samples(number)

    subject = prepare(positive, stream(), None, CallOptions(), whole=False)
    assert len(subject.batches) == 256
    assert taken == [0]


def test_datasets_and_loaders_of_torch_are_streams():
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    inputs, targets = whole(2)
    dataset = TensorDataset(torch.from_numpy(inputs), torch.from_numpy(targets))
    seen = []

    def model(batch):
        seen.append((type(batch), len(batch)))
        return (batch[:, 0] > 0).long()

    assert scored(dataset, model=model, predict=lambda model, batch: model(batch)).value == 0.9
    assert seen[0] == (torch.Tensor, BATCH)
    assert (
        scored(DataLoader(dataset, batch_size=64), model=model, predict=lambda model, batch: model(batch)).value == 0.9
    )


def test_a_mapping_with_labels_is_a_batch():
    def model(batch):
        return positive(batch["x"])

    subject = prepare(model, [{"x": samples(0)[0], "labels": samples(0)[1]}], None, CallOptions())
    assert measure_statics(subject).accuracy.value == 0.9
    assert list(subject.batches[0]) == ["x"]


def test_batches_may_be_loaded_when_their_turn_comes():
    loaded = []

    def loader(number):
        loaded.append(number)
        return samples(number)

    assert scored([partial(loader, number) for number in range(3)]).value == 0.9
    assert loaded == [0, 0, 1, 2]  # the first one is held for timing as well


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (np.zeros((3, 2)), "without targets the inputs must be an iterable of batches, each a pair .* not a ndarray"),
        ("text", "not a str"),
        (7, "not a int"),
        ([], "a stream without a batch"),
        ([np.zeros((3, 2))], "each batch of a stream must be a pair .* not a ndarray"),
        ([(np.zeros((3, 2)), np.zeros(2))], "a batch has 3 inputs and 2 targets"),
        ([(np.zeros((3, 2)), 1)], "a batch has 3 inputs and 1 targets"),
        ([(np.zeros((0, 2)), [])], "the inputs of a batch are empty"),
    ],
)
def test_what_is_no_stream_is_refused(stream, message):
    with pytest.raises(GateError, match=message):
        prepare(positive, stream, None, CallOptions())


def test_a_batch_that_fails_is_named():
    def model(batch):
        if batch[0, 0] == 7:
            raise ValueError("no sevens")
        return positive(batch)

    batches = [(np.zeros((4, 2)), np.zeros(4)), (np.full((4, 2), 7.0), np.zeros(4))]
    with pytest.raises(GateError, match="the model raised ValueError while predicting batch 1 of the stream: no seven"):
        prepare(model, batches, None, CallOptions())


def test_a_model_that_changes_a_stream_in_place_is_found_out():
    def scale(batch):
        batch *= 2
        return positive(batch)

    with pytest.raises(GateError, match="the model changes its inputs in place"):
        check_unchanged(prepare(scale, [samples(0)], None, CallOptions()), None)


def test_slices_of_a_stream_are_chosen_batch_by_batch():
    subject = prepare(
        positive,
        (samples(number) for number in range(3)),
        None,
        CallOptions(slices={"wrong": lambda inputs, targets: positive(inputs) != targets}),
    )
    statics = measure_statics(subject)
    assert subject.slices["wrong"].sum() == 150
    assert statics.slices["wrong"].accuracy.value == 0
    with pytest.raises(GateError, match="the slice 'a' of a stream must be a function"):
        prepare(positive, [samples(0)], None, CallOptions(slices={"a": np.ones(500, bool)}))


class Threshold:
    """A model that a process pool can be sent."""

    def __init__(self, ends_its_process=False):
        self.ends_its_process = ends_its_process

    def __call__(self, batch):
        if self.ends_its_process and os.getpid() != PARENT:
            os._exit(3)
        return positive(batch)


PARENT = os.getpid()


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_an_executor_predicts_in_order(executor):
    held = scored(*whole(8), model=Threshold())
    with (ProcessPoolExecutor if executor == "processes" else ThreadPoolExecutor)(2) as pool:
        of_set = scored(*whole(8), model=Threshold(), executor=pool)
        of_stream = scored((samples(number) for number in range(40)), model=Threshold(), executor=pool)
    assert len(whole(8)[0]) > 3 * CHUNK
    assert of_set.predictions.tolist() == held.predictions.tolist()
    assert of_stream.value == 0.9
    assert of_stream.predictions.tolist() == positive(whole(40)[0]).tolist()


def test_what_a_process_pool_cannot_be_sent_is_said():
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(GateError, match="the model cannot be sent to the processes of executor="),
    ):
        scored([samples(0)], model=lambda batch: positive(batch), executor=pool)


def test_a_process_that_ends_is_named():
    with (
        ProcessPoolExecutor(1) as pool,
        pytest.raises(GateError, match="a process of executor= ended while it predicted batch 0 of the stream"),
    ):
        scored([samples(0)], model=Threshold(ends_its_process=True), executor=pool)


@pytest.mark.slow
def test_a_set_that_has_outgrown_one_machine(tmp_path):
    """Two workers of a Dask cluster load 768 MB of shards themselves; with all of them at once, either would end."""
    distributed = pytest.importorskip("distributed")
    folder = str(tmp_path)

    def loader(number):
        import os
        import pathlib

        import numpy as np

        pathlib.Path(folder, f"{os.getpid()}-{number}-{os.urandom(4).hex()}").touch()
        inputs = np.random.default_rng(number).standard_normal((125_000, 64), dtype=np.float32)
        return inputs, (inputs[:, 0] > 0).astype(int)

    def model(batch):
        return (batch[:, 0] > 0).astype(int)

    with (
        # A cluster sets OMP_NUM_THREADS and others here, for its workers, and leaves them set.
        mock.patch.dict(os.environ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="500MB", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        subject = prepare(
            model, [partial(loader, number) for number in range(24)], None, CallOptions(executor=client.get_executor())
        )
    assert subject.samples == 3_000_000
    assert measure_statics(subject).accuracy.value == 1
    loads = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert loads.count(str(os.getpid())) == 1  # the first shard, for timing
    assert len(set(loads)) == 3
    assert len(loads) == 25
