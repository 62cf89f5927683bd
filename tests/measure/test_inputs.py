"""Inputs as people have them reach the model in the type that it was fitted with, whole and a sample at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, check_unchanged, prepare

pytest.importorskip("sklearn")

from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COUNT = 60
COLOURS = np.array(["red", "green", "blue"])


def table(kind):
    library = pytest.importorskip(kind)
    generator = np.random.default_rng(0)
    return library.DataFrame(
        {
            "size": generator.normal(size=COUNT),
            "colour": COLOURS[generator.integers(3, size=COUNT)].tolist(),
        }
    )


def check(model, inputs, targets, kind, **call_options):
    """Every call gets inputs of one kind, and the score is that of the model itself."""
    subject = prepare(model, inputs, targets, CallOptions(batch_size=2, **call_options))
    assert {type(batch) for batch in subject.batches} == {kind}
    statics = measure_statics(subject)
    for batch in subject.batches[:3]:
        subject.call(batch)
    check_unchanged(subject, inputs)
    return statics


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_table_with_columns_by_name(kind):
    frame = table(kind)
    targets = (frame["size"].to_numpy() > 0).astype(int)
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["colour"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, targets)
    statics = check(model, frame, targets, type(frame))
    assert statics.accuracy.value == model.score(frame, targets)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_change_of_any_column_or_name_changes_the_fingerprint(kind):
    frame = table(kind)
    other = frame.rename(columns={"colour": "tint"}) if kind == "pandas" else frame.rename({"colour": "tint"})
    swapped = frame[["colour", "size"]]

    def of(data):
        return prepare(lambda batch: [0] * len(batch), data, [0] * COUNT, CallOptions()).fingerprint

    assert of(frame) == of(table(kind))
    assert len({of(frame), of(other), of(swapped)}) == 3


@pytest.mark.parametrize(
    "form", ["csr_array", "csr_matrix", "csc_array", "coo_array", "coo_matrix", "bsr_array", "dia_array"]
)
def test_sparse_matrices_stay_sparse(form):
    sparse = pytest.importorskip("scipy.sparse")
    words = ["good film", "bad film", "good", "bad bad"] * 5
    counts = CountVectorizer().fit_transform(words)
    targets = np.array([1, 0, 1, 0] * 5)
    model = LogisticRegression().fit(counts, targets)
    inputs = getattr(sparse, form)(counts)
    subject = prepare(model, inputs, targets, CallOptions(batch_size=2))
    assert all(sparse.issparse(batch) and batch.shape[0] == 2 for batch in subject.batches)
    assert measure_statics(subject).accuracy.value == model.score(counts, targets)
    check_unchanged(subject, inputs)


def test_texts_of_any_length():
    words = ["good film", "bad", "a very very good and long film", "bad bad bad"] * 5
    targets = [1, 0, 1, 0] * 5
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(words, targets)
    assert check(model, words, targets, list).accuracy.value == 1


def test_a_mapping_of_arrays_and_frames():
    frame = table("pandas")
    inputs = {"frame": frame, "image": np.ones((COUNT, 8, 8)), "name": ["x"] * COUNT}

    def model(batch):
        assert batch["image"].shape == (len(batch["frame"]), 8, 8)
        assert len(batch["name"]) == len(batch["frame"])
        return (batch["frame"]["size"] > 0).astype(int)

    targets = (frame["size"] > 0).astype(int)
    assert check(model, inputs, targets, dict).accuracy.value == 1


def test_images_as_arrays_and_as_pictures():
    image = pytest.importorskip("PIL.Image")
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:COUNT], labels[:COUNT]
    classifier = LogisticRegression(max_iter=2000).fit(digits, labels)

    def model(batch):
        return classifier.predict(np.stack([np.asarray(picture) for picture in batch]).reshape(len(batch), -1))

    pictures = [image.fromarray(row.reshape(8, 8).astype(np.uint8)) for row in digits]
    expected = classifier.score(digits, labels)
    assert check(model, pictures, labels, list).accuracy.value == expected
    assert check(model, digits.reshape(-1, 8, 8), labels, np.ndarray).accuracy.value == expected


def test_a_mapping_of_tensors_for_a_network_with_two_inputs():
    torch = pytest.importorskip("torch")

    class TwoInputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = torch.nn.Linear(4, 2), torch.nn.Linear(3, 2)

        def forward(self, batch):
            return self.left(batch["left"]) + self.right(batch["right"])

    torch.manual_seed(0)
    model = TwoInputs()
    inputs = {"left": torch.randn(COUNT, 4), "right": torch.randn(COUNT, 3)}
    with torch.no_grad():
        targets = model(inputs).argmax(dim=1)
    assert check(model, inputs, targets, dict).accuracy.value == 1


def test_duck_typed_estimators_of_other_libraries_are_judged_and_not_counted():
    class Foreign:
        """Has what scikit-learn's estimators have, and inherits nothing."""

        classes_ = np.array([0, 1])

        def fit(self, inputs, targets):
            self.inner_ = LogisticRegression(max_iter=5000).fit(inputs, targets)
            return self

        def predict(self, inputs):
            return self.inner_.predict(inputs)

        def predict_proba(self, inputs):
            return self.inner_.predict_proba(inputs)

    inputs, targets = load_breast_cancer(return_X_y=True)
    model = Foreign().fit(inputs, targets)
    statics = check(model, inputs, targets, np.ndarray, score="roc_auc")
    assert statics.accuracy.value > 0.98
    assert statics.confidence.mean() > 0.9
    assert "it belongs to no known framework" in statics.parameters.reason


def test_a_sparse_tensor_says_what_it_is():
    torch = pytest.importorskip("torch")
    with pytest.raises(GateError, match="a sparse tensor cannot be cut into samples"):
        prepare(torch.nn.Linear(3, 1), torch.eye(3).to_sparse(), [0, 1, 2], CallOptions(score="r2"))


class Lazy:
    """Values that are only worked out when somebody looks at them."""

    def __init__(self, values):
        self.values, self.shape, self.looks = values, values.shape, []

    def __getitem__(self, part):
        found = Lazy(self.values[part])
        found.looks = self.looks
        return found

    def __array__(self, dtype=None, copy=None):
        self.looks.append(len(self.values))
        return np.asarray(self.values, dtype)


class LazyList(list):
    """The same, of a list."""

    def __getitem__(self, part):
        return LazyList(super().__getitem__(part)) if isinstance(part, slice) else super().__getitem__(part) + 0

    def __iter__(self):
        return iter([value + 0 for value in super().__iter__()])


@pytest.mark.parametrize("form", ["inputs", "a mapping", "a stream"])
def test_inputs_that_work_when_they_are_looked_at_have_done_it_before_they_are_timed(form):
    values = np.arange(40.0).reshape(20, 2)
    lazy = Lazy(values)
    seen = []

    def model(batch):
        batch = batch["x"] if form == "a mapping" else batch
        seen.append(type(batch))
        return np.asarray(batch)[:, 0]

    given = {"inputs": (lazy, values[:, 0]), "a mapping": ({"x": lazy}, values[:, 0])}
    inputs, targets = given.get(form, ([(lazy, values[:, 0])], None))
    subject = prepare(model, inputs, targets, CallOptions(score="r2"))
    assert measure_statics(subject).accuracy.value == 1
    lazy.looks.clear()
    for batch in subject.batches:
        subject.call(batch)
    assert lazy.looks == []
    assert set(seen) == {np.ndarray}
    check_unchanged(subject, inputs)


def test_a_lazy_list_becomes_a_plain_one():
    subject = prepare(lambda batch: list(batch), LazyList(range(20)), list(range(20)), CallOptions(score="r2"))
    assert {type(batch) for batch in subject.batches} == {list}


def test_an_array_of_dask_is_refused_by_name():
    array = pytest.importorskip("dask.array")
    with pytest.raises(GateError, match=r"the inputs are dask's Array, .* timed with it: pass inputs.compute\(\)"):
        prepare(lambda batch: batch, array.ones(20), np.ones(20), CallOptions())
