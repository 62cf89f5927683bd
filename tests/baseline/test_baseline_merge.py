"""What an update keeps and what it replaces."""

from __future__ import annotations

import pytest
from baseline_examples import BASELINE, PROFILE, SLOWER, environment, measured
from msgspec.structs import replace

from pytest_speedacc.baseline import Baseline, confirms, merged
from pytest_speedacc.baseline.schema import (
    StoredAccuracy,
    StoredMemory,
    StoredMetric,
    StoredRatio,
    StoredTraining,
    Updated,
)

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


HERE = measured()[environment().key]
RATIO = StoredRatio(version=1, log_ratio=1.0, spread=0.1, launches=5)


def with_record(**fields: object) -> Baseline:
    return replace(BOTH, environments=BOTH.environments | {environment().key: replace(HERE, **fields)})


def with_metric(value: float, band: float = 0.0, name: str = "cost") -> Baseline:
    return with_record(metrics={name: StoredMetric(value=value, band=band)})


@pytest.mark.parametrize(
    ("then", "now", "is_news"),
    [
        (with_metric(5.0), with_metric(5.0), False),
        (with_metric(5.0), with_metric(5.5), True),
        (with_metric(5.0, 0.5), with_metric(5.5), False),
        (with_metric(5.0), with_metric(5.5, 0.5), False),
        (with_metric(5.5), with_metric(5.0, 0.25), True),
        (with_metric(5.0), with_metric(5.0, name="margin"), True),
        (with_metric(5.0), with_record(), True),
    ],
)
def test_an_own_axis_is_news_beyond_what_it_moves_by(then: Baseline, now: Baseline, is_news: bool) -> None:
    assert confirms(then, now, environment().key) is not is_news


def with_calls(calls: float, **fields: object) -> Baseline:
    return replace(BOTH, profile=replace(PROFILE, functions=(replace(PROFILE.functions[0], calls=calls),), **fields))


MOVED_BY_ITSELF = {
    "the reason, date and commit": replace(BOTH, updated=Updated(commit=None, date="later", reason="")),
    "the record's date": with_record(date="later", commit=None),
    "times": with_record(latency=replace(HERE.latency, median=0.5, p99=0.7)),
    "memory within its band": with_record(memory=StoredMemory(peak=5120, band=0)),
    "shares of a profile": replace(
        BOTH, profile=replace(PROFILE, calls=7, functions=(replace(PROFILE.functions[0], share=0.2),))
    ),
    "which functions are kept": replace(
        BOTH, profile=replace(PROFILE, functions=(replace(PROFILE.functions[0], name="another"),))
    ),
    "the name of the predictions": replace(BOTH, predictions="sha256:" + "1" * 64),
}
NEWS = {
    "the score": replace(BOTH, accuracy=replace(BASELINE.accuracy, value=0.97)),
    "parameters": replace(BOTH, parameters=651),
    "the size": replace(BOTH, model_size=5931),
    "the evaluation set": replace(BOTH, evaluation_set=replace(BASELINE.evaluation_set, samples=4)),
    "libraries": replace(BOTH, versions={"numpy": "2.5.0"}),
    "libraries of the environment": with_record(versions={"numpy": "2.5.0"}),
    "something accepted": replace(BOTH, accepted=(SLOWER,)),
    "memory": with_record(memory=StoredMemory(peak=5121, band=0)),
    "memory that is measured now": with_record(memory=None),
    "the batch size": with_record(latency=replace(HERE.latency, batch_size=2)),
    "calls in flight": with_record(latency=replace(HERE.latency, concurrency=8)),
    "a ratio that is measured now": with_record(yardstick=RATIO),
    "training": with_record(training=StoredTraining(seconds=1.0, peak=None)),
    "a profile": replace(BOTH, profile=None),
    "the profile's batches": with_calls(1.0, batch_size=2),
    "call counts": with_calls(2.0),
}


@pytest.mark.parametrize("new", MOVED_BY_ITSELF.values(), ids=MOVED_BY_ITSELF)
def test_what_moves_by_itself_is_no_news(new: Baseline) -> None:
    assert confirms(BOTH, new, environment().key)


@pytest.mark.parametrize("new", NEWS.values(), ids=NEWS)
def test_everything_else_is(new: Baseline) -> None:
    assert not confirms(BOTH, new, environment().key)


def test_a_first_record_of_an_environment_is_news() -> None:
    assert not confirms(BASELINE, BOTH, next(iter(OTHER)))


@pytest.mark.parametrize(
    ("change", "is_news"),
    [
        ({"log_ratio": 1.19}, False),
        ({"log_ratio": 0.81, "spread": 0.3, "launches": 9}, False),
        ({"log_ratio": 1.21}, True),
        ({"log_ratio": 0.79}, True),
        ({"version": 2}, True),
    ],
)
def test_a_ratio_is_news_where_it_moved_by_more_than_from_day_to_day(change: dict[str, int], is_news: bool) -> None:
    then, now = with_record(yardstick=RATIO), with_record(yardstick=replace(RATIO, **change))
    assert confirms(then, now, environment().key) is not is_news


def test_what_a_former_version_wrote_of_this_environment_is_superseded() -> None:
    (old,) = measured().values()
    told = replace(old.environment, processor="vendor_id AuthenticAMD, model 1", caches="", hypervisor="KVM")
    elsewhere = replace(told, cpu="Other CPU", cpu_flags="other")
    new = replace(BASELINE, environments={told.key: replace(old, environment=told)})
    assert old.environment.key == told.former_key != told.key
    assert merged(BOTH, new).environments == OTHER | new.environments
    far = replace(BASELINE, environments={elsewhere.key: replace(old, environment=elsewhere)})
    assert merged(BOTH, far).environments == BOTH.environments | far.environments


@pytest.mark.parametrize(
    ("parts", "is_news"),
    [((0.1, -0.3, 0.2), False), ((0.12, -0.32, 0.2), False), ((0.14, -0.32, 0.18), True), (None, True)],
)
def test_a_yardstick_whose_parts_moved_apart_is_written(parts: tuple[float, ...] | None, is_news: bool) -> None:
    """Else the update that another machine asks for would leave the record of the former one."""
    then = with_record(yardstick=replace(RATIO, parts=(0.1, -0.3, 0.2)))
    now = with_record(yardstick=replace(RATIO, parts=parts))
    assert confirms(then, now, environment().key) is not is_news
    assert confirms(now, then, environment().key) is not is_news


@pytest.mark.parametrize(
    ("former", "calls", "is_news"),
    [
        (1.0, 1.49, False),  # half a call more or less is a sample's doing,
        (1.0, 1.5, True),
        (10.0, 10.99, False),  # and so is a tenth
        (10.0, 11.0, True),
        (10.0, 9.0, True),
    ],
)
def test_call_counts_are_news_from_half_a_call_and_a_tenth_on(former: float, calls: float, is_news: bool) -> None:
    assert confirms(with_calls(former), with_calls(calls), environment().key) is not is_news


def test_a_ratio_that_moved_just_as_far_as_it_does_by_itself_is_no_news() -> None:
    zero = replace(RATIO, log_ratio=0.0)
    then, now = with_record(yardstick=zero), with_record(yardstick=replace(zero, log_ratio=0.2))
    assert confirms(then, now, environment().key)


def test_the_name_of_the_predictions_is_no_news_where_there_was_one() -> None:
    then, now = (replace(BOTH, predictions="sha256:" + digit * 64) for digit in "12")
    assert confirms(then, now, environment().key)


def test_a_record_without_times_is_one() -> None:
    untimed = with_record(latency=None)
    assert confirms(untimed, untimed, environment().key)
    assert not confirms(untimed, BOTH, environment().key)


def test_the_time_of_a_training_keeps_four_digits_and_its_peak() -> None:
    new = with_record(training=StoredTraining(seconds=1.23456789, peak=123456789))
    stored = merged(None, new).environments[environment().key]
    assert stored.training == StoredTraining(seconds=1.235, peak=123456789)
    assert stored.latency == HERE.latency
