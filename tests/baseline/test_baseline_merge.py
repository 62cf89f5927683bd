"""What an update keeps and what it replaces."""

from __future__ import annotations

import pytest
from baseline_examples import BASELINE, SLOWER, environment, measured
from msgspec.structs import replace

from pytest_speedacc.baseline import StoredAccuracy, Updated, merged

OTHER = measured("Slow CPU", median=0.9)
BOTH = replace(BASELINE, environments=OTHER | BASELINE.environments)


def test_the_first_baseline_is_the_measurement() -> None:
    assert merged(None, BASELINE) == BASELINE


def test_an_update_replaces_times_of_its_own_environment_only() -> None:
    new = replace(BASELINE, environments=measured(median=0.5))
    result = merged(BOTH, new)
    assert result.environments == OTHER | measured(median=0.5)


def test_an_update_replaces_everything_that_is_held_once() -> None:
    new = replace(
        BASELINE,
        updated=Updated(commit=None, date="2026-02-03T04:05:06+00:00", reason="better features"),
        accuracy=StoredAccuracy(score="f1", value=0.5, greater_is_better=True),
        versions={"python": "3.12.0"},
    )
    assert replace(merged(BOTH, new), environments={}) == replace(new, environments={})


@pytest.mark.parametrize("change", [{"parameters": 651}, {"model_size": 6000}, {"parameters": None}])
def test_another_model_drops_the_times_of_other_environments(change: dict[str, int | None]) -> None:
    assert merged(BOTH, replace(BASELINE, **change)).environments.keys() == {environment().key}


@pytest.mark.parametrize("change", [{}, {"parameters": 651}])
def test_what_was_accepted_stays(change: dict[str, int]) -> None:
    result = merged(replace(BASELINE, accepted=(SLOWER,)), replace(BASELINE, **change))
    assert result.accepted == (SLOWER,)


def test_times_keep_four_digits() -> None:
    new = replace(BASELINE, environments=measured(median=0.00123456789))
    latency = merged(None, new).environments[environment().key].latency
    assert latency is not None
    assert (latency.median, latency.p90, latency.p99) == (0.001235, 0.002, None)
