"""Evaluation sets of every kind, cut into batches."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.samples import MOST_DISTINCT, batches, count_samples, take


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "are empty: nothing can be measured on 0 samples"),
        (np.empty((0, 3)), "are empty"),
        ({"a": [1], "b": [1, 2]}, "are a mapping with 1 of 'a', 2 of 'b': all must be of the same samples"),
        ({}, "are a mapping with nothing in it"),
        ({"a": {1}}, "'a' must be an array, a DataFrame, a tensor, a list of samples or a mapping of these, not a set"),
        ("text", "not a str"),
        (iter([1]), "not a list_iterator"),
        (np.array(3), "not a ndarray without an axis"),
    ],
)
def test_what_is_no_set_of_samples_is_refused(data, problem):
    with pytest.raises(GateError, match=f"the inputs.*{problem}"):
        count_samples(data, "the inputs")


@pytest.mark.parametrize("data", [[1, 2, 3], (1, 2, 3), np.zeros((3, 2)), np.zeros(3)])
def test_samples_lie_along_the_first_axis(data):
    assert count_samples(data, "the inputs") == 3


def test_a_data_frame_is_cut_by_position_and_stays_one():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": range(5)}, index=[9, 8, 7, 6, 5])
    part = take(frame, 1, 3)
    assert isinstance(part, pandas.DataFrame)
    assert part["x"].tolist() == [1, 2]
    assert take(frame["x"], 3, 5).tolist() == [3, 4]


def test_a_polars_frame_is_cut_by_rows():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": range(5)})
    assert count_samples(frame, "the inputs") == 5
    assert take(frame, 1, 3)["x"].to_list() == [1, 2]


def test_a_tensor_stays_one():
    torch = pytest.importorskip("torch")
    part = take(torch.arange(5), 1, 3)
    assert isinstance(part, torch.Tensor)
    assert part.tolist() == [1, 2]


def test_every_sample_is_a_batch_of_a_small_set():
    assert [batch.tolist() for batch in batches(np.arange(4), 4, 1).values()] == [[0], [1], [2], [3]]


def test_samples_that_fill_no_batch_are_left_out():
    assert batches(list(range(7)), 7, 3) == {0: [0, 1, 2], 3: [3, 4, 5]}
    assert batches(list(range(3)), 3, 3) == {0: [0, 1, 2]}


def test_batches_of_a_large_set_are_spread_over_it():
    samples = 3 * MOST_DISTINCT + 1
    chosen = [batch[0] for batch in batches(list(range(samples)), samples, 1).values()]
    assert len(chosen) == len(set(chosen)) == MOST_DISTINCT
    assert (chosen[0], chosen[-1]) == (0, samples - 1)
    gaps = np.diff(chosen)
    assert gaps.min() >= 2
    assert gaps.max() <= 4
