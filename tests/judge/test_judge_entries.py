"""An accepted slow-down counts where it fits the gate and what this run measures, and is refused by name elsewhere."""

from __future__ import annotations

import math

import pytest
from judge_examples import bound

from pytest_speedacc.baseline import Accepted, SinceBase
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.live_increase import judge_live_increase, refused_entries, too_slow, undecided
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import LiveGate, LiveRun, PairTimes
from pytest_speedacc.report.sentences import all_said, said

MEDIAN = bound("max_latency_increase", "3 %")
TAIL = bound("max_latency_p95_increase", "20 %")
ALPHA = 0.001


def entry(ratio: float, statistic: str = "median") -> Accepted:
    return Accepted(
        metric="latency",
        statistic=statistic,
        ratio=ratio,
        interval=(ratio, ratio),
        base="1a2b3c4" + "0" * 33,
        reason="worth\nit",
        date="",
    )


def gate(slower: float, count: int = 10) -> LiveGate:
    launches = tuple(
        PairTimes(math.log(1 + slower) + (0.005 if place % 2 else -0.005), 0.01, None, 0, 0.002, 0.002, 0.1)
        for place in range(count)
    )
    return LiveGate(launches, None, None, None, "")


def refused(found: LiveGate, *entries: Accepted, limits: tuple[object, ...] = (MEDIAN,), **since: object) -> list[str]:
    policy = Policy(limits, "exact", 10.0)
    return list(all_said(refused_entries(policy, found, SinceBase(entries, known=True, **since))))


@pytest.mark.parametrize(
    ("ratio", "counts"),
    [
        (1.0, True),
        (1.1, True),
        (1.132, True),  # 1.1 x 1.03 is 1.133, before the doubt of ten launches
        (1.16, False),
        (2.0, False),
        (1000.0, False),
        (1e300, False),
    ],
)
def test_a_ratio_beyond_what_this_run_measures_and_its_tolerance_does_not_count(ratio: float, counts: bool) -> None:
    found = gate(0.1)
    check = judge_live_increase(MEDIAN, found, (), ALPHA, [entry(ratio)])
    assert bool(said(check.accepted)) is counts
    assert check.outcome is (Outcome.PASSED if counts and ratio > 1 else Outcome.FAILED)
    assert bool(refused(found, entry(ratio))) is not counts


def test_the_refusal_names_the_entry_and_what_was_measured() -> None:
    assert refused(gate(0.1), entry(1000.0)) == [
        'the accepted latency median of +9.99e+04 % against 1a2b3c4 ("worth it") does not count: this run measures '
        "+10 %, +10.6 % at the most, and the tolerance adds 3 %. If it is meant, accept it anew"
    ]


def test_a_refused_entry_leaves_the_others() -> None:
    check = judge_live_increase(MEDIAN, gate(0.1), (), ALPHA, [entry(1000.0), entry(1.1)])
    assert (check.outcome, said(check.accepted)) == (Outcome.PASSED, '+10 % against 1a2b3c4 ("worth it")')


def test_a_refused_entry_decides_nothing_before_its_time() -> None:
    few, key = gate(0.04, 4), ("t", "")
    accepted = {key: [entry(1000.0)]}
    results, bounds = {key: few.launches}, {"t": (MEDIAN,)}
    # An entry that counted would have decided this after four launches.
    assert undecided(results, [key], {}, bounds, {key: [entry(1.05)]}.__getitem__) == frozenset()
    assert undecided(results, [key], {}, bounds, accepted.__getitem__) == {key}
    run = LiveRun({key: gate(0.2)}, (), "", (), (), {}, (key,), "", 1.0)
    assert too_slow(run, bounds, accepted.__getitem__) == {key}


@pytest.mark.parametrize(
    ("limits", "statistic", "fits"),
    [((MEDIAN,), "p95", False), ((TAIL,), "median", False), ((MEDIAN, TAIL), "p95", True), ((), "median", False)],
)
def test_an_entry_of_what_the_gate_does_not_bound_is_refused(
    limits: tuple[object, ...], statistic: str, fits: bool
) -> None:
    found = refused(gate(0.1), entry(1.05, statistic), limits=limits)
    why = f'the accepted latency {statistic} of +5 % against 1a2b3c4 ("worth it") does not count: this gate has no '
    assert found == ([] if fits else [f"{why}tolerance for it"])


def test_an_entry_against_a_commit_of_another_history_is_refused() -> None:
    since = SinceBase((entry(1.1), entry(1.05)), known=True)
    believed = since.believed(lambda sha: "is no commit of this repository")
    assert believed.accepted == ()
    assert refused(gate(0.1), refused=believed.refused) == [
        f'the accepted latency median of {much} against 1a2b3c4 ("worth it") does not count: 1a2b3c4 is no commit of '
        "this repository"
        for much in ("+10 %", "+5 %")
    ]
    assert since.believed(lambda sha: "") == since


def test_where_nothing_was_timed_nothing_is_said_of_a_ratio() -> None:
    lost = LiveGate((), None, None, None, "the run was lost")
    assert refused(lost, entry(1000.0)) == []
