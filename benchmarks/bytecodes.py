"""What the count of bytecodes sees: planted changes of six models, and whether it moves with nothing changed.

``python -m benchmarks.bytecodes 100`` (about five minutes): slow-downs of 1, 2 and 5 % planted in the Python code of
each model, and the counts of so many processes with other hash seeds, threads and working directories.
``python -m benchmarks.bytecodes counts`` is one such process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.facts import Amount, Unavailable
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.bytecodes import Bytecodes, count_bytecodes
from pytest_speedacc.measure.subject import CallOptions, prepare

PLANTED = (1, 2, 5)
"""Per cent of what a call executes in Python."""
TOLERANCE = "0.5 %"
OF_A_TURN = 3
"""Bytecodes of ``for _ in range(turns): pass``."""
NUMBERS = np.random.default_rng(0).normal(size=(200, 4))
LABELS = (NUMBERS[:, 0] > 0).astype(int)
FRAME = pd.DataFrame(NUMBERS, columns=["age", "income", "rooms", "distance"])
TEXTS = [f"Invoice number {place} of {'Ulm' if label else 'Bonn'}, due soon" for place, label in enumerate(LABELS)]

Model = Callable[[Any], Any]


class Work:
    """Turns of a loop, which are more where a slow-down is planted."""

    def __init__(self, turns: int) -> None:
        self.turns = turns

    def __call__(self, batch: Any) -> Any:
        """The batch as it is."""
        for _ in range(self.turns):
            pass
        return batch


def rules(work: Work) -> tuple[Model, Any]:
    """Pure Python: samples are checked one by one, and each is held against thresholds."""

    def model(batch: Any) -> Any:
        labels = []
        for row in work(batch).tolist():
            if len(row) != 4 or any(not isinstance(value, float) or value != value for value in row):
                raise ValueError(row)
            labels.append(int(sum(value > threshold for value, threshold in zip(row, (0, 9, 9, 9), strict=True)) > 0))
        return np.array(labels)

    return model, NUMBERS


def words(work: Work) -> tuple[Model, Any]:
    """Pure Python: texts are split and looked up, with a set whose order is another under each hash seed."""
    towns = {"ulm", "neu-ulm", "blaustein"}

    def model(batch: Any) -> Any:
        return np.array(
            [int(bool(towns & {word.strip(",.").lower() for word in text.split()})) for text in work(batch)]
        )

    return model, TEXTS


def frame(work: Work) -> tuple[Model, Any]:
    """pandas: missing values are filled, a column is added, and another one clipped."""

    def model(batch: Any) -> Any:
        clean = work(batch).fillna({"age": 0.0})
        clean = clean.assign(ratio=clean["income"] / (clean["rooms"].abs() + 1))
        clean["distance"] = clean["distance"].clip(-1, 1)
        return (clean["age"] > 0).astype(int).to_numpy()

    return model, FRAME


def pipeline(work: Work) -> tuple[Any, Any]:
    """scikit-learn: a pipeline with a function of the user's own."""
    steps = (FunctionTransformer(work), StandardScaler(), LogisticRegression())
    return make_pipeline(*steps).fit(NUMBERS, LABELS), NUMBERS


def forest(work: Work) -> tuple[Any, Any]:
    """scikit-learn: a forest of ten trees behind the same."""
    steps = (FunctionTransformer(work), RandomForestClassifier(10, random_state=0))
    return make_pipeline(*steps).fit(NUMBERS, LABELS), NUMBERS


def vectorizer(work: Work) -> tuple[Any, Any]:
    """scikit-learn: the words of texts, counted and classified."""
    steps = (FunctionTransformer(work), CountVectorizer(), LogisticRegression())
    return make_pipeline(*steps).fit(TEXTS, LABELS), TEXTS


MODELS = (rules, words, frame, pipeline, forest, vectorizer)


def counted(make: Callable[[Work], tuple[Any, Any]], turns: int = 0) -> Bytecodes:
    """The count of a model in which so many turns are planted."""
    model, inputs = make(Work(turns))
    subject = prepare(model, inputs, LABELS, CallOptions(batch_size=10))
    with subject.adapter.running(model):
        found = count_bytecodes(subject)
    if isinstance(found, Unavailable):
        raise SystemExit(f"{make.__name__}: {found.reason}")
    return found


def planted(make: Callable[[Work], tuple[Any, Any]], before: Bytecodes, per_cent: int) -> tuple[Outcome, float]:
    """The verdict on a model with so much more to do in Python, and by how much its count grew."""
    turns = -(-before.value * per_cent // (100 * OF_A_TURN))
    now = counted(make, turns)
    bound = parse_bound("max_bytecodes_increase", TOLERANCE, "the benchmark")
    check = judge_amount(bound, Amount(now.value, now.band), Amount(before.value, before.band))
    return check.outcome, now.value / before.value - 1


def main() -> None:
    """Print both tables."""
    if sys.argv[1:] == ["counts"]:
        print(json.dumps({make.__name__: counted(make).counts[-1] for make in MODELS}))
        return
    processes = int(sys.argv[1])
    print(f"Python {sys.version.split()[0]}; a tolerance of {TOLERANCE}")
    print("model       bytecodes   " + "".join(f"+{per_cent} % planted         " for per_cent in PLANTED))
    for make in MODELS:
        before = counted(make)
        found = [planted(make, before, per_cent) for per_cent in PLANTED]
        told = "".join(f"{outcome.word:<9}({grown:+.2%})   " for outcome, grown in found)
        print(f"{make.__name__:<11} {before.value:>9,}   {told}")
    seen: dict[str, Counter[int]] = {make.__name__: Counter() for make in MODELS}
    for number in range(processes):
        for name, count in apart(number).items():
            seen[name][count] += 1
    print(f"\ncounts of {processes} processes with other hash seeds, 1 to 4 threads, and working directories")
    for name, counts in seen.items():
        print(f"{name:<11} {', '.join(f'{count:,} in {often}' for count, often in counts.most_common())}")


def apart(number: int) -> dict[str, int]:
    """What a process of its own counts."""
    threads = str(1 + number % 4)
    surroundings = {"PYTHONHASHSEED": str(number), "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    root = str(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.bytecodes", "counts"],
            cwd=folder,
            env={**os.environ, **surroundings, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        )
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


if __name__ == "__main__":
    main()
