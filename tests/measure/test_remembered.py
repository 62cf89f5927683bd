"""A model that remembers its answers is found out, and no other: by calls that a test sets, and on real models."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import remembered
from pytest_speedacc.measure.fingerprint import fingerprint
from pytest_speedacc.measure.latency import Workload, time_calls
from pytest_speedacc.measure.remembered import remembers
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.warming import until_warm

INPUTS = np.random.default_rng(0).normal(size=(64, 6))
BATCHES = tuple(INPUTS[start : start + 2] for start in range(0, 64, 2))
HIT, MISS = 1e-6, 1e-3


class Calls:
    """Stands in for timed calls: what each takes is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes: Callable[[int, bool], float]) -> None:
        self.new = 0
        self.all = 0
        known = {fingerprint(batch, None) for batch in BATCHES}

        def seconds(work: Workload, batch: Any) -> float:
            is_new = fingerprint(batch, None) not in known
            self.new += is_new
            self.all += 1
            return takes(self.all, is_new)

        monkeypatch.setattr(remembered, "_seconds", seconds)


def work(batches: Sequence[Any] = BATCHES) -> Workload:
    return Workload(lambda batch: batch[:, 0], batches, len(batches[0]), None)


def test_one_that_is_slow_for_every_new_batch_is_named_with_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    Calls(monkeypatch, lambda number, is_new: MISS if is_new else HIT)
    assert remembers(work(), HIT).startswith(
        "the model remembers its answers: a batch that it has met takes 1.00 µs and a new one 1.00 ms, and the timed "
    )


@pytest.mark.parametrize(
    ("takes", "median", "calls"),
    {
        "as ever": (lambda number, is_new: MISS, MISS, 1),
        "just not slow enough": (lambda number, is_new: 5 * MISS, MISS, 1),
        "by a little": (lambda number, is_new: 50e-6 if is_new else HIT, HIT, 1),
        "interrupted once": (lambda number, is_new: MISS if number == 1 else HIT, HIT, 2),
        "slow until warm": (lambda number, is_new: MISS if number < 8 else HIT, HIT, 8),
        "slow one at a time": (lambda number, is_new: MISS, HIT, 8 + 3 * 3),
        "slow, and large": (lambda number, is_new: 1.0 if is_new else 0.25, 0.05, 5 + 3 * 3),
        "too slow to look anything up": (lambda number, is_new: 9.0, 0.051, 0),
    }.values(),
)
def test_any_other_is_not_and_most_are_asked_once(
    monkeypatch: pytest.MonkeyPatch, takes: Callable[[int, bool], float], median: float, calls: int
) -> None:
    asked = Calls(monkeypatch, takes)
    assert remembers(work(), median) == ""
    assert asked.all == calls


def test_where_too_many_known_ones_are_interrupted_all_are_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = [range(10 + 24 * number, 32 + 24 * number, 3) for number in range(3)]
    interrupted = [[*some][::3] for some in rounds]
    two, three, never = interrupted[0][:2], interrupted[0], [place for some in interrupted for place in some]
    for places, found in ((two, True), (three, True), (never, False), ([10, 13, 16], False)):
        Calls(monkeypatch, lambda number, is_new, places=places: MISS if is_new or number in places else HIT)
        assert bool(remembers(work(), HIT)) is found


def test_one_that_raises_on_new_batches_is_not_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(number: int, is_new: bool) -> float:
        raise GateError("no such sample")

    Calls(monkeypatch, raises)
    assert remembers(work(), HIT) == ""


def kinds() -> dict[str, Any]:
    words = [f"the word {number} and some more of it" for number in range(8)]
    torch, pandas, polars, sparse = (
        pytest.importorskip(name) if name == "numpy" else _or_none(name)
        for name in ("torch", "pandas", "polars", "scipy.sparse")
    )
    rows = INPUTS[:8]
    made = {
        "arrays": [rows[:4], rows[4:]],
        "single": [rows[place : place + 1] for place in range(4)],
        "one batch": [rows],
        "images": [np.arange(start, start + 48.0).reshape(1, 4, 4, 3) for start in range(8)],
        "texts": [words[:4], words[4:]],
        "one text": [words],
        "lists of arrays": [list(rows[:4]), list(rows[4:])],
        "mapping": [{"a": rows[:4], "b": words[:4]}, {"a": rows[4:], "b": words[4:]}],
        "tensors": torch and [torch.tensor(rows[:4]), torch.tensor(rows[4:])],
        "frames": pandas and [pandas.DataFrame(rows[:4]), pandas.DataFrame(rows[4:])],
        "one frame": pandas and [pandas.DataFrame(rows).astype({0: "category"})],
        "polars": polars and [polars.DataFrame(rows[:4]), polars.DataFrame(rows[4:])],
        "sparse": sparse and [sparse.csr_matrix(rows[:4]), sparse.csr_matrix(rows[4:])],
    }
    return {name: batches for name, batches in made.items() if batches is not None}


def size(batch: Any) -> Any:
    return batch.shape if hasattr(batch, "shape") else len(batch)


def _or_none(name: str) -> Any:
    try:
        return pytest.importorskip(name)
    except pytest.skip.Exception:
        return None


def test_new_batches_are_of_the_same_type_and_shape_and_of_other_values() -> None:
    for name, batches in kinds().items():
        known = {fingerprint(batch, None) for batch in batches}
        new = list(remembered._new_batches(batches))
        assert len(new) >= 13, name
        for batch in new:
            assert type(batch) is type(batches[0]), name
            assert size(batch) == size(batches[0]), name
            assert fingerprint(batch, None) not in known, name


@pytest.mark.parametrize("batches", [[[1, 2], [3, 4]], [["word"], ["other"]], [np.ones((1, 1)), np.zeros((1, 1))]])
def test_what_cannot_be_taken_apart_shows_nothing(batches: Any) -> None:
    assert list(remembered._new_batches(batches)) == []


def real(name: str) -> tuple[Any, Any]:
    """A model and its inputs."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    inputs = np.random.default_rng(0).normal(size=(300, 20))
    targets = (inputs[:, 0] > 0).astype(int)
    texts = [" ".join(f"word{abs(int(1000 * each))}" for each in row) for row in inputs]
    if name == "texts":
        return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, targets), texts
    if name == "sparse":
        matrix = TfidfVectorizer().fit_transform(texts)
        return LogisticRegression().fit(matrix, targets), matrix
    if name == "torch":
        torch = pytest.importorskip("torch")
        layers = torch.nn.Sequential(torch.nn.Linear(20, 512), torch.nn.ReLU(), torch.nn.Linear(512, 2))
        return layers, torch.tensor(inputs, dtype=torch.float32)
    if name == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        return lightgbm.LGBMClassifier(n_estimators=200, n_jobs=1, verbose=-1).fit(inputs, targets), inputs
    models = {
        "linear": LogisticRegression(),
        "forest": RandomForestClassifier(50),
        "neighbours": KNeighborsClassifier(),
        "vectors": SVC(),
    }
    return models[name].fit(inputs, targets), inputs


MODELS = ("linear", "forest", "neighbours", "vectors", "texts", "sparse", "torch", "lightgbm")


@pytest.mark.parametrize("batch_size", [1, 300])
@pytest.mark.parametrize("name", MODELS)
def test_no_real_model_is_accused(name: str, batch_size: int) -> None:
    pytest.importorskip("sklearn")
    model, inputs = real(name)
    assert told(model, inputs, batch_size) == ""


def told(model: Any, inputs: Any, batch_size: int) -> str:
    options = CallOptions(score=lambda truth, found: 0.0, greater_is_better=True, batch_size=batch_size)
    subject = prepare(model, inputs, np.zeros(inputs.shape[0] if hasattr(inputs, "shape") else len(inputs)), options)
    with subject.adapter.running(model):
        work = subject.workload()
        warm = until_warm(work, 0.05)
        return remembers(work, time_calls(work, warm.calls_per_round, 40).median)


def busy(row: tuple[float, ...]) -> int:
    np.linspace(0, 1, 1 << 18).sum()
    return int(row[0] > 0)


@pytest.mark.parametrize("batch_size", [1, 4, 8])
@pytest.mark.slow
def test_real_caches_are_found_out(batch_size: int) -> None:
    one = functools.lru_cache(maxsize=None)(busy)
    answers: dict[bytes, Any] = {}

    def by_sample(batch: Any) -> list[int]:
        return [one(tuple(row)) for row in batch]

    def by_batch(batch: Any) -> Any:
        if batch.tobytes() not in answers:
            answers[batch.tobytes()] = np.array([busy(row) for row in batch])
        return answers[batch.tobytes()].copy()

    for model in (by_sample, by_batch):
        assert "remembers its answers" in told(model, INPUTS[:8], batch_size)


def test_a_cache_that_is_cleared_is_none() -> None:
    one = functools.lru_cache(maxsize=None)(busy)

    def cleared(batch: Any) -> list[int]:
        one.cache_clear()
        return [one(tuple(row)) for row in batch]

    assert told(cleared, INPUTS[:8], 1) == ""
