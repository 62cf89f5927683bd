"""Hints about known patterns in profiles of real models: given where one holds, and not beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_speedacc.judge.hints import hints
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.profile import take_profile
from pytest_speedacc.report.sentences import all_said

pytestmark = pytest.mark.slow


def hinted(call: object, batch: object, batch_size: int = 64) -> str:
    work = Workload(call, (batch,), batch_size, None)  # type: ignore[arg-type]
    # What else a busy machine does lengthens a few of these short calls, and hides what the others were spent on.
    found = (all_said(hints(take_profile(work, 20, Path(__file__).parent))) for _ in range(3))
    return "\n".join(next(filter(None, found), ()))


VALUES = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
LABELS = (VALUES[:, 0] > 0).astype(int)


def test_pandas_by_rows_and_by_columns() -> None:
    frame = pytest.importorskip("pandas").DataFrame(VALUES)
    assert "for each row" in hinted(lambda batch: batch.apply(lambda row: row[0] > 0, axis=1), frame)
    assert hinted(lambda batch: batch[0] > 0, frame) == ""


def test_a_function_for_each_sample() -> None:
    def positive(value: float) -> bool:
        return value > 0

    assert "positive (" in hinted(lambda batch: [positive(value) for value in batch[:, 0]], VALUES)
    assert hinted(lambda batch: positive(batch[:, 0]), VALUES) == ""


def test_a_frame_that_is_turned_into_an_array() -> None:
    pandas = pytest.importorskip("pandas")
    mixed = pandas.DataFrame(VALUES).assign(last=1)
    assert "a pandas frame is turned into an array" in hinted(lambda batch: np.asarray(batch)[:, 0] > 0, mixed)
    assert "a pandas frame is built" in hinted(lambda batch: len(pandas.DataFrame(batch)), VALUES)
    assert hinted(lambda batch: np.asarray(batch)[:, 0] > 0, VALUES) == ""


def test_a_polars_frame() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(VALUES)
    assert "a polars frame is converted" in hinted(lambda batch: batch.to_numpy()[:, 0] > 0, frame)
    assert "a polars frame is built" in hinted(lambda batch: polars.DataFrame(batch).max(), VALUES)
    assert hinted(lambda batch: batch.select(polars.all() > 0), frame) == ""


def test_a_sparse_matrix() -> None:
    sparse = pytest.importorskip("scipy.sparse").csr_array(VALUES * (VALUES > 1))
    assert "made dense" in hinted(lambda batch: batch.toarray()[:, 0] > 0, sparse)
    assert hinted(lambda batch: batch @ VALUES.T, sparse) == ""


def test_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    assert "a tensor is turned into an array" in hinted(lambda batch: np.asarray(batch)[:, 0] > 0, torch.ones(64, 8))
    assert hinted(lambda batch: (batch[:, 0] > 0).numpy(), torch.ones(64, 8)) == ""


def test_a_frame_for_a_booster() -> None:
    pandas, lightgbm = pytest.importorskip("pandas"), pytest.importorskip("lightgbm")
    wide = np.tile(VALUES, 30)  # each column is looked at, so that this takes most of a call on a busy machine as well
    frame = pandas.DataFrame(wide).add_prefix("f")
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(wide, LABELS), 2)
    assert "LightGBM turns a frame into an array" in hinted(booster.predict, frame)
    assert hinted(booster.predict, wide) == ""


def test_a_dmatrix() -> None:
    pandas, xgboost = pytest.importorskip("pandas"), pytest.importorskip("xgboost")
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(VALUES, LABELS), 2)
    assert "a DMatrix is built" in hinted(lambda batch: booster.predict(xgboost.DMatrix(batch)), VALUES)
    frame = pandas.DataFrame(VALUES).add_prefix("f")
    booster.feature_names = list(frame.columns)
    assert "XGBoost copies a frame" in hinted(booster.inplace_predict, frame)
    booster.feature_names = None
    assert hinted(booster.inplace_predict, VALUES) == ""


def test_a_single_row_that_is_checked() -> None:
    linear, pandas = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("pandas")
    frame = pandas.DataFrame(VALUES, columns=list("abcdefgh"))
    model = linear.LogisticRegression().fit(frame, LABELS)
    assert "scikit-learn checks its single sample: predict larger batches" in hinted(
        model.predict, frame[:1], batch_size=1
    )
    assert "scikit-learn checks" not in hinted(model.predict, frame)
    weights, bias = model.coef_[0], model.intercept_[0]
    assert hinted(lambda batch: batch @ weights + bias > 0, VALUES[:1], batch_size=1) == ""
