"""What is promised of a whole run, and of a trade for time, simulated: docs/verdict.md says what each promise is of."""

from __future__ import annotations

import math
from collections import Counter
from itertools import takewhile
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from judge_examples import accuracy, evidence
from scipy.stats import binom

from pytest_speedacc.check.case import Case, Run
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.accuracy import judge_drop
from pytest_speedacc.judge.live_increase import SUITE_ALPHA, live_alpha
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.stats.alike import judge_calls
from pytest_speedacc.stats.quantiles import judge_quantile, look_sizes
from pytest_speedacc.stats.sequence import (
    FEWEST_AS_USUAL,
    FEWEST_LAUNCHES,
    MUCH_WIDER,
    USUAL_FREEDOM,
    half_width,
    judge_launches,
    launch_gain,
    usual_spreads,
)

GATES, MOST = 10, 24
STRICT = parse_bound("max_latency_increase", "0 %", "test")
KEYS = [(f"test_model.py::test_{place}", "") for place in range(GATES)]


def alarms(differences: Any, alpha: float) -> Any:
    """Which gates fail a tolerance of nothing at any look: shape (runs, gates) of (runs, gates, launches)."""
    failed = np.zeros(differences.shape[:2], dtype=bool)
    for k in range(FEWEST_LAUNCHES, differences.shape[2] + 1):
        seen = differences[:, :, :k]
        failed |= seen.mean(axis=2) > half_width(1, k, alpha) * np.maximum(seen.std(axis=2, ddof=1), 0.003)
    return failed


def test_the_simulation_is_of_the_rule() -> None:
    draws = np.random.default_rng(2).normal(0.01, 0.02, (3, GATES, MOST))
    found = alarms(draws, 0.05)
    for run in range(3):
        for gate in range(GATES):
            looks = [judge_launches(draws[run, gate, :k].tolist(), 0.0, 0.05, k < MOST) for k in range(1, MOST + 1)]
            # It ends at the first verdict, which is a pass where the mean is below nothing.
            first = next((each for each in looks if each in ("passed", "failed")), "")
            assert found[run, gate] or first != "failed"
            assert not found[run, gate] or "failed" in looks


@pytest.mark.parametrize("heavy", [False, True])
def test_one_run_in_a_hundred_calls_an_unchanged_model_slower_however_many_gates_it_has(heavy: bool) -> None:
    """At a tolerance of nothing, where errors are likeliest: by 3 % an unchanged model never is."""
    random, runs = np.random.default_rng(9), 3000
    shape = (runs, GATES, MOST)
    noise = random.standard_t(5, shape) / math.sqrt(5 / 3) if heavy else random.standard_normal(shape)
    alpha = live_alpha(KEYS, {test: (STRICT,) for test, _ in KEYS})
    assert alpha == SUITE_ALPHA / GATES
    assert alarms(0.02 * noise, alpha).any(axis=1).mean() <= SUITE_ALPHA
    if not heavy:
        # With one per cent for each gate, several runs in a hundred would, and the simulation sees it.
        assert alarms(0.02 * noise, SUITE_ALPHA).any(axis=1).mean() > 2 * SUITE_ALPHA


def decided(differences: Any, tolerance: float, alpha: float) -> Any:
    """What became of each gate of runs whose gates lend each other their spread: shape (runs, gates) of (runs, gates,
    launches), 1 where it failed before the last launch, -1 where it passed, and 0 where it was open until then.
    """
    runs, gates, most = differences.shape
    found, mean, squares, count = (np.zeros((runs, gates)) for _ in range(4))
    for k in range(1, most):
        still = found == 0
        step = np.where(still, differences[:, :, k - 1] - mean, 0.0)
        mean, count = mean + step / k, np.where(still, k, count)
        squares += step * np.where(still, differences[:, :, k - 1] - mean, 0.0)
        # A gate that was decided keeps what it had; of it, as many launches count as it had.
        freedom = (count - 1).sum(axis=1, keepdims=True) - (count - 1)
        usual = np.sqrt((squares.sum(axis=1, keepdims=True) - squares) / np.maximum(freedom, 1))
        lent = (freedom >= USUAL_FREEDOM) & (squares <= (MUCH_WIDER * usual) ** 2 * max(k - 1, 1))
        for beside, those, fewest in (
            (0, still & ~lent, FEWEST_LAUNCHES),
            (USUAL_FREEDOM, still & lent, FEWEST_AS_USUAL),
        ):
            if k < fewest:
                continue
            sd = np.maximum(np.sqrt((squares + beside * usual**2) / (k - 1 + beside)), 0.003)
            strict, lax = (sd * half_width(1, k, level, beside=beside) for level in (alpha, 0.05))
            found[those & (mean + lax < tolerance)] = -1
            found[those & (mean - strict > tolerance / 5) & (mean - lax > tolerance)] = 1
    return found


def test_the_simulation_of_lent_spreads_is_of_the_rule() -> None:
    random = np.random.default_rng(6)
    wider, slower = np.array([3.0, *[1.0] * (GATES - 1)]), np.linspace(-0.01, 0.06, GATES)
    draws = random.normal(0, 0.02, (4, GATES, MOST)) * wider[:, None] + slower[:, None]
    found = decided(draws, 0.02, 0.01)
    assert {-1, 0, 1} <= set(found.ravel())
    for run in range(4):
        launches: dict[int, list[float]] = {gate: [] for gate in range(GATES)}
        verdicts = dict.fromkeys(range(GATES), "more")
        for k in range(MOST - 1):
            for gate in (still := [gate for gate in range(GATES) if verdicts[gate] == "more"]):
                launches[gate].append(float(draws[run, gate, k]))
            usual = usual_spreads(launches)
            for gate in still:
                verdicts[gate] = judge_launches(launches[gate], 0.02, 0.01, budget_left=True, usual=usual.get(gate))
        codes = {"passed": -1, "failed": 1, "more": 0}
        assert [codes[verdicts[gate]] for gate in range(GATES)] == found[run].tolist()


@pytest.mark.parametrize("wider", [1, 2, 3, 4])
def test_a_gate_whose_launches_differ_more_than_those_of_the_others_keeps_the_promise_of_the_run(wider: int) -> None:
    """At a tolerance of nothing, where errors are likeliest."""
    spreads = 0.0175 * np.array([wider, *[1.0] * (GATES - 1)])
    draws = np.random.default_rng(11).standard_normal((3000, GATES, MOST)) * spreads[:, None]
    assert (decided(draws, 1e-9, SUITE_ALPHA / GATES) == 1).any(axis=1).mean() <= SUITE_ALPHA


@pytest.mark.parametrize("wider", [1, 2])
def test_one_slower_than_its_tolerance_rarely_passes_by_the_spread_of_others(wider: int) -> None:
    """By a hair, and one within it by a hair rarely fails; the others' launches differ less."""
    spreads, tolerance = 0.0175 * np.array([wider, *[1.0] * (GATES - 1)]), math.log(1.03)
    draws = np.random.default_rng(12).standard_normal((2000, GATES, MOST)) * spreads[:, None]
    draws[:, 0] += tolerance
    found = decided(draws, tolerance, SUITE_ALPHA / GATES)[:, 0]
    assert (found == -1).mean() <= 0.05
    assert (found == 1).mean() <= 0.05


@pytest.mark.parametrize("heavy", [False, True])
def test_a_trade_rarely_takes_a_gain_of_time_that_is_not_there(heavy: bool) -> None:
    """A model that is 29.9 % faster, and a trade that wants 30 %, looked at after every launch."""
    random, runs, level = np.random.default_rng(9), 1000, 0.05
    noise = random.standard_t(5, (runs, MOST)) if heavy else random.standard_normal((runs, MOST))
    wanted, shown, estimated = math.log(0.7), 0, 0
    for row in (math.log(0.701) + 0.02 * noise).tolist():
        looks = [launch_gain(row[:k], wanted, level).is_shown for k in range(1, MOST + 1)]
        shown += any(looks)
        # As estimated, half of them would be there.
        estimated += sum(row) / MOST <= wanted
    assert shown <= level * runs
    assert estimated > 0.2 * runs


CALLS = 512


def calls_of(correlations: Any, runs: int) -> Any:
    """Times of calls, with a median of a second: shape (runs, gates, CALLS), each gate's alike by its correlation."""
    noise = np.random.default_rng(4).standard_normal((runs, len(correlations), CALLS))
    stays = np.asarray(correlations)[:, None]
    noise[:, :, 1:] *= np.sqrt(1 - stays**2)
    for place in range(1, CALLS):
        noise[:, :, place] += stays[:, 0] * noise[:, :, place - 1]
    return np.exp(noise / 5)


def fails(seconds: Any, setting: str, alpha: float, judge: Any = judge_calls) -> bool:
    """Whether one gate fails at any look, its limit being exactly its quantile."""
    q = 0.5 if setting == "max_latency" else 0.95
    limit = math.exp(NormalDist().inv_cdf(q) / 5)
    sizes = list(takewhile(lambda size: size <= CALLS, look_sizes()))
    over = np.cumsum(seconds > limit)[np.array(sizes) - 1]
    if (over < [size * (1 - q) + 2 * math.sqrt(size * q * (1 - q)) for size in sizes]).all():
        return False  # so few are over it at any look that none can fail, and the simulation is quick
    for look, size in enumerate(sizes):
        verdict = judge(seconds[:size], limit, q, look, alpha)
        if verdict != "undecided":
            return verdict == "failed"
    return False


def as_if_independent(seconds: Any, limit: float, q: float, look: int, alpha: float) -> str:
    return judge_quantile(int((seconds > limit).sum()), len(seconds), q, look, alpha)


def alphas(tests: int, checks: int) -> list[float]:
    """Those of a run of so many tests, with so many checks each."""
    run = SimpleNamespace(noisy_checks=tests)
    run.alpha = Run.alpha.fget(run)
    return [Case.alpha.fget(SimpleNamespace(run=run, number=1 + each)) for _ in range(tests) for each in range(checks)]


@pytest.mark.parametrize("setting", ["max_latency", "max_latency_p95"])
def test_one_run_in_a_hundred_fails_a_limit_that_is_exactly_met_however_many_gates_it_has(setting: str) -> None:
    """Half of the gates' calls are alike, as beside other work."""
    runs = 300
    seconds = calls_of([0, 0, 0, 0, 0, 0.3, 0.3, 0.6, 0.6, 0.9], runs)
    levels = alphas(GATES, 1)
    failed = [any(map(fails, run, [setting] * GATES, levels)) for run in seconds]
    assert sum(failed) <= binom.isf(1e-3, runs, SUITE_ALPHA)
    naive = [any(fails(gate, setting, SUITE_ALPHA, as_if_independent) for gate in run) for run in seconds]
    assert sum(naive) > 0.1 * runs


def test_nor_however_many_checks_a_test_has() -> None:
    """Ten checks in one test, of calls that do vary independently."""
    runs = 600
    seconds = calls_of([0] * GATES, runs)
    failed = [any(map(fails, run, ["max_latency"] * GATES, alphas(1, GATES))) for run in seconds]
    assert sum(failed) <= binom.isf(1e-3, runs, SUITE_ALPHA)
    assert sum(alphas(1, 1000)) < SUITE_ALPHA
    # With one per cent for each check it would be several in a hundred, and the simulation sees it.
    each = [any(fails(gate, "max_latency", SUITE_ALPHA, as_if_independent) for gate in run) for run in seconds[:300]]
    assert sum(each) > 2 * SUITE_ALPHA * 300


@pytest.mark.parametrize(("samples", "changed"), [(100, 0.2), (1000, 0.04)])
def test_few_models_are_wrongly_called_worse_or_no_worse_on_other_samples(samples: int, changed: float) -> None:
    """Of these samples so many change sides; on all of their kind a model is no worse, or worse by the tolerance."""
    runs, level = 1000, 0.05
    none, tolerance = parse_bound("max_accuracy_drop", "0 pp", "test"), parse_bound("max_accuracy_drop", "2 pp", "test")

    def share(drop: float, bound: Any, rule: Any, outcome: Outcome) -> float:
        lost = (changed + drop) / 2
        drawn = np.random.default_rng(5).multinomial(samples, (lost, lost - drop, 1 - 2 * lost + drop), runs)
        count = 0
        for (gone, won, _), times in Counter(map(tuple, drawn.tolist())).items():
            known = evidence(0.9, samples=samples, flips=(gone, won))
            check = judge_drop(bound, accuracy(0.9 + (won - gone) / samples), known, rule)
            count += times if check.outcome is outcome else 0
        return count / runs

    most = level + 3 * math.sqrt(level * (1 - level) / runs)
    assert share(0.0, none, "evidence", Outcome.FAILED) <= most
    assert share(0.02, tolerance, "noninferior", Outcome.PASSED) <= most
    # By what was measured on these samples alone, some four in ten would be.
    assert share(0.0, none, "exact", Outcome.FAILED) > 0.2
    assert share(0.02, tolerance, "exact", Outcome.PASSED) > 0.2
