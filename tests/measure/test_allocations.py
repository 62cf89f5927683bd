"""What holds the peak: known allocations, whose they are, and that they sum up to what is measured as memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_speedacc.adapters.callables import CallableAdapter
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.allocations import NOBODY, Allocations, Site, find_allocations
from pytest_speedacc.measure.memory import RESOLUTION, measure_memory
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare

pytestmark = pytest.mark.memray

HERE = Path(__file__).parent
FILE = Path(__file__).name
MIB = 1024**2
INPUTS, TARGETS = np.ones((64, 12)), np.arange(64) % 2


def subject_of(model: Any, inputs: Any = INPUTS, batch_size: int = 64) -> Subject:
    return prepare(model, inputs, TARGETS[: len(inputs)], CallOptions(batch_size=batch_size))


def found(model: Any, **options: Any) -> Allocations:
    return find_allocations(subject_of(model, **options), HERE)


def by_name(allocations: Allocations) -> dict[str, Site]:
    return {site.name: site for site in allocations.sites}


def widen(mebibytes: int) -> Any:
    return np.ones(mebibytes * MIB // 8)


def scale(values: Any) -> Any:
    return values * 2


def two_arrays(batch: Any) -> Any:
    wide = widen(4)
    return scale(np.concatenate([wide, wide]))[: len(batch)]


def test_each_function_has_what_it_allocated_and_what_libraries_did_for_it() -> None:
    allocations = found(two_arrays)
    sites = by_name(allocations)
    assert [site.name for site in allocations.sites[:3]] == ["two_arrays", "scale", "widen"]
    for name, mebibytes in (("two_arrays", 8), ("scale", 8), ("widen", 4)):
        assert sites[name].bytes == pytest.approx(mebibytes * MIB, abs=RESOLUTION)
        assert sites[name].file == FILE
    assert allocations.peak == sum(site.bytes for site in allocations.sites)
    assert sites["widen"].line == widen.__code__.co_firstlineno + 1
    assert sites["two_arrays"].line == two_arrays.__code__.co_firstlineno + 2


def test_the_sum_is_the_peak_that_is_judged() -> None:
    for model in (two_arrays, lambda batch: [str(number) for number in range(2000)]):
        measured = measure_memory(model, [INPUTS])
        assert found(model).peak == pytest.approx(measured.peak, abs=measured.band)


def test_the_line_is_where_most_is_allocated_at_once() -> None:
    def small_and_large(batch: Any) -> Any:
        kept = np.ones(1000)
        return np.ones(MIB)[: len(batch)] + kept[0]

    site = by_name(found(small_and_large))["small_and_large"]
    assert site.line == small_and_large.__code__.co_firstlineno + 2


def test_only_what_is_held_at_the_peak_counts() -> None:
    def one_after_the_other(batch: Any) -> Any:
        widen(2).sum()
        return scale(np.ones(MIB))[: len(batch)]

    assert [site.name for site in found(one_after_the_other).sites if site.bytes > RESOLUTION] == [
        "one_after_the_other",
        "scale",
    ]


def test_allocations_are_counted() -> None:
    def strings(batch: Any) -> list[str]:
        return [str(number) for number in range(1000, 3000)]

    site = by_name(found(strings))["strings"]
    assert site.allocations == pytest.approx(2000, abs=10)  # and the list that holds them
    assert site.bytes == pytest.approx(2000 * (53 + 8), rel=0.15)


def test_functions_in_threads_are_named_and_taken_together() -> None:
    with ThreadPoolExecutor(2) as pool:
        site = by_name(found(lambda batch: list(pool.map(widen, [3, 3]))))["widen"]
    assert site.bytes == pytest.approx(6 * MIB, rel=0.001)


def pipeline(*steps: Any) -> Any:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    inputs = np.random.default_rng(0).normal(size=(64, 12))
    return make_pipeline(*steps, LogisticRegression()).fit(inputs, TARGETS)


def test_the_steps_of_a_pipeline_are_told_apart_where_nothing_is_the_users() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    first = found(pipeline(preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(3))).sites[0]
    assert (first.name, first.file) == ("transform", "sklearn/preprocessing/_polynomial.py")
    assert first.bytes >= 64 * 455 * 8  # what 12 features make, (12 + 3 choose 3)


def cubes(values: Any) -> Any:
    return np.hstack([values**power for power in (1, 2, 3)])


def test_a_function_of_the_users_in_a_pipeline_is_named() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    sites = by_name(found(pipeline(preprocessing.FunctionTransformer(cubes))))
    assert sites["cubes"].file == FILE
    assert sites["cubes"].bytes >= 64 * 36 * 8


def test_modules_of_torch_are_told_apart() -> None:
    torch = pytest.importorskip("torch")

    class Wide(torch.nn.Module):
        def forward(self, batch: Any) -> Any:
            return batch.repeat(1, 2048).mean(1)

    def output(model: Any) -> Site:
        model = torch.nn.Sequential(model)
        return find_allocations(subject_of(model, torch.ones(64, 12)), HERE).sites[0]

    own = output(Wide())
    assert (own.name, own.file) == ("forward", FILE)
    assert own.bytes == pytest.approx(64 * 12 * 2048 * 4, rel=0.01)
    linear = output(torch.nn.Linear(12, 4096))
    assert (linear.name, linear.file) == ("forward", "torch/nn/modules/linear.py")
    assert linear.bytes == pytest.approx(64 * 4096 * 4, rel=0.01)


def test_where_no_python_function_allocates_nobody_is_named() -> None:
    (site,) = found(np.array).sites
    assert (site.name, site.file) == (NOBODY, "")


class OnDevice(CallableAdapter):
    """As an accelerator's adapter."""

    def device_memory(self, model: Any) -> Any:
        return object()


def test_an_accelerator_keeps_no_record() -> None:
    subject = replace(subject_of(two_arrays), adapter=OnDevice())
    with pytest.raises(GateError, match="an accelerator's allocator keeps no record of it"):
        find_allocations(subject, HERE)


def test_what_the_model_raises_is_the_reason() -> None:
    with pytest.raises(GateError, match="the model raised ZeroDivisionError while the memory at its peak"):
        found(lambda batch: 1 / 0)
