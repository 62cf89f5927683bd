"""Hints about known patterns: given where one holds, in real models too, and not beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_speedacc.judge.hints import CONVERSIONS, ROWS, VALIDATION, hints
from pytest_speedacc.measure.latency import Workload
from pytest_speedacc.measure.patterns import KNOWN
from pytest_speedacc.measure.profile import Function, Profile, take_profile

CLEAN = Function("clean", "features.py", 41, 64, 0.0005, 0.0006, 0.0005, 0.0005)
PLAIN = Profile("wall", 100, 64, 0.001, 0.001, (replace(CLEAN, calls=1),), {})
PANDAS = "pandas to arrays"


def with_calls(calls: float, **changes: float) -> Profile:
    return replace(PLAIN, functions=(replace(CLEAN, calls=calls, **changes),))


def test_every_known_pattern_has_its_hint() -> None:
    assert set(KNOWN) == {*CONVERSIONS, ROWS, VALIDATION}


@pytest.mark.parametrize(
    ("profile", "often"),
    [
        (with_calls(64), "once"),
        (with_calls(192), "3 times"),
        (replace(with_calls(8), batch_size=8), "once"),
        (with_calls(63), ""),
        (with_calls(96), ""),
        (with_calls(1), ""),
        (with_calls(0), ""),
        (replace(with_calls(7), batch_size=7), ""),  # seven calls may be of anything
        (with_calls(64, total=0.00009), ""),  # and these take no time
    ],
)
def test_a_call_for_each_sample(profile: Profile, often: str) -> None:
    text = f"hint: clean (features.py:41) is called {often} for each of the {profile.batch_size} samples: let it take "
    assert hints(profile) == ((f"{text}the whole batch, with operations on arrays or columns",) if often else ())


def test_of_several_the_outermost_is_named() -> None:
    inner = replace(CLEAN, name="inner", own=0.0006, total=0.0004)
    (hint,) = hints(replace(PLAIN, functions=(inner, CLEAN)))
    assert "clean (" in hint
    (rows,) = hints(replace(with_calls(64), known={ROWS: 0.0005}))
    assert rows.startswith("hint: pandas calls a Python function for each row")


def test_in_a_difference_a_call_for_each_sample_is_new() -> None:
    assert len(hints(with_calls(64), PLAIN)) == 1
    assert len(hints(with_calls(128), with_calls(64))) == 1
    assert hints(with_calls(64), with_calls(64)) == ()


@pytest.mark.parametrize("name", [ROWS, *CONVERSIONS, VALIDATION])
def test_in_a_difference_a_known_pattern_has_grown(name: str) -> None:
    now = replace(PLAIN, batch_size=1, known={name: 0.0005})
    assert len(hints(now)) == len(hints(now, PLAIN)) == 1
    before = [replace(PLAIN, known={name: seconds}) for seconds in (0.00046, 0.00048, 0.0006)]
    assert [len(hints(now, each)) for each in before] == [1, 0, 0]


@pytest.mark.parametrize(
    ("name", "share", "batch_size", "given"),
    [
        (PANDAS, 0.10, 64, True),
        (PANDAS, 0.09, 64, False),
        (VALIDATION, 0.30, 1, True),
        (VALIDATION, 0.29, 1, False),
        (VALIDATION, 0.90, 2, False),
    ],
)
def test_a_pattern_that_takes_little_is_left_alone(name: str, share: float, batch_size: int, given: bool) -> None:
    found = hints(replace(PLAIN, seconds=1.0, batch_size=batch_size, known={name: share}))
    assert [f"in {share * 100:.0f} % of each call" in each for each in found] == ([True] if given else [])


def test_what_takes_no_time_has_no_share() -> None:
    assert hints(replace(PLAIN, seconds=0.0, known={PANDAS: 0.0})) == ()


def hinted(call: object, batch: object, batch_size: int = 64) -> str:
    work = Workload(call, (batch,), batch_size, None)  # type: ignore[arg-type]
    # What else a busy machine does lengthens a few of these short calls, and hides what the others were spent on.
    found = (hints(take_profile(work, 20, Path(__file__).parent)) for _ in range(3))
    return "\n".join(next(filter(None, found), ()))


VALUES = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
LABELS = (VALUES[:, 0] > 0).astype(int)


@pytest.mark.slow
class TestRealModels:
    def test_pandas_by_rows_and_by_columns(self) -> None:
        frame = pytest.importorskip("pandas").DataFrame(VALUES)
        assert "for each row" in hinted(lambda batch: batch.apply(lambda row: row[0] > 0, axis=1), frame)
        assert hinted(lambda batch: batch[0] > 0, frame) == ""

    def test_a_function_for_each_sample(self) -> None:
        def positive(value: float) -> bool:
            return value > 0

        assert "positive (" in hinted(lambda batch: [positive(value) for value in batch[:, 0]], VALUES)
        assert hinted(lambda batch: positive(batch[:, 0]), VALUES) == ""

    def test_a_frame_that_is_turned_into_an_array(self) -> None:
        pandas = pytest.importorskip("pandas")
        mixed = pandas.DataFrame(VALUES).assign(last=1)
        assert "a pandas frame is turned into an array" in hinted(lambda batch: np.asarray(batch)[:, 0] > 0, mixed)
        assert "a pandas frame is built" in hinted(lambda batch: len(pandas.DataFrame(batch)), VALUES)
        assert hinted(lambda batch: np.asarray(batch)[:, 0] > 0, VALUES) == ""

    def test_a_polars_frame(self) -> None:
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame(VALUES)
        assert "a polars frame is converted" in hinted(lambda batch: batch.to_numpy()[:, 0] > 0, frame)
        assert "a polars frame is built" in hinted(lambda batch: polars.DataFrame(batch).max(), VALUES)
        assert hinted(lambda batch: batch.select(polars.all() > 0), frame) == ""

    def test_a_sparse_matrix(self) -> None:
        sparse = pytest.importorskip("scipy.sparse").csr_array(VALUES * (VALUES > 1))
        assert "made dense" in hinted(lambda batch: batch.toarray()[:, 0] > 0, sparse)
        assert hinted(lambda batch: batch @ VALUES.T, sparse) == ""

    def test_a_tensor(self) -> None:
        torch = pytest.importorskip("torch")
        assert "a tensor is turned into an array" in hinted(
            lambda batch: np.asarray(batch)[:, 0] > 0, torch.ones(64, 8)
        )
        assert hinted(lambda batch: (batch[:, 0] > 0).numpy(), torch.ones(64, 8)) == ""

    def test_a_frame_for_a_booster(self) -> None:
        pandas, lightgbm = pytest.importorskip("pandas"), pytest.importorskip("lightgbm")
        wide = np.tile(
            VALUES, 30
        )  # each column is looked at, so that this takes most of a call on a busy machine as well
        frame = pandas.DataFrame(wide).add_prefix("f")
        booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(wide, LABELS), 2)
        assert "LightGBM turns a frame into an array" in hinted(booster.predict, frame)
        assert hinted(booster.predict, wide) == ""

    def test_a_dmatrix(self) -> None:
        pandas, xgboost = pytest.importorskip("pandas"), pytest.importorskip("xgboost")
        booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(VALUES, LABELS), 2)
        assert "a DMatrix is built" in hinted(lambda batch: booster.predict(xgboost.DMatrix(batch)), VALUES)
        frame = pandas.DataFrame(VALUES).add_prefix("f")
        booster.feature_names = list(frame.columns)
        assert "XGBoost copies a frame" in hinted(booster.inplace_predict, frame)
        booster.feature_names = None
        assert hinted(booster.inplace_predict, VALUES) == ""

    def test_a_single_row_that_is_checked(self) -> None:
        linear, pandas = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("pandas")
        frame = pandas.DataFrame(VALUES, columns=list("abcdefgh"))
        model = linear.LogisticRegression().fit(frame, LABELS)
        assert "scikit-learn checks its single sample: predict larger batches" in hinted(
            model.predict, frame[:1], batch_size=1
        )
        assert "scikit-learn checks" not in hinted(model.predict, frame)
        weights, bias = model.coef_[0], model.intercept_[0]
        assert hinted(lambda batch: batch @ weights + bias > 0, VALUES[:1], batch_size=1) == ""


@pytest.mark.parametrize(("factor", "hinted"), [(1.0, True), (0.999, False)])
def test_who_takes_just_the_smallest_share_or_grew_by_it_is_hinted_at(factor: float, hinted: bool) -> None:
    called = replace(CLEAN, calls=64.0, total=0.1 * factor)
    assert bool(hints(replace(PLAIN, seconds=1.0, functions=(called,)))) is hinted
    base = replace(PLAIN, seconds=1.0, functions=(), known={ROWS: 0.0})
    assert bool(hints(replace(base, known={ROWS: 0.03 * factor}), base)) is hinted


@pytest.mark.parametrize("known", [PANDAS, VALIDATION])
def test_a_share_is_told_in_per_cent(known: str) -> None:
    (hint,) = hints(replace(PLAIN, batch_size=1, seconds=1.0, known={known: 0.9}))
    assert hint.startswith("hint: in 90 % of each call ")
