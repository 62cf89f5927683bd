"""A run in which everything that can be told is told."""

from __future__ import annotations

from dataclasses import replace

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.scale import Scale
from pytest_speedacc.judge.alternatives import Group, groups_of
from pytest_speedacc.judge.verdict import Check, Leg, Observation, Outcome, TradeSum, Verdict
from pytest_speedacc.report.past import Moment, Past
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.summary import BaseLine, RunReport

BASE = BaseLine(
    "a" * 40,
    "aaaaaaa Retrain",
    "main",
    "merge base with main",
    "one thread",
    9,
    31.5,
    "The base against itself: +0.1 %",
)
SCORE = Check(
    "max_accuracy_drop",
    "accuracy",
    "",
    "night",
    Kind.SCORE,
    0.95,
    (0.9, 0.98),
    None,
    0.96,
    "worse by at most 0 pp",
    Outcome.FAILED,
    "1 lost",
    title="f1",
)
SLOWER = Check(
    "max_latency_increase",
    "latency",
    "median",
    "",
    Kind.CHANGE,
    0.206,
    (0.161, 0.227),
    None,
    None,
    "worse by at most 3 %",
    Outcome.INCONCLUSIVE,
    "9 launches",
    sides=(0.000179, 0.000148),
    accepted="+12.9 % (deeper trees)",
)
LARGE = Check(
    "max_model_size",
    "model_size",
    "",
    "",
    Kind.SIZE,
    700,
    None,
    1024.0,
    None,
    "at most 1.00 KiB",
    Outcome.PASSED,
    "324 B below the limit",
)


def measured(score: float, seconds: float) -> tuple[Observation, ...]:
    return (
        Observation("accuracy", "", Kind.SCORE, score, None, 0.96, "f1", points=True, higher_is_better=True),
        Observation("accuracy", "", Kind.SCORE, score, None, None, "f1", True, "night", True),
        Observation("latency", "median", Kind.TIME, seconds, (seconds * 0.9, seconds * 1.1), 0.000148, ""),
        Observation("latency", "p95", Kind.TIME, None, None, None, "too few calls"),
        Observation("model_size", "", Kind.SIZE, 700, None, None, ""),
        Observation("throughput", "", Kind.RATE, 5587.0, None, None, "", higher_is_better=True),
        Observation("energy", "", "J", 3.5, None, 3.0, ""),
    )


GATE = Verdict(
    "tests/test_digits.py::test_digits",
    "small",
    (SCORE, SLOWER, LARGE),
    measured(0.95, 0.000179),
    ("a note",),
    accept='python -m pytest "tests/test_digits.py::test_digits" --speedacc-update',
    trades=(
        TradeSum(
            "give accuracy 0.5 pp for latency 30 %",
            "[tool.speedacc]",
            (Leg("accuracy", "0.5 pp", "1 pp", False),),
            (Leg("latency", "30 %", "-20.6 %", False),),
        ),
    ),
    suspects=("scikit-learn 1.5.2 -> 1.9.1", "numpy 2.2.6 -> 2.4.6"),
    explained=("normalise (features.py:41): +29 of +31 µs",),
    explained_beside="base",
    allocated=("load (features.py:3): 4 KiB",),
    flipped=("sample 3: 1, was 0",),
    group="digits",
    compared_with="base",
    file="tests/test_digits.py",
    line=28,
)
FAST = Verdict("tests/test_fast.py::test_fast", "", (LARGE,), measured(0.91, 0.00001), (), group="digits")
REFUSED = Verdict("tests/test_it.py::test_it", "", (), (), (), error="the model raised\nValueError")


def groups(*verdicts: Verdict) -> tuple[Group, ...]:
    return tuple(Group(it.name, it.standings, {"internal": FAST.title}) for it in groups_of(verdicts, {}))


FULL = RunReport(
    verdicts=(GATE, FAST, REFUSED),
    commit="b" * 40 + "-dirty",
    environment={"description": "AMD EPYC, 2 cores", "cores": 2.0, "threads": 2, "versions": {"numpy": "2.4.0"}},
    groups=groups(GATE, FAST),
    scale=Scale((10, 1000), 3.5, is_wanted=True),
    base=BASE,
    new=("tests/test_new.py::test_new",),
    lost=("Lost gate: it is gone.",),
    removed=("tests/test_lost.py::test_lost",),
    losses_fail=True,
    loosened=("test_digits: 3 % -> 5 %",),
    loosened_fails=True,
    changed=("test_digits: parameters 5 -> 6",),
    notes=("the base has no lock file",),
    past=(Past(GATE.test, GATE.name, (Moment("abc1234", "2026-05-03", "Retrain", {"f1": (0.95, Kind.SCORE)}),)),),
    past_ends="This clone is shallow.",
    remarks=("1 gate was skipped",),
    problems=("x.svg could not be written.",),
    fails=True,
)
OF_EIGHT = replace(FULL, shard=Shard(2, 8, 6, 50, "0123456789abcdef"))
GREEN = RunReport(verdicts=(FAST,), environment={"description": "AMD EPYC, 2 cores"})
