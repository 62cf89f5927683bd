"""What it costs and what it saves that a latency limit counts calls that are alike for fewer than they are.

``python -m benchmarks.alike`` (about three minutes): how often a limit right at the quantile is decided, by simulation,
and how much longer the verdicts on this machine take, by the same calls of real models judged in both ways.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm

from pytest_speedacc.judge.latency import DESCRIPTIVE_CALLS
from pytest_speedacc.measure.latency import MOST_WARM_UP_SECONDS, Workload, time_calls, warm_up
from pytest_speedacc.stats.alike import judge_calls
from pytest_speedacc.stats.quantiles import judge_quantile, look_sizes

RUNS = 4000
CALLS = 1024
QUANTILES = (0.5, 0.95)
LIMITS = (0.5, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 3.0)
"""Of what the quantile is."""
ALPHA = 0.001
"""Of one check among ten."""

Judge = Callable[[np.ndarray[Any, Any], int], str]


def main() -> None:
    """Print both tables."""
    simulated()
    measured()


def simulated() -> None:
    """A limit right at the quantile, where both errors are most likely."""
    print(f"a limit at the quantile itself, {RUNS} rows of {CALLS} calls; alpha {ALPHA:.1%}, 5 % for a pass")
    print("quantile  correlation  rule           failed   passed")
    for q in QUANTILES:
        for correlation in (0, 0.3, 0.6, 0.9):
            noise = np.random.default_rng(1).standard_normal((RUNS, CALLS)) * np.sqrt(1 - correlation**2)
            noise[:, 0] /= np.sqrt(1 - correlation**2)
            rows = np.exp(lfilter([1], [1, -correlation], noise) / 5)
            for name, judge in _rules(float(np.exp(norm.ppf(q) / 5)), q).items():
                found = [_decided(judge, row)[0] for row in rows]
                failed, passed = (found.count(each) / RUNS for each in ("failed", "passed"))
                print(f"{q:<9} {correlation:<12} {name:<14} {failed:7.2%}  {passed:7.2%}")


def measured() -> None:
    """The time that calls took until the verdict, with those that are timed for the report in any case."""
    rows = {name: _timed(call) for name, call in _models()}
    whole = {"alike": 0.0, "independent": 0.0}
    print(f"time until the verdict, warm-up included, as a multiple of the former rule's; {len(rows)} models")
    print("quantile  limit   all of it   largest")
    for q in QUANTILES:
        for share in LIMITS:
            spent: dict[str, list[float]] = {}
            for row in rows.values():
                limit = float(np.quantile(row, q)) * share
                for name, judge in _rules(limit, q).items():
                    calls = max(DESCRIPTIVE_CALLS, _decided(judge, row)[1])
                    spent.setdefault(name, []).append(MOST_WARM_UP_SECONDS + float(row[:calls].sum()))
            new, old = spent["alike"], spent["independent"]
            each = [ours / theirs for ours, theirs in zip(new, old, strict=True)]
            print(f"{q:<9} x {share:<5} {sum(new) / sum(old):8.2f}    {max(each):8.2f}")
            whole["alike"] += sum(new)
            whole["independent"] += sum(old)
    print(f"all limits together  {whole['alike'] / whole['independent']:8.2f}")


def _rules(limit: float, q: float) -> dict[str, Judge]:
    def independent(row: np.ndarray[Any, Any], look: int) -> str:
        return judge_quantile(int((row > limit).sum()), len(row), q, look, ALPHA)

    def counted(row: np.ndarray[Any, Any], look: int) -> str:
        return judge_calls(row, limit, q, look, ALPHA)

    return {"independent": independent, "alike": counted}


def _decided(judge: Judge, row: np.ndarray[Any, Any]) -> tuple[str, int]:
    """The verdict, and the calls that it took."""
    for look, size in enumerate(takewhile(lambda size: size <= len(row), look_sizes())):
        verdict = judge(row[:size], look)
        if verdict != "undecided":
            return verdict, size
    return "undecided", len(row)


def _timed(call: Callable[[Any], Any], seconds: float = 3.0) -> np.ndarray[Any, Any]:
    batches = tuple(np.random.default_rng(0).normal(size=(256, 1, 20)))
    work = Workload(call, batches, 1, None)
    warm = warm_up(work, 10.0)
    observation = warm.seconds_per_call * warm.calls_per_round
    return time_calls(work, warm.calls_per_round, min(1 << 14, int(seconds / observation))).seconds


def _models() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(400, 20))
    targets = (inputs[:, 0] + inputs[:, 1] ** 2 > 1).astype(int)
    hidden, output = random.normal(size=(20, 500)), random.normal(size=(500, 1))
    yield "python", lambda batch: statistics.fmean(map(float, range(1000)))
    yield "numpy", lambda batch: np.maximum(batch @ hidden, 0) @ output
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier

    for model in (LogisticRegression(), RandomForestClassifier(50), KNeighborsClassifier(), MLPClassifier()):
        yield type(model).__name__, partial(type(model).predict, model.fit(inputs, targets))


if __name__ == "__main__":
    main()
