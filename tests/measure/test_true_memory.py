"""Memory against truths that are known beforehand: the largest sample, what stays, and garbage in cycles."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.check.measuring import measure
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.measure import worst
from pytest_speedacc.measure.garbage import Garbage, at_rest, stayed
from pytest_speedacc.measure.latency import run_untimed, time_calls, warm_up
from pytest_speedacc.measure.measurement import UNTRAINED, Measurement, measure_statics
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.this_process import resident
from pytest_speedacc.measure.worst import choose, choose_among
from pytest_speedacc.report.observations import observe_retained

pytestmark = pytest.mark.memray

MIB = 2**20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


def subject(model, inputs, **call_options):
    return prepare(model, inputs, np.zeros(len(inputs), int), CallOptions(**call_options))


def statics(model, inputs, **call_options):
    return measure_statics(subject(model, inputs, **call_options))


# The worst batch


def doubles_of(batch):
    """Takes a thousand doubles for each letter, one sample after the other."""
    for text in batch:
        np.ones(1000 * len(text))
    return np.zeros(len(batch), int)


def test_the_longest_sample_of_a_sorted_set_is_measured():
    texts = ["a" * length for length in range(1, 2001, 40)]
    found = statics(doubles_of, texts)
    assert found.memory.peak == pytest.approx(8 * 1000 * len(texts[-1]), rel=0.01)  # the last one, 15.7 MB
    assert found.memory.of == "the 4 largest batches by length and 4 spread over the set"
    assert MEMORY.found_in(found).note == f"peak of one call, of {found.memory.of}"


LENGTHS = np.random.default_rng(0).permutation(np.arange(1, 101))


def as_frame(library):
    frames = pytest.importorskip(library)
    return frames.DataFrame({"text": ["a" * n for n in LENGTHS], "number": np.arange(100.0)})


def rows_of_a_matrix():
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.csr_matrix([[float(column < n) for column in range(100)] for n in LENGTHS])


def pictures():
    image = pytest.importorskip("PIL.Image")
    return [image.new("L", (int(n), 3)) for n in LENGTHS]


SIZED = {
    "texts": ("length", lambda: ["a" * n for n in LENGTHS]),
    "texts of numpy": ("length", lambda: np.array(["a" * n for n in LENGTHS])),
    "objects of numpy": ("length", lambda: np.array(["a" * n for n in LENGTHS], dtype=object)),
    "bytes": ("bytes", lambda: [b"a" * n for n in LENGTHS]),
    "arrays": ("bytes", lambda: [np.zeros(n) for n in LENGTHS]),
    "lists": ("length", lambda: [[0] * n for n in LENGTHS]),
    "words": ("length", lambda: [["ab", "c"] * n for n in LENGTHS]),
    "records": ("length", lambda: [{"title": "x", "text": "a" * n} for n in LENGTHS]),
    "mapping": ("length", lambda: {"text": ["a" * n for n in LENGTHS], "number": np.arange(100.0)}),
    "pandas": ("length", lambda: as_frame("pandas")),
    "Series": ("length", lambda: as_frame("pandas")["text"]),
    "polars": ("length", lambda: as_frame("polars")),
    "matrix": ("values", rows_of_a_matrix),
    "pictures": ("shape", pictures),
}


@pytest.mark.parametrize("kind", SIZED)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_the_largest_samples_are_among_those_of_every_kind(kind, batch_size, monkeypatch):
    measure, make = SIZED[kind]
    inputs = make()
    starts = []
    monkeypatch.setattr(worst, "take", lambda inputs, start, stop: starts.append(start) or take(inputs, start, stop))
    found = choose(inputs, 100, batch_size)
    assert found.how == f"the 4 largest batches by {measure} and 4 spread over the set"
    assert {type(batch) for batch in found.batches} == {type(inputs)}
    largest = sorted(range(0, 100, batch_size), key=lambda start: -LENGTHS[start : start + batch_size].max())
    assert {largest[0], largest[1], 0} <= set(starts)
    assert len(starts) == len(found.batches) == 8


@pytest.mark.parametrize("inputs", [np.zeros((100, 3)), [[0.0, 1.0]] * 100, list(range(100))])
def test_samples_that_are_alike_are_spread_over_the_set(inputs):
    found = choose(inputs, 100, 1)
    assert found.how == "8 batches spread over the set"
    firsts = [int(np.ravel(batch[0])[0]) for batch in choose(list(range(100)), 100, 1).batches]
    assert (firsts[0], firsts[-1], len(firsts)) == (0, 99, 8)


def test_a_batch_counts_by_its_longest_sample_and_by_all_of_them():
    lengths = [10] * 100
    lengths[41] = 60  # a batch that is padded is largest here: 4 x 60
    lengths[72:76] = [30, 30, 30, 30]  # and one that is not is largest here: 120 beside 90
    found = choose(["a" * n for n in lengths], 100, 4)
    longest = [max(map(len, batch)) for batch in found.batches]
    assert 60 in longest
    assert 30 in longest


def test_of_few_batches_all_are_measured():
    assert choose(["a"], 1, 1).how == "the only batch"
    assert choose(["a"] * 7, 7, 1).how == "all 7 batches"
    assert choose_among([["a"]] * 3).how == "all 3 batches of the stream's beginning"


def test_of_a_stream_the_largest_that_are_held_are_measured():
    def batches():
        for start in range(0, 60, 10):
            yield ["a" * length for length in range(start + 1, start + 11)], [0] * 10

    found = prepare(lambda batch: [0] * len(batch), batches(), None, CallOptions()).worst
    assert "a" * 60 in [batch[0] for batch in found.batches]
    assert found.how == "the 4 largest batches by length and 4 spread over the set of the stream's beginning"


# What stays


class Leaks:
    """Keeps a mebibyte of each call, and needs two more for a moment."""

    def __init__(self):
        self.kept = []

    def predict(self, batch):
        self.kept.append(np.ones(MIB, dtype=np.uint8))
        np.ones(2 * MIB, dtype=np.uint8)
        return np.zeros(len(batch), int)


class KeepsTheLast:
    def predict(self, batch):
        self.last = np.ones(MIB, dtype=np.uint8)
        return np.zeros(len(batch), int)


class Caches:
    """Fills a cache on its first call, and needs one mebibyte for a moment."""

    def __init__(self):
        self.cache = None

    def predict(self, batch):
        if self.cache is None:
            self.cache = np.ones(40 * MIB, dtype=np.uint8)
        np.ones(MIB, dtype=np.uint8)
        return np.zeros(len(batch), int)


@pytest.mark.parametrize("samples", [1, 30])
def test_a_leak_is_told_apart_from_the_peak(samples):
    found = statics(Leaks(), np.zeros((samples, 2)))
    assert found.memory.retained == pytest.approx(MIB, rel=0.01)
    assert found.memory.peak == pytest.approx(3 * MIB, rel=0.01)  # of one call, whatever the earlier ones left
    (note,) = found.notes
    assert note.startswith("each call of the model leaves 1.00 MiB behind that stay")
    (row,) = [row for row in observe_retained(found) if row.statistic == "retained a call"]
    assert (row.metric, row.observed) == ("memory", found.memory.retained)
    assert Measurement(found, None).retained == found.memory.retained


def test_what_is_replaced_by_the_next_call_is_no_leak():
    found = statics(KeepsTheLast(), np.zeros((30, 2)))
    assert (found.memory.retained, found.notes, observe_retained(found)) == (0, (), [])
    assert found.memory.peak == pytest.approx(2 * MIB, rel=0.01)


@pytest.mark.parametrize("samples", [1, 30])
def test_what_an_input_notes_of_who_looked_at_it_is_no_leak_of_the_model(samples):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.ones((samples, 8)), columns=list("abcdefgh"))

    def looks(batch):
        # Each of these is noted in the table, by a weak reference that it drops some hundreds of calls later.
        return (batch.assign(i=batch["a"] / batch["b"], j=batch["c"] / batch["d"]).sum(axis=1) * 0).to_numpy()

    found = statics(looks, frame)
    assert (found.memory.retained, found.notes) == (0, ())
    leaked = []
    found = statics(lambda batch: (leaked.append(np.ones(MIB, dtype=np.uint8)), looks(batch))[1], frame)
    assert found.memory.retained == pytest.approx(MIB, rel=0.05)


@LINUX
def test_what_the_first_call_leaves_is_shown_beside_the_peak():
    gc.collect()
    found = statics(Caches(), np.zeros((30, 2)))
    assert found.memory.peak == pytest.approx(MIB, rel=0.01)
    assert found.retained == pytest.approx(40 * MIB, rel=0.1)
    (row,) = observe_retained(found)
    assert (row.metric, row.statistic, row.observed) == ("memory", "retained", found.retained)


@LINUX
def test_so_it_is_in_a_gate_which_times_the_first_call_of_all():
    gc.collect()
    inputs, policy = np.zeros((30, 2)), Policy((), "exact", 0.02)
    gate = subject(Caches(), inputs)
    found = measure(gate, inputs, policy, 0.01, lambda text: None, UNTRAINED, lambda scores: True).measurement
    assert found.first_call > 0
    (row,) = observe_retained(found.statics)
    assert (row.statistic, row.observed) == ("retained", pytest.approx(40 * MIB, rel=0.1))


@LINUX
def test_what_was_freed_or_expected_has_not_stayed():
    gc.collect()
    before = at_rest()
    block = np.ones(32 * MIB, dtype=np.uint8)
    assert stayed(before, 0) == pytest.approx(32 * MIB, rel=0.1)
    assert stayed(before, block.nbytes) == 0
    del block
    assert stayed(before, 0) == 0
    assert stayed(0, 0) == 0  # where it cannot be read


# Garbage in cycles

ENOUGH = 2**24
SIZE = 2 * MIB


@pytest.fixture
def sooner(monkeypatch):
    """A quarter of the usual growth calls for a collection, so that a test is quick.

    Nor does a collection look through all that other tests have imported: beside every framework that took a quarter
    of a second, a hundred times.
    """
    monkeypatch.setattr("pytest_speedacc.measure.garbage.ENOUGH", ENOUGH)
    monkeypatch.setattr("pytest_speedacc.measure.garbage.STRETCH", 0.002)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Cycle:
    """Memory that only a collection frees."""

    def __init__(self):
        self.me = self
        self.values = np.ones(SIZE, dtype=np.uint8)


class Cyclic:
    def __init__(self):
        self.most = self.calls = 0

    def predict(self, batch):
        Cycle()
        self.calls += 1
        self.most = max(self.most, resident())
        return np.zeros(len(batch), int)


class CyclicAsync(Cyclic):
    async def __call__(self, batch):
        return self.predict(batch)


CALLS = 100


@LINUX
@pytest.mark.usefixtures("sooner")
@pytest.mark.parametrize("model", [Cyclic, CyclicAsync])
@pytest.mark.slow
def test_cycles_are_collected_between_the_timed_calls(model):
    model = model()
    work = subject(model, np.zeros((30, 2))).workload()
    before = resident()
    warm = warm_up(work, 0.05)
    assert time_calls(work, warm.calls_per_round, CALLS).calls == CALLS
    assert model.most - before < 5 * ENOUGH < CALLS * SIZE / 2  # the whole of it without collections
    (remark,) = work.garbage.remarks()
    assert remark.startswith("the model leaves about ")
    assert 0.5 < work.garbage.freed / work.garbage.calls / SIZE < 1.5


@LINUX
@pytest.mark.usefixtures("sooner")
@pytest.mark.slow
def test_rounds_that_are_asked_for_one_by_one_are_looked_after_too():
    model = Cyclic()
    work = subject(model, np.zeros((30, 2))).workload()
    before = resident()
    for number in range(CALLS):
        run_untimed(work, 1)
        time_calls(work, 1, 1, start=number)
    assert model.most - before < 5 * ENOUGH
    assert work.garbage.remarks()


@LINUX
@pytest.mark.usefixtures("sooner")
def test_a_leak_is_not_called_garbage():
    model = Leaks()
    kept = [bytearray(2**16) for _ in range(2000)]
    work = subject(model, np.zeros((30, 2))).workload()
    # What the allocator keeps of this, between what is not freed, it gives back at the first collection.
    del kept[::2]
    time_calls(work, 1, 50)
    assert len(model.kept) == 50
    assert work.garbage.remarks() == ()


def test_nothing_is_collected_for_a_tidy_model():
    work = subject(lambda batch: np.zeros(len(batch), int), np.zeros((30, 2))).workload()
    collections = []
    gc.callbacks.append(lambda phase, info: collections.append(phase))
    try:
        gc.disable()  # as it is while calls are timed
        for _ in range(3):
            run_untimed(work, 1000)
        assert time_calls(work, 10, 100).calls == 100
    finally:
        gc.enable()
        gc.callbacks.pop()
    assert collections == []
    assert work.garbage.remarks() == ()
    assert work.garbage.stretch > 100  # and it is looked at ever more seldom


def test_memory_is_looked_at_by_time_and_by_growth(monkeypatch):
    pages = iter([100, 100, 100, 4196])
    monkeypatch.setattr("pytest_speedacc.measure.garbage.resident", lambda: next(pages) * 4096)
    garbage = Garbage()
    garbage.look(8, 0.008)
    assert garbage.stretch == 10  # of a millisecond each
    garbage.look(10, 2.0)
    assert garbage.stretch == 1
    garbage.look(8, 0.0)
    assert garbage.stretch == 32  # eight have grown by a quarter of what is allowed


def test_where_resident_memory_cannot_be_read_nothing_is_collected(monkeypatch):
    monkeypatch.setattr("pytest_speedacc.measure.garbage.resident", lambda: 0)
    garbage = Garbage()
    for _ in range(20):
        garbage.look(garbage.stretch, 1.0)
    assert garbage.remarks() == ()
