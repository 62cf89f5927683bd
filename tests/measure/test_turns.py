"""Two sides timed in turn, with times that are given."""

from __future__ import annotations

import math
from itertools import count

import pytest

from pytest_speedacc.measure.turns import round_of, take_turns, turn_of


@pytest.mark.parametrize(
    ("seconds", "calls", "untimed"),
    [(1e-6, 1500, 3), (1e-3, 2, 3), (0.0015, 1, 2), (0.004, 1, 1), (0.1, 1, 1)],
)
def test_a_round_is_as_long_as_the_machine_stays_the_same(seconds: float, calls: int, untimed: int) -> None:
    turn = round_of(seconds)
    assert (turn.calls, turn.untimed) == (calls, untimed)


def test_the_sides_take_turns_and_a_quad_has_its_own_number() -> None:
    taken = []

    def take(side: int, quad: int) -> float:
        taken.append((side, quad))
        return 1.0

    take_turns(take, 2)
    assert taken == [(0, 0), (1, 0), (1, 0), (0, 0), (1, 1), (0, 1), (0, 1), (1, 1)]


def test_a_steady_drift_favours_neither() -> None:
    clock = count(1000)
    assert take_turns(lambda side, quad: next(clock) / 1000, 20).difference == pytest.approx(0, abs=0.0011)


def test_an_interruption_of_one_round_in_a_quad_does_not_count() -> None:
    rounds = count()

    def take(side: int, quad: int) -> float:
        # The last round of every quad, which is the first side's in one and the second's in the next.
        return (1.1 if side == 0 else 1.0) + (5.0 if next(rounds) % 4 == 3 else 0.0)

    turns = take_turns(take, 10)
    assert turns.difference == pytest.approx(math.log(1.1))
    assert turns.within == 0


def test_the_spread_within_is_that_of_quads() -> None:
    differences = (-0.02, -0.01, 0.0, 0.01, 0.02)
    turns = take_turns(lambda side, quad: math.exp(differences[quad]) if side == 0 else 1.0, 5)
    assert turns.difference == pytest.approx(0)
    assert turns.within == pytest.approx(1.4826 * 0.01)


@pytest.mark.parametrize(
    ("seconds", "calls", "untimed", "stretches"),
    [
        (1e-5, 150, 3, 1),
        (1e-4, 15, 3, 1),
        (5e-4, 3, 1, 2),
        (1e-3, 2, 1, 2),
        (2e-3, 1, 1, 2),
        (4e-3, 1, 0, 2),
        (1, 1, 0, 2),
    ],
)
def test_most_of_the_calls_after_a_switch_are_timed_where_that_costs_nothing(
    seconds: float, calls: int, untimed: int, stretches: int
) -> None:
    turn, usual = turn_of(seconds), round_of(seconds)
    assert (turn.calls, turn.untimed, turn.stretches) == (calls, untimed, stretches)
    assert turn.untimed + turn.calls * turn.stretches <= usual.untimed + usual.calls + 1
    # A load of several calls in flight is timed as it is.
    assert turn_of(seconds, concurrency=4) == round_of(seconds, concurrency=4)
