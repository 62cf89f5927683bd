"""Warm-up until a model is warm, against a clock that the test controls."""

from __future__ import annotations

import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure import clocks
from pytest_speedacc.measure.clocks import Clocks
from pytest_speedacc.measure.latency import Workload, time_calls, warm_up
from pytest_speedacc.measure.warming import FEWEST_CALLS, first_call, until_warm

MILLISECOND = 1_000_000


class Model:
    """Takes as long as ``pace`` says of the number of calls before, on its own clock."""

    def __init__(self, pace):
        self.pace = pace
        self.calls = 0
        self.now = 0

    def __call__(self, batch):
        self.now += round(self.pace(self.calls) * MILLISECOND)
        self.calls += 1

    @property
    def work(self):
        return Workload(self, (0,), 1, None)


@pytest.fixture
def model(monkeypatch):
    def model(pace):
        made = Model(pace)
        monkeypatch.setattr(clocks, "CLOCKS", Clocks(lambda: made.now, lambda: made.now, 1))
        monkeypatch.setattr(clocks, "read_seconds", lambda: 50e-9)
        return made

    return model


def median_after(warm, made):
    return time_calls(made.work, warm.calls_per_round, 64).median


def test_a_model_that_compiles_itself_after_150_calls_is_timed_as_it_is_then(model):
    made = model(lambda calls: 20 if calls < 150 else 1)
    warm = until_warm(made.work, 10.0)
    assert warm.calls == made.calls >= 150
    assert warm.seconds_per_call == pytest.approx(1e-3)
    assert median_after(warm, made) == pytest.approx(1e-3)
    # The usual warm-up alone has not seen it.
    made = model(lambda calls: 20 if calls < 150 else 1)
    assert median_after(warm_up(made.work, 10.0), made) == pytest.approx(20e-3)


def test_what_becomes_too_short_for_the_clock_is_timed_in_rounds(model):
    made = model(lambda calls: 20 if calls < 150 else 0.0001)
    assert until_warm(made.work, 10.0).calls_per_round == 100


def test_a_model_that_gets_faster_bit_by_bit_is_followed_to_the_end(model):
    made = model(lambda calls: max(1, 20 * 0.99**calls))
    assert median_after(until_warm(made.work, 10.0), made) == pytest.approx(1e-3)


def test_a_model_that_gets_faster_for_ever_ends_with_half_of_the_budget(model):
    made = model(lambda calls: 20 * 0.998**calls)
    warm = until_warm(made.work, 10.0)
    assert warm.spent == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize(
    ("milliseconds", "budget", "calls"),
    [
        (0.1, 10.0, 2048),  # 0.2 s, doubled until that is passed: as without a look at the pace
        (2, 10.0, 256),  # at least so many as compilers count to
        (50, 10.0, 67),  # a third of the budget
        (5000, 10.0, 2),  # one alone is more than that
    ],
)
def test_a_steady_model_costs_so_many_calls(model, milliseconds, budget, calls):
    made = model(lambda calls: milliseconds)
    warm = until_warm(made.work, budget)
    assert (warm.calls, warm.gets_faster) == (calls, False)
    assert FEWEST_CALLS == 200


def test_an_interruption_is_no_model_that_gets_faster(model):
    made = model(lambda calls: 50 if calls == 100 else 1)
    assert until_warm(made.work, 10.0).calls == 256


def test_the_first_call_is_told_whatever_comes_after(model):
    made = model(lambda calls: 1 if calls else 1500)
    assert first_call(made.work) == pytest.approx(1.5)
    assert made.calls == 1


def test_a_model_that_raises_is_left_to_be_refused_where_it_is_scored(model):
    def fails(calls):
        raise RuntimeError("no more")

    assert first_call(model(fails).work) is None
    with pytest.raises(GateError, match="the model raised RuntimeError"):
        until_warm(model(fails).work, 1.0)


def test_a_model_that_raises_after_many_calls_is_named(model):
    def fails(calls):
        if calls == 100:
            raise RuntimeError("no more")
        return 20

    with pytest.raises(GateError, match="the model raised RuntimeError while it was timed: no more"):
        until_warm(model(fails).work, 10.0)
