"""The size of a model is the same before and after it has been used."""

from __future__ import annotations

import random
from functools import cached_property
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler
from sklearn.svm import SVC

from pytest_speedacc.adapters import model_size

rng = np.random.default_rng(0)
X = rng.random((60, 4))
y = rng.integers(0, 3, 60)


class Draws:
    """A user's own model that draws random numbers as it predicts."""

    def __init__(self, generator: Any, draw: Any) -> None:
        self.generator = generator
        self.draw = draw

    def predict(self, inputs: Any) -> Any:
        return [getattr(self.generator, name)() for name in self.draw for _ in inputs]


@pytest.mark.parametrize("vectorizer", [HashingVectorizer, CountVectorizer, TfidfVectorizer])
def test_the_address_of_stop_words_is_no_part_of_it(vectorizer: Any) -> None:
    texts = ["one two three", "two three four"]
    model = vectorizer(stop_words=["the", "a"]).fit(texts)
    size = model_size(model)
    model.transform(texts)
    assert model_size(model) == size
    vars(model)["_stop_words_id"] = 1
    assert model_size(model) == size


def test_a_look_up_made_once_is_no_part_of_it() -> None:
    model = MultiLabelBinarizer().fit([[each] for each in range(30)])
    size = model_size(model)
    model.transform([[1, 2]])
    assert model_size(model) == size


def test_names_of_columns_are_no_part_of_it() -> None:
    pytest.importorskip("pandas")
    model = make_union(StandardScaler(), StandardScaler()).set_output(transform="pandas").fit(X)
    size = model_size(model)
    model.transform(X)
    assert model_size(model) == size


def test_another_librarys_attribute_of_that_name_is() -> None:
    model, bigger = Draws(None, ()), Draws(None, ())
    bigger._cached_dict = dict.fromkeys(range(100))
    assert model_size(bigger) > model_size(model) + 100


class Table:
    """A user's own model with something that is computed once."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    @cached_property
    def outer(self) -> Any:
        return np.outer(self.weights, self.weights)

    def predict(self, inputs: Any) -> Any:
        return inputs @ self.outer[0]


class Scaled(StandardScaler):
    """An estimator with such a property of its own."""

    @cached_property
    def table(self) -> Any:
        return np.arange(100)


def test_what_is_computed_once_is_no_part_of_it() -> None:
    model = Table(np.arange(4.0))
    size = model_size(model)
    model.predict(X)
    assert "outer" in vars(model)
    assert model_size(model) == size
    # What it is computed from is.
    assert model_size(Table(np.arange(40.0))) >= size + 36 * 8


def test_nor_of_an_estimator_whose_library_leaves_something_as_well() -> None:
    model = Scaled().fit(X)
    size = model_size(model)
    assert len(model.table) == 100
    assert model_size(model) == size


@pytest.mark.parametrize(
    ("generator", "draw"),
    [
        (random.Random(0), ("random",)),
        (np.random.RandomState(0), ("random_sample", "standard_normal")),
        (np.random.default_rng(0), ("random", "standard_normal")),
        (np.random.Generator(np.random.MT19937(0)), ("random",)),
        (np.random.Generator(np.random.Philox(0)), ("random",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_already_drawn_are_no_part_of_it(generator: Any, draw: tuple[str, ...]) -> None:
    model, sizes = Draws(generator, draw), set()
    for _ in range(40):
        sizes.add(model_size(model))
        model.predict(range(101))
    assert len(sizes) == 1


def test_nor_are_those_that_an_estimator_draws() -> None:
    model = DummyClassifier(strategy="stratified", random_state=np.random.RandomState(0)).fit(X, y)
    sizes = set()
    for _ in range(20):
        sizes.add(model_size(model))
        model.predict(X)
    assert len(sizes) == 1


def test_a_model_is_left_as_it_was() -> None:
    model = make_pipeline(HashingVectorizer(stop_words=["the"], n_features=8), SVC()).fit(["one", "two"], [0, 1])
    before = dict(vars(model[0]))
    model_size(model)
    assert vars(model[0]) == before


class Whole(MultiLabelBinarizer):
    """One that pickles itself in its own way."""

    def __reduce__(self) -> Any:
        return Whole, ()


def test_a_model_that_pickles_itself_is_left_to_do_so() -> None:
    model = Whole().fit([[1], [2]])
    size = model_size(model)
    model.transform([[1]])
    assert model_size(model) == size
